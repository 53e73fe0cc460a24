/* SPDX-License-Identifier: MIT */
/*
 * Events as a person types them: NAME, optionally followed by :u or :k. NAME is that of a class, or
 * perf's (Linux tools/perf/Documentation, perf-list), or rNNN, a selector's value in hex.
 */
#include <base/room.h>

/* perf's names that differ from the classes' names. */
static const struct {
	const char *name;
	enum vpmu_class class_;
} others[] = {
	{"branch-instructions", VPMU_BRANCHES},
	{"cpu-cycles", VPMU_CYCLES},
	{"bus-cycles", VPMU_REF_CYCLES},
	{"cache-references", VPMU_LLC_REFERENCES},
	{"cache-misses", VPMU_LLC_MISSES},
	{"stalled-cycles-frontend", VPMU_STALLS_FRONTEND},
	{"stalled-cycles-backend", VPMU_STALLS_BACKEND},
};

const char *event_name_at(const void *list, size_t i)
{
	if (i < VPMU_CLASSES)
		return vpmu_class_name((enum vpmu_class)i);
	return i - VPMU_CLASSES < ARRAY_SIZE(others) ? others[i - VPMU_CLASSES].name : NULL;
}

enum vpmu_class event_named(const char *name, size_t length)
{
	const char *at;

	for (size_t i = 0; (at = event_name_at(NULL, i)); i++)
		if (text_is(name, length, at))
			return i < VPMU_CLASSES ? (enum vpmu_class)i
			                        : others[i - VPMU_CLASSES].class_;
	return VPMU_NO_CLASS;
}

bool event_raw(const char *name, size_t length, uint64_t *selector)
{
	char number[sizeof("0x0123456789abcdef")];
	struct text text = text_in(number, sizeof(number));

	if (length < 2 || length - 1 > sizeof(number) - sizeof("0x") || name[0] != 'r')
		return false;
	text_add(&text, "0x");
	text_add_bytes(&text, name + 1, length - 1);
	return text_parse_unsigned(number, text.used, selector);
}

size_t event_name_length(const char *text, size_t length)
{
	size_t name = 0;

	while (name < length && text[name] != ':')
		name++;
	return name;
}

bool event_rings(const char *text, size_t length, unsigned *rings)
{
	size_t at = event_name_length(text, length);

	*rings = at == length ? EVENT_USER | EVENT_KERNEL : 0;
	for (at++; at < length; at++) {
		if (text[at] != 'u' && text[at] != 'k')
			return false;
		*rings |= text[at] == 'u' ? EVENT_USER : EVENT_KERNEL;
	}
	return *rings;
}
