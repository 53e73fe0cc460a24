/* SPDX-License-Identifier: MIT */
/* The reader's end of the ring, fed by hand: writers that were killed, and shared memory that makes
 * no sense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "watch/watch.h"

static struct watch_ring ring;
static struct watch_record record;

static int make(void **state)
{
	(void)state;
	memset(&ring, 0, sizeof(ring));
	return watch_ring_make(&ring, NULL, NULL, false) ? 0 : -1;
}

static int drop(void **state)
{
	(void)state;
	munmap(ring.shared, sizeof(*ring.shared));
	close(ring.fd);
	return 0;
}

static void reserve(unsigned slots)
{
	atomic_fetch_add(&ring.shared->head, slots);
}

static void write_one(enum watch_kind kind, uint64_t argument)
{
	uint64_t place = atomic_fetch_add(&ring.shared->head, WATCH_HEAD_SLOTS);
	struct watch_head head = {
		.ready = place + 1,
		.kind = (uint16_t)kind,
		.slots = WATCH_HEAD_SLOTS,
		.vcpu = WATCH_NONE,
		.argument = argument,
	};
	const char *from = (const char *)&head;

	for (unsigned i = 0; i < WATCH_HEAD_SLOTS; i++)
		memcpy(&ring.shared->ring[(place + i) % WATCH_RING],
		       from + i * sizeof(struct watch_msr), sizeof(struct watch_msr));
}

static void a_record_that_is_not_complete_is_waited_for(void **state)
{
	(void)state;
	reserve(WATCH_HEAD_SLOTS);
	write_one(WATCH_CHECK, 7);
	assert_false(watch_ring_next(&ring, &record, false));
	assert_int_equal(ring.skipped, 0);
}

static void not_for_ever(void **state)
{
	(void)state;
	ring.patience = 0;
	reserve(WATCH_HEAD_SLOTS + 3);
	write_one(WATCH_CHECK, 7);
	assert_true(watch_ring_next(&ring, &record, false));
	assert_int_equal(record.head.argument, 7);
	assert_int_equal(ring.skipped, 1);
	assert_false(watch_ring_next(&ring, &record, false));
}

static void nothing_behind_it_is_given_up(void **state)
{
	(void)state;
	ring.patience = 0;
	reserve(WATCH_HEAD_SLOTS);
	assert_false(watch_ring_next(&ring, &record, false));
	write_one(WATCH_CHECK, 8);
	assert_true(watch_ring_next(&ring, &record, false));
	assert_int_equal(record.head.argument, 8);
	assert_int_equal(ring.skipped, 1);
}

static void the_end_counts_it(void **state)
{
	(void)state;
	write_one(WATCH_CHECK, 9);
	reserve(WATCH_HEAD_SLOTS);
	assert_true(watch_ring_next(&ring, &record, true));
	assert_false(watch_ring_next(&ring, &record, true));
	assert_int_equal(ring.skipped, 1);
	assert_false(watch_ring_next(&ring, &record, true));
	assert_int_equal(ring.skipped, 1);
}

static void the_ring_goes_round(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3 * WATCH_RING / WATCH_HEAD_SLOTS; i++) {
		write_one(WATCH_CHECK, i);
		assert_true(watch_ring_next(&ring, &record, false));
		assert_int_equal(record.head.argument, i);
	}
	assert_int_equal(ring.skipped, 0);
}

/* Returns, in a moment, and it is told. */
static void a_head_that_makes_no_sense(void **state)
{
	static const uint64_t heads[] = {UINT64_C(1) << 60, WATCH_RING + 1, UINT64_MAX};

	(void)state;
	for (unsigned i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		atomic_store(&ring.shared->head, ring.tail + heads[i]);
		assert_false(watch_ring_next(&ring, &record, i % 2));
		assert_int_equal(ring.skipped, i + 1);
	}
}

static void a_tail_that_makes_no_sense(void **state)
{
	(void)state;
	write_one(WATCH_CHECK, 1);
	atomic_store(&ring.shared->tail, UINT64_C(1) << 40);
	assert_true(watch_ring_next(&ring, &record, false));
	assert_int_equal(record.head.argument, 1);
	assert_int_equal(atomic_load(&ring.shared->tail), WATCH_HEAD_SLOTS);
}

/* What is lost, and nothing else, makes it unknown. */
static void what_was_not_seen_is_not_judged(void **state)
{
	static struct watch_tally tally;

	(void)state;
	assert_int_equal(watch_judge(&tally), WATCH_HOLDS);
	tally.count = 1;
	tally.registers[0].refused = 1;
	assert_int_equal(watch_judge(&tally), WATCH_FAILS);
	tally.lost = 1;
	assert_int_equal(watch_judge(&tally), WATCH_UNKNOWN);
	tally.lost = 0;
	tally.strays = 1;
	assert_int_equal(watch_judge(&tally), WATCH_UNKNOWN);
	tally.strays = 0;
	tally.unseen = true;
	assert_int_equal(watch_judge(&tally), WATCH_UNKNOWN);
}

static void vcpus_have_no_end(void **state)
{
	static struct watch_vcpus vcpus;

	(void)state;
	for (uint32_t i = 0; i < 10000; i++)
		assert_non_null(watch_vcpus_get(&vcpus, i * 7919));
	assert_int_equal(vcpus.count, 10000);
	for (uint32_t i = 0; i < 10000; i++)
		assert_int_equal(watch_vcpus_get(&vcpus, i * 7919)->serial, i * 7919);
	assert_int_equal(vcpus.count, 10000);
	watch_vcpus_free(&vcpus);
}

#define RING_TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RING_TEST(a_record_that_is_not_complete_is_waited_for),
		RING_TEST(not_for_ever),
		RING_TEST(nothing_behind_it_is_given_up),
		RING_TEST(the_end_counts_it),
		RING_TEST(the_ring_goes_round),
		RING_TEST(a_head_that_makes_no_sense),
		RING_TEST(a_tail_that_makes_no_sense),
		cmocka_unit_test(what_was_not_seen_is_not_judged),
		cmocka_unit_test(vcpus_have_no_end),
	};

	return cmocka_run_group_tests_name("watch ring", tests, NULL, NULL);
}
