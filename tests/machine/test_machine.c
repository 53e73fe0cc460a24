/* SPDX-License-Identifier: MIT */
/* The machine's life, its loop and its ends, with a function of the test as the CPU. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "board_fixture.h"
#include "guest_image.h"

static struct machine *machine;
static struct machine_result result;
static struct machine_event events[64];
static unsigned event_count;

static void note(void *context, const struct machine_event *event)
{
	if (event_count < ARRAY_SIZE(events))
		events[event_count++] = *event;
}

static int setup(void **state)
{
	const struct machine_config config = {.event = note, .max_instructions = 100000};

	event_count = 0;
	machine = fixture_make("intel-v2", &config);
	return 0;
}

static int teardown(void **state)
{
	machine_destroy(machine);
	return 0;
}

static void run(enum cpu_stop (*program)(struct cpu *cpu))
{
	fake_program = program;
	machine_run(machine, &result);
}

/* --- Making and loading ----------------------------------------------------------------------- */

static struct machine_config some_config(void)
{
	struct machine_config config = {.cpu = &fake_cpu_ops, .memory_bytes = 16 * MIB};

	assert_int_equal(vpmu_model_parse(&config.model, "intel-v2", NULL, 0), VPMU_OK);
	return config;
}

static void odd_memory_sizes_are_refused(void **state)
{
	static const uint64_t sizes[] = {0, MIB, 2 * MIB + 1, 4097 * MIB, UINT64_MAX};
	struct machine_config config = some_config();
	char why[160];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		config.memory_bytes = sizes[i];
		assert_null(machine_create(&config, why, sizeof(why)));
		assert_non_null(strstr(why, "give 2 MiB to 4 GiB"));
	}
}

static void four_gib_end_at_the_device_window(void **state)
{
	struct machine_config config = some_config();
	char why[160];
	struct machine *big;

	config.memory_bytes = 4096 * MIB;
	big = machine_create(&config, why, sizeof(why));
	assert_non_null(big);
	assert_int_equal(fake_cpu->config.memory_bytes, 0xfec00000);
	assert_int_equal(fake_cpu->config.device_base, 0xfec00000);
	machine_destroy(big);
}

static void cpus_refusal_is_passed_on(void **state)
{
	struct machine_config config = some_config();
	char why[160];

	fake_refusal = "no such CPU today";
	assert_null(machine_create(&config, why, sizeof(why)));
	assert_string_equal(why, "no such CPU today");
	fake_refusal = NULL;
}

static void impossible_model_is_refused(void **state)
{
	struct machine_config config = some_config();
	char why[160] = "";

	config.model.gp_count = 200;
	assert_null(machine_create(&config, why, sizeof(why)));
	assert_true(strlen(why) > 0);
}

static void guest_is_loaded_once(void **state)
{
	char why[160];

	assert_int_equal(machine_load(machine, NULL, 0, why, sizeof(why)), VPMU_BAD_ARGUMENT);
	assert_string_equal(why, "a guest has been loaded before");
	assert_int_equal(machine_load(machine, NULL, 0, NULL, 0), VPMU_BAD_ARGUMENT);
}

static void damaged_guest_can_be_followed_by_a_good_one(void **state)
{
	struct machine_config config = some_config();
	struct made_elf elf = made_elf_default(64);
	static struct made_image image;
	char why[160];

	machine = machine_create(&config, why, sizeof(why));
	made_elf(&image, &elf);
	assert_int_equal(machine_load(machine, image.data, 80, why, sizeof(why)), VPMU_BAD_DATA);
	machine_run(machine, &result);
	assert_int_equal(result.end, MACHINE_END_UNSUPPORTED);
	assert_string_equal(result.why, "no guest has been loaded");
	assert_int_equal(machine_load(machine, image.data, image.bytes, why, sizeof(why)), VPMU_OK);
	assert_int_equal(fake_cpu->entry.rip, 0x100000);
	machine_destroy(machine);
}

/* --- Ends ------------------------------------------------------------------------------------- */

static enum cpu_stop write_exit(struct cpu *cpu)
{
	fake_retire(cpu, 10);
	cpu->calls->port_write(cpu->board, 0xf4, 4, 42);
	return cpu->stop ? CPU_STOP_REQUESTED : CPU_STOP_UNSUPPORTED;
}

static void exit_port_ends_the_run(void **state)
{
	run(write_exit);
	assert_int_equal(result.end, MACHINE_END_EXIT);
	assert_int_equal(result.exit_value, 42);
	assert_int_equal(result.totals.of[VPMU_INSTRUCTIONS], 10);
	assert_string_equal(result.why, "");
}

static enum cpu_stop loop(struct cpu *cpu)
{
	fake_retire(cpu, 7000000);
	return CPU_STOP_DEADLINE;
}

static void instruction_limit_ends_the_run_exactly(void **state)
{
	run(loop);
	assert_int_equal(result.end, MACHINE_END_INSTRUCTIONS);
	assert_int_equal(result.totals.of[VPMU_INSTRUCTIONS], 100000);
	assert_non_null(strstr(result.why, "100000 instructions"));
}

static enum cpu_stop stopped_from_outside(struct cpu *cpu)
{
	fake_retire(cpu, 5);
	machine_stop_soon(machine);
	return CPU_STOP_REQUESTED;
}

static void stop_from_outside_ends_the_run_and_it_can_go_on(void **state)
{
	run(stopped_from_outside);
	assert_int_equal(result.end, MACHINE_END_STOPPED);
	run(write_exit);
	assert_int_equal(result.end, MACHINE_END_EXIT);
}

static void stop_before_the_run_counts(void **state)
{
	machine_stop_soon(machine);
	run(loop);
	assert_int_equal(result.end, MACHINE_END_STOPPED);
	assert_int_equal(fake_cpu->runs, 0);
}

static enum cpu_stop triple_fault(struct cpu *cpu)
{
	return CPU_STOP_TRIPLE_FAULT;
}

static void triple_fault_ends_the_run_with_its_reason(void **state)
{
	run(triple_fault);
	assert_int_equal(result.end, MACHINE_END_TRIPLE_FAULT);
	assert_string_equal(result.why, "a fault of the test");
}

static enum cpu_stop halt(struct cpu *cpu)
{
	return CPU_STOP_HALTED;
}

static void halt_with_no_timer_is_a_deadlock(void **state)
{
	run(halt);
	assert_int_equal(result.end, MACHINE_END_DEADLOCK);
	assert_non_null(strstr(result.why, "nothing that could wake it: at 0x100000"));
}

/* --- Halting and time ------------------------------------------------------------------------- */

static void start_timer(struct cpu *cpu, uint32_t entry, uint32_t count)
{
	cpu->calls->device_write(cpu->board, 0xfee000f0, 4, 0x1ff);
	cpu->calls->device_write(cpu->board, 0xfee00320, 4, entry);
	cpu->calls->device_write(cpu->board, 0xfee003e0, 4, 0xb);
	cpu->calls->device_write(cpu->board, 0xfee00380, 4, count);
}

/* 100 instructions, then a halt until the timer, then the end. */
static enum cpu_stop wait_for_timer_once(struct cpu *cpu)
{
	uint8_t vector;

	if (cpu->runs == 1) {
		cpu->retired = 100;
		start_timer(cpu, 0x40, 5000);
		return CPU_STOP_HALTED;
	}
	assert_true(cpu->calls->take_interrupt(cpu->board, true, false, &vector));
	assert_int_equal(vector, 0x40);
	assert_int_equal(fixture_msr(0x10), 5100);
	cpu->retired += 50;
	assert_int_equal(fixture_msr(0x10), 5150);
	return write_exit(cpu);
}

static void halt_skips_to_the_timer_and_retires_nothing(void **state)
{
	run(wait_for_timer_once);
	assert_int_equal(result.end, MACHINE_END_EXIT);
	assert_int_equal(result.totals.of[VPMU_INSTRUCTIONS], 160);
}

/* After an idle stretch, ticks and instructions differ; the CPU is told in instructions. */
static enum cpu_stop wait_and_start_again(struct cpu *cpu)
{
	uint8_t vector;

	if (cpu->runs == 1) {
		start_timer(cpu, 0x40, 5000);
		return CPU_STOP_HALTED;
	}
	assert_true(cpu->calls->take_interrupt(cpu->board, true, false, &vector));
	cpu->calls->device_write(cpu->board, 0xfee00380, 4, 300);
	assert_int_equal(cpu->calls->deadline(cpu->board), 300);
	return write_exit(cpu);
}

static void deadline_is_told_in_instructions(void **state)
{
	run(wait_and_start_again);
	assert_int_equal(result.end, MACHINE_END_EXIT);
}

static enum cpu_stop halt_with_interrupts_off(struct cpu *cpu)
{
	uint8_t vector;

	if (cpu->runs == 1)
		start_timer(cpu, 0x20040, 100); /* periodic */
	assert_false(cpu->calls->take_interrupt(cpu->board, false, false, &vector));
	return CPU_STOP_HALTED;
}

static void halt_that_the_timer_cannot_wake_is_a_deadlock(void **state)
{
	run(halt_with_interrupts_off);
	assert_int_equal(result.end, MACHINE_END_DEADLOCK);
	assert_in_range(fake_cpu->runs, 2, 3);
}

static enum cpu_stop tick(struct cpu *cpu)
{
	uint8_t vector;

	if (cpu->runs == 1)
		start_timer(cpu, 0x20040, 100);
	else if (cpu->calls->take_interrupt(cpu->board, true, false, &vector))
		cpu->calls->device_write(cpu->board, 0xfee000b0, 4, 0);
	cpu->retired += 10;
	return cpu->runs == 50 ? write_exit(cpu) : CPU_STOP_HALTED;
}

static void periodic_timer_wakes_again_and_again(void **state)
{
	run(tick);
	assert_int_equal(result.end, MACHINE_END_EXIT);
	assert_int_equal(fixture_msr(0x10), 49 * 100 + 10 + 10);
}

static void timer_stops_the_cpu_on_its_tick(void **state)
{
	start_timer(fake_cpu, 0x40, 500);
	assert_int_equal(fake_cpu->calls->deadline(machine), 500);
	fake_cpu->retired = 500;
	assert_int_equal(fake_cpu->calls->deadline(machine), 100000);
}

/* --- Hypercalls ------------------------------------------------------------------------------- */

static void hypercall_sends_ipis_to_us_and_nobody_else(void **state)
{
	static const struct {
		uint64_t number, arguments[4], result;
	} rows[] = {
		{10, {1, 0, 0, 0x41}, 1},
		{10, {2, 0, 0, 0x41}, 0},
		{10, {1, 0, UINT32_MAX, 0x41}, 0},
		{10, {1, 0, 0, 0x40041}, (uint64_t)-22},
		{1, {1, 0, 0, 0x41}, (uint64_t)-1000},
	};
	uint8_t vector;

	fake_cpu->calls->device_write(machine, 0xfee000f0, 4, 0x1ff);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_true(fake_cpu->calls->hypercall(machine, rows[i].number,
		                                       rows[i].arguments) == rows[i].result);
		assert_int_equal(fake_cpu->calls->take_interrupt(machine, true, false, &vector),
		                 rows[i].result == 1);
	}
}

/* --- The PMU ---------------------------------------------------------------------------------- */

/* Counter 0 counts instructions and interrupts by LVTPC after 100 of them. */
static void count_to_overflow(uint32_t lvtpc)
{
	struct vpmu_amounts amounts = {.of[VPMU_INSTRUCTIONS] = 100};
	struct vpmu_outcome outcome;

	fake_cpu->calls->device_write(machine, 0xfee000f0, 4, 0x1ff);
	fake_cpu->calls->device_write(machine, 0xfee00340, 4, lvtpc);
	assert_int_equal(fixture_wrmsr(0xc1, (uint32_t)-100), VPMU_OK);
	assert_int_equal(fixture_wrmsr(0x186, 0x5300c0), VPMU_OK);
	assert_int_equal(fixture_wrmsr(0x38f, 1), VPMU_OK);
	event_count = 0;
	fake_cpu->retired += 100;
	outcome = vpmu_pmu_account(machine_pmu(machine), &amounts, 0);
	assert_int_equal(outcome.pmi, 1);
	fake_cpu->calls->pmi(machine);
}

static void pmi_arrives_as_the_vector_of_lvtpc(void **state)
{
	uint8_t vector;

	count_to_overflow(0x44);
	assert_true(fake_cpu->calls->take_interrupt(machine, true, false, &vector));
	assert_int_equal(vector, 0x44);
	assert_int_equal(fake_cpu->calls->device_read(machine, 0xfee00340, 4), 0x10044);
}

static void pmi_arrives_as_nmi(void **state)
{
	uint8_t vector;

	count_to_overflow(0x400);
	assert_false(fake_cpu->calls->take_interrupt(machine, true, true, &vector));
	assert_true(fake_cpu->calls->take_interrupt(machine, false, false, &vector));
	assert_int_equal(vector, 2);
}

static void timeline_shows_overflow_pmi_and_interrupt(void **state)
{
	static const struct {
		enum machine_event_kind kind;
		uint64_t value;
	} rows[] = {{MACHINE_EVENT_OVERFLOW, 1},
	            {MACHINE_EVENT_PMI, 0x44},
	            {MACHINE_EVENT_INTERRUPT, 0x44}};
	uint8_t vector;

	count_to_overflow(0x44);
	fake_cpu->calls->take_interrupt(machine, true, false, &vector);
	assert_int_equal(event_count, ARRAY_SIZE(rows));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(events[i].kind, rows[i].kind);
		assert_int_equal(events[i].value, rows[i].value);
		assert_int_equal(events[i].instruction, 100);
	}
}

static void timeline_shows_writes_to_pmu_registers_only(void **state)
{
	fixture_wrmsr(0x277, 0x06060606);
	fixture_wrmsr(0x186, UINT64_C(1) << 50); /* #GP */
	assert_int_equal(event_count, 0);
	fixture_wrmsr(0x186, 0x5300c0);
	assert_int_equal(event_count, 2);
	assert_int_equal(events[0].kind, MACHINE_EVENT_MSR_WRITE);
	assert_int_equal(events[0].msr, 0x186);
	assert_int_equal(events[0].value, 0x5300c0);
	assert_int_equal(events[1].kind, MACHINE_EVENT_ENTRY);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(odd_memory_sizes_are_refused),
		cmocka_unit_test(four_gib_end_at_the_device_window),
		cmocka_unit_test(cpus_refusal_is_passed_on),
		cmocka_unit_test(impossible_model_is_refused),
		T(guest_is_loaded_once),
		cmocka_unit_test(damaged_guest_can_be_followed_by_a_good_one),
		T(exit_port_ends_the_run),
		T(instruction_limit_ends_the_run_exactly),
		T(stop_from_outside_ends_the_run_and_it_can_go_on),
		T(stop_before_the_run_counts),
		T(triple_fault_ends_the_run_with_its_reason),
		T(halt_with_no_timer_is_a_deadlock),
		T(halt_skips_to_the_timer_and_retires_nothing),
		T(deadline_is_told_in_instructions),
		T(halt_that_the_timer_cannot_wake_is_a_deadlock),
		T(periodic_timer_wakes_again_and_again),
		T(timer_stops_the_cpu_on_its_tick),
		T(hypercall_sends_ipis_to_us_and_nobody_else),
		T(pmi_arrives_as_the_vector_of_lvtpc),
		T(pmi_arrives_as_nmi),
		T(timeline_shows_overflow_pmi_and_interrupt),
		T(timeline_shows_writes_to_pmu_registers_only),
	};

	return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
