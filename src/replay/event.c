/* SPDX-License-Identifier: MIT */
/* Events by name, where a line takes a selector's value or a filter's event. */
#include <arch/room.h>
#include <stdio.h>
#include <string.h>

#include "room_int.h"

bool is_event_name(const char *text)
{
	uint64_t value;

	return !text_parse_unsigned(text, strlen(text), &value);
}

static bool problem(char *why, const char *verb, const char *what, const char *text,
                    const char *nearest)
{
	snprintf(why, REPLAY_PROBLEM_BYTES, "%s: %s: '%.40s'%s%s%s", verb, what, text,
	         nearest ? " (did you mean '" : "", nearest ? nearest : "", nearest ? "'?)" : "");
	return false;
}

/* The event's code, without rings; a raw one with the bits that perf lets through (Linux
 * arch/x86/include/asm/perf_event.h, X86_RAW_EVENT_MASK). */
static bool read_code(const struct vpmu_model *model, const char *verb, const char *text,
                      uint64_t more_bits, uint64_t *code, char *why)
{
	size_t length = event_name_length(text, strlen(text));
	enum vpmu_class class_ = event_named(text, length);
	char name[REPLAY_PROBLEM_BYTES];

	if (event_raw(text, length, code)) {
		*code &= event_bits((enum vpmu_vendor)model->vendor) | more_bits;
		return true;
	}
	if (class_ == VPMU_NO_CLASS) {
		snprintf(name, sizeof(name), "%.*s", (int)length, text);
		return problem(why, verb, "neither a number nor an event", text,
		               nearest_name(name, event_name_at, NULL));
	}
	return event_on_model(model, class_, code) ||
	       problem(why, verb, "this model does not count it", text, NULL);
}

static bool is_selector(const struct replay_names *names, uint64_t msr)
{
	for (size_t i = 0; i < names->count; i++)
		if (names->registers[i].msr == msr)
			return names->registers[i].kind == VPMU_KIND_SELECTOR ||
			       names->registers[i].kind == VPMU_KIND_SELECTOR_ALIAS;
	return false;
}

/* Linux's perf always asks for PMIs. */
static uint64_t selector_of(uint64_t code, unsigned rings)
{
	return code | SEL_EN | SEL_INT | (rings & EVENT_USER ? SEL_USR : 0) |
	       (rings & EVENT_KERNEL ? SEL_OS : 0);
}

bool replay_selector(const struct replay_names *names, uint64_t msr, const char *verb,
                     const char *text, uint64_t *value, char *why)
{
	unsigned rings;

	if (!is_selector(names, msr))
		return problem(why, verb,
		               "VALUE is not a number, and only a selector takes an event", text,
		               NULL);
	if (!event_rings(text, strlen(text), &rings))
		return problem(why, verb, "an event's modifiers are :u, :k and :uk", text, NULL);
	if (!read_code(names->model, verb, text, SEL_EDGE | SEL_INV | SEL_CMASK, value, why))
		return false;
	*value = selector_of(*value, rings);
	return true;
}

bool replay_filter_event(const struct replay_names *names, const char *verb, const char *text,
                         uint64_t *value, char *why)
{
	if (text[event_name_length(text, strlen(text))])
		return problem(why, verb, "a filter's event has no modifiers", text, NULL);
	return read_code(names->model, verb, text, 0, value, why);
}
