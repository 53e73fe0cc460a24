/* SPDX-License-Identifier: MIT */
/* The table of actions: every row can be typed, printed and done. */
#include "unit.h"

#include <time.h>

static uint64_t seed;

static uint64_t draw(void)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return seed >> 24;
}

static union replay_value draw_value(const struct replay_argument *row)
{
	uint64_t choices = 0, number = draw();

	if (row->kind == ARGUMENT_WORD)
		return (union replay_value){.word = "a"};
	while (row->choice && row->choice(NULL, choices))
		choices++;
	if (choices)
		return (union replay_value){number % choices};
	if (row->kind == ARGUMENT_FLAG)
		return (union replay_value){1};
	if (row->kind == ARGUMENT_KEY) /* a run that does not take long */
		number %= 1000;
	return (union replay_value){number & row->max};
}

/* All required arguments, and any of the others. */
static struct replay_command draw_command(enum replay_verb verb)
{
	struct replay_command command = {.action = replay_action_of(verb)};
	struct replay_argument row;

	for (size_t i = 0; replay_argument_at(verb, i, &row); i++) {
		if (row.kind == ARGUMENT_LIST || row.kind == ARGUMENT_WORDS)
			continue;
		if (!row.required && draw() & 1)
			continue;
		command.action.given |= UINT64_C(1) << i;
		command.action.argument[i] = draw_value(&row);
	}
	return command;
}

static void what_is_printed_is_read_as_the_same(void **state)
{
	static struct replay_command again;
	struct replay_answer text, line, second;
	char problem[REPLAY_PROBLEM_BYTES];

	for (unsigned i = 0; i < 2000; i++) {
		struct replay_command command = draw_command(i % REPLAY_VERBS);

		text.length = second.length = 0;
		replay_print(&command, &text);
		memcpy(line.text, text.text, text.length + 1);
		if (replay_parse(line.text, text.length, NULL, &again, problem) != REPLAY_COMMAND)
			fail_msg("%s: %s", text.text, problem);
		assert_int_equal(again.action.verb, command.action.verb);
		assert_int_equal(again.action.given, command.action.given);
		replay_print(&again, &second);
		assert_string_equal(second.text, text.text);
	}
}

/* Each has an answer, on a profile that has everything. */
static void every_row_is_done(void **state)
{
	static struct replay replay;
	static struct replay_answer answer;
	struct replay_answer text;

	for (unsigned i = 0; i < 20 * REPLAY_VERBS; i++) {
		struct replay_command command = draw_command(i % REPLAY_VERBS);
		enum replay_verb verb = (enum replay_verb)command.action.verb;

		replay_init(&replay);
		if (verb == REPLAY_MODEL)
			command.action.argument[0].word = "amd-k7";
		else
			execute(&replay, "model intel-v2", &answer);
		if (verb == REPLAY_PROFILE)
			command.action.argument[0].word = "hardware";
		else if (verb != REPLAY_MODEL)
			execute(&replay, "profile linux-6.12", &answer);
		if (verb == REPLAY_FILTER) /* none takes nothing else */
			command.action.argument[FILTER_ACTION].number = FILTER_DENY;
		if (verb == REPLAY_PUT)
			execute(&replay, "save a", &answer);
		text.length = 0;
		replay_print(&command, &text);
		if (execute(&replay, text.text, &answer) != REPLAY_ANSWERED)
			fail_msg("%s: %s", text.text, answer.text);
		assert_true(answer.length > 0);
	}
}

static void what_can_be_refused_says_so(void **state)
{
	static alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];
	struct vpmu_model model;

	vpmu_model_parse(&model, "intel-v2", NULL, 0);
	for (unsigned i = 0; i < 100 * REPLAY_VERBS; i++) {
		enum replay_verb verb = i % REPLAY_VERBS;
		struct replay_command command = draw_command(verb);
		struct vpmu_pmu *pmu = vpmu_pmu_init(memory, sizeof(memory), &model,
		                                     vpmu_profile_find("hardware"));

		if (replay_acts[verb] && replay_acts[verb](pmu, &command.action).status)
			assert_non_null(replay_rows[verb].refused);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_printed_is_read_as_the_same),
		cmocka_unit_test(every_row_is_done),
		cmocka_unit_test(what_can_be_refused_says_so),
	};

	seed = (uint64_t)time(NULL);
	printf("# seed %llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
