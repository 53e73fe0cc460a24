/* SPDX-License-Identifier: MIT */
/* The replay language's parser: what a line means, and what is said of a bad one. */
#include "unit.h"

static struct replay_command command;
static char problem[REPLAY_PROBLEM_BYTES];

static void assert_command(const char *line, enum replay_verb verb)
{
	assert_int_equal(parse(line, &command, problem), REPLAY_COMMAND);
	assert_int_equal(command.action.verb, verb);
}

static void assert_problem(const char *line, const char *said)
{
	assert_int_equal(parse(line, &command, problem), REPLAY_PROBLEM);
	assert_string_equal(problem, said);
}

static void blank_and_comment_lines_are_no_commands(void **state)
{
	static const char *const lines[] = {"",    " ",        "\t \t", "#",
	                                    "# x", "  # \x01", "\r",    " \t\r"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(parse(lines[i], &command, problem), REPLAY_BLANK);
}

static void words_are_separated_by_any_blanks(void **state)
{
	assert_command("  wrmsr\t0x186 \t 5\t", REPLAY_WRMSR);
	assert_int_equal(command.action.argument[MSR_INDEX].number, 0x186);
	assert_int_equal(command.action.argument[MSR_VALUE].number, 5);
}

static void a_comment_ends_a_command(void **state)
{
	assert_command("rdmsr 0xc1#5", REPLAY_RDMSR);
	assert_int_equal(command.action.argument[MSR_INDEX].number, 0xc1);
}

static void a_carriage_return_ends_a_line(void **state)
{
	assert_command("rdmsr 193\r", REPLAY_RDMSR);
	assert_int_equal(command.action.argument[MSR_INDEX].number, 193);
	assert_problem("rdmsr\r 193", "control byte 0x0d in column 6");
}

static void numbers_take_all_64_bits_and_no_more(void **state)
{
	assert_command("wrmsr 0xffffffff 18446744073709551615", REPLAY_WRMSR);
	assert_int_equal(command.action.argument[MSR_VALUE].number, UINT64_MAX);
	assert_command("wrmsr 1 0XfFfFffffffffffff", REPLAY_WRMSR);
	assert_int_equal(command.action.argument[MSR_VALUE].number, UINT64_MAX);
	assert_problem("wrmsr 1 18446744073709551616",
	               "wrmsr: VALUE is not a number: '18446744073709551616'");
	assert_problem("wrmsr 0x100000000 1",
	               "wrmsr: INDEX is out of range (0 to 0xffffffff): '0x100000000'");
}

static void what_is_no_number_is_refused(void **state)
{
	static const char *const words[] = {"-1", "+1", "1.", "1k", "0x", "x", "0xg", "1_0", "''"};
	char line[64];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		snprintf(line, sizeof(line), "rdmsr %s", words[i]);
		assert_int_equal(parse(line, &command, problem), REPLAY_PROBLEM);
		assert_non_null(strstr(problem, "INDEX is not a number"));
	}
}

static void leading_zeros_are_decimal(void **state)
{
	assert_command("rdmsr 010", REPLAY_RDMSR);
	assert_int_equal(command.action.argument[MSR_INDEX].number, 10);
}

static void missing_and_extra_arguments_are_named(void **state)
{
	assert_problem("wrmsr", "wrmsr: missing INDEX");
	assert_problem("wrmsr 1", "wrmsr: missing VALUE");
	assert_problem("wrmsr 1 2 3", "wrmsr: unexpected argument '3'");
	assert_problem("enter now", "enter: unexpected argument 'now'");
	assert_problem("run cycles=3", "run: missing instructions=N");
	assert_problem("run 5", "run: unexpected argument '5'");
	assert_problem("rdpmc 0 cpl=3 cpl=3", "rdpmc: cpl is given twice");
	assert_problem("rdpmc 0 cpl=4", "rdpmc: cpl is out of range (0 to 0x3): '4'");
	assert_problem("rdpmc 0 cpl=", "rdpmc: cpl is not a number: ''");
}

static void unknown_commands_get_a_suggestion(void **state)
{
	assert_problem("wmrsr 1 2", "unknown replay command 'wmrsr' (did you mean 'wrmsr'?)");
	assert_problem("xyzzyxyzzy", "unknown replay command 'xyzzyxyzzy'");
	assert_problem("WRMSR 1 2", "unknown replay command 'WRMSR' (did you mean 'wrmsr'?)");
}

static void rdpmc_defaults_to_the_kernel_with_pce(void **state)
{
	assert_command("rdpmc 0x40000000", REPLAY_RDPMC);
	assert_int_equal(command.action.argument[RDPMC_CPL].number, 0);
	assert_int_equal(command.action.argument[RDPMC_PCE].number, 1);
	assert_command("rdpmc 1 pce=0 cpl=3", REPLAY_RDPMC);
	assert_int_equal(command.action.argument[RDPMC_CPL].number, 3);
	assert_int_equal(command.action.argument[RDPMC_PCE].number, 0);
}

static void run_keeps_each_class_in_its_place(void **state)
{
	char line[1024] = "run cpl=3";

	for (unsigned i = VPMU_CLASSES; i-- > 0;)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), " %s=%u",
		         vpmu_class_name((enum vpmu_class)i), i + 1);
	assert_command(line, REPLAY_RUN);
	for (unsigned i = 0; i < VPMU_CLASSES; i++)
		assert_int_equal(command.action.argument[i].number, i + 1);
	assert_int_equal(command.action.argument[RUN_CPL].number, 3);
}

static void run_knows_its_classes_by_their_public_names(void **state)
{
	char line[64];

	for (unsigned i = VPMU_CYCLES; i < VPMU_CLASSES; i++) {
		snprintf(line, sizeof(line), "run instructions=1 %s=9",
		         vpmu_class_name((enum vpmu_class)i));
		assert_command(line, REPLAY_RUN);
		assert_int_equal(command.action.argument[i].number, 9);
	}
}

static void emulate_takes_a_flag(void **state)
{
	assert_command("emulate", REPLAY_EMULATE);
	assert_int_equal(command.action.argument[EMULATE_BRANCH].number, 0);
	assert_command("emulate cpl=3 branch", REPLAY_EMULATE);
	assert_int_equal(command.action.argument[EMULATE_BRANCH].number, 1);
	assert_int_equal(command.action.argument[EMULATE_CPL].number, 3);
}

static void a_filter_is_a_list_of_events(void **state)
{
	assert_command("filter allow fixed=3 0xc0 0x412e", REPLAY_FILTER);
	assert_int_equal(command.action.argument[FILTER_ACTION].number, 0);
	assert_int_equal(command.action.argument[FILTER_FIXED].number, 3);
	assert_int_equal(command.action.argument[FILTER_EVENTS].number, 2);
	assert_int_equal(command.events[1], 0x412e);
	assert_command("filter none", REPLAY_FILTER);
	assert_int_equal(command.action.argument[FILTER_ACTION].number, 2);
	assert_problem("filter maybe 1", "filter: ACTION is one of allow deny none, not 'maybe'");
}

/* One more is KVM's to refuse (E2BIG). */
static void a_filter_keeps_300_events_and_counts_all(void **state)
{
	char line[16 + 4 * (REPLAY_EVENTS + 1)] = "filter deny";

	for (unsigned i = 0; i < REPLAY_EVENTS; i++)
		strcat(line, " 1");
	assert_command(line, REPLAY_FILTER);
	assert_int_equal(command.action.argument[FILTER_EVENTS].number, REPLAY_EVENTS);
	strcat(line, " 1");
	assert_command(line, REPLAY_FILTER);
	assert_int_equal(command.action.argument[FILTER_EVENTS].number, REPLAY_EVENTS + 1);
}

static void put_defaults_to_full_and_safe(void **state)
{
	assert_command("put a", REPLAY_PUT);
	assert_string_equal(command.action.argument[PUT_NAME].word, "a");
	assert_int_equal(command.action.argument[PUT_LEVEL].number, VPMU_LEVEL_FULL);
	assert_string_equal(vpmu_order_at(command.action.argument[PUT_ORDER].number)->name, "safe");
	assert_command("put a order=stop-first level=runtime", REPLAY_PUT);
	assert_int_equal(command.action.argument[PUT_LEVEL].number, VPMU_LEVEL_RUNTIME);
	assert_string_equal(vpmu_order_at(command.action.argument[PUT_ORDER].number)->name,
	                    "stop-first");
}

static void put_knows_every_order_and_level(void **state)
{
	const struct vpmu_order *order;
	char line[100];

	for (size_t i = 0; (order = vpmu_order_at(i)); i++) {
		snprintf(line, sizeof(line), "put a order=%s", order->name);
		assert_command(line, REPLAY_PUT);
		assert_ptr_equal(vpmu_order_at(command.action.argument[PUT_ORDER].number), order);
	}
	for (unsigned level = 0; level < VPMU_LEVEL_NEVER; level++) {
		snprintf(line, sizeof(line), "put a level=%s", vpmu_level_name(level));
		assert_command(line, REPLAY_PUT);
		assert_int_equal(command.action.argument[PUT_LEVEL].number, level);
	}
	assert_problem("put a level=ful", "put: level is one of runtime reset full, not 'ful'");
}

/* The largest value of each argument, and the first that is too large. */
static void each_argument_ends_where_it_says(void **state)
{
	static const struct {
		const char *front;
		uint64_t most; /* UINT64_MAX: 2^64 is no number */
	} rows[] = {
		{"wrmsr 1 ", UINT64_MAX},
		{"host-wrmsr 1 ", UINT64_MAX},
		{"rdmsr ", UINT32_MAX},
		{"host-rdmsr ", UINT32_MAX},
		{"rdpmc ", UINT32_MAX},
		{"rdpmc 0 cpl=", 3},
		{"rdpmc 0 pce=", 1},
		{"lvtpc ", UINT32_MAX},
		{"run instructions=", UINT64_C(1) << 50},
		{"run instructions=0 cycles=", UINT64_C(1) << 50},
		{"run instructions=0 ref-cycles=", UINT64_C(1) << 50},
		{"run instructions=0 branches=", UINT64_C(1) << 50},
		{"run instructions=0 branch-misses=", UINT64_C(1) << 50},
		{"run instructions=0 llc-references=", UINT64_C(1) << 50},
		{"run instructions=0 llc-misses=", UINT64_C(1) << 50},
		{"run instructions=0 cpl=", 3},
		{"emulate cpl=", 3},
		{"filter allow fixed=", UINT32_MAX},
		{"filter allow ", UINT64_MAX},
		{"fail-create ", UINT32_MAX},
	};
	char line[100];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(line, sizeof(line), "%s0x%llx", rows[i].front,
		         (unsigned long long)rows[i].most);
		if (parse(line, &command, problem) != REPLAY_COMMAND)
			fail_msg("%s: %s", line, problem);
		if (rows[i].most == UINT64_MAX)
			snprintf(line, sizeof(line), "%s0x10000000000000000", rows[i].front);
		else
			snprintf(line, sizeof(line), "%s0x%llx", rows[i].front,
			         (unsigned long long)rows[i].most + 1);
		if (parse(line, &command, problem) != REPLAY_PROBLEM)
			fail_msg("%s is taken", line);
	}
}

static void cpuid_takes_32_words(void **state)
{
	char line[16 + 4 * (REPLAY_WORDS + 1)] = "cpuid";

	for (unsigned i = 0; i < REPLAY_WORDS; i++)
		strcat(line, " a=1");
	assert_command(line, REPLAY_CPUID);
	assert_int_equal(command.action.argument[0].number, REPLAY_WORDS);
	strcat(line, " a=1");
	assert_problem(line, "cpuid: more than 32 times KEY=VALUE");
}

static void expect_splits_at_the_lone_equals_sign(void **state)
{
	assert_command("expect rdpmc 0 cpl=3 = 0x5", REPLAY_RDPMC);
	assert_string_equal(command.expected, "0x5");
	assert_int_equal(command.action.argument[RDPMC_CPL].number, 3);
	assert_command("expect  enter =  pmi=1 \t masked=0  # so it is", REPLAY_ENTER);
	assert_string_equal(command.expected, "pmi=1 masked=0");
	assert_command("enter", REPLAY_ENTER);
	assert_null(command.expected);
}

static void a_broken_expect_is_refused(void **state)
{
	assert_problem("expect", "expect: missing = ANSWER (expect COMMAND = ANSWER)");
	assert_problem("expect enter", "expect: missing = ANSWER (expect COMMAND = ANSWER)");
	assert_problem("expect enter =", "expect: missing ANSWER after =");
	assert_problem("expect enter = # x", "expect: missing ANSWER after =");
	assert_problem("expect = 5", "expect: missing COMMAND");
	assert_problem("expect expect enter = ok", "expect: missing COMMAND");
	assert_problem("expect enter=5", "expect: missing = ANSWER (expect COMMAND = ANSWER)");
}

static void control_bytes_are_refused_outside_comments(void **state)
{
	assert_int_equal(parse_bytes("rdmsr\0 1", 8, &command, problem), REPLAY_PROBLEM);
	assert_string_equal(problem, "control byte 0x00 in column 6");
	assert_int_equal(parse_bytes("# \0", 3, &command, problem), REPLAY_BLANK);
}

static void problems_stay_within_their_buffer(void **state)
{
	char line[4096], *guarded = malloc(REPLAY_PROBLEM_BYTES);

	memset(line, 'a', sizeof(line));
	assert_int_equal(parse_bytes(line, sizeof(line), &command, guarded), REPLAY_PROBLEM);
	memcpy(line, "rdmsr ", 6);
	assert_int_equal(parse_bytes(line, sizeof(line), &command, guarded), REPLAY_PROBLEM);
	free(guarded);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blank_and_comment_lines_are_no_commands),
		cmocka_unit_test(words_are_separated_by_any_blanks),
		cmocka_unit_test(a_comment_ends_a_command),
		cmocka_unit_test(a_carriage_return_ends_a_line),
		cmocka_unit_test(numbers_take_all_64_bits_and_no_more),
		cmocka_unit_test(what_is_no_number_is_refused),
		cmocka_unit_test(leading_zeros_are_decimal),
		cmocka_unit_test(missing_and_extra_arguments_are_named),
		cmocka_unit_test(unknown_commands_get_a_suggestion),
		cmocka_unit_test(rdpmc_defaults_to_the_kernel_with_pce),
		cmocka_unit_test(run_keeps_each_class_in_its_place),
		cmocka_unit_test(run_knows_its_classes_by_their_public_names),
		cmocka_unit_test(emulate_takes_a_flag),
		cmocka_unit_test(a_filter_is_a_list_of_events),
		cmocka_unit_test(a_filter_keeps_300_events_and_counts_all),
		cmocka_unit_test(put_defaults_to_full_and_safe),
		cmocka_unit_test(put_knows_every_order_and_level),
		cmocka_unit_test(each_argument_ends_where_it_says),
		cmocka_unit_test(cpuid_takes_32_words),
		cmocka_unit_test(expect_splits_at_the_lone_equals_sign),
		cmocka_unit_test(a_broken_expect_is_refused),
		cmocka_unit_test(control_bytes_are_refused_outside_comments),
		cmocka_unit_test(problems_stay_within_their_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
