/* SPDX-License-Identifier: MIT */
/* VM states in qcow2 images: found, chosen, read as they are, or refused by what is wrong. */
#include "unit.h"

#include <stream/foreign/room.h>

#include "qcow2_file.h"
#include "qemu_file.h"

static struct qcow2_file file;
static struct foreign_qcow2 image;
static struct foreign_snapshot snapshot;
static struct vpmu_source source;
static uint8_t state[3 * QCOW2_CLUSTER * QCOW2_CLUSTER / 8 / 2]; /* two second tables */
static size_t readable;                                          /* reads beyond fail */
static char why[WHY_BYTES];

static bool read_file(void *context, uint64_t offset, void *into, size_t bytes)
{
	assert_true(offset <= source.bytes && bytes <= source.bytes - offset);
	if (offset + bytes > readable)
		return false;
	memcpy(into, file.bytes + offset, bytes);
	return true;
}

static void fill_state(void)
{
	for (size_t i = 0; i < sizeof(state); i++)
		state[i] = (uint8_t)(i * 7 + i / 256 + 1);
}

static int setup(void **context)
{
	fill_state();
	qcow2_file_start(&file);
	qcow2_file_snapshot(&file, "1", "before", state, sizeof(state), QCOW2_DISK);
	readable = file.count;
	return 0;
}

/* Opens so much of the image and chooses its `which`-th snapshot. */
static enum vpmu_status choose_in(size_t bytes, unsigned which)
{
	enum vpmu_status status;

	why[0] = '\0';
	source = (struct vpmu_source){.read = read_file, .bytes = bytes};
	status = foreign_qcow2_open(&image, &source, why, sizeof(why));
	for (unsigned i = 0; i <= which && !status; i++)
		status = foreign_qcow2_next(&image, &snapshot, why, sizeof(why));
	return status ? status : foreign_qcow2_choose(&image, &snapshot, why, sizeof(why));
}

static void assert_refused(enum vpmu_status wanted, const char *text)
{
	enum vpmu_status status = choose_in(file.count, 0);

	if (!strstr(why, text))
		fail_msg("'%s' is not in '%s'", text, why);
	assert_int_equal(status, wanted);
}

/* All at once, and byte by byte over the clusters' ends. */
static void assert_is_state(const uint8_t *wanted, size_t bytes)
{
	static uint8_t read[sizeof(state)];
	uint8_t some[3];

	assert_int_equal(image.state.bytes, bytes);
	assert_true(image.state.read(image.state.context, 0, read, bytes));
	assert_memory_equal(read, wanted, bytes);
	for (size_t at = QCOW2_CLUSTER - 2; at + 3 <= bytes; at += QCOW2_CLUSTER) {
		assert_true(image.state.read(image.state.context, at, some, 3));
		assert_memory_equal(some, wanted + at, 3);
	}
}

static void state_is_read_as_it_was_written(void **context)
{
	assert_int_equal(choose_in(file.count, 0), VPMU_OK);
	assert_string_equal(snapshot.id, "1");
	assert_string_equal(snapshot.name, "before");
	assert_is_state(state, sizeof(state));
}

static void version_2_has_no_features(void **context)
{
	qcow2_file_set(&file, 4, 4, 2);
	qcow2_file_set(&file, 72, 8, UINT64_MAX);
	assert_int_equal(choose_in(file.count, 0), VPMU_OK);
	assert_is_state(state, sizeof(state));
}

static void dirty_and_corrupt_images_are_read(void **context)
{
	qcow2_file_set(&file, 72, 8, 3);
	assert_int_equal(choose_in(file.count, 0), VPMU_OK);
}

static void each_of_several_has_its_own_state(void **context)
{
	qcow2_file_snapshot(&file, "27", "after", state + 1, 1000, QCOW2_DISK);
	readable = file.count;
	assert_int_equal(choose_in(file.count, 1), VPMU_OK);
	assert_string_equal(snapshot.name, "after");
	assert_is_state(state + 1, 1000);
	assert_int_equal(choose_in(file.count, 0), VPMU_OK);
	assert_is_state(state, sizeof(state));
	assert_int_equal(choose_in(file.count, 2), VPMU_NO_REGISTER);
}

static void state_is_behind_the_disk_as_it_was_then(void **context)
{
	qcow2_file_set(&file, 24, 8, 5 * QCOW2_DISK);
	assert_int_equal(choose_in(file.count, 0), VPMU_OK);
	assert_is_state(state, sizeof(state));
	/* An entry without the disk's size: it is the header's. */
	qcow2_file_set(&file, QCOW2_CLUSTER + 36, 4, 8);
	assert_refused(VPMU_BAD_DATA, "without room");
	qcow2_file_set(&file, 24, 8, QCOW2_DISK);
	assert_int_equal(choose_in(file.count, 0), VPMU_OK);
	assert_is_state(state, sizeof(state));
	/* The oldest entries have neither, and a state of 32 bits. */
	qcow2_file_set(&file, QCOW2_CLUSTER + 36, 4, 0);
	assert_int_equal(choose_in(file.count, 0), VPMU_OK);
	assert_is_state(state, sizeof(state));
}

static void zeros_need_no_cluster(void **context)
{
	qcow2_file_set(&file, file.tables[1], 8, 0);
	qcow2_file_set(&file, file.tables[1] + 8, 8, UINT64_C(0x7000000) << 9 | 1);
	memset(state, 0, 2 * QCOW2_CLUSTER);
	assert_int_equal(choose_in(file.count, 0), VPMU_OK);
	assert_is_state(state, sizeof(state));
	/* A table that is not there has nothing but zeros. */
	qcow2_file_set(&file, file.tables[0] + 8 * 4, 8, 0);
	memset(state, 0, (size_t)QCOW2_CLUSTER * QCOW2_CLUSTER / 8);
	assert_int_equal(choose_in(file.count, 0), VPMU_OK);
	assert_is_state(state, sizeof(state));
}

static void every_cut_is_noticed(void **context)
{
	for (size_t bytes = 0; bytes < file.count; bytes++) {
		enum vpmu_status status = choose_in(bytes, 0);

		if (status != VPMU_BAD_DATA || !why[0])
			fail_msg("%zu bytes: %s, '%s'", bytes, vpmu_status_text(status), why);
	}
}

static void what_is_not_read_is_refused_by_name(void **context)
{
	static const struct {
		size_t at;
		unsigned bytes;
		uint64_t value;
		const char *text;
	} rows[] = {
		{4, 4, 1, "another version"},
		{4, 4, 4, "another version"},
		{32, 4, 1, "encrypted"},
		{32, 4, 2, "encrypted"},
		{72, 8, 1 << 2, "external data file"},
		{72, 8, 1 << 4, "extended L2 entries"},
		{72, 8, UINT64_C(1) << 63, "newer QEMU"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		setup(NULL);
		qcow2_file_set(&file, rows[i].at, rows[i].bytes, rows[i].value);
		assert_refused(VPMU_INCOMPATIBLE, rows[i].text);
	}
	setup(NULL);
	qcow2_file_set(&file, file.tables[1] + 8 * 70, 8, UINT64_C(1) << 62 | 0x4000);
	assert_refused(VPMU_INCOMPATIBLE, "compressed clusters");
}

static void what_makes_no_sense_is_refused(void **context)
{
	size_t entry = QCOW2_CLUSTER, l1 = file.tables[0], l2 = file.tables[1];
	const struct {
		size_t at;
		unsigned bytes;
		uint64_t value;
		const char *text;
	} rows[] = {
		{20, 4, 8, "clusters of a size"},
		{20, 4, 22, "clusters of a size"},
		{60, 4, 65537, "more than 65536"},
		{64, 8, UINT64_MAX - 3, "behind the end"},
		{entry, 8, UINT64_MAX - 100, "behind the end"},
		{entry + 8, 4, 4, "without room"},
		{entry + 8, 4, 5, "beyond its snapshot's table"},
		{entry + 8, 4, (1 << 22) + 1, "without room"},
		{entry + 36, 4, UINT32_MAX, "behind the end"},
		{entry + 40, 8, UINT64_MAX, "larger than the image"},
		{entry + 48, 8, UINT64_MAX, "without room"},
		{l1 + 8 * 4, 8, UINT64_C(0xfffffffffffe00), "behind the end"},
		{l2, 8, UINT64_C(0xfffffffffffe00), "cut short"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		setup(NULL);
		qcow2_file_set(&file, rows[i].at, rows[i].bytes, rows[i].value);
		assert_refused(VPMU_BAD_DATA, rows[i].text);
	}
	/* Larger clusters: what was a cluster's start is within one. */
	qcow2_file_start(&file);
	qcow2_file_snapshot(&file, "1", "", state, 600, 0);
	readable = file.count;
	qcow2_file_set(&file, 20, 4, QCOW2_BITS + 3);
	assert_refused(VPMU_BAD_DATA, "begins within");
}

static void tables_that_are_their_own_entries_end(void **context)
{
	for (size_t i = 0; i < 64; i++)
		qcow2_file_set(&file, file.tables[1] + 8 * i, 8, file.tables[1]);
	qcow2_file_set(&file, file.tables[0] + 8 * 5, 8, file.tables[1]);
	assert_int_equal(choose_in(file.count, 0), VPMU_OK);
	assert_true(image.state.read(image.state.context, 0, state, sizeof(state)));
	/* So many snapshots as there may be, all the same one. */
	qcow2_file_set(&file, 60, 4, 65536);
	qcow2_file_set(&file, QCOW2_CLUSTER + 36, 4, (uint32_t) - (64 + 8));
	assert_refused(VPMU_BAD_DATA, "behind the end");
}

static void source_that_fails_is_told(void **context)
{
	for (readable = 0; readable < file.count; readable += 61)
		assert_int_equal(choose_in(file.count, 0),
		                 readable < file.tables[1] + 8 * 96 ? VPMU_HOST : VPMU_OK);
	readable = 0;
	assert_false(image.state.read(image.state.context, 0, state, 1));
}

static void vcpus_are_found_in_it(void **context)
{
	static const struct vpmu_qemu_pmu busy = {.global_ctrl = 15, .gp_counters = {1, 2, 3}};
	static struct qemu_file qemu;
	struct vpmu_qemu_cpu cpus[4];
	struct vpmu_qemu_about about;

	qemu_file_start(&qemu, true);
	qemu_file_memory(&qemu, 2, "x", 1);
	qemu_file_cpu(&qemu, 0, 12, 1817);
	qemu_file_pmu(&qemu, &busy);
	qemu_file_cpu_end(&qemu);
	qemu_file_end(&qemu, true);
	qcow2_file_start(&file);
	qcow2_file_snapshot(&file, "1", "vm", qemu.bytes, qemu.count, QCOW2_DISK);
	readable = file.count;
	assert_int_equal(choose_in(file.count, 0), VPMU_OK);
	assert_int_equal(vpmu_qemu_find(&image.state, cpus, 4, &about, why, sizeof(why)), VPMU_OK);
	assert_int_equal(about.cpus, 1);
	assert_memory_equal(&cpus[0].pmu, &busy, sizeof(busy));
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(state_is_read_as_it_was_written),
		TEST(version_2_has_no_features),
		TEST(dirty_and_corrupt_images_are_read),
		TEST(each_of_several_has_its_own_state),
		TEST(state_is_behind_the_disk_as_it_was_then),
		TEST(zeros_need_no_cluster),
		TEST(every_cut_is_noticed),
		TEST(what_is_not_read_is_refused_by_name),
		TEST(what_makes_no_sense_is_refused),
		TEST(tables_that_are_their_own_entries_end),
		TEST(source_that_fails_is_told),
		TEST(vcpus_are_found_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
