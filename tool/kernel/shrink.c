/* SPDX-License-Identifier: MIT */
/*
 * Makes a program that two sides answer differently short: pieces are left out, from halves down to
 * lines, then words, then bits of numbers, as long as a difference of the same sort stays.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"
#include "lib/memory.h"

/* Candidates of one kind, and their text; the line behind model and profile. */
enum {
	CANDIDATES = 3000,
	ARENA_BYTES = CANDIDATES * PROGRAM_LINE_BYTES,
	FIRST = 2,
	FIRST_SLICE = 16,
};

struct shrinker {
	const struct side *sides;
	struct program *candidates;
	size_t count;
	struct arena arena;
	bool failed;
};

void program_keep(struct kept_program *kept, const struct program *program, unsigned lines)
{
	static char text[PROGRAM_LINES][PROGRAM_LINE_BYTES]; /* it may be the same program */

	for (unsigned i = 0; i < lines; i++)
		snprintf(text[i], PROGRAM_LINE_BYTES, "%s", program->line[i]);
	memcpy(kept->text, text, lines * sizeof(text[0]));
	kept->program.count = lines;
	for (unsigned i = 0; i < lines; i++)
		kept->program.line[i] = kept->text[i];
}

/* What sort of difference it is; shrinking must not turn one into another. */
static bool same_sort(const struct difference *a, const struct difference *b)
{
	for (int i = 0; i < 2; i++)
		if (a->answer[i][0] != b->answer[i][0])
			return false;
	return a->ended == b->ended;
}

/* Goes on from the first candidate, from that one on, that differs in the same way; returns its
 * index, or their count. Mostly it is an early one: a few are run at first, then more. */
static size_t take_one(struct shrinker *shrinker, struct kept_program *kept,
                       struct difference *difference, size_t from)
{
	size_t slice = FIRST_SLICE;
	struct difference found;

	while (from < shrinker->count) {
		size_t end = from + slice < shrinker->count ? from + slice : shrinker->count;
		long at =
			first_difference(shrinker->sides, shrinker->candidates, end, from, &found);

		shrinker->failed |= at < 0;
		if (at < 0)
			break;
		if ((size_t)at == end) {
			from = end;
			slice *= 4;
			continue;
		}
		if (same_sort(difference, &found)) {
			program_keep(kept, &shrinker->candidates[at], found.line + 1);
			*difference = found;
			return (size_t)at;
		}
		from = (size_t)at + 1;
	}
	return shrinker->count;
}

static struct program *candidate(struct shrinker *shrinker)
{
	return shrinker->count < CANDIDATES ? &shrinker->candidates[shrinker->count++] : NULL;
}

/* The program without each piece of that size. */
static void without_pieces(struct shrinker *shrinker, const struct program *program, unsigned size)
{
	for (unsigned i = FIRST; i < program->count; i += size) {
		struct program *shorter = candidate(shrinker);
		unsigned end = i + size < program->count ? i + size : program->count;

		if (!shorter)
			return;
		*shorter = *program;
		memmove(&shorter->line[i], &program->line[end],
		        (program->count - end) * sizeof(program->line[0]));
		shorter->count -= end - i;
	}
}

static void with_line(struct shrinker *shrinker, const struct program *program, unsigned i,
                      const char *line)
{
	struct program *changed = candidate(shrinker);

	if (!changed)
		return;
	*changed = *program;
	changed->line[i] = line;
}

/* Each of a line's words left out, but the first. */
static void without_words(struct shrinker *shrinker, const struct program *program, unsigned i)
{
	const char *line = program->line[i];

	for (const char *blank = strchr(line, ' '); blank; blank = strchr(blank + 1, ' '))
		with_line(shrinker, program, i,
		          arena_line(&shrinker->arena, "%.*s%s", (int)(blank - line), line,
		                     blank + 1 + strcspn(blank + 1, " ")));
}

static void with_number(struct shrinker *shrinker, const struct program *program, unsigned i,
                        const char *at, const char *end, uint64_t value)
{
	const char *line = program->line[i];
	bool hex = at[1] == 'x';

	with_line(shrinker, program, i,
	          arena_line(&shrinker->arena, hex ? "%.*s%#llx%s" : "%.*s%llu%s", (int)(at - line),
	                     line, (unsigned long long)value, end));
}

/* Each of a line's numbers made smaller: 0, 1, one less, without each of its bits. */
static void smaller_numbers(struct shrinker *shrinker, const struct program *program, unsigned i)
{
	for (const char *at = program->line[i]; *at; at++) {
		char *end;
		uint64_t value;

		if (!isdigit((unsigned char)*at) ||
		    (at > program->line[i] && at[-1] != ' ' && at[-1] != '='))
			continue;
		value = strtoull(at, &end, 0);
		for (uint64_t small = 0; small < 2 && small < value; small++)
			with_number(shrinker, program, i, at, end, small);
		for (int bit = 63; bit >= 0; bit--)
			if (value >> bit & 1 && value != UINT64_C(1) << bit)
				with_number(shrinker, program, i, at, end,
				            value & ~(UINT64_C(1) << bit));
		if (value > 2 && value <= 16)
			with_number(shrinker, program, i, at, end, value - 1);
		at = end - 1;
	}
}

static bool open_shrinker(struct shrinker *shrinker, const struct side *sides)
{
	*shrinker = (struct shrinker){
		.sides = sides, .candidates = memory_get(CANDIDATES * sizeof(struct program))};
	if (!shrinker->candidates) {
		memory_say("the programs");
		return false;
	}
	return arena_open(&shrinker->arena, ARENA_BYTES);
}

static void make_candidates(struct shrinker *shrinker, const struct program *program,
                            unsigned piece)
{
	shrinker->count = shrinker->arena.used = 0;
	if (piece) {
		without_pieces(shrinker, program, piece);
		return;
	}
	for (unsigned i = FIRST; i < program->count; i++)
		without_words(shrinker, program, i);
	for (unsigned i = FIRST; i < program->count; i++)
		smaller_numbers(shrinker, program, i);
}

/* Tries each candidate of a kind once. Where one is taken, those of the shorter program are tried
 * from its place on. True: it has become smaller. */
static bool pass_of(struct shrinker *shrinker, struct kept_program *kept,
                    struct difference *difference, unsigned piece)
{
	bool smaller = false;
	size_t at = 0;

	for (;;) {
		make_candidates(shrinker, &kept->program, piece);
		at = take_one(shrinker, kept, difference, at);
		if (at >= shrinker->count)
			return smaller;
		smaller = true;
	}
}

bool program_shrink(const struct side sides[2], struct kept_program *kept,
                    struct difference *difference)
{
	struct shrinker shrinker;
	bool smaller = open_shrinker(&shrinker, sides);

	while (smaller && !shrinker.failed) {
		for (unsigned size = kept->program.count / 2; size;)
			if (!pass_of(&shrinker, kept, difference, size))
				size /= 2;
		/* Each try of code that does not end takes as long as it may. */
		smaller = !difference->ended && pass_of(&shrinker, kept, difference, 0);
		while (smaller && pass_of(&shrinker, kept, difference, 0))
			;
	}
	free(shrinker.candidates);
	free(shrinker.arena.memory);
	return !shrinker.failed;
}
