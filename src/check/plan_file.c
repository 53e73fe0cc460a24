/* SPDX-License-Identifier: MIT */
/* Reads a user's plan: lines of text, which may contain any bytes. */
#include <stdio.h>

#include "room_int.h"

enum { WORDS = 3, SHOWN = 40 };

struct word {
	const char *start;
	size_t length;
};

struct reading {
	struct check_plan *plan;
	const struct vpmu_layout *layout;
	unsigned line;
	char *why;
	size_t why_bytes;
	/* What `expect` says, and of which values. */
	struct set expected;
	uint64_t values[VPMU_MAX_STATE];
};

static bool complain(struct reading *reading, const char *what, const struct word *word)
{
	char shown[SHOWN + 1] = "";
	size_t length = word ? word->length : 0;

	for (size_t i = 0; i < length && i < SHOWN; i++) {
		char c = word->start[i];

		shown[i] = c >= 0x20 && c < 0x7f ? c : '?';
		shown[i + 1] = '\0';
	}
	snprintf(reading->why, reading->why_bytes, "line %u: %s%s%s%s", reading->line, what,
	         word ? ": '" : "", shown, word ? "'" : "");
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Splits the line into at most WORDS + 1 words; a comment ends it. */
static unsigned split(const char *line, size_t length, struct word *words)
{
	unsigned count = 0;
	size_t at = 0;

	while (at < length && count <= WORDS) {
		size_t start;

		while (at < length && is_blank(line[at]))
			at++;
		if (at == length || line[at] == '#')
			break;
		start = at;
		while (at < length && !is_blank(line[at]) && line[at] != '#')
			at++;
		words[count++] = (struct word){line + start, at - start};
	}
	return count;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

static bool parse_number(const struct word *word, uint64_t *value)
{
	bool hex = word->length > 2 && word->start[0] == '0' &&
	           (word->start[1] == 'x' || word->start[1] == 'X');
	uint64_t base = hex ? 16 : 10, number = 0;

	for (size_t i = hex ? 2 : 0; i < word->length; i++) {
		uint64_t digit = (uint64_t)digit_of(word->start[i]);

		if (digit >= base || number > (UINT64_MAX - digit) / base)
			return false;
		number = number * base + digit;
	}
	*value = number;
	return word->length;
}

/*
 * Whether a decimal number is one of the model's registers when it is read as hex, which people
 * write without 0x: "186" may be 0xba or IA32_PERFEVTSEL0.
 */
static bool is_ambiguous(const struct reading *reading, const struct word *word, uint64_t decimal)
{
	uint64_t hex = 0;

	for (size_t i = 0; i < word->length; i++) {
		if (digit_of(word->start[i]) > 9 || hex >> 28)
			return false; /* there is a 0x, or the number is too long */
		hex = hex << 4 | (unsigned)digit_of(word->start[i]);
	}
	return hex != decimal && vpmu_layout_find_msr(reading->layout, (uint32_t)hex) >= 0;
}

static bool complain_ambiguous(struct reading *reading, const struct word *word, uint64_t decimal)
{
	char what[80];

	snprintf(what, sizeof(what), "0x%llx, or 0x%.*s? Write the number with 0x",
	         (unsigned long long)decimal, (int)word->length, word->start);
	return complain(reading, what, word);
}

static bool parse_register(struct reading *reading, const struct word *word, uint32_t *msr)
{
	char name[VPMU_NAME_BYTES];
	uint64_t number;
	int place;

	if (parse_number(word, &number)) {
		if (is_ambiguous(reading, word, number))
			return complain_ambiguous(reading, word, number);
		*msr = (uint32_t)number;
		return number <= UINT32_MAX || complain(reading, "no MSR number", word);
	}
	if (word->length >= sizeof(name))
		return complain(reading, "the model has no such register", word);
	memcpy(name, word->start, word->length);
	name[word->length] = '\0';
	place = strlen(name) == word->length ? vpmu_layout_find(reading->layout, name) : -1;
	if (place < 0)
		return complain(reading, "the model has no such register", word);
	*msr = reading->layout->registers[place].msr;
	return true;
}

/* Sets what the register must have in the end. An MSR that the model lacks is ignored. */
static void expect(const struct reading *reading, uint64_t *values, struct set *set, uint32_t msr,
                   uint64_t value)
{
	const struct vpmu_layout *layout = reading->layout;
	int place = vpmu_layout_find_msr(layout, msr);
	uint8_t at = place < 0 ? VPMU_NO_VALUE : layout->value_of[place];

	if (at == VPMU_NO_VALUE)
		return;
	values[at] = value & layout->registers[layout->stored[at]].writable;
	set_add(set, at);
}

static bool take_write(struct reading *reading, uint32_t msr, uint64_t value)
{
	struct check_plan *plan = reading->plan;
	struct set set = {{0}};

	if (plan->count == VPMU_MAX_PLAN)
		return complain(reading, "more writes than a plan can have", NULL);
	plan->writes[plan->count++] = (struct check_plan_write){msr, value};
	expect(reading, plan->state.values, &set, msr, value);
	return true;
}

static bool is_word(const struct word *word, const char *text)
{
	return word->length == strlen(text) && !memcmp(word->start, text, word->length);
}

static bool take_line(struct reading *reading, const char *line, size_t length)
{
	struct word words[WORDS + 1];
	unsigned count = split(line, length, words);
	bool expects = count && is_word(&words[0], "expect");
	const struct word *first = words + expects;
	uint64_t value;
	uint32_t msr = 0;

	if (!count ||
	    (count == 2 && (is_word(&words[0], "model") || is_word(&words[0], "profile"))))
		return true;
	if (count != 2u + expects)
		return complain(reading, "not 'REGISTER VALUE' or 'expect REGISTER VALUE'",
		                &words[0]);
	if (!parse_register(reading, first, &msr))
		return false;
	if (!parse_number(first + 1, &value))
		return complain(reading, "not a number", first + 1);
	if (!expects)
		return take_write(reading, msr, value);
	expect(reading, reading->values, &reading->expected, msr, value);
	return true;
}

bool check_plan_about(const char *text, size_t length, const char *key, char *value, size_t bytes)
{
	for (size_t line; length; text += line, length -= line) {
		const char *end = memchr(text, '\n', length);
		struct word words[WORDS + 1];

		line = end ? (size_t)(end - text) + 1 : length;
		if (split(text, line - !!end, words) != 2 || !is_word(&words[0], key) ||
		    words[1].length >= bytes)
			continue;
		memcpy(value, words[1].start, words[1].length);
		value[words[1].length] = '\0';
		return true;
	}
	return false;
}

bool check_plan_parse(struct check_plan *plan, const struct vpmu_layout *layout, const char *text,
                      size_t length, char *why, size_t why_bytes)
{
	struct reading reading = {
		.plan = plan, .layout = layout, .why = why, .why_bytes = why_bytes};

	plan->count = 0;
	vpmu_state_reset(&plan->state, layout);
	while (length) {
		const char *end = memchr(text, '\n', length);
		size_t line = end ? (size_t)(end - text) : length;

		reading.line++;
		if (!take_line(&reading, text, line))
			return false;
		text += line + !!end;
		length -= line + !!end;
	}
	for (unsigned i = 0; i < layout->value_count; i++)
		if (set_has(&reading.expected, i))
			plan->state.values[i] = reading.values[i];
	return plan->count || complain(&reading, "no write in the plan", NULL);
}
