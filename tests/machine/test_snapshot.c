/* SPDX-License-Identifier: MIT */
/* Saved machines: the same again after a restore, and what becomes of damaged ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <machine/saved/snapshot.h>
#include <stream/room.h>

#include "saved.h"

static struct saved saved, again;
static char why[512];

static struct machine *restore(struct saved *from, const char *model, uint64_t most,
                               enum vpmu_status *status)
{
	struct machine_restore wanted = {.config = {.cpu = &fake_cpu_ops, .memory_bytes = most},
	                                 .has_model = model,
	                                 .order = vpmu_order_find("safe")};
	struct machine_origin origin = {.read = saved_give, .context = from};
	struct machine_notes notes;

	if (model)
		assert_int_equal(vpmu_model_parse(&wanted.config.model, model, NULL, 0), VPMU_OK);
	from->at = 0;
	*why = '\0';
	return machine_load_saved(&wanted, &origin, &notes, status, why, sizeof(why));
}

static void must_be(struct saved *from, enum vpmu_status expected, const char *text)
{
	enum vpmu_status status;
	struct machine *machine = restore(from, NULL, 4 * MIB, &status);

	assert_null(machine);
	if (status != expected)
		fail_msg("status %d: %s", status, why);
	if (!strstr(why, text))
		fail_msg("'%s' is not in '%s'", text, why);
}

static const char *const models[] = {"intel-v1",     "intel-v2",       "intel-v3",
                                     "intel-v4",     "intel-v5",       "amd-k7",
                                     "amd-perfcore", "amd-perfmon-v2", "zhaoxin-v2"};

static void restored_machine_saves_as_the_same_bytes(void **state)
{
	for (unsigned i = 0; i < ARRAY_SIZE(models); i++) {
		struct machine *machine = saved_lived(models[i]);
		enum vpmu_status status;

		saved_make(machine, &saved);
		machine_destroy(machine);
		machine = restore(&saved, NULL, 4 * MIB, &status);
		if (!machine)
			fail_msg("%s: %s", models[i], why);
		saved_make(machine, &again);
		assert_int_equal(again.used, saved.used);
		assert_memory_equal(again.bytes, saved.bytes, saved.used);
		machine_destroy(machine);
	}
}

static struct vpmu_host host_of(const char *text)
{
	struct vpmu_host host;

	assert_int_equal(vpmu_host_init(&host, VPMU_VENDOR_INTEL), VPMU_OK);
	assert_int_equal(vpmu_host_set(&host, text, NULL, 0), VPMU_OK);
	return host;
}

static void save_on(const char *host_text)
{
	struct vpmu_host host = host_of(host_text);
	const struct machine_config config = {.profile = vpmu_profile_find("linux-6.12"),
	                                      .host = &host};
	struct machine *machine = fixture_make("intel-v2", &config);

	saved_make(machine, &saved);
	machine_destroy(machine);
}

static void restored_machine_is_on_the_saved_host(void **state)
{
	static const char *const hosts[] = {"gp=2,width=40,tsx=on", "vendor=amd,gp=4",
	                                    "vendor=zhaoxin", "enable-pmu=off"};

	for (unsigned i = 0; i < ARRAY_SIZE(hosts); i++) {
		struct vpmu_host host = host_of(hosts[i]);
		enum vpmu_status status;
		struct machine *machine;

		save_on(hosts[i]);
		machine = restore(&saved, NULL, 4 * MIB, &status);
		if (!machine)
			fail_msg("%s: %s", hosts[i], why);
		assert_memory_equal(vpmu_pmu_host(machine_pmu(machine)), &host, sizeof(host));
		saved_make(machine, &again);
		assert_int_equal(again.used, saved.used);
		assert_memory_equal(again.bytes, saved.bytes, saved.used);
		machine_destroy(machine);
	}
}

static void restored_machine_is_on_the_host_that_is_wanted(void **state)
{
	struct vpmu_host host = host_of("gp=4,tsx=on,pdcm=off");
	struct machine_restore wanted = {
		.config = {.cpu = &fake_cpu_ops, .memory_bytes = 4 * MIB, .host = &host},
		.order = vpmu_order_find("safe"),
	};
	struct machine_origin origin = {.read = saved_give, .context = &saved};
	struct machine_notes notes;
	enum vpmu_status status;
	struct machine *machine;

	save_on("gp=2,tsx=on");
	saved.at = 0;
	machine = machine_load_saved(&wanted, &origin, &notes, &status, why, sizeof(why));
	if (!machine)
		fail_msg("%s", why);
	assert_memory_equal(vpmu_pmu_host(machine_pmu(machine)), &host, sizeof(host));
	machine_destroy(machine);
}

/* Readers of an older vpmu take such a file. */
static void default_host_is_not_saved(void **state)
{
	static const uint8_t name[4] = {'H', 'O', 'S', 'T'};

	save_on("vendor=intel");
	for (size_t i = 0; i + sizeof(name) <= saved.used; i++)
		assert_memory_not_equal(saved.bytes + i, name, sizeof(name));
}

static void profile_without_a_pmu_on_the_host_is_no_machine(void **state)
{
	struct vpmu_host host = host_of("pdcm=off");
	struct machine_config config = {.cpu = &fake_cpu_ops,
	                                .profile = vpmu_profile_find("mediated"),
	                                .host = &host,
	                                .memory_bytes = 4 * MIB};

	assert_int_equal(vpmu_model_parse(&config.model, "intel-v2", NULL, 0), VPMU_OK);
	assert_null(machine_create(&config, why, sizeof(why)));
	assert_string_equal(why, "the profile has no PMU of this model on this host");
}

static void reset_machine_saves_as_a_fresh_one(void **state)
{
	for (unsigned i = 0; i < ARRAY_SIZE(models); i++) {
		struct machine *machine = fixture_make(models[i], NULL);

		saved_make(machine, &saved);
		machine_destroy(machine);
		machine = saved_lived(models[i]);
		assert_int_equal(machine_reset(machine, vpmu_order_find("safe"), why, sizeof(why)),
		                 VPMU_OK);
		fixture_load(machine);
		saved_make(machine, &again);
		assert_int_equal(again.used, saved.used);
		assert_memory_equal(again.bytes, saved.bytes, saved.used);
		machine_destroy(machine);
	}
}

static void make(const char *model)
{
	struct machine *machine = saved_lived(model);

	saved_make(machine, &saved);
	machine_destroy(machine);
}

static void every_truncation_is_bad_data(void **state)
{
	make("intel-v5");
	for (size_t length = 0; length < saved.used; length++) {
		memcpy(again.bytes, saved.bytes, length);
		again.used = length;
		must_be(&again, VPMU_BAD_DATA, "truncated");
	}
}

static void every_flipped_bit_is_noticed(void **state)
{
	enum vpmu_status status;

	make("amd-perfmon-v2");
	for (size_t i = 0; i < saved.used; i++) {
		saved.bytes[i] ^= (uint8_t)(1 << i % 8);
		if (restore(&saved, NULL, 4 * MIB, &status))
			fail_msg("byte %zu", i);
		assert_true(status == VPMU_BAD_DATA || status == VPMU_INCOMPATIBLE);
		assert_true(strlen(why) > 8);
		saved.bytes[i] ^= (uint8_t)(1 << i % 8);
	}
}

static void other_model_is_seen_before_anything_else(void **state)
{
	enum vpmu_status status;
	size_t bytes = 0;

	make("intel-v4");
	saved_find(&saved, RECORD_BOARD, &bytes)[8] ^= 1; /* damaged, and nobody comes to it */
	assert_null(restore(&saved, "intel-v2", 4 * MIB, &status));
	assert_int_equal(status, VPMU_INCOMPATIBLE);
	assert_non_null(strstr(why, "'VPMU'"));
}

static void newer_version_is_incompatible(void **state)
{
	make("intel-v2");
	saved.bytes[8] = SAVED_VERSION + 1;
	must_be(&saved, VPMU_INCOMPATIBLE, "version 5");
}

static void more_memory_than_allowed_is_incompatible(void **state)
{
	enum vpmu_status status;

	make("intel-v2");
	assert_null(restore(&saved, NULL, 2 * MIB, &status));
	assert_int_equal(status, VPMU_INCOMPATIBLE);
	assert_non_null(strstr(why, "more memory"));
}

static void record_of_4_gib_is_bad_data(void **state)
{
	size_t bytes = 0;

	make("intel-v2");
	store_le(saved_find(&saved, RECORD_PAGES, &bytes) + 4, 4, UINT32_MAX);
	must_be(&saved, VPMU_BAD_DATA, "4294967295 bytes");
}

static void unknown_record_is_incompatible_unless_it_is_optional(void **state)
{
	enum vpmu_status status;
	struct machine *machine;
	uint8_t *record;
	size_t bytes = 0;

	make("intel-v2");
	record = saved_find(&saved, RECORD_NOTES, &bytes);
	store_le(record, 4, RECORD('X', 'o', 't', 'e'));
	saved_seal(record);
	must_be(&saved, VPMU_INCOMPATIBLE, "'Xote'");
	store_le(record, 4, RECORD('x', 'o', 't', 'e'));
	saved_seal(record);
	machine = restore(&saved, NULL, 4 * MIB, &status);
	assert_non_null(machine);
	machine_destroy(machine);
}

static void missing_record_is_bad_data(void **state)
{
	static const uint32_t types[] = {RECORD_HEAD, RECORD_PMU, RECORD_BOARD, RECORD_CPU,
	                                 RECORD_PAGES};

	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		make("intel-v2");
		saved_remove(&saved, types[i]);
		must_be(&saved, VPMU_BAD_DATA, "");
	}
	make("intel-v2");
	saved_remove(&saved, RECORD_END);
	must_be(&saved, VPMU_BAD_DATA, "truncated");
}

static void repeated_record_is_bad_data(void **state)
{
	static const uint32_t types[] = {RECORD_HEAD, RECORD_PMU, RECORD_BOARD, RECORD_CPU,
	                                 RECORD_END};

	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		uint8_t *record;
		size_t bytes = 0;

		make("intel-v2");
		record = saved_find(&saved, types[i], &bytes);
		saved_insert(&saved, record + bytes, record, bytes);
		must_be(&saved, VPMU_BAD_DATA, types[i] == RECORD_END ? "follows" : "out of place");
	}
}

static void page_beyond_memory_is_bad_data(void **state)
{
	uint8_t *record;
	size_t bytes = 0;

	make("intel-v2");
	record = saved_find(&saved, RECORD_PAGES, &bytes);
	store_le(record + RECORD_HEADER_BYTES, 8, 4 * MIB / PAGE_SIZE_);
	saved_seal(record);
	must_be(&saved, VPMU_BAD_DATA, "beyond");
}

static void value_out_of_range_is_named(void **state)
{
	uint8_t *record;
	size_t bytes = 0;

	make("intel-v2");
	record = saved_find(&saved, RECORD_BOARD, &bytes);
	store_le(record + RECORD_HEADER_BYTES, 8, UINT64_MAX); /* IA32_APIC_BASE */
	saved_seal(record);
	must_be(&saved, VPMU_BAD_DATA, "base");
}

/* A counter that looks at cycles, with an event that no cycle has yet: in no register. */
static struct machine *make_with_a_cycle(const char *model, uint32_t selector)
{
	const struct vpmu_amounts early = {.of = {[VPMU_INSTRUCTIONS] = 2}};
	struct machine *machine = saved_lived(model);

	fixture_wrmsr(selector, 0x5300c0 | 3 << 24);
	vpmu_pmu_account(machine_pmu(machine), &early, 0);
	saved_make(machine, &saved);
	return machine;
}

static void what_is_known_of_the_last_cycle_is_restored(void **state)
{
	static const struct {
		const char *model;
		uint32_t selector;
	} rows[] = {{"intel-v2", 0x186}, {"intel-v5", 0x186}, {"amd-k7", 0xc0010000}};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct machine *machine = make_with_a_cycle(rows[i].model, rows[i].selector);
		uint64_t before = vpmu_pmu_fingerprint(machine_pmu(machine));
		enum vpmu_status status;

		machine_destroy(machine);
		machine = restore(&saved, NULL, 4 * MIB, &status);
		assert_non_null(machine);
		assert_true(vpmu_pmu_fingerprint(machine_pmu(machine)) == before);
		machine_destroy(machine);
	}
}

static void nobody_knows_more_of_a_cycle_than_can_be(void **state)
{
	static const struct {
		unsigned at;
		uint32_t value;
	} rows[] = {{0, 99}, {0, 31}, {2, VPMU_LAST_CYCLE_MOST + 1}, {2, 0x7fff}, {2, 0xffff}};
	uint8_t *record;
	size_t bytes = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		machine_destroy(make_with_a_cycle("intel-v2", 0x186));
		record = saved_find(&saved, RECORD_CYCLES, &bytes);
		assert_int_equal(bytes, RECORD_HEADER_BYTES + 4);
		store_le(record + RECORD_HEADER_BYTES + rows[i].at, 2, rows[i].value);
		saved_seal(record);
		must_be(&saved, VPMU_BAD_DATA, rows[i].at ? "its last cycle" : "a counter");
	}
}

static bool take_so_much(void *context, const void *bytes, size_t count)
{
	size_t *room = context;

	if (count > *room)
		return false;
	*room -= count;
	return true;
}

static void full_sink_is_a_host_error(void **state)
{
	struct machine *machine = saved_lived("intel-v2");
	const struct machine_notes notes = {.count = 0};

	saved_make(machine, &saved);
	for (size_t most = 0; most < saved.used; most += 100) {
		size_t room = most;
		struct machine_sink sink = {.write = take_so_much, .context = &room};

		assert_int_equal(machine_save(machine, &notes, &sink, why, sizeof(why)), VPMU_HOST);
	}
	machine_destroy(machine);
}

static void ended_guest_is_not_saved(void **state)
{
	struct machine *machine = fixture_make("intel-v2", NULL);
	const struct machine_notes notes = {.count = 0};
	struct machine_sink sink = {.write = saved_keep, .context = &saved};

	fake_cpu->calls->port_write(fake_cpu->board, 0xf4, 1, 0);
	assert_int_equal(machine_save(machine, &notes, &sink, why, sizeof(why)), VPMU_BAD_ARGUMENT);
	machine_destroy(machine);
}

static enum cpu_stop retire_a_thousand(struct cpu *cpu)
{
	fake_retire(cpu, 1000);
	return CPU_STOP_DEADLINE;
}

static void pause_is_on_its_instruction_and_the_run_goes_on(void **state)
{
	struct machine *machine = fixture_make("intel-v2", NULL);
	struct machine_result result;

	fake_program = retire_a_thousand;
	machine_pause_at(machine, 4321);
	machine_run(machine, &result);
	assert_int_equal(result.end, MACHINE_END_PAUSED);
	assert_int_equal(machine_retired(machine), 4321);
	machine_pause_at(machine, 4322);
	machine_run(machine, &result);
	assert_int_equal(result.end, MACHINE_END_PAUSED);
	assert_int_equal(machine_retired(machine), 4322);
	machine_destroy(machine);
}

static void words_survive_packing(void **state)
{
	uint64_t words[700], back[700];

	for (unsigned round = 0; round < 200; round++) {
		struct pack pack = {0};
		struct unpack unpack;

		for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
			words[i] = (uint64_t)(rand() % (1 + (int)round % 7));
		pack_words(&pack, words, ARRAY_SIZE(words));
		unpack = (struct unpack){.bytes = pack.bytes, .count = pack.used};
		assert_true(unpack_words(&unpack, back, ARRAY_SIZE(back), "words"));
		assert_true(unpack_is_done(&unpack, "end"));
		assert_memory_equal(words, back, sizeof(words));
		free(pack.bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_survive_packing),
		cmocka_unit_test(restored_machine_saves_as_the_same_bytes),
		cmocka_unit_test(restored_machine_is_on_the_saved_host),
		cmocka_unit_test(restored_machine_is_on_the_host_that_is_wanted),
		cmocka_unit_test(default_host_is_not_saved),
		cmocka_unit_test(profile_without_a_pmu_on_the_host_is_no_machine),
		cmocka_unit_test(reset_machine_saves_as_a_fresh_one),
		cmocka_unit_test(every_truncation_is_bad_data),
		cmocka_unit_test(every_flipped_bit_is_noticed),
		cmocka_unit_test(other_model_is_seen_before_anything_else),
		cmocka_unit_test(newer_version_is_incompatible),
		cmocka_unit_test(more_memory_than_allowed_is_incompatible),
		cmocka_unit_test(record_of_4_gib_is_bad_data),
		cmocka_unit_test(unknown_record_is_incompatible_unless_it_is_optional),
		cmocka_unit_test(missing_record_is_bad_data),
		cmocka_unit_test(repeated_record_is_bad_data),
		cmocka_unit_test(page_beyond_memory_is_bad_data),
		cmocka_unit_test(value_out_of_range_is_named),
		cmocka_unit_test(what_is_known_of_the_last_cycle_is_restored),
		cmocka_unit_test(nobody_knows_more_of_a_cycle_than_can_be),
		cmocka_unit_test(full_sink_is_a_host_error),
		cmocka_unit_test(ended_guest_is_not_saved),
		cmocka_unit_test(pause_is_on_its_instruction_and_the_run_goes_on),
	};

	return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
