/* SPDX-License-Identifier: MIT */
/*
 * Saves as a file, for the watch of another process: what was got there must be what is put here.
 * A line of text for each register; the first line has the format's version, the last says that the
 * file is whole.
 */
#include "watch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/memory.h"
#include "lib/number.h"

#define FIRST_LINE "vpmu-watch-state"
enum { VERSION = 1, LINE = 128, WORDS = 6 };

/* --- Writing ------------------------------------------------------------------------------- */

static void write_save(FILE *to, const struct watch_vcpu *vcpu, const struct watch_save *save)
{
	fprintf(to, "vm %" PRIu32 " vcpu %" PRIu32 " general 0x%" PRIx64 "\n", vcpu->vm, vcpu->id,
	        save->general);
	for (unsigned i = 0; i < save->count; i++)
		fprintf(to, "0x%" PRIx32 " 0x%" PRIx64 " # %s\n", save->values[i].msr,
		        save->values[i].value, watch_msr_name(vcpu, save->values[i].msr));
}

unsigned watch_state_write(FILE *to, const struct watch_vcpus *vcpus)
{
	unsigned count = 0;

	fprintf(to, FIRST_LINE " %d\n", VERSION);
	for (size_t i = 0; i < vcpus->slot_count; i++) {
		const struct watch_vcpu *vcpu = vcpus->slots[i];

		if (!vcpu || vcpu->id == WATCH_NONE)
			continue;
		for (size_t j = 0; j < vcpu->saves.count; j++)
			if (!vcpu->saves.at[j].is_expected) {
				write_save(to, vcpu, &vcpu->saves.at[j]);
				count++;
			}
	}
	fputs("end\n", to);
	return count;
}

/* --- Reading ------------------------------------------------------------------------------- */

struct reading {
	const char *at, *end;
	unsigned line;
	struct watch_expected *into;
	struct watch_expectation *vcpu; /* what the lines of registers belong to */
	struct watch_save *save;
	const char *why;
	bool no_memory, is_whole;
};

static bool bad(struct reading *reading, const char *why)
{
	reading->why = why;
	return false;
}

/* Copies the next line without its comment; false at the end. */
static bool next_line(struct reading *reading, char line[LINE])
{
	const char *start = reading->at, *end;
	size_t length;

	if (start == reading->end)
		return false;
	end = memchr(start, '\n', (size_t)(reading->end - start));
	length = (size_t)((end ? end : reading->end) - start);
	reading->at = end ? end + 1 : reading->end;
	reading->line++;
	if (!end || length >= LINE || memchr(start, '\0', length))
		return bad(reading, end ? "a line that is too long, or no text" : "cut short");
	memcpy(line, start, length);
	line[length] = '\0';
	line[strcspn(line, "#")] = '\0';
	return true;
}

static unsigned split(char *line, char *words[WORDS])
{
	unsigned count = 0;

	char *rest = line;

	for (char *word; (word = strtok_r(rest, " ", &rest)) && count < WORDS;)
		words[count++] = word;
	return count;
}

static bool is_number(const char *text, uint64_t most, uint64_t *value)
{
	return number_parse(text, value) && *value <= most;
}

static struct watch_expectation *find(struct watch_expected *in, uint32_t vm, uint32_t vcpu)
{
	for (size_t i = 0; i < in->count; i++)
		if (in->at[i].vm == vm && in->at[i].vcpu_id == vcpu)
			return &in->at[i];
	return NULL;
}

static struct watch_expectation *add(struct watch_expected *in, uint32_t vm, uint32_t vcpu)
{
	struct watch_expectation *at =
		memory_resize(in->at, (in->count + 1) * sizeof(struct watch_expectation));

	if (!at)
		return NULL;
	in->at = at;
	at[in->count] = (struct watch_expectation){.vm = vm, .vcpu_id = vcpu};
	return &at[in->count++];
}

/* "vm 0 vcpu 3 general 0x…" */
static bool take_vcpu(struct reading *reading, char **words, unsigned count)
{
	uint64_t vm, vcpu, general;

	if (count != 6 || strcmp(words[0], "vm") || strcmp(words[2], "vcpu") ||
	    strcmp(words[4], "general") || !is_number(words[1], WATCH_NONE - 1, &vm) ||
	    !is_number(words[3], WATCH_NONE - 1, &vcpu) ||
	    !is_number(words[5], UINT64_MAX, &general) || !general)
		return bad(reading, "neither a vCPU nor a register and its value");
	reading->vcpu = find(reading->into, (uint32_t)vm, (uint32_t)vcpu);
	if (!reading->vcpu)
		reading->vcpu = add(reading->into, (uint32_t)vm, (uint32_t)vcpu);
	reading->save = reading->vcpu ? watch_saves_add(&reading->vcpu->saves) : NULL;
	reading->no_memory = !reading->save;
	if (reading->no_memory)
		return false;
	reading->save->general = general;
	reading->save->is_expected = true;
	return true;
}

static bool take_register(struct reading *reading, char **words)
{
	uint64_t msr, value;

	if (!is_number(words[0], UINT32_MAX, &msr) || !is_number(words[1], UINT64_MAX, &value))
		return bad(reading, "neither a vCPU nor a register and its value");
	if (!reading->save)
		return bad(reading, "a register before any vCPU");
	if (!watch_save_set(reading->save, (uint32_t)msr, value))
		return bad(reading, "more registers than a PMU has");
	return true;
}

static bool take_line(struct reading *reading, char *line)
{
	char *words[WORDS];
	unsigned count = split(line, words);

	if (!count)
		return true;
	if (reading->is_whole)
		return bad(reading, "something behind the end");
	if (count == 1 && !strcmp(words[0], "end"))
		return reading->is_whole = true;
	return count == 2 ? take_register(reading, words) : take_vcpu(reading, words, count);
}

static bool take_first(struct reading *reading)
{
	char line[LINE], *words[WORDS];
	uint64_t version;

	if (!next_line(reading, line))
		return bad(reading, "no file of vpmu watch --state");
	if (split(line, words) != 2 || strcmp(words[0], FIRST_LINE) ||
	    !number_parse(words[1], &version))
		return bad(reading, "no file of vpmu watch --state");
	return version == VERSION ? true : bad(reading, "of another version of vpmu");
}

enum vpmu_status watch_state_parse(const char *text, size_t bytes, struct watch_expected *into,
                                   char *why, size_t why_bytes)
{
	struct reading reading = {.at = text, .end = text + bytes, .into = into};
	char line[LINE];
	bool fine = take_first(&reading);

	while (fine && next_line(&reading, line))
		fine = take_line(&reading, line);
	if (!reading.no_memory && !reading.why && !reading.is_whole)
		reading.why = "cut short";
	if (!reading.no_memory && !reading.why)
		return VPMU_OK;
	snprintf(why, why_bytes, "%s: line %u", reading.why ? reading.why : "no memory",
	         reading.line);
	watch_expected_free(into);
	return reading.no_memory ? VPMU_HOST : VPMU_BAD_DATA;
}

void watch_expected_free(struct watch_expected *expected)
{
	for (size_t i = 0; i < expected->count; i++)
		watch_saves_free(&expected->at[i].saves);
	free(expected->at);
	*expected = (struct watch_expected){0};
}

bool watch_expect(const struct watch_expected *expected, struct watch_vcpu *vcpu)
{
	for (size_t i = 0; i < expected->count; i++) {
		const struct watch_expectation *from = &expected->at[i];

		if (from->vm != vcpu->vm || from->vcpu_id != vcpu->id)
			continue;
		for (size_t j = 0; j < from->saves.count; j++) {
			struct watch_save *save = watch_saves_add(&vcpu->saves);

			if (!save)
				return false;
			*save = from->saves.at[j];
		}
	}
	return true;
}
