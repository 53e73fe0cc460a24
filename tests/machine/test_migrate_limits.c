/* SPDX-License-Identifier: MIT */
/*
 * How long a migration may take: limits are for phases, so that a byte now and then makes nothing
 * longer; and a signal ends every wait. What is measured has a generous margin.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_cpu.h"
#include "live_peer.h"
#include "live_stream.h"
#include "saved.h"

enum { LIMIT_MS = 1000, MARGIN_MS = 2000, LONG_MS = 60000 };

#define SCRIPT(...) ((const struct step[]){__VA_ARGS__})

static volatile sig_atomic_t stop;
static const struct migration_limits quick = {LIMIT_MS, LIMIT_MS, &stop};
static const struct migration_limits patient = {LONG_MS, LONG_MS, &stop};
static const struct machine_notes notes = {.count = 1, .values = {7}};
static char why[512];

/* --- The source ------------------------------------------------------------------------------- */

static struct machine *machine;

static int setup(void **unused)
{
	stop = 0;
	machine = NULL;
	return 0;
}

static int teardown(void **unused)
{
	machine_destroy(machine);
	return 0;
}

/* More than a socket holds, in memory that cannot be packed. */
static void fill_memory(void)
{
	uint64_t *words = memory_at(&machine->memory, 0x100000, 0x200000);

	for (uint64_t i = 0; i < 0x200000 / 8; i++)
		words[i] = i * UINT64_C(0x9e3779b97f4a7c15);
}

/* Migrates to the end; the longest step is how long the guest stood still. */
static enum migration_state migrate(const struct step *steps, const struct migration_limits *limits,
                                    uint64_t *longest)
{
	static struct peer peer;
	struct migration *m =
		migration_begin(machine, peer_begin(&peer, steps), limits, why, sizeof(why));
	enum migration_state state = MIGRATION_GOING;

	*longest = 0;
	while (state == MIGRATION_GOING) {
		uint64_t begun = clock_ms();

		state = migration_step(m, machine, &notes);
		if (clock_ms() - begun > *longest)
			*longest = clock_ms() - begun;
	}
	strcpy(why, migration_why(m));
	migration_end(m);
	peer_end(&peer);
	return state;
}

static void must_end_in_time(const struct step *steps, enum migration_state expected)
{
	enum migration_state state;
	uint64_t longest;

	if (!machine)
		machine = saved_lived("intel-v4");
	state = migrate(steps, &quick, &longest);
	if (state != expected || longest > LIMIT_MS + MARGIN_MS)
		fail_msg("state %d after %llu ms: %s", state, (unsigned long long)longest, why);
}

static void ready_that_drips_stays(void **unused)
{
	must_end_in_time(
		SCRIPT({HEAR, RECORD_PMU, NULL}, {DRIP, WORD_READY, NULL}, {STAY, 0, NULL}),
		MIGRATION_FAILED);
}

static void prepared_that_drips_stays(void **unused)
{
	must_end_in_time(SCRIPT({SAY, WORD_READY, NULL}, {HEAR, RECORD_END, NULL},
	                        {DRIP, WORD_PREPARED, NULL}, {STAY, 0, NULL}),
	                 MIGRATION_FAILED);
}

static void done_that_drips_is_doubt(void **unused)
{
	must_end_in_time(SCRIPT({SAY, WORD_READY, NULL}, {HEAR, RECORD_END, NULL},
	                        {SAY, WORD_PREPARED, NULL}, {HEAR, WORD_COMMIT, NULL},
	                        {DRIP, WORD_DONE, NULL}, {STAY, 0, NULL}),
	                 MIGRATION_DOUBT);
}

static void destination_that_sips_stays(void **unused)
{
	machine = saved_lived("intel-v4");
	fill_memory();
	must_end_in_time(SCRIPT({SAY, WORD_READY, NULL}, {SIP, 0, NULL}, {CLOSE, 0, NULL}),
	                 MIGRATION_FAILED);
}

/* A page is changed after each step: the rounds would go on without end. */
static void signal_ends_the_copy_and_the_destination_is_told(void **unused)
{
	const struct step steps[] = {{HEAR, WORD_CANCEL, NULL}, {STAY, 0, NULL}};
	static struct peer peer;
	struct migration *m;

	machine = saved_lived("intel-v4");
	m = migration_begin(machine, peer_begin(&peer, steps), &patient, why, sizeof(why));
	assert_int_equal(migration_step(m, machine, &notes), MIGRATION_GOING);
	stop = SIGTERM;
	assert_int_equal(migration_step(m, machine, &notes), MIGRATION_FAILED);
	assert_string_equal(migration_why(m), "stopped by a signal");
	migration_end(m);
	peer_end(&peer);
	assert_string_equal(peer.text, "stopped by a signal");
}

/* --- The destination -------------------------------------------------------------------------- */

static struct source {
	pthread_t thread;
	int fd;
	size_t at_once; /* bytes; the others drip */
	bool drips;
	int then; /* the signal that comes when at_once has gone */
} source;

static void *send_stream(void *unused)
{
	const struct timespec drip = {.tv_nsec = DRIP_MS * 1000000L};
	size_t sent = source.at_once;

	send(source.fd, stream.bytes, sent, MSG_NOSIGNAL);
	if (source.then) {
		nanosleep(&drip, NULL);
		stop = source.then;
	}
	while (source.drips && send(source.fd, stream.bytes + sent, 1, MSG_NOSIGNAL) == 1) {
		sent++;
		nanosleep(&drip, NULL);
	}
	return NULL;
}

/* What comes of so many bytes at once, and the others never, or one by one. */
static void receive(size_t at_once, bool drips, int then, const struct migration_limits *limits)
{
	const struct machine_restore wanted = {
		.config = {.cpu = &fake_cpu_ops, .memory_bytes = 4 * MIB},
		.order = vpmu_order_find("safe")};
	uint64_t begun = clock_ms();
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	source = (struct source){.fd = ends[0], .at_once = at_once, .drips = drips, .then = then};
	assert_int_equal(pthread_create(&source.thread, NULL, send_stream, NULL), 0);
	outcome.machine =
		migration_receive(&wanted, ends[1], limits, &outcome.notes, &outcome.refusal);
	begun = clock_ms() - begun;
	close(ends[1]);
	pthread_join(source.thread, NULL);
	stream_read_replies(ends[0]);
	close(ends[0]);
	assert_null(outcome.machine);
	if (begun > 2 * LIMIT_MS + MARGIN_MS)
		fail_msg("%llu ms", (unsigned long long)begun);
}

static size_t place_of(uint32_t type)
{
	size_t bytes;

	return (size_t)(saved_find(&stream, type, &bytes) - stream.bytes);
}

/* Before anything, in the header, in a record that tells what comes, in the copy, before COMMIT. */
static void silent_or_dripping_source_is_given_up_and_is_told(void **unused)
{
	const char *const replies[] = {"REFU", "REFU", "REFU", "REDY REFU", "REDY PREP REFU"};
	size_t places[5];

	stream_make("intel-v4");
	places[0] = 0;
	places[1] = 3;
	places[2] = place_of(RECORD_PMU) + 5;
	places[3] = place_of(RECORD_PAGES) + 100;
	places[4] = place_of(WORD_COMMIT) + 1;
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		for (unsigned drips = 0; drips < 2; drips++) {
			receive(places[i], drips, 0, &quick);
			assert_string_equal(outcome.replies, replies[i]);
			assert_non_null(strstr(outcome.refusal.why, "does not answer in time"));
			assert_string_equal(outcome.refused, outcome.refusal.why);
			assert_true(outcome.refusal.is_no_migration);
		}
	}
}

static void signal_ends_the_destination_and_the_source_is_told(void **unused)
{
	stream_make("intel-v4");
	receive(place_of(WORD_COMMIT), false, SIGTERM, &patient);
	assert_string_equal(outcome.replies, "REDY PREP REFU");
	assert_string_equal(outcome.refused, "stopped by a signal");
}

static void who_closes_or_talks_otherwise_was_no_migration(void **unused)
{
	stream_make("intel-v4");
	stream_receive(0, NULL, 4 * MIB);
	assert_true(outcome.refusal.is_no_migration);
	stream_receive(SAVED_HEADER_BYTES - 1, NULL, 4 * MIB);
	assert_true(outcome.refusal.is_no_migration);
	stream_receive(SAVED_HEADER_BYTES, NULL, 4 * MIB);
	assert_false(outcome.refusal.is_no_migration);
	stream.bytes[0] ^= 1;
	stream_receive(stream.used, NULL, 4 * MIB);
	assert_true(outcome.refusal.is_no_migration);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(ready_that_drips_stays),
		T(prepared_that_drips_stays),
		T(done_that_drips_is_doubt),
		T(destination_that_sips_stays),
		T(signal_ends_the_copy_and_the_destination_is_told),
		T(silent_or_dripping_source_is_given_up_and_is_told),
		T(signal_ends_the_destination_and_the_source_is_told),
		T(who_closes_or_talks_otherwise_was_no_migration),
	};

	return cmocka_run_group_tests_name("migrate-limits", tests, NULL, NULL);
}
