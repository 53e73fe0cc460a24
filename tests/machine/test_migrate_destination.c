/* SPDX-License-Identifier: MIT */
/*
 * The destination of a live migration: what a source may send, byte by byte, and when the guest is
 * the destination's. The whole stream is in the socket before it is read, so nothing here waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <stream/room.h>

#include "live_stream.h"

static struct saved after;

static void receive(void)
{
	stream_receive(stream.used, NULL, 4 * MIB);
}

static void must_have_the_guest(void)
{
	if (!outcome.machine)
		fail_msg("%s", outcome.refusal.why);
	assert_string_equal(outcome.replies, "REDY PREP DONE");
	saved_make(outcome.machine, &after);
	machine_destroy(outcome.machine);
	assert_int_equal(after.used, stream_of.used);
	assert_memory_equal(after.bytes, stream_of.bytes, stream_of.used);
}

/* No guest: the replies were these, and the reason has that in it. */
static void must_fail(enum vpmu_status status, const char *replies, const char *text)
{
	assert_null(outcome.machine);
	if (outcome.refusal.status != status || !strstr(outcome.refusal.why, text))
		fail_msg("status %d: %s", outcome.refusal.status, outcome.refusal.why);
	assert_string_equal(outcome.replies, replies);
}

/* It was refused: the source has been told just what is said here. */
static void must_refuse(enum vpmu_status status, const char *replies, const char *text)
{
	must_fail(status, replies, text);
	assert_string_equal(outcome.refused, outcome.refusal.why);
}

static uint8_t *find(uint32_t type)
{
	size_t bytes;

	return saved_find(&stream, type, &bytes);
}

/* A record of our own at that place. */
static void insert(uint8_t *at, uint32_t type, const char *text)
{
	uint8_t record[100];
	size_t length = strlen(text);

	store_le(record, 4, type);
	store_le(record + 4, 4, length);
	memcpy(record + RECORD_HEADER_BYTES, text, length);
	saved_seal(record);
	saved_insert(&stream, at, record, RECORD_HEADER_BYTES + length);
}

/* END says that one record more came before it. */
static void count_one_more(void)
{
	uint8_t *end = find(RECORD_END);

	end[RECORD_HEADER_BYTES]++;
	saved_seal(end);
}

static void guest_is_the_destinations_after_commit(void **state)
{
	stream_make("intel-v5");
	receive();
	must_have_the_guest();
	assert_int_equal(outcome.notes.count, 2);
	assert_int_equal(outcome.notes.values[0], 7);
}

static void other_model_is_refused_before_anything_else_is_read(void **state)
{
	stream_make("intel-v4");
	find(RECORD_BOARD)[8] ^= 1; /* damaged, and nobody comes to it */
	stream_receive(stream.used, "intel-v2", 4 * MIB);
	must_refuse(VPMU_INCOMPATIBLE, "REFU", "'VPMU'");
}

static void more_memory_than_allowed_is_refused(void **state)
{
	stream_make("intel-v2");
	stream_receive(stream.used, NULL, 2 * MIB);
	must_refuse(VPMU_INCOMPATIBLE, "REFU", "more memory");
}

static void machine_that_this_host_cannot_make_is_refused(void **state)
{
	stream_make("intel-v2");
	fake_refusal = "no memory";
	receive();
	fake_refusal = NULL;
	must_refuse(VPMU_HOST, "REFU", "no memory");
}

static void optional_record_is_skipped(void **state)
{
	stream_make("intel-v2");
	insert(find(RECORD_CPU), RECORD('x', 'Y', 'Z', 'W'), "whatever");
	count_one_more();
	receive();
	must_have_the_guest();
}

static void unknown_record_is_refused_by_name(void **state)
{
	stream_make("intel-v2");
	insert(find(RECORD_CPU), RECORD('X', 'Y', 'Z', 'W'), "whatever");
	receive();
	must_refuse(VPMU_INCOMPATIBLE, "REDY REFU", "'XYZW': this vpmu does not know it");
}

static void host_that_cannot_be_is_refused(void **state)
{
	static const struct {
		uint32_t before;
		const char *text;
		enum vpmu_status status;
		const char *replies, *why;
	} rows[] = {
		{RECORD_PMU, "tx=on", VPMU_INCOMPATIBLE, "REFU",
	         "'HOST': the host: unknown key 'tx'"},
		{RECORD_PMU, "gp=9", VPMU_INCOMPATIBLE, "REFU", "not '9'"},
		{RECORD_CPU, "gp=4", VPMU_BAD_DATA, "REDY REFU", "'HOST': out of place"},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		stream_make("intel-v2");
		insert(find(rows[i].before), RECORD_HOST, rows[i].text);
		receive();
		must_refuse(rows[i].status, rows[i].replies, rows[i].why);
	}
}

static void wrong_magic_is_refused(void **state)
{
	stream_make("intel-v2");
	stream.bytes[0] ^= 1;
	receive();
	must_refuse(VPMU_BAD_DATA, "REFU", "not a saved machine");
}

static void saved_file_is_no_migration(void **state)
{
	stream_make("intel-v2");
	memcpy(stream.bytes, MACHINE_SAVED_MAGIC, 8);
	receive();
	must_refuse(VPMU_BAD_DATA, "REFU", "not a saved machine");
}

static void newer_version_is_refused(void **state)
{
	stream_make("intel-v2");
	stream.bytes[8] = SAVED_VERSION + 1;
	receive();
	must_refuse(VPMU_INCOMPATIBLE, "REFU", "version 5");
}

/* Moves the first record of one type in front of that of another. */
static void move_before(uint32_t type, uint32_t other)
{
	static uint8_t record[RECORD_HEADER_BYTES + SAVED_MOST];
	size_t bytes;

	memcpy(record, saved_find(&stream, type, &bytes), RECORD_HEADER_BYTES);
	memcpy(record, find(type), bytes);
	saved_remove(&stream, type);
	saved_insert(&stream, find(other), record, bytes);
}

static void record_out_of_order_is_refused(void **state)
{
	static const struct {
		uint32_t type, before;
		const char *replies;
	} moves[] = {
		{RECORD_PMU, RECORD_HEAD, "REFU"},      {RECORD_BOARD, RECORD_PMU, "REFU"},
		{RECORD_CPU, RECORD_PMU, "REFU"},       {RECORD_PAGES, RECORD_PMU, "REFU"},
		{RECORD_NOTES, RECORD_HEAD, "REFU"},    {RECORD_END, RECORD_HEAD, "REFU"},
		{WORD_COMMIT, RECORD_END, "REDY REFU"},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(moves); i++) {
		stream_make("intel-v2");
		move_before(moves[i].type, moves[i].before);
		receive();
		must_refuse(moves[i].type == WORD_COMMIT ? VPMU_INCOMPATIBLE : VPMU_BAD_DATA,
		            moves[i].replies, "");
	}
}

static void repeated_head_board_and_cpu_are_refused(void **state)
{
	static const uint32_t types[] = {RECORD_HEAD, RECORD_BOARD, RECORD_CPU};

	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		uint8_t *record;
		size_t bytes;

		stream_make("intel-v2");
		record = saved_find(&stream, types[i], &bytes);
		saved_insert(&stream, record + bytes, record, bytes);
		receive();
		must_refuse(VPMU_BAD_DATA, types[i] == RECORD_HEAD ? "REFU" : "REDY REFU",
		            "out of place");
	}
}

/* A VPMU or PAGE of when the guest had done something else, before the one that counts. */
static void last_of_repeated_records_counts(void **state)
{
	static const uint32_t types[] = {RECORD_PMU, RECORD_PAGES};
	static struct saved earlier;

	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		struct machine *machine = saved_lived("intel-v2");
		uint8_t *record;
		size_t bytes;

		fixture_wrmsr(0x186, 0x53003c);
		*(uint8_t *)memory_at(&machine->memory, 0x200000, 1) = 0x77;
		saved_make(machine, &earlier);
		machine_destroy(machine);
		stream_make("intel-v2");
		record = saved_find(&earlier, types[i], &bytes);
		saved_insert(&stream, find(types[i]), record, bytes);
		count_one_more();
		receive();
		must_have_the_guest();
	}
}

static void damaged_record_is_refused_by_name(void **state)
{
	static const char *const names[] = {"HEAD", "VPMU", "BORD", "CPU ", "note", "PAGE", "END "};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		stream_make("amd-perfmon-v2");
		find((uint32_t)load_le((const uint8_t *)names[i], 4))[RECORD_HEADER_BYTES] ^= 1;
		receive();
		must_refuse(VPMU_BAD_DATA, i < 2 ? "REFU" : "REDY REFU", "checksum");
		assert_non_null(strstr(outcome.refusal.why, names[i]));
	}
}

static void missing_record_is_refused(void **state)
{
	stream_make("intel-v2");
	saved_remove(&stream, RECORD_PAGES);
	receive();
	must_refuse(VPMU_BAD_DATA, "REDY REFU", "records are missing");
}

static void record_of_4_gib_is_refused(void **state)
{
	stream_make("intel-v2");
	store_le(find(RECORD_PAGES) + 4, 4, UINT32_MAX);
	receive();
	must_refuse(VPMU_BAD_DATA, "REDY REFU", "4294967295 bytes");
}

/* Before HEAD, within every record, between PREPARED and COMMIT, and within COMMIT. */
static void connection_that_ends_before_commit_is_whole_brings_no_guest(void **state)
{
	size_t prepared;

	stream_make("intel-v4");
	prepared = (size_t)(find(WORD_COMMIT) - stream.bytes);
	for (size_t length = 0; length < stream.used; length++) {
		stream_receive(length, NULL, 4 * MIB);
		must_fail(VPMU_HOST, length >= prepared ? "REDY PREP" : outcome.replies,
		          "the source has closed the connection");
		assert_null(strstr(outcome.replies, "DONE"));
		assert_null(strstr(outcome.replies, "REFU"));
	}
}

static void damaged_commit_brings_no_guest(void **state)
{
	stream_make("intel-v2");
	find(WORD_COMMIT)[8] ^= 1;
	receive();
	must_refuse(VPMU_BAD_DATA, "REDY PREP REFU", "no COMMIT");
}

static void another_word_than_commit_brings_no_guest(void **state)
{
	stream_make("intel-v2");
	insert(find(WORD_COMMIT), RECORD_PAGES, "");
	receive();
	must_refuse(VPMU_BAD_DATA, "REDY PREP REFU", "no COMMIT");
}

static void cancel_brings_no_guest_and_says_why(void **state)
{
	static const struct {
		uint32_t before;
		const char *replies;
	} moments[] = {{RECORD_HEAD, ""}, {RECORD_CPU, "REDY"}, {WORD_COMMIT, "REDY PREP"}};

	for (unsigned i = 0; i < ARRAY_SIZE(moments); i++) {
		stream_make("intel-v2");
		insert(find(moments[i].before), WORD_CANCEL, "the guest has ended");
		receive();
		must_fail(VPMU_HOST, moments[i].replies, "cancelled: the guest has ended");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guest_is_the_destinations_after_commit),
		cmocka_unit_test(other_model_is_refused_before_anything_else_is_read),
		cmocka_unit_test(more_memory_than_allowed_is_refused),
		cmocka_unit_test(machine_that_this_host_cannot_make_is_refused),
		cmocka_unit_test(optional_record_is_skipped),
		cmocka_unit_test(unknown_record_is_refused_by_name),
		cmocka_unit_test(host_that_cannot_be_is_refused),
		cmocka_unit_test(wrong_magic_is_refused),
		cmocka_unit_test(saved_file_is_no_migration),
		cmocka_unit_test(newer_version_is_refused),
		cmocka_unit_test(record_out_of_order_is_refused),
		cmocka_unit_test(repeated_head_board_and_cpu_are_refused),
		cmocka_unit_test(last_of_repeated_records_counts),
		cmocka_unit_test(damaged_record_is_refused_by_name),
		cmocka_unit_test(missing_record_is_refused),
		cmocka_unit_test(record_of_4_gib_is_refused),
		cmocka_unit_test(connection_that_ends_before_commit_is_whole_brings_no_guest),
		cmocka_unit_test(damaged_commit_brings_no_guest),
		cmocka_unit_test(another_word_than_commit_brings_no_guest),
		cmocka_unit_test(cancel_brings_no_guest_and_says_why),
	};

	return cmocka_run_group_tests_name("migrate-destination", tests, NULL, NULL);
}
