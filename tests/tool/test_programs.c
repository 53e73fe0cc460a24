/* SPDX-License-Identifier: MIT */
/* What vpmu kernel diff and record ask kernels: every action, and puts in every order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <replay/room.h>

#include "kernel/program.h"

enum { PROGRAMS = 4000 };

static struct arena arena;

static int open_arena(void **state)
{
	return !arena_open(&arena, 1 << 20);
}

static int close_arena(void **state)
{
	free(arena.memory);
	return 0;
}

/* What only a register machine answers: names and plans. */
static bool is_drawn_verb(int verb)
{
	return verb < REPLAY_SAVE;
}

static void note_verbs(const struct program *program, bool seen[REPLAY_VERBS])
{
	for (unsigned i = 0; i < program->count; i++) {
		size_t length = strcspn(program->line[i], " ");

		for (int verb = 0; verb < REPLAY_VERBS; verb++)
			seen[verb] |= strlen(replay_rows[verb].name) == length &&
			              !strncmp(replay_rows[verb].name, program->line[i], length);
	}
}

static void every_action_is_asked(const char *profile)
{
	bool seen[REPLAY_VERBS] = {false};
	struct program program;

	for (uint64_t i = 0; i < PROGRAMS; i++) {
		arena.used = 0;
		program_make(&program, &arena, 1, i, NULL, profile);
		note_verbs(&program, seen);
	}
	for (int verb = 0; verb < REPLAY_VERBS; verb++)
		if (is_drawn_verb(verb) && !seen[verb])
			fail_msg("%s: no program has %s", profile, replay_rows[verb].name);
}

static void of_perf_events(void **state)
{
	every_action_is_asked("linux-7.3");
}

static void of_a_mediated_vpmu(void **state)
{
	every_action_is_asked("mediated");
}

/* What the VMM writes. */
static size_t writes_of(const struct program *program, struct vpmu_msr *writes)
{
	size_t count = 0;

	for (unsigned i = 0; i < program->count; i++) {
		const char *line = program->line[i];
		char *end;

		if (strncmp(line, "host-wrmsr ", strlen("host-wrmsr ")) != 0)
			continue;
		writes[count].index = (uint32_t)strtoul(line + strlen("host-wrmsr "), &end, 0);
		writes[count++].value = strtoull(end, NULL, 0);
	}
	return count;
}

static void make_put(struct maker *maker, const char *model)
{
	*maker = (struct maker){.program = maker->program,
	                        .arena = &arena,
	                        .random = maker->random,
	                        .profile = "linux-7.3",
	                        .amd = !strncmp(model, "amd", 3),
	                        .longest = 1 << 12};
	maker->registers = maker->amd ? &amd_msrs : &intel_msrs;
	assert_int_equal(vpmu_model_parse(&maker->model, model, NULL, 0), VPMU_OK);
	maker->program->count = 0;
	arena.used = 0;
	put(maker);
}

static void puts_are_in_every_order(void **state)
{
	static const char *const models[] = {"intel-v2,gp=8", "amd-perfmon-v2"};
	static struct vpmu_msr writes[PROGRAM_LINES];
	struct program program;
	unsigned found[16] = {0}, interrupted = 0;
	struct maker maker = {.program = &program, .random = 1};

	for (unsigned i = 0; i < 400; i++) {
		struct vpmu_order_match match;
		struct vpmu_layout layout;
		size_t count;

		make_put(&maker, models[i % 2]);
		count = writes_of(&program, writes);
		interrupted += count < program.count;
		assert_int_equal(vpmu_layout_init(&layout, &maker.model), VPMU_OK);
		for (size_t o = 0; vpmu_order_at(o); o++) {
			assert_int_equal(vpmu_order_compare(vpmu_order_at(o), &layout, writes,
			                                    count, 1, &match),
			                 VPMU_OK);
			found[o] += match.is_it;
		}
	}
	for (size_t o = 0; vpmu_order_at(o); o++)
		if (!found[o])
			fail_msg("no put is in the order %s", vpmu_order_at(o)->name);
	assert_in_range(interrupted, 50, 350);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_perf_events),
		cmocka_unit_test(of_a_mediated_vpmu),
		cmocka_unit_test(puts_are_in_every_order),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
