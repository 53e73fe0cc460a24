/* SPDX-License-Identifier: MIT */
/* What Tab offers in vpmu replay, without a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replay/session.h"

static char offered[16384];

static void take(void *context, const char *word)
{
	strcat(offered, word);
	strcat(offered, "\n");
}

static const char *complete(const struct replay *replay, const char *line)
{
	/* From memory of exactly its size, so that the sanitizers see a byte too many. */
	size_t length = strlen(line);
	char *bytes = malloc(length + 1);

	memcpy(bytes, line, length);
	offered[0] = '\0';
	replay_complete(replay, bytes, length, take, NULL);
	free(bytes);
	return offered;
}

static void type(struct replay *replay, const char *text)
{
	static struct replay_answer answer;
	char line[256];

	strcpy(line, text);
	assert_int_equal(replay_line(replay, line, strlen(line), &answer), REPLAY_ANSWERED);
}

static struct replay *started(const char *model)
{
	static struct replay replay;

	replay_init(&replay);
	type(&replay, model);
	return &replay;
}

static void commands(void **unused)
{
	struct replay replay;

	replay_init(&replay);
	assert_string_equal(complete(&replay, "rd"), "rdmsr\nrdpmc\n");
	assert_string_equal(complete(&replay, "he"), "help\n");
	assert_string_equal(complete(&replay, "frob"), "");
	assert_non_null(strstr(complete(&replay, ""), "model\n"));
}

static void models_and_profiles(void **unused)
{
	struct replay replay;

	replay_init(&replay);
	assert_string_equal(complete(&replay, "model icel"), "icelake\n");
	assert_string_equal(complete(&replay, "profile med"), "mediated\n");
	assert_string_equal(complete(&replay, "model icelake icel"), "");
}

static void registers_of_the_model(void **unused)
{
	struct replay *replay = started("model zen4");

	assert_string_equal(complete(replay, "wrmsr PerfCtr3"), "PerfCtr3\n");
	assert_string_equal(complete(replay, "rdmsr IA32_"), "");
	assert_string_equal(complete(replay, "wrmsr PerfCtr3 PerfCtr3"), "");
	assert_string_equal(complete(replay, "expect\trdmsr  PerfCtr3"), "PerfCtr3\n");
}

static void events_that_the_model_counts(void **unused)
{
	struct replay *replay = started("model zen4");

	assert_string_equal(complete(replay, "wrmsr PerfEvtSel0 branch"),
	                    "branches\nbranch-misses\nbranch-instructions\n");
	assert_string_equal(complete(replay, "wrmsr PerfEvtSel0 cycles cyc"), "");
	assert_string_equal(complete(replay, "filter deny cycles bran"),
	                    "branches\nbranch-misses\nbranch-instructions\n");
	assert_string_equal(complete(replay, "filter cyc"), "");
	assert_string_equal(complete(started("model amd-k7"), "wrmsr PerfEvtSel0 slots"), "");
}

static void no_registers_without_a_model(void **unused)
{
	struct replay replay;

	replay_init(&replay);
	assert_string_equal(complete(&replay, "wrmsr "), "");
	assert_string_equal(complete(&replay, "wrmsr 0x186 cyc"), "");
}

static void keys_choices_and_flags(void **unused)
{
	struct replay *replay = started("model intel-v2");

	assert_string_equal(complete(replay, "run instructions=3 ref"), "ref-cycles=\n");
	assert_string_equal(complete(replay, "exclude-host o"), "off\non\n");
	assert_string_equal(complete(replay, "put a level=f"), "level=full\n");
	assert_string_equal(complete(replay, "emulate b"), "branch\n");
}

static void saved_states(void **unused)
{
	struct replay *replay = started("model intel-v2");

	type(replay, "save before");
	assert_string_equal(complete(replay, "put be"), "before\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands),
		cmocka_unit_test(models_and_profiles),
		cmocka_unit_test(registers_of_the_model),
		cmocka_unit_test(events_that_the_model_counts),
		cmocka_unit_test(no_registers_without_a_model),
		cmocka_unit_test(keys_choices_and_flags),
		cmocka_unit_test(saved_states),
	};

	return cmocka_run_group_tests_name("tool-complete", tests, NULL, NULL);
}
