/* SPDX-License-Identifier: MIT */
/* Both sides of a live migration, in two threads: what arrives is the machine that was sent. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "saved.h"

enum { BASE = 0x200000, PAGE = 4096 };

static const struct migration_limits limits = {.still_ms = 60000, .copy_ms = 60000};

static struct saved sent, arrived;

/* The destination, and what came of it. */
static struct destination {
	struct machine_restore wanted;
	int fd;
	pthread_t thread;
	struct machine *machine;
	struct machine_notes notes;
	struct migration_refusal refusal;
} there;

/* The source. */
static struct machine *here;
static char why[512];
static const struct machine_notes notes = {.count = 2, .values = {7, UINT64_MAX}};

static void *receive(void *unused)
{
	there.machine =
		migration_receive(&there.wanted, there.fd, &limits, &there.notes, &there.refusal);
	close(there.fd);
	return NULL;
}

/* Connects `here` to a destination for this model, or for any. */
static struct migration *begin(const char *model)
{
	struct migration *migration;
	int ends[2];

	memset(&there, 0, sizeof(there));
	there.wanted =
		(struct machine_restore){.config = {.cpu = &fake_cpu_ops, .memory_bytes = 4 * MIB},
	                                 .has_model = model,
	                                 .order = vpmu_order_find("safe")};
	if (model)
		assert_int_equal(vpmu_model_parse(&there.wanted.config.model, model, NULL, 0),
		                 VPMU_OK);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	there.fd = ends[0];
	assert_int_equal(pthread_create(&there.thread, NULL, receive, NULL), 0);
	migration = migration_begin(here, ends[1], &limits, why, sizeof(why));
	if (!migration)
		fail_msg("%s", why);
	return migration;
}

/* To the end, with a guest that does this between two steps. */
static enum migration_state finish(struct migration *migration, void (*guest)(void),
                                   struct migration_progress *progress)
{
	enum migration_state state;

	while ((state = migration_step(migration, here, &notes)) == MIGRATION_GOING) {
		guest();
		sched_yield();
	}
	strcpy(why, migration_why(migration));
	*progress = migration_progress(migration);
	migration_end(migration);
	pthread_join(there.thread, NULL);
	return state;
}

static void rest(void)
{
}

/* The machine is there, and it is the one that is here. */
static void must_have_moved(enum migration_state state)
{
	if (state != MIGRATION_DONE || !there.machine)
		fail_msg("%s; %s", why, there.refusal.why);
	saved_make(here, &sent);
	saved_make(there.machine, &arrived);
	assert_int_equal(arrived.used, sent.used);
	assert_memory_equal(arrived.bytes, sent.bytes, sent.used);
	machine_destroy(there.machine);
	machine_destroy(here);
}

static void every_models_machine_arrives(void **state)
{
	static const char *const models[] = {"intel-v1",     "intel-v2",       "intel-v3",
	                                     "intel-v4",     "intel-v5",       "amd-k7",
	                                     "amd-perfcore", "amd-perfmon-v2", "zhaoxin-v2"};
	struct migration_progress progress;

	for (unsigned i = 0; i < ARRAY_SIZE(models); i++) {
		here = saved_lived(models[i]);
		must_have_moved(finish(begin(NULL), rest, &progress));
		assert_int_equal(there.notes.count, 2);
		assert_memory_equal(there.notes.values, notes.values, 16);
		assert_int_equal(progress.rounds, 2);
	}
}

/* One page more, and the one before it once more. */
static void write_a_little(void)
{
	static unsigned page;
	uint8_t *memory = memory_at(&here->memory, BASE + page * PAGE, 2 * PAGE);

	memory[0]++;
	memory[PAGE] = 1;
	page = (page + 1) % 40;
}

static void what_the_guest_writes_while_memory_is_copied_arrives(void **state)
{
	struct migration_progress progress;

	here = saved_lived("intel-v4");
	must_have_moved(finish(begin(NULL), write_a_little, &progress));
}

static void write_a_lot(void)
{
	uint8_t *memory = memory_at(&here->memory, BASE, 100 * PAGE);

	for (unsigned i = 0; i < 100; i++)
		memory[i * PAGE]++;
}

static void guest_that_writes_without_end_is_handed_over_after_16_rounds(void **state)
{
	struct migration_progress progress;

	here = saved_lived("intel-v4");
	must_have_moved(finish(begin(NULL), write_a_lot, &progress));
	assert_int_equal(progress.rounds, 16);
}

static void guest_of_another_model_stays_and_both_say_why(void **state)
{
	struct migration_progress progress;

	here = saved_lived("intel-v4");
	saved_make(here, &sent);
	assert_int_equal(finish(begin("amd-perfmon-v2"), rest, &progress), MIGRATION_FAILED);
	assert_null(there.machine);
	assert_int_equal(there.refusal.status, VPMU_INCOMPATIBLE);
	assert_memory_equal(why, "the destination refuses: ", 25);
	assert_string_equal(why + 25, there.refusal.why);
	saved_make(here, &arrived);
	assert_memory_equal(arrived.bytes, sent.bytes, sent.used);
	machine_destroy(here);
}

static void cancelled_guest_stays_and_the_destination_is_told(void **state)
{
	struct migration *migration;

	here = saved_lived("intel-v4");
	migration = begin(NULL);
	assert_int_equal(migration_step(migration, here, &notes), MIGRATION_GOING);
	migration_cancel(migration, "the guest has ended");
	migration_end(migration);
	pthread_join(there.thread, NULL);
	assert_null(there.machine);
	assert_string_equal(there.refusal.why, "the source has cancelled: the guest has ended");
	machine_destroy(here);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_models_machine_arrives),
		cmocka_unit_test(what_the_guest_writes_while_memory_is_copied_arrives),
		cmocka_unit_test(guest_that_writes_without_end_is_handed_over_after_16_rounds),
		cmocka_unit_test(guest_of_another_model_stays_and_both_say_why),
		cmocka_unit_test(cancelled_guest_stays_and_the_destination_is_told),
	};

	return cmocka_run_group_tests_name("migrate", tests, NULL, NULL);
}
