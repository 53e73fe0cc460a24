/* SPDX-License-Identifier: MIT */
/*
 * Finds differences: random programs on both sides, each difference shrunk, and one example kept of
 * each class. With a small patch, the class is the set of hunks that the script executes and the
 * sort of answer that changes; with a large one, or without code, the command, the register and the
 * sort of answer.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arch/room.h>
#include <vpmu/simulate.h>
#include <vpmu/vpmu.h>

#include "diff.h"
#include "lib/memory.h"
#include "lib/message.h"

enum {
	CHUNK = 400, /* programs a batch */
	CHUNK_LINES = CHUNK * PROGRAM_LINES,
	CHUNK_BYTES = CHUNK_LINES * 64,
	PER_CHUNK = 12,   /* differences that are looked at in one batch */
	SMALL_PATCH = 16, /* hunks */
	ROUGH_KINDS = 512,
	ALIKE = 2,      /* differences that look alike at first, and are shrunk */
	FRUITLESS = 10, /* as many again after the last new class */
};

/* How often a difference that begins like this was shrunk. */
struct rough {
	char key[64];
	unsigned count;
};

struct finder {
	struct diff *diff;
	struct arena arena;
	struct program *programs;
	struct rough rough[ROUGH_KINDS];
	unsigned rough_count, fruitless;
};

/* --- Telling classes apart -------------------------------------------------------------------- */

/* The host's, which is the model's where the script does not say it: a script begins with model,
 * profile, host. */
static enum vpmu_vendor vendor_of(const struct kept_program *script)
{
	struct vpmu_model model = {0};
	struct vpmu_host host;

	vpmu_model_parse(&model, script->text[0] + strlen("model "), NULL, 0);
	vpmu_host_init(&host, (enum vpmu_vendor)model.vendor);
	for (unsigned i = 1; i < script->program.count && i < 3; i++) {
		const char *vendor = strstr(script->text[i], "vendor=");
		char key[24];

		if (!vendor)
			continue;
		snprintf(key, sizeof(key), "%.*s", (int)strcspn(vendor, " "), vendor);
		vpmu_host_set(&host, key, NULL, 0);
	}
	return (enum vpmu_vendor)host.vendor;
}

const char *line_register(const struct kept_program *script, unsigned line)
{
	static char name[VPMU_NAME_BYTES];
	const char *text = script->text[line], *blank = strchr(text, ' ');

	*name = '\0';
	if (!blank || !strstr(text, "msr "))
		return name;
	if (!vpmu_msr_name(vendor_of(script), (uint32_t)strtoul(blank, NULL, 0), name))
		*name = '\0';
	return name;
}

/* A register's name without its number, since all counters of a kind behave alike. */
static void kind_of_line(const struct kept_program *script, unsigned line, char *kind, size_t bytes)
{
	const char *text = script->text[line], *name = line_register(script, line);
	size_t length = strlen(name);

	while (length && name[length - 1] >= '0' && name[length - 1] <= '9')
		length--;
	snprintf(kind, bytes, "%.*s %.*s", (int)strcspn(text, " "), text, (int)length, name);
}

/* What sort of answer changes. */
static const char *sort_of(const struct difference *difference)
{
	char a = difference->answer[0][0], b = difference->answer[1][0];

	if (difference->ended)
		return "end";
	if (a != b)
		return "refusal";
	return a == 'p' ? "pmi" : a == 'l' ? "events" : "value";
}

static void hunks_of(const struct diff *diff, char *key, size_t bytes)
{
	size_t used = 0;

	for (unsigned hunk = 1; hunk <= (unsigned)diff->hunks; hunk++) {
		bool hit = false;

		for (int i = 0; i < 2; i++)
			for (unsigned j = 1; j <= diff->code[i].line_count; j++)
				hit |= diff->code[i].line[j].hunk == hunk &&
				       diff->code[i].line[j].executed;
		if (hit && used < bytes)
			used += (size_t)snprintf(key + used, bytes - used, "%u ", hunk);
	}
}

/* One class for each module: vendors with the same one run the same code of KVM. */
static void make_key(const struct diff *diff, struct class *class)
{
	const struct difference *difference = &class->difference;
	char hunks[96] = "", kind[96];

	kind_of_line(&class->script, difference->line, kind, sizeof(kind));
	if (diff->same_code && diff->hunks && diff->hunks <= SMALL_PATCH) {
		hunks_of(diff, hunks, sizeof(hunks));
		snprintf(class->key, KEY_BYTES, "%s: %s", hunks, sort_of(difference));
	} else {
		snprintf(class->key, KEY_BYTES, "%d %s %s %c %c",
		         kvm_module_of(vendor_of(&class->script)), kind, sort_of(difference),
		         difference->answer[0][0], difference->answer[1][0]);
	}
}

/* Whether enough that begin like this were looked at. */
static bool seen_enough(struct finder *finder, const struct program *program,
                        const struct difference *difference)
{
	const char *line = program->line[difference->line];
	size_t length = strcspn(line, " ");
	char key[64];

	/* A register's number is part of it. */
	if (line[length] && (strstr(line, "msr ") || strstr(line, "rdpmc")))
		length += 1 + strcspn(line + length + 1, " ");
	snprintf(key, sizeof(key), "%.9s %.*s %c%c", program->line[0] + strlen("model "),
	         (int)(length < 30 ? length : 30), line, difference->answer[0][0],
	         difference->answer[1][0]);
	for (unsigned i = 0; i < finder->rough_count; i++)
		if (!strcmp(finder->rough[i].key, key))
			return finder->rough[i].count++ >= ALIKE;
	if (finder->rough_count == ROUGH_KINDS)
		return true;
	finder->rough[finder->rough_count] = (struct rough){.count = 1};
	snprintf(finder->rough[finder->rough_count++].key, sizeof(key), "%s", key);
	return false;
}

/* --- One difference --------------------------------------------------------------------------- */

/* What the script executes, on each side that has code. */
static bool execute(struct diff *diff, struct class *class)
{
	for (int i = 0; i < 2; i++) {
		struct code *code = &diff->code[i];
		size_t bytes = (code->line_count + 1) * sizeof(*code->line);

		if (!diff->side[i].code)
			continue;
		code_forget(code);
		if (!code_execute(code, diff->side[i].program, &class->script.program, 1))
			return false;
		class->executed[i] = memory_get(bytes);
		class->ran[i] = memory_get(code->block_count);
		if (!class->executed[i] || !class->ran[i]) {
			memory_say("the report");
			return false;
		}
		memcpy(class->executed[i], code->line, bytes);
		for (unsigned j = 0; j < code->block_count; j++)
			class->ran[i][j] = code->block[j].executed;
	}
	return true;
}

static void class_free(struct class *class)
{
	for (int i = 0; i < 2; i++) {
		free(class->executed[i]);
		free(class->ran[i]);
	}
	*class = (struct class){.key = ""};
}

static bool is_new(const struct diff *diff, const struct class *class)
{
	for (unsigned i = 0; i < diff->count; i++)
		if (!strcmp(diff->classes[i].key, class->key))
			return false;
	return true;
}

/* One crash or endless loop is enough, since shrinking it takes long. */
static bool ended_before(const struct diff *diff, const struct difference *difference)
{
	for (unsigned i = 0; difference->ended && i < diff->count; i++)
		if (diff->classes[i].difference.ended)
			return true;
	return false;
}

/* The program, and what is left of it, which must not end with a larger limit either: else it is as
 * it was. *stands: whether there is a difference. */
static bool keep_shortest(struct diff *diff, struct class *class, const struct program *program,
                          bool *stands)
{
	struct difference *difference = &class->difference, first;
	bool ended = difference->ended;

	*stands = true;
	if (ended && (!difference_confirm(diff->side, program, difference, stands) || !*stands))
		return !*stands;
	first = *difference;
	program_keep(&class->script, program, difference->line + 1);
	if (!program_shrink(diff->side, &class->script, difference))
		return false;
	if (ended && !difference_confirm(diff->side, &class->script.program, difference, stands))
		return false;
	if (*stands)
		return true;
	*stands = true;
	*difference = first;
	program_keep(&class->script, program, first.line + 1);
	return true;
}

static bool take_difference(struct finder *finder, const struct program *program,
                            const struct difference *difference)
{
	struct diff *diff = finder->diff;
	struct class *class = &diff->classes[diff->count];
	bool stands;

	if (ended_before(diff, difference)) {
		finder->fruitless++;
		return true;
	}
	if (finder->fruitless >= FRUITLESS || seen_enough(finder, program, difference))
		return true;
	if (diff->count == CLASSES - 1) {
		diff->more = true;
		return true;
	}
	class->difference = *difference;
	if (!keep_shortest(diff, class, program, &stands))
		return false;
	if (!stands)
		return true;
	if (!execute(diff, class))
		return false;
	make_key(diff, class);
	finder->fruitless++;
	if (is_new(diff, class)) {
		diff->count++;
		finder->fruitless = 0;
	} else {
		class_free(class);
	}
	return true;
}

/* --- All -------------------------------------------------------------------------------------- */

/* Eight programs of each, among which is one of every sort. */
static const char *profile_of(const struct diff *diff, uint64_t index)
{
	return diff->mediated && index / 8 % 2 ? "mediated" : diff->profile;
}

static bool try_chunk(struct finder *finder, uint64_t chunk)
{
	struct diff *diff = finder->diff;
	struct comparison all = {.sides = diff->side, .programs = finder->programs, .count = CHUNK};
	struct difference difference;
	bool good = true;

	finder->arena.used = 0;
	for (unsigned i = 0; i < CHUNK; i++) {
		uint64_t index = chunk * CHUNK + i;

		program_make(&finder->programs[i], &finder->arena, diff->seed, index, diff->models,
		             profile_of(diff, index));
		diff->done += finder->programs[i].count;
	}
	for (unsigned looks = 0; good && looks < PER_CHUNK && finder->fruitless < FRUITLESS;
	     looks++) {
		long at = comparison_next(&all, &difference);

		if (at == CHUNK)
			break;
		good = at >= 0 && take_difference(finder, &finder->programs[at], &difference);
	}
	comparison_close(&all);
	return good;
}

int diff_find(struct diff *diff)
{
	struct finder *finder = memory_get(sizeof(*finder));
	bool good = finder;

	if (finder) {
		*finder = (struct finder){.diff = diff,
		                          .programs = memory_get(CHUNK * sizeof(struct program))};
		good = finder->programs && arena_open(&finder->arena, CHUNK_BYTES);
	}
	diff->classes = memory_get(CLASSES * sizeof(*diff->classes));
	if (!good || !diff->classes)
		memory_say("the programs");
	else
		memset(diff->classes, 0, CLASSES * sizeof(*diff->classes));
	for (uint64_t chunk = 0; good && diff->classes && diff->done < diff->operations &&
	                         finder->fruitless < FRUITLESS;
	     chunk++)
		good = try_chunk(finder, chunk);
	if (finder) {
		free(finder->programs);
		free(finder->arena.memory);
	}
	free(finder);
	if (!good || !diff->classes)
		return TOOL_LACKS;
	return diff->count ? TOOL_FAILS : TOOL_HOLDS;
}

/* --- What a report asks ----------------------------------------------------------------------- */

unsigned next_touched(const struct diff *diff, const struct class *class, int side, unsigned after)
{
	if (!class->executed[side])
		return 0;
	while (++after <= diff->code[side].line_count)
		if (class->executed[side][after].hunk && class->executed[side][after].executed)
			return after;
	return 0;
}

static bool executes_function(const struct diff *diff, const struct class *class, int side,
                              const char *function)
{
	const struct code *code = &diff->code[side];

	for (unsigned i = 0; i < code->block_count; i++)
		if (class->ran[side][i] && code->block[i].function &&
		    !strcmp(code->block[i].function, function))
			return true;
	return false;
}

/* Whether an earlier block is of the same function, which was told. */
static bool was_before(const struct code *code, const bool *ran, unsigned block)
{
	for (unsigned i = 0; i < block; i++)
		if (ran[i] && code->block[i].function &&
		    !strcmp(code->block[i].function, code->block[block].function))
			return true;
	return false;
}

unsigned next_function(const struct diff *diff, const struct class *class, int side, unsigned from)
{
	const struct code *code = &diff->code[side];

	if (!class->ran[0] || !class->ran[1])
		return code->block_count;
	for (; from < code->block_count; from++)
		if (class->ran[side][from] && code->block[from].function &&
		    !executes_function(diff, class, !side, code->block[from].function) &&
		    !was_before(code, class->ran[side], from))
			return from;
	return code->block_count;
}

void touched_lines(const struct diff *diff, unsigned *touched, unsigned *executed)
{
	*touched = *executed = 0;
	for (int i = 0; i < 2; i++)
		for (unsigned j = 1; j <= diff->code[i].line_count; j++) {
			const struct code_line *line = &diff->code[i].line[j];

			*touched += line->hunk && line->has_code;
			*executed += line->hunk && line->has_code && line->ever;
		}
}
