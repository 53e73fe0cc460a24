/* SPDX-License-Identifier: MIT */
/*
 * The source of a live migration: whose the guest is, whatever the destination says, and whenever
 * it closes the connection or falls silent. Only between COMMIT and DONE may it be in doubt.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>

#include <cmocka.h>

#include "live_peer.h"
#include "saved.h"

enum { RUN_ON = 1000 };

#define SCRIPT(...) ((const struct step[]){__VA_ARGS__})
#define READY                                                                                      \
	{                                                                                          \
		SAY, WORD_READY, NULL                                                              \
	}
#define PREPARED                                                                                   \
	{                                                                                          \
		SAY, WORD_PREPARED, NULL                                                           \
	}
#define UP_TO(type)                                                                                \
	{                                                                                          \
		HEAR, type, NULL                                                                   \
	}
#define THEN(end)                                                                                  \
	{                                                                                          \
		end, 0, NULL                                                                       \
	}

static struct saved before, after;
static const struct machine_notes notes = {.count = 2, .values = {7, UINT64_MAX}};

/* What came of the last migration. */
static struct peer peer;
static struct machine *machine;
static enum migration_state state;
static char why[1024];

/* A script that ends in silence is the only one that is waited for. */
static struct migration_limits limits_for(const struct step *steps)
{
	struct migration_limits limits = {.still_ms = 60000, .copy_ms = 60000};

	while (steps->what != STAY && steps->what != CLOSE)
		steps++;
	if (steps->what == STAY)
		limits.still_ms = limits.copy_ms = 1000;
	return limits;
}

static struct migration *begin(const struct step *steps)
{
	const struct migration_limits limits = limits_for(steps);
	struct migration *migration;

	migration = migration_begin(machine, peer_begin(&peer, steps), &limits, why, sizeof(why));
	if (!migration)
		fail_msg("%s", why);
	return migration;
}

static void finish(struct migration *migration)
{
	while ((state = migration_step(migration, machine, &notes)) == MIGRATION_GOING)
		sched_yield();
	strcpy(why, migration_why(migration));
	migration_end(migration);
}

static void migrate(const struct step *steps)
{
	finish(begin(steps));
	peer_end(&peer);
}

static enum cpu_stop retire_a_thousand(struct cpu *cpu)
{
	fake_retire(cpu, RUN_ON);
	return CPU_STOP_DEADLINE;
}

static void must_run_on(void)
{
	uint64_t point = machine_retired(machine) + RUN_ON;
	struct machine_result result;

	fake_program = retire_a_thousand;
	machine_pause_at(machine, point);
	machine_run(machine, &result);
	assert_int_equal(result.end, MACHINE_END_PAUSED);
	assert_int_equal(machine_retired(machine), point);
}

/* The guest stays at the source, nothing of it has changed, and it runs on. */
static void must_stay(const struct step *steps, const char *reason)
{
	machine = saved_lived("intel-v4");
	saved_make(machine, &before);
	migrate(steps);
	assert_int_equal(state, MIGRATION_FAILED);
	if (!strstr(why, reason))
		fail_msg("'%s' is not in '%s'", reason, why);
	saved_make(machine, &after);
	assert_int_equal(after.used, before.used);
	assert_memory_equal(after.bytes, before.bytes, before.used);
	must_run_on();
	machine_destroy(machine);
}

static void must_be(const struct step *steps, enum migration_state expected)
{
	machine = saved_lived("intel-v4");
	migrate(steps);
	machine_destroy(machine);
	if (state != expected)
		fail_msg("state %d: %s", state, why);
}

/* --- In sequence ----------------------------------------------------------------------------- */

static void destination_has_it_when_it_says_done(void **unused)
{
	must_be(SCRIPT(UP_TO(RECORD_PMU), READY, UP_TO(RECORD_END), PREPARED, UP_TO(WORD_COMMIT),
	               {SAY, WORD_DONE, NULL}, THEN(CLOSE)),
	        MIGRATION_DONE);
	assert_memory_equal(peer.heard, "HEADVPMUPAGE", 12);
	assert_string_equal(peer.heard + strlen(peer.heard) - 28, "PAGECPU BORDVPMUnoteEND COMT");
}

/* --- Refused, or answered wrongly ------------------------------------------------------------ */

static void refused_model_stays_and_the_reason_is_told(void **unused)
{
	must_stay(SCRIPT(UP_TO(RECORD_PMU), {SAY, WORD_REFUSED, "not this model"}, THEN(CLOSE)),
	          "the destination refuses: not this model");
}

static void refused_put_stays_and_the_reason_is_told(void **unused)
{
	must_stay(SCRIPT(READY, UP_TO(RECORD_END), {SAY, WORD_REFUSED, "0x38d"}, THEN(CLOSE)),
	          "the destination refuses: 0x38d");
}

static void refusal_is_heard_although_nothing_can_be_sent_any_more(void **unused)
{
	struct migration *migration;

	machine = saved_lived("intel-v4");
	migration = begin(
		SCRIPT(UP_TO(RECORD_PMU), READY, {SAY, WORD_REFUSED, "a bad page"}, THEN(CLOSE)));
	migration_step(migration, machine, &notes);
	peer_end(&peer);
	finish(migration);
	assert_int_equal(state, MIGRATION_FAILED);
	assert_string_equal(why, "the destination refuses: a bad page");
	machine_destroy(machine);
}

static void prepared_before_ready_is_a_wrong_answer(void **unused)
{
	must_stay(SCRIPT(UP_TO(RECORD_PMU), PREPARED, THEN(CLOSE)), "wrong answer");
}

static void second_ready_is_a_wrong_answer(void **unused)
{
	must_stay(SCRIPT(READY, READY, UP_TO(RECORD_END), THEN(CLOSE)), "wrong answer");
}

static void done_before_commit_is_a_wrong_answer(void **unused)
{
	must_stay(SCRIPT(READY, UP_TO(RECORD_END), {SAY, WORD_DONE, NULL}, THEN(CLOSE)),
	          "wrong answer");
}

static void damaged_reply_stays(void **unused)
{
	must_stay(SCRIPT(UP_TO(RECORD_PMU), {SPOIL, WORD_READY, NULL}, THEN(CLOSE)),
	          "a damaged reply");
	must_stay(SCRIPT(READY, UP_TO(RECORD_END), {SPOIL, WORD_PREPARED, NULL}, THEN(CLOSE)),
	          "a damaged reply");
}

static void endless_reply_stays(void **unused)
{
	char text[CHANNEL_REPLY_MOST + 2];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	must_stay(SCRIPT(UP_TO(RECORD_PMU), {SAY, WORD_READY, text}, THEN(CLOSE)),
	          "talks something else");
}

/* --- Closed ---------------------------------------------------------------------------------- */

static void closed_before_head_stays(void **unused)
{
	must_stay(SCRIPT(THEN(CLOSE)), "connection");
}

static void closed_before_ready_stays(void **unused)
{
	must_stay(SCRIPT(UP_TO(RECORD_PMU), THEN(CLOSE)), "closed the connection");
}

static void closed_in_the_rounds_stays(void **unused)
{
	must_stay(SCRIPT(READY, UP_TO(RECORD_PAGES), THEN(CLOSE)), "connection");
}

static void closed_before_prepared_stays(void **unused)
{
	must_stay(SCRIPT(READY, UP_TO(RECORD_END), THEN(CLOSE)), "closed the connection");
}

static void closed_between_prepared_and_commit_stays(void **unused)
{
	must_stay(SCRIPT(READY, UP_TO(RECORD_END), THEN(DEAF), PREPARED, THEN(CLOSE)),
	          "the connection is gone");
}

static void closed_between_commit_and_done_is_doubt(void **unused)
{
	must_be(SCRIPT(READY, UP_TO(RECORD_END), PREPARED, UP_TO(WORD_COMMIT), THEN(CLOSE)),
	        MIGRATION_DOUBT);
}

static void another_word_or_damage_in_place_of_done_is_doubt(void **unused)
{
	must_be(SCRIPT(READY, UP_TO(RECORD_END), PREPARED, UP_TO(WORD_COMMIT),
	               {SAY, WORD_READY, NULL}, THEN(CLOSE)),
	        MIGRATION_DOUBT);
	must_be(SCRIPT(READY, UP_TO(RECORD_END), PREPARED, UP_TO(WORD_COMMIT),
	               {SPOIL, WORD_DONE, NULL}, THEN(CLOSE)),
	        MIGRATION_DOUBT);
}

static void refusal_in_place_of_done_stays(void **unused)
{
	must_stay(SCRIPT(READY, UP_TO(RECORD_END), PREPARED, UP_TO(WORD_COMMIT),
	                 {SAY, WORD_REFUSED, "stopped by a signal"}, THEN(CLOSE)),
	          "the destination refuses: stopped by a signal");
}

/* --- Silent ---------------------------------------------------------------------------------- */

static void silent_before_ready_stays_and_nothing_but_the_model_is_sent(void **unused)
{
	must_stay(SCRIPT(UP_TO(RECORD_END), THEN(STAY)), "does not answer");
	assert_string_equal(peer.heard, "HEADVPMUCANC");
}

static void silent_before_prepared_stays(void **unused)
{
	must_stay(SCRIPT(READY, UP_TO(RECORD_END), THEN(STAY)), "does not answer");
}

static void silent_between_commit_and_done_is_doubt(void **unused)
{
	must_be(SCRIPT(READY, UP_TO(RECORD_END), PREPARED, UP_TO(WORD_COMMIT), THEN(STAY)),
	        MIGRATION_DOUBT);
}

/* More than a socket holds, in memory that cannot be packed. */
static void fill_memory(void)
{
	uint64_t *words = memory_at(&machine->memory, 0x100000, 0x200000);

	for (uint64_t i = 0; i < 0x200000 / 8; i++)
		words[i] = i * UINT64_C(0x9e3779b97f4a7c15);
}

static void destination_that_reads_no_more_stays(void **unused)
{
	machine = saved_lived("intel-v4");
	fill_memory();
	migrate(SCRIPT(READY, THEN(STAY)));
	assert_int_equal(state, MIGRATION_FAILED);
	assert_non_null(strstr(why, "does not answer"));
	must_run_on();
	machine_destroy(machine);
}

/* --- Cancelled ------------------------------------------------------------------------------- */

static void cancel_tells_the_destination_why(void **unused)
{
	struct migration *migration;

	machine = saved_lived("intel-v4");
	migration = begin(SCRIPT(UP_TO(WORD_CANCEL), THEN(STAY)));
	assert_int_equal(migration_step(migration, machine, &notes), MIGRATION_GOING);
	migration_cancel(migration, "the guest has ended");
	migration_end(migration);
	peer_end(&peer);
	assert_string_equal(peer.heard, "HEADVPMUCANC");
	assert_string_equal(peer.text, "the guest has ended");
	must_run_on();
	machine_destroy(machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(destination_has_it_when_it_says_done),
		cmocka_unit_test(refused_model_stays_and_the_reason_is_told),
		cmocka_unit_test(refused_put_stays_and_the_reason_is_told),
		cmocka_unit_test(refusal_is_heard_although_nothing_can_be_sent_any_more),
		cmocka_unit_test(prepared_before_ready_is_a_wrong_answer),
		cmocka_unit_test(second_ready_is_a_wrong_answer),
		cmocka_unit_test(done_before_commit_is_a_wrong_answer),
		cmocka_unit_test(damaged_reply_stays),
		cmocka_unit_test(endless_reply_stays),
		cmocka_unit_test(closed_before_head_stays),
		cmocka_unit_test(closed_before_ready_stays),
		cmocka_unit_test(closed_in_the_rounds_stays),
		cmocka_unit_test(closed_before_prepared_stays),
		cmocka_unit_test(closed_between_prepared_and_commit_stays),
		cmocka_unit_test(closed_between_commit_and_done_is_doubt),
		cmocka_unit_test(another_word_or_damage_in_place_of_done_is_doubt),
		cmocka_unit_test(refusal_in_place_of_done_stays),
		cmocka_unit_test(silent_before_ready_stays_and_nothing_but_the_model_is_sent),
		cmocka_unit_test(silent_before_prepared_stays),
		cmocka_unit_test(silent_between_commit_and_done_is_doubt),
		cmocka_unit_test(destination_that_reads_no_more_stays),
		cmocka_unit_test(cancel_tells_the_destination_why),
	};

	return cmocka_run_group_tests_name("migrate-source", tests, NULL, NULL);
}
