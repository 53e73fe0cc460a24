/* SPDX-License-Identifier: MIT */
/* state-in=, state-out= and what a vCPU is when it stands still, in a QEMU of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <stream/room.h>

#include "guest.h"

enum { FILE_BYTES = 4096, STREAM_AT = VPMU_FILE_HEADER_BYTES, BEFORE = 1000 };

static char in[] = "state-in=keep-in", out[] = "state-out=keep-out";

static void count_insns(uint64_t from)
{
	write_msr(SEL0, SEL_INSNS);
	write_msr(PMC0, from);
	write_msr(GLOBAL_CTRL, 1);
}

static void run(void)
{
	fake_write(FAKE_CODE, "\x90\x48\xff\xc0\x8a\x07\xf4", 7); /* four instructions */
	fake_run();
}

/* The file that a machine leaves which has counted four instructions from `from` on. */
static void leave_state(uint64_t from)
{
	assert_int_equal(guest_start("model=intel-v2", out, NULL), 0);
	count_insns(from);
	run();
	fake_idle();
	fake_end();
	assert_int_equal(rename("keep-out", "keep-in"), 0);
}

static size_t read_file(uint8_t bytes[FILE_BYTES])
{
	FILE *file = fopen("keep-in", "r");
	size_t length;

	assert_non_null(file);
	length = fread(bytes, 1, FILE_BYTES, file);
	fclose(file);
	return length;
}

static void write_file(const void *bytes, size_t length)
{
	FILE *file = fopen("keep-in", "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	fclose(file);
}

/* --- Standing still --------------------------------------------------------------------------- */

static void test_an_idle_vcpu_leaves_no_jump_in_memory(void **state)
{
	uint8_t before[8], after[8];

	assert_int_equal(guest_start("model=intel-v2", NULL, NULL), 0);
	count_insns((uint32_t)-3);
	fake_write(FAKE_CODE, "\x90\x90\x48\xff\xc0\x89\xd8\xf4", 8);
	memcpy(before, fake.memory + FAKE_CODE, sizeof(before));
	fake.idle_at_plant = true; /* stopped as soon as there is one */
	fake_run();
	memcpy(after, fake.memory_when_idle + FAKE_CODE, sizeof(after));
	assert_memory_equal(after, before, sizeof(before));
	assert_int_equal(fake.taken, 1); /* and the PMI comes where it is due */
	assert_int_equal(fake.taken_at[0], FAKE_CODE + 5);
	fake_end();
}

/* --- From one QEMU to the next ---------------------------------------------------------------- */

static void test_a_state_goes_on(void **state)
{
	leave_state(BEFORE);
	assert_int_equal(guest_start("model=intel-v2", in, NULL), 0);
	assert_int_equal(read_msr(PMC0), BEFORE + 4);
	assert_int_equal(read_msr(SEL0), SEL_INSNS);
	run();
	assert_int_equal(read_msr(PMC0), BEFORE + 8);
	fake_end();
}

static void test_an_overflow_comes_where_it_would_have_come(void **state)
{
	leave_state((uint32_t)-6);
	assert_int_equal(guest_start("model=intel-v2", in, NULL), 0);
	run();
	assert_int_equal(fake.taken, 1);
	assert_int_equal(fake.taken_at[0], FAKE_CODE + 4); /* behind the second of four */
	fake_end();
}

static void test_an_answer_on_its_way_arrives(void **state)
{
	assert_int_equal(guest_start("model=intel-v2", out, NULL), 0);
	write_msr(PMC0, 0x1234);
	plugin.cpu[0]->pending = (struct pending){.kind = PENDING_RDMSR, .value = 0x1234};
	plugin.cpu[0]->idt = 0x5000;
	fake_idle();
	fake_end();
	assert_int_equal(rename("keep-out", "keep-in"), 0);
	assert_int_equal(guest_start("model=intel-v2", in, NULL), 0);
	assert_int_equal(plugin.cpu[0]->idt, 0x5000);
	run();
	assert_int_equal(fake.reg[FAKE_RAX], 0x1234);
	fake_end();
}

static void test_what_executes_at_the_end_leaves_no_state(void **state)
{
	FILE *file;

	assert_int_equal(guest_start("model=intel-v2", out, NULL), 0);
	fake_idle();
	fake_resume();
	fake_end();
	file = fopen("keep-out", "r");
	assert_non_null(file);
	assert_int_equal(fgetc(file), EOF);
	fclose(file);
}

/* --- Snapshots -------------------------------------------------------------------------------- */

/* keep-in, of a PMU whose first counter stands there. */
static void leave_file_of(uint64_t count)
{
	static struct qemu_saved saved;
	static struct vpmu_layout layout;
	uint8_t bytes[FILE_BYTES];
	size_t used;

	assert_int_equal(vpmu_layout_init(&layout, &plugin.options.model), VPMU_OK);
	vpmu_state_reset(&saved.state, &layout);
	assert_int_equal(vpmu_state_set(&saved.state, &layout,
	                                (unsigned)vpmu_layout_find_msr(&layout, PMC0), count),
	                 VPMU_OK);
	assert_int_equal(vpmu_file_header(bytes, 1), VPMU_OK);
	assert_int_equal(qemu_saved_encode(&saved, &layout, 0, bytes + STREAM_AT, &used), VPMU_OK);
	write_file(bytes, STREAM_AT + used);
}

/* A machine has counted, stands still, and the file has another's state. */
static void stand_before_another_state(void)
{
	leave_state(0);
	assert_int_equal(guest_start("model=intel-v2", in, NULL), 0);
	run();
	fake_idle();
	leave_file_of(77);
}

static void test_a_loaded_snapshot_gets_its_state(void **state)
{
	stand_before_another_state();
	fake_load();
	fake_resume();
	assert_int_equal(read_msr(PMC0), 77);
	fake_end();
}

static void test_a_machine_that_is_another_one_gets_its_state(void **state)
{
	stand_before_another_state();
	fake_resume();
	assert_int_equal(read_msr(PMC0), 8); /* it is the same */
	fake_idle();
	fake.reg[FAKE_RBX]++;
	fake_resume();
	assert_int_equal(read_msr(PMC0), 77);
	fake_end();
}

static void test_a_load_in_which_the_vcpu_goes_on_and_stops_is_one(void **state)
{
	stand_before_another_state();
	fake_load();
	fake_resume();
	fake_idle();
	fake.reg[FAKE_RBX]++;
	leave_file_of(78); /* which nobody reads */
	fake_resume();
	assert_int_equal(read_msr(PMC0), 77);
	run();
	assert_false(plugin.cpu[0]->loaded);
	fake_end();
}

static void test_a_machine_that_is_reset_gets_none(void **state)
{
	stand_before_another_state();
	fake.reg[FAKE_RIP] = 0xfff0;
	fake.reg[FAKE_CR0] = 0;
	fake_resume();
	assert_int_equal(read_msr(PMC0), 8);
	fake_end();
}

static void test_a_flush_that_is_no_load_changes_nothing(void **state)
{
	leave_state(0);
	assert_int_equal(guest_start("model=intel-v2", in, NULL), 0);
	run();
	fake_flush();
	assert_int_equal(read_msr(PMC0), 8);
	fake_end();
}

static void test_without_a_state_a_loaded_snapshot_goes_on(void **state)
{
	assert_int_equal(guest_start("model=intel-v2", NULL, NULL), 0);
	count_insns(BEFORE);
	run();
	fake_idle();
	fake_load();
	fake_resume();
	assert_int_equal(read_msr(PMC0), BEFORE + 4);
	fake_end();
}

/* --- Files that are none ---------------------------------------------------------------------- */

static void test_a_file_of_any_other_length_is_refused(void **state)
{
	uint8_t bytes[FILE_BYTES];
	size_t length;

	leave_state(0);
	length = read_file(bytes);
	for (size_t i = 0; i < length; i += 7) {
		write_file(bytes, i);
		assert_int_not_equal(guest_start("model=intel-v2", in, NULL), 0);
	}
	write_file(bytes, length + 1);
	assert_int_not_equal(guest_start("model=intel-v2", in, NULL), 0);
}

static void test_a_changed_byte_is_refused(void **state)
{
	uint8_t bytes[FILE_BYTES];
	size_t length;

	leave_state(0);
	length = read_file(bytes);
	for (size_t i = 0; i < length; i++) {
		bytes[i] ^= 0x40;
		write_file(bytes, length);
		assert_int_not_equal(guest_start("model=intel-v2", in, NULL), 0);
		bytes[i] ^= 0x40;
	}
}

static void test_another_models_state_is_refused(void **state)
{
	assert_int_equal(guest_start("model=zen2", out, NULL), 0);
	fake_idle();
	fake_end();
	assert_int_equal(rename("keep-out", "keep-in"), 0);
	assert_int_not_equal(guest_start("model=intel-v2", in, NULL), 0);
}

/* Encodes and decodes such facts. */
static enum vpmu_status facts_status(uint64_t pending, unsigned vcpus)
{
	static struct qemu_saved saved, read[2];
	static struct vpmu_layout layout;
	uint8_t bytes[FILE_BYTES];
	struct vpmu_model model;
	size_t used;

	assert_int_equal(vpmu_model_parse(&model, "intel-v2", NULL, 0), VPMU_OK);
	assert_int_equal(vpmu_layout_init(&layout, &model), VPMU_OK);
	vpmu_state_reset(&saved.state, &layout);
	saved.facts[QEMU_FACT_PENDING] = pending;
	assert_int_equal(vpmu_file_header(bytes, 1), VPMU_OK);
	assert_int_equal(qemu_saved_encode(&saved, &layout, 0, bytes + STREAM_AT, &used), VPMU_OK);
	return qemu_saved_decode(bytes, STREAM_AT + used, &layout, read, vcpus, NULL, 0);
}

static void test_facts_that_cannot_be_are_refused(void **state)
{
	assert_int_equal(facts_status(PENDING_RDMSR, 1), VPMU_OK);
	assert_int_equal(facts_status(PENDING_RDMSR + 1, 1), VPMU_BAD_DATA);
}

static void test_another_number_of_vcpus_is_refused(void **state)
{
	assert_int_equal(facts_status(PENDING_RDMSR, 2), VPMU_INCOMPATIBLE);
}

static int go_to_a_folder(void **state)
{
	static char folder[] = "/tmp/vpmu-keep-XXXXXX";

	*state = mkdtemp(folder);
	return !*state || chdir(folder);
}

static int leave_the_folder(void **state)
{
	unlink("keep-in");
	unlink("keep-out");
	return chdir("/") || rmdir(*state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_idle_vcpu_leaves_no_jump_in_memory),
		cmocka_unit_test(test_a_state_goes_on),
		cmocka_unit_test(test_an_overflow_comes_where_it_would_have_come),
		cmocka_unit_test(test_an_answer_on_its_way_arrives),
		cmocka_unit_test(test_what_executes_at_the_end_leaves_no_state),
		cmocka_unit_test(test_a_loaded_snapshot_gets_its_state),
		cmocka_unit_test(test_a_machine_that_is_another_one_gets_its_state),
		cmocka_unit_test(test_a_load_in_which_the_vcpu_goes_on_and_stops_is_one),
		cmocka_unit_test(test_a_machine_that_is_reset_gets_none),
		cmocka_unit_test(test_a_flush_that_is_no_load_changes_nothing),
		cmocka_unit_test(test_without_a_state_a_loaded_snapshot_goes_on),
		cmocka_unit_test(test_a_file_of_any_other_length_is_refused),
		cmocka_unit_test(test_a_changed_byte_is_refused),
		cmocka_unit_test(test_another_models_state_is_refused),
		cmocka_unit_test(test_facts_that_cannot_be_are_refused),
		cmocka_unit_test(test_another_number_of_vcpus_is_refused),
	};

	return cmocka_run_group_tests_name("qemu-keep", tests, go_to_a_folder, leave_the_folder);
}
