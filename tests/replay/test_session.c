/* SPDX-License-Identifier: MIT */
/* The replay engine: the order of a script, answers' texts, and what a bad line leaves behind. */
#include "unit.h"

static struct replay replay;
static struct replay_answer answer;

static int start(void **state)
{
	replay_init(&replay);
	return 0;
}

static void assert_answer(const char *line, const char *text)
{
	assert_int_equal(execute(&replay, line, &answer), REPLAY_ANSWERED);
	assert_string_equal(answer.text, text);
	assert_int_equal(answer.length, strlen(text));
}

static void assert_bad(const char *line, const char *text)
{
	assert_int_equal(execute(&replay, line, &answer), REPLAY_BAD);
	assert_non_null(strstr(answer.text, text));
}

static void the_first_command_must_be_model(void **state)
{
	assert_bad("enter", "enter: the first command must be model");
	assert_bad("profile hardware", "profile: comes once, right after model");
	assert_answer("model intel-v2", "ok");
	assert_answer("enter", "pmi=0 masked=0");
}

static void model_and_profile_come_once(void **state)
{
	assert_answer("model intel-v2", "ok");
	assert_bad("model intel-v2", "model: comes first, and once");
	assert_answer("profile hardware", "ok");
	assert_bad("profile hardware", "profile: comes once");
	assert_answer("enter", "pmi=0 masked=0");
	assert_bad("model intel-v2", "model: comes first, and once");
}

static void profile_comes_before_all_but_model(void **state)
{
	assert_answer("model intel-v2", "ok");
	assert_answer("enter", "pmi=0 masked=0");
	assert_bad("profile hardware", "profile: comes once");
}

static void a_host_comes_once_under_a_kernel(void **state)
{
	replay_init(&replay);
	assert_bad("host tsx=on", "host: comes once, right after profile");
	assert_answer("model intel-v2", "ok");
	assert_bad("host tsx=on", "host: comes once, right after profile");
	assert_answer("profile linux-6.12", "ok");
	assert_bad("host tsx=on gp=9", "host: gp=N: not '9', but 1 to 8");
	assert_answer("host gp=2 enable-pmu=on", "ok");
	assert_bad("host tsx=on", "host: comes once");
	assert_answer("wrmsr 0x188 0", "gp");
	assert_answer("wrmsr 0x187 0x100000000",
	              "gp"); /* of the line that was bad nothing is left */
	replay_init(&replay);
	assert_answer("model intel-v2", "ok");
	assert_answer("profile hardware", "ok");
	assert_bad("host gp=2", "host: there is none under profile hardware");
	replay_init(&replay);
	assert_answer("model intel-v2", "ok");
	assert_answer("profile linux-6.12", "ok");
	assert_answer("wrmsr 0x188 0", "ok");
	assert_bad("host gp=2", "host: comes once, right after profile");
}

static void unknown_models_and_profiles_are_bad(void **state)
{
	assert_bad("model intel-v9", "intel-v9");
	assert_bad("model intel-v2,gp=99", "gp");
	assert_answer("model intel-v2,gp=8", "ok");
	assert_bad("profile hardwre", "(did you mean 'hardware'?)");
}

static void guest_refusals_are_gp_and_host_refusals_fail(void **state)
{
	assert_answer("model intel-v2", "ok");
	assert_answer("wrmsr 0x186 0x200000", "gp");
	assert_answer("host-wrmsr 0x186 0x200000", "fail");
	assert_answer("rdmsr 0x10", "gp");
	assert_answer("wrmsr 0x10 1", "gp");
	assert_answer("host-rdmsr 0x10", "fail");
	assert_answer("host-wrmsr 0x10 1", "fail");
	assert_answer("rdpmc 99", "gp");
}

static void values_are_lower_case_hex_without_zeros(void **state)
{
	assert_answer("model intel-v2", "ok");
	assert_answer("rdmsr 0xc1", "0x0");
	assert_answer("host-wrmsr 0xc1 0x0ABCDEF00123", "ok");
	assert_answer("rdmsr 0xc1", "0xabcdef00123");
	assert_answer("rdpmc 0", "0xabcdef00123");
	assert_answer("host-rdmsr 0xc1", "0xabcdef00123");
}

static void run_counts_cycles_as_instructions_unless_given(void **state)
{
	assert_answer("model intel-v2", "ok");
	assert_answer("wrmsr 0x38d 0x333", "ok");
	assert_answer("wrmsr 0x38f 0x700000000", "ok");
	assert_answer("run instructions=10", "pmi=0 masked=0");
	assert_answer("rdmsr 0x30a", "0xa");
	assert_answer("rdmsr 0x30b", "0xa");
	assert_answer("run instructions=10 cycles=3", "pmi=0 masked=0");
	assert_answer("rdmsr 0x309", "0x14");
	assert_answer("rdmsr 0x30a", "0xd");
	assert_answer("rdmsr 0x30b", "0xd");
}

static void run_takes_every_class(void **state)
{
	assert_answer("model skylake", "ok");
	assert_answer("wrmsr 0x186 0x4301c4", "ok");
	assert_answer("wrmsr 0x187 0x4381d0", "ok");
	assert_answer("wrmsr 0x38f 3", "ok");
	assert_answer("run instructions=10 loads=4 conditional-branches=2", "pmi=0 masked=0");
	assert_answer("rdmsr 0xc1", "0x2");
	assert_answer("rdmsr 0xc2", "0x4");
}

static void run_at_cpl_3_is_not_the_kernel(void **state)
{
	assert_answer("model intel-v2", "ok");
	assert_answer("wrmsr 0x186 0x4200c0", "ok");
	assert_answer("wrmsr 0x38f 1", "ok");
	assert_answer("run instructions=10 cpl=3", "pmi=0 masked=0");
	assert_answer("rdmsr 0xc1", "0x0");
	assert_answer("run instructions=10", "pmi=0 masked=0");
	assert_answer("rdmsr 0xc1", "0xa");
}

static void a_masked_pmi_is_counted_as_masked(void **state)
{
	assert_answer("model intel-v2", "ok");
	assert_answer("wrmsr 0x186 0x5300c0", "ok");
	assert_answer("wrmsr 0x38f 1", "ok");
	assert_answer("host-wrmsr 0xc1 0xffffffffffff", "ok");
	assert_answer("lvtpc 0x10400", "ok");
	assert_answer("run instructions=1", "pmi=0 masked=1");
	assert_answer("lvtpc 0x400", "ok");
	assert_answer("wrmsr 0x390 1", "ok");
	assert_answer("host-wrmsr 0xc1 0xffffffffffff", "ok");
	assert_answer("run instructions=1", "pmi=1 masked=0");
}

static void state_lists_stored_registers_once(void **state)
{
	assert_answer("model intel-v1", "ok");
	assert_answer("host-wrmsr 0xc2 0x12", "ok");
	assert_int_equal(execute(&replay, "state", &answer), REPLAY_ANSWERED);
	assert_non_null(strstr(answer.text, "IA32_PMC1=0x12"));
	assert_null(strstr(answer.text, "  "));
	replay_init(&replay);
	assert_answer("model intel-v2", "ok");
	assert_int_equal(execute(&replay, "state", &answer), REPLAY_ANSWERED);
	assert_null(strstr(answer.text, "IA32_A_PMC"));
	assert_null(strstr(answer.text, "OVF_CTRL"));
}

static void every_models_state_fits_an_answer(void **state)
{
	const char *name;
	char line[64];

	for (size_t i = 0; (name = vpmu_preset_name(i)); i++) {
		replay_init(&replay);
		snprintf(line, sizeof(line), "model %s", name);
		assert_answer(line, "ok");
		assert_int_equal(execute(&replay, "state", &answer), REPLAY_ANSWERED);
		assert_true(answer.length > 0 && answer.length < REPLAY_ANSWER_BYTES - 512);
	}
}

static void expect_holds_or_shows_both(void **state)
{
	assert_answer("model intel-v2", "ok");
	assert_answer("expect rdmsr 0xc1 = 0x0", "ok");
	assert_int_equal(execute(&replay, "expect rdmsr 0xc1 = 0x1", &answer), REPLAY_DIFFERS);
	assert_string_equal(answer.text, "expected 0x1 got 0x0");
	assert_answer("expect enter = pmi=0   masked=0", "ok");
	assert_answer("expect wrmsr 0x186 0x200000 = gp", "ok");
}

/* As a person writes them; words that are no numbers are equal to the letter. */
static void expected_numbers_are_of_any_base(void **state)
{
	static const char *const same[] = {"expect rdmsr 0xc1 = 10", "expect rdmsr 0xc1 = 0x0a",
	                                   "expect rdmsr 0xc1 = 0xA",
	                                   "expect enter = pmi=0x0 masked=00"};
	static const char *const others[] = {"expect rdmsr 0xc1 = 0x10",
	                                     "expect rdmsr 0xc1 = a",
	                                     "expect rdmsr 0xc1 = 10 0",
	                                     "expect rdmsr 0xc1 = x=10",
	                                     "expect enter = pmi=0",
	                                     "expect enter = masked=0 pmi=0",
	                                     "expect enter = pmi=0 masked=0 =0",
	                                     "expect wrmsr 0xc1 10 = 0"};

	assert_answer("model intel-v2", "ok");
	assert_answer("wrmsr 0xc1 10", "ok");
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		assert_answer(same[i], "ok");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(execute(&replay, others[i], &answer), REPLAY_DIFFERS);
}

static void expect_does_not_hide_bad_input(void **state)
{
	assert_bad("expect model nothing = ok", "nothing");
	assert_answer("expect model intel-v2 = ok", "ok");
	assert_bad("expect frob = ok", "unknown replay command 'frob'");
}

static void hardware_has_no_kernel_around_it(void **state)
{
	static const char *const lines[] = {"cap-pmu-disable", "filter none", "filter deny 0xc0",
	                                    "fail-create 1", "cpuid gp=2"};

	assert_answer("model intel-v2", "ok");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_answer(lines[i], "fail");
}

static void the_host_counts_only_without_exclude_host(void **state)
{
	assert_answer("model intel-v2", "ok");
	assert_answer("profile linux-6.12", "ok");
	assert_answer("wrmsr 0x186 0x5300c0", "ok");
	assert_answer("wrmsr 0x38f 1", "ok");
	assert_answer("host-wrmsr 0xc1 0xfffffffffff0", "ok");
	assert_answer("enter", "pmi=0 masked=0");
	assert_answer("host-run instructions=5", "ok");
	assert_answer("rdmsr 0xc1", "0xfffffffffff0");
	assert_answer("exclude-host off", "ok");
	assert_answer("host-run instructions=5", "ok");
	assert_answer("rdmsr 0xc1", "0xfffffffffff5");
	assert_answer("exclude-host on", "ok");
	assert_answer("host-run instructions=5", "ok");
	assert_answer("rdmsr 0xc1", "0xfffffffffff5");
}

static void an_overflow_in_the_host_waits_for_the_entry(void **state)
{
	assert_answer("model intel-v2", "ok");
	assert_answer("profile linux-6.12", "ok");
	assert_answer("exclude-host off", "ok");
	assert_answer("wrmsr 0x186 0x5300c0", "ok");
	assert_answer("wrmsr 0x38f 1", "ok");
	assert_answer("host-wrmsr 0xc1 0xfffffffffffc", "ok");
	assert_answer("enter", "pmi=0 masked=0");
	assert_answer("host-run instructions=5 branches=1", "ok");
	assert_answer("host-rdmsr 0xc1", "0x1");
	assert_answer("enter", "pmi=1 masked=0");
	assert_bad("host-run instructions=0x1000001", "out of range (0 to 0x1000000)");
	assert_bad("host-run instructions=5 cpl=0", "host-run: unexpected argument 'cpl=0'");
}

static void a_refused_filter_leaves_the_one_before(void **state)
{
	char line[16 + 2 * (REPLAY_EVENTS + 1)] = "filter deny";

	for (unsigned i = 0; i <= REPLAY_EVENTS; i++)
		strcat(line, " 1");
	assert_answer("model intel-v2", "ok");
	assert_answer("profile linux-6.12", "ok");
	assert_answer("filter deny 0xc0", "ok");
	assert_answer(line, "fail");
	assert_answer("wrmsr 0x186 0x4300c0", "ok");
	assert_answer("run instructions=10", "pmi=0 masked=0");
	assert_answer("rdmsr 0xc1", "0x0");
	assert_answer("filter none", "ok");
	assert_answer("run instructions=10", "pmi=0 masked=0");
	assert_answer("rdmsr 0xc1", "0xa");
	assert_bad("filter none 1", "filter: none takes no more arguments");
}

static void cpuid_changes_the_models_own_line(void **state)
{
	assert_answer("model intel-v2,fixed=2", "ok");
	assert_answer("profile linux-6.12", "ok");
	assert_answer("cpuid gp=2", "ok");
	assert_answer("rdmsr 0xc3", "gp");
	assert_answer("rdmsr 0x30b", "gp");
	assert_answer("cpuid fixed=3", "ok");
	assert_answer("rdmsr 0xc3", "0x0");
	assert_answer("rdmsr 0x30b", "0x0");
	assert_bad("cpuid frob=1", "cpuid: unknown option 'frob'");
	assert_answer("cpuid pmu=off", "ok");
	assert_answer("rdmsr 0x30b", "gp");
	assert_answer("cpuid fixed=3", "ok");
	assert_answer("enter", "pmi=0 masked=0");
	assert_answer("cpuid fixed=3", "ok");
	assert_answer("cpuid gp=2", "fail");
}

static void runs_are_short_once_counters_are_gone(void **state)
{
	assert_answer("model intel-v2", "ok");
	assert_answer("profile linux-6.1", "ok");
	assert_answer("wrmsr 0x18a 0x4300c0", "gp");
	assert_answer("wrmsr 0x38f 8", "ok");
	assert_answer("wrmsr 0x189 0x5300c0", "ok");
	assert_answer("wrmsr 0xc4 0xfffffffe", "ok");
	assert_answer("cpuid gp=2", "ok");
	assert_bad("run instructions=0x1000001", "run: at most 0x1000000");
	assert_answer("run instructions=0x10000", "pmi=1 masked=32767");
}

static void the_pmu_is_disabled_before_the_vcpu_exists(void **state)
{
	assert_answer("model intel-v2", "ok");
	assert_answer("profile linux-6.12", "ok");
	assert_answer("cap-pmu-disable", "ok");
	assert_answer("cap-pmu-disable", "ok");
	assert_answer("rdpmc 0", "gp");
	assert_answer("cap-pmu-disable", "fail");
}

static void a_state_is_put_only_once_there_is_one(void **state)
{
	assert_answer("model intel-v2", "ok");
	assert_bad("put a", "nothing was saved or cleared as 'a'");
	assert_answer("save a", "ok");
	assert_answer("put a level=runtime", "ok writes=0");
	assert_bad("put b", "nothing was saved");
	replay_init(&replay);
	assert_answer("model intel-v2", "ok");
	assert_bad("put a", "nothing was saved");
}

static void a_state_outlives_its_model(void **state)
{
	assert_answer("model intel-v2", "ok");
	assert_answer("profile linux-6.1", "ok");
	assert_answer("host-wrmsr 0xc4 7", "ok");
	assert_answer("save a", "ok");
	assert_answer("host-wrmsr 0x345 0", "ok");
	assert_answer("host-wrmsr 0xc4 8", "ok");
	assert_answer("put a", "ok writes=16");
	assert_answer("host-rdmsr 0xc4", "0x7");
	assert_answer("host-rdmsr 0x345", "0x2000");
}

static void states_are_counted(void **state)
{
	char line[100];

	assert_answer("model amd-k7", "ok");
	assert_answer("clear 012345678901234567890123456789012345678901234567890123456789012",
	              "ok");
	for (unsigned i = 1; i < REPLAY_STATES; i++) {
		snprintf(line, sizeof(line), "clear state%u", i);
		assert_answer(line, "ok");
	}
	assert_answer("save state5", "ok");
	assert_bad("save more", "one state too many");
	assert_bad("save 0123456789012345678901234567890123456789012345678901234567890123",
	           "a name longer than 63 bytes");
}

static void a_bad_line_leaves_the_machine_alone(void **state)
{
	char before[REPLAY_ANSWER_BYTES];

	assert_answer("model intel-v2", "ok");
	assert_answer("host-wrmsr 0xc1 7", "ok");
	execute(&replay, "state", &answer);
	memcpy(before, answer.text, answer.length + 1);
	assert_bad("host-wrmsr 0xc1 8 9", "unexpected argument");
	execute(&replay, "state", &answer);
	assert_string_equal(answer.text, before);
}

static void a_new_replay_remembers_nothing(void **state)
{
	assert_answer("model intel-v2", "ok");
	assert_answer("host-wrmsr 0xc1 7", "ok");
	assert_answer("lvtpc 0x10400", "ok");
	replay_init(&replay);
	assert_answer("model intel-v2", "ok");
	assert_answer("rdmsr 0xc1", "0x0");
}

static void a_long_expectation_is_cut_not_overrun(void **state)
{
	char line[REPLAY_LINE_BYTES + 1] = "expect enter = ";

	assert_answer("model intel-v2", "ok");
	memset(line + strlen(line), 'x', sizeof(line) - 1 - strlen(line));
	line[sizeof(line) - 1] = '\0';
	assert_int_equal(execute(&replay, line, &answer), REPLAY_DIFFERS);
	assert_int_equal(answer.length, REPLAY_ANSWER_BYTES - 1);
}

#define TEST(name) cmocka_unit_test_setup(name, start)

/* Of every preset every register is found by its name, and no other. */
static void registers_have_their_names(void **unused)
{
	const char *name;
	char line[256];

	for (size_t i = 0; (name = vpmu_preset_name(i)); i++) {
		replay_init(&replay);
		snprintf(line, sizeof(line), "model %s", name);
		assert_int_equal(execute(&replay, line, &answer), REPLAY_ANSWERED);
		for (size_t r = 0; r < replay.register_count; r++) {
			snprintf(line, sizeof(line), "host-rdmsr %s", replay.registers[r].name);
			assert_int_equal(execute(&replay, line, &answer), REPLAY_ANSWERED);
			assert_int_equal(replay.command.action.argument[MSR_INDEX].number,
			                 replay.registers[r].msr);
		}
	}
}

static void events_have_their_names(void **unused)
{
	static const struct {
		const char *model, *line, *read, *value;
	} rows[] = {
		{"model skylake", "wrmsr 0x186 instructions", "rdmsr 0x186", "0x5300c0"},
		{"model skylake", "wrmsr IA32_PERFEVTSEL1 cycles:u", "rdmsr 0x187", "0x51003c"},
		{"model skylake", "host-wrmsr 0x188 cache-misses:k", "rdmsr 0x188", "0x52412e"},
		{"model skylake", "wrmsr 0x186 llc-misses:uk", "rdmsr 0x186", "0x53412e"},
		{"model skylake", "wrmsr 0x186 r10000c0:u", "rdmsr 0x186", "0x15100c0"},
		{"model skylake", "wrmsr 0x186 r3500c0:k", "rdmsr 0x186", "0x5600c0"},
		{"model zen4", "wrmsr PerfEvtSel0 cycles", "rdmsr PerfEvtSel0", "0x530076"},
		{"model intel-p6", "wrmsr 0x186 cpu-cycles", "rdmsr 0x186", "0x530079"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		replay_init(&replay);
		execute(&replay, rows[i].model, &answer);
		assert_int_equal(execute(&replay, rows[i].line, &answer), REPLAY_ANSWERED);
		assert_string_equal(answer.text, "ok");
		execute(&replay, rows[i].read, &answer);
		assert_string_equal(answer.text, rows[i].value);
	}
}

static void a_filter_takes_events_by_name(void **unused)
{
	replay_init(&replay);
	execute(&replay, "model skylake", &answer);
	execute(&replay, "profile linux-6.12", &answer);
	assert_int_equal(
		execute(&replay, "filter deny branches 0x3c r5300c0 cache-misses", &answer),
		REPLAY_ANSWERED);
	assert_string_equal(answer.text, "ok");
	assert_int_equal(replay.command.action.argument[FILTER_EVENTS].number, 4);
	assert_int_equal(replay.command.events[0], 0xc4);
	assert_int_equal(replay.command.events[1], 0x3c);
	assert_int_equal(replay.command.events[2], 0xc0);
	assert_int_equal(replay.command.events[3], 0x412e);
}

static void what_is_no_event_is_bad(void **unused)
{
	static const struct {
		const char *line, *text;
	} rows[] = {
		{"wrmsr 0xc1 cycles",
	         "wrmsr: VALUE is not a number, and only a selector takes an event: 'cycles'"},
		{"wrmsr 0x186 cyclse:u",
	         "wrmsr: neither a number nor an event: 'cyclse:u' (did you mean 'cycles'?)"},
		{"wrmsr 0x186 0x5x", "wrmsr: neither a number nor an event: '0x5x'"},
		{"wrmsr 0x186 cycles:z",
	         "wrmsr: an event's modifiers are :u, :k and :uk: 'cycles:z'"},
		{"wrmsr 0x186 topdown-speculation",
	         "wrmsr: this model does not count it: 'topdown-speculation'"},
		{"filter deny cycles:u", "filter: a filter's event has no modifiers: 'cycles:u'"},
		{"filter deny masked cycles",
	         "filter: an event is a number where it is masked: 'cycles'"},
		{"filter deny cycles masked",
	         "filter: an event is a number where it is masked: 'cycles'"},
	};
	replay_init(&replay);
	assert_int_equal(execute(&replay, "filter deny cycles", &answer), REPLAY_BAD);
	assert_string_equal(answer.text, "filter: EVENT is not a number: 'cycles'");
	execute(&replay, "model skylake", &answer);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(execute(&replay, rows[i].line, &answer), REPLAY_BAD);
		assert_string_equal(answer.text, rows[i].text);
	}
}

static void a_register_of_another_model_is_refused(void **unused)
{
	replay_init(&replay);
	assert_int_equal(execute(&replay, "model zen4", &answer), REPLAY_ANSWERED);
	assert_int_equal(execute(&replay, "rdmsr IA32_PMC0", &answer), REPLAY_BAD);
	assert_string_equal(answer.text,
	                    "rdmsr: INDEX is not a number, nor a register of this model: "
	                    "'IA32_PMC0'");
	assert_int_equal(execute(&replay, "rdmsr PerfCtr9", &answer), REPLAY_BAD);
	assert_non_null(strstr(answer.text, "(did you mean 'PerfCtr0'?)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_have_their_names),
		cmocka_unit_test(a_filter_takes_events_by_name),
		cmocka_unit_test(what_is_no_event_is_bad),
		cmocka_unit_test(registers_have_their_names),
		cmocka_unit_test(a_register_of_another_model_is_refused),
		TEST(the_first_command_must_be_model),
		TEST(model_and_profile_come_once),
		TEST(profile_comes_before_all_but_model),
		TEST(a_host_comes_once_under_a_kernel),
		TEST(unknown_models_and_profiles_are_bad),
		TEST(guest_refusals_are_gp_and_host_refusals_fail),
		TEST(values_are_lower_case_hex_without_zeros),
		TEST(run_counts_cycles_as_instructions_unless_given),
		TEST(run_takes_every_class),
		TEST(run_at_cpl_3_is_not_the_kernel),
		TEST(a_masked_pmi_is_counted_as_masked),
		TEST(state_lists_stored_registers_once),
		TEST(every_models_state_fits_an_answer),
		TEST(expect_holds_or_shows_both),
		TEST(expected_numbers_are_of_any_base),
		TEST(expect_does_not_hide_bad_input),
		TEST(hardware_has_no_kernel_around_it),
		TEST(the_host_counts_only_without_exclude_host),
		TEST(an_overflow_in_the_host_waits_for_the_entry),
		TEST(a_refused_filter_leaves_the_one_before),
		TEST(cpuid_changes_the_models_own_line),
		TEST(runs_are_short_once_counters_are_gone),
		TEST(the_pmu_is_disabled_before_the_vcpu_exists),
		TEST(a_state_is_put_only_once_there_is_one),
		TEST(states_are_counted),
		TEST(a_state_outlives_its_model),
		TEST(a_bad_line_leaves_the_machine_alone),
		TEST(a_new_replay_remembers_nothing),
		TEST(a_long_expectation_is_cut_not_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
