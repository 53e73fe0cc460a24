/* SPDX-License-Identifier: MIT */
/* The scope as people type it, and how large it is. */
#include <stdio.h>
#include <stdlib.h>

#include "scenario.h"

enum key_kind { KEY_COUNT, KEY_SWITCH, KEY_INCIDENTS };

struct key {
	const char *name, *values, *about;
	enum key_kind kind;
	size_t offset;
	unsigned bytes;
	uint64_t min, max;
};

#define FIELD(field)                                                                               \
	.offset = offsetof(struct check_scope, field),                                             \
	.bytes = sizeof(((struct check_scope *)0)->field)

static const struct key keys[] = {
	{"between", "N", "incidents in one put, at most", KEY_COUNT, FIELD(between), 0, 6},
	{"incidents", "KIND+KIND", "which: enter, schedule, shortage, run, host; none",
         KEY_INCIDENTS, FIELD(incidents), 0, 0},
	{"twice", "on|off", "the put is also repeated", KEY_SWITCH, FIELD(twice), 0, 0},
	{"refused", "on|off", "the put is also refused at each write", KEY_SWITCH, FIELD(refused),
         0, 0},
	{"states", "N", "how many states of the list are put at level full", KEY_COUNT,
         FIELD(states), 1, 10},
	{"mixed", "N", "how many pairs of counters have lives and states that differ", KEY_COUNT,
         FIELD(mixed), 0, 6},
	{"nodes", "N", "states of one exploration that are kept, at most", KEY_COUNT, FIELD(nodes),
         1024, 1 << 24},
	{"limit", "N", "transitions that may be estimated, at most", KEY_COUNT, FIELD(limit), 1,
         UINT64_MAX},
};

struct check_scope check_scope_default(void)
{
	return (struct check_scope){
		.between = 3,
		.incidents = BIT32(CHECK_ENTER) | BIT32(CHECK_SCHEDULE) | BIT32(CHECK_SHORTAGE),
		.twice = true,
		.refused = true,
		.states = state_count(),
		.mixed = place_count(),
		.nodes = 1 << 17,
		.limit = UINT64_C(10000000000000),
	};
}

const char *check_scope_key(size_t i)
{
	return i < ARRAY_SIZE(keys) ? keys[i].name : NULL;
}

const char *check_scope_key_about(size_t i)
{
	return i < ARRAY_SIZE(keys) ? keys[i].about : NULL;
}

static void store(struct check_scope *scope, const struct key *key, uint64_t value)
{
	unsigned char *field = (unsigned char *)scope + key->offset;
	uint32_t small = (uint32_t)value;
	bool flag = value;

	if (key->bytes == sizeof(bool))
		memcpy(field, &flag, sizeof(flag));
	else if (key->bytes == sizeof(small))
		memcpy(field, &small, sizeof(small));
	else
		memcpy(field, &value, sizeof(value));
}

static uint64_t load(const struct check_scope *scope, const struct key *key)
{
	const unsigned char *field = (const unsigned char *)scope + key->offset;
	uint64_t value = 0;
	uint32_t small;

	if (key->bytes == sizeof(bool))
		return *(const bool *)field;
	if (key->bytes == sizeof(small)) {
		memcpy(&small, field, sizeof(small));
		return small;
	}
	memcpy(&value, field, sizeof(value));
	return value;
}

static bool is_word(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && !memcmp(text, word, length);
}

static bool parse_count(const char *text, size_t length, uint64_t *value)
{
	*value = 0;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9' || *value > (UINT64_MAX - 9) / 10)
			return false;
		*value = 10 * *value + (uint64_t)(text[i] - '0');
	}
	return length;
}

static bool parse_incidents(const char *text, size_t length, uint64_t *value)
{
	*value = 0;
	if (is_word(text, length, "none"))
		return true;
	for (;;) {
		size_t word = 0;
		unsigned kind = 0;

		while (word < length && text[word] != '+')
			word++;
		while (kind < CHECK_INCIDENTS && !is_word(text, word, check_incidents[kind].name))
			kind++;
		if (kind == CHECK_INCIDENTS)
			return false;
		*value |= BIT32(kind);
		if (word == length)
			return true;
		text += word + 1;
		length -= word + 1;
	}
}

static bool parse_value(const struct key *key, const char *text, size_t length, uint64_t *value)
{
	switch (key->kind) {
	case KEY_COUNT:
		return parse_count(text, length, value) && *value >= key->min && *value <= key->max;
	case KEY_INCIDENTS:
		return parse_incidents(text, length, value);
	case KEY_SWITCH:
		*value = is_word(text, length, "on");
		return *value || is_word(text, length, "off");
	}
	return false;
}

static bool parse_item(struct check_scope *scope, const char *text, size_t length, char *why,
                       size_t why_bytes)
{
	const char *equals = memchr(text, '=', length);
	size_t name = equals ? (size_t)(equals - text) : length;
	uint64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!is_word(text, name, keys[i].name))
			continue;
		if (equals && parse_value(&keys[i], equals + 1, length - name - 1, &value)) {
			store(scope, &keys[i], value);
			return true;
		}
		if (keys[i].kind == KEY_COUNT)
			snprintf(why, why_bytes, "%s takes a number from %llu to %llu",
			         keys[i].name, (unsigned long long)keys[i].min,
			         (unsigned long long)keys[i].max);
		else
			snprintf(why, why_bytes, "%s takes %s", keys[i].name, keys[i].values);
		return false;
	}
	snprintf(why, why_bytes, "no such key: '%.*s'", (int)(name < 40 ? name : 40), text);
	return false;
}

bool check_scope_parse(struct check_scope *scope, const char *text, char *why, size_t why_bytes)
{
	struct check_scope parsed = *scope;

	for (;;) {
		size_t length = strcspn(text, ",");

		if (!parse_item(&parsed, text, length, why, why_bytes))
			return false;
		if (!text[length])
			break;
		text += length + 1;
	}
	*scope = parsed;
	return true;
}

static int print_incidents(uint32_t kinds, char *text, size_t bytes)
{
	size_t used = 0;

	if (!kinds)
		return snprintf(text, bytes, "none");
	for (unsigned i = 0; i < CHECK_INCIDENTS; i++)
		if (kinds >> i & 1 && used < bytes)
			used += (size_t)snprintf(text + used, bytes - used, "%s%s", used ? "+" : "",
			                         check_incidents[i].name);
	return (int)used;
}

void check_scope_print(const struct check_scope *scope, char text[CHECK_SCOPE_BYTES])
{
	size_t used = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys) && used < CHECK_SCOPE_BYTES; i++) {
		uint64_t value = load(scope, &keys[i]);
		char kinds[64];

		print_incidents((uint32_t)value, kinds, sizeof(kinds));
		used += (size_t)snprintf(text + used, CHECK_SCOPE_BYTES - used,
		                         "%s%s=", used ? "," : "", keys[i].name);
		if (used >= CHECK_SCOPE_BYTES)
			return;
		if (keys[i].kind == KEY_COUNT)
			used += (size_t)snprintf(text + used, CHECK_SCOPE_BYTES - used, "%llu",
			                         (unsigned long long)value);
		else
			used += (size_t)snprintf(text + used, CHECK_SCOPE_BYTES - used, "%s",
			                         keys[i].kind == KEY_INCIDENTS ? kinds
			                         : value                       ? "on"
			                                                       : "off");
	}
}

/* --- How large --- */

struct estimate {
	struct check_scope scope;
	struct scenario scenario;
	struct machine machine;
	struct vcpu vcpu; /* a register machine will do: the size does not depend on the subject */
	struct vpmu_layout layout;
	uint64_t sum;
};

static uint64_t add(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

static uint64_t times(uint64_t a, uint64_t b)
{
	return b && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

/* Ways to place at most `between` incidents of `kinds` kinds at n places. Incidents at one place
 * have a sequence, too. */
static uint64_t ways(uint64_t places, unsigned between, unsigned kinds)
{
	uint64_t all = 1, exactly = 1;

	for (unsigned i = 1; i <= between; i++) {
		exactly = times(exactly, times(places + i - 1, kinds)) / i;
		all = add(all, exactly);
	}
	return all;
}

static enum vpmu_status estimate_scenario(void *context)
{
	struct estimate *estimate = context;
	const struct check_scope *scope = &estimate->scope;
	uint64_t places = (estimate->scenario.count + 1) * (scope->twice ? 2 : 1);
	unsigned kinds = (unsigned)__builtin_popcount(scope->incidents) +
	                 !!(scope->incidents & BIT32(CHECK_SHORTAGE));
	uint64_t of_one = places + JUDGE_TRANSITIONS * (scope->twice ? 2u : 1u);

	estimate->sum =
		add(estimate->sum, times(ways(places, estimate->scenario.between, kinds), of_one));
	if (scope->refused && !estimate->scenario.is_mixed)
		estimate->sum = add(estimate->sum, 6 * places * places);
	return VPMU_OK;
}

uint64_t check_estimate(const struct check_scope *scope, const struct check_subject *subject)
{
	struct estimate *estimate =
		aligned_alloc(VPMU_PMU_ALIGN, (sizeof(*estimate) + VPMU_PMU_ALIGN - 1) /
	                                              VPMU_PMU_ALIGN * VPMU_PMU_ALIGN);
	uint64_t sum;

	if (!estimate)
		return UINT64_MAX;
	*estimate = (struct estimate){.scope = *scope};
	estimate->vcpu = (struct vcpu){&register_machine, &estimate->machine, NULL};
	if (vcpu_fresh(&estimate->vcpu, subject) && !check_layout(&estimate->layout, subject))
		scenario_each(subject, scope, &estimate->layout, &estimate->scenario,
		              &estimate->vcpu, estimate_scenario, estimate);
	sum = estimate->sum;
	free(estimate);
	return sum;
}
