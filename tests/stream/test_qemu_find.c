/* SPDX-License-Identifier: MIT */
/* vCPUs found in files of QEMU's layout, with and without a description; and what is refused. */
#include <errno.h>

#include "unit.h"

#include "qemu_file.h"

enum { X86_64 = 1817, I386 = 1313, MAX = 8 };

static struct qemu_file file;
static struct vpmu_qemu_cpu cpus[MAX];
static struct vpmu_qemu_about about;
static char why[WHY_BYTES];

static const struct vpmu_qemu_pmu busy = {
	.fixed_ctr_ctrl = 0xb0b,
	.global_ctrl = UINT64_C(0x70000000f),
	.global_status = 2,
	.fixed_counters = {11, 12, 13},
	.gp_counters = {UINT64_C(0xffffffffff00), 1, 2, 3},
	.gp_evtsel = {0x5300c0, 0x43003c},
};

/* A guest's memory that looks as a CPU's section with a PMU. */
static const char trap[] = "\4\0\0\0\1\3cpu\0\0\0\0\0\0\0\14\5\x19" QEMU_PMU "\0\0\0\1";

static enum vpmu_status find_in(size_t bytes)
{
	struct vpmu_source source = qemu_file_source(&file, bytes);

	why[0] = '\0';
	return vpmu_qemu_find(&source, cpus, MAX, &about, why, sizeof(why));
}

static void find_all(void)
{
	if (find_in(file.count))
		fail_msg("%s", why);
}

static void assert_refused(enum vpmu_status wanted, const char *text)
{
	enum vpmu_status status = find_in(file.count);

	if (!strstr(why, text))
		fail_msg("'%s' is not in '%s'", text, why);
	assert_int_equal(status, wanted);
}

static void start(bool footers)
{
	uint8_t some[300] = {1, 2, 3};

	qemu_file_start(&file, footers);
	qemu_file_memory(&file, 4, trap, sizeof(trap) - 1);
	qemu_file_device(&file, "timer", 0, some, 24);
	qemu_file_device(&file, "0000:00:01.0/a-device-with-a-name-of-more-than-thirty-two-bytes",
	                 0, some, sizeof(some));
}

static void add_cpu(uint32_t instance, const struct vpmu_qemu_pmu *pmu, size_t fields)
{
	uint64_t value = 0;

	qemu_file_cpu(&file, instance, 12, fields);
	qemu_file_subsection(&file, "cpu/poll_control_msr", 1, &value, 8);
	qemu_file_subsection(&file, "cpu/fpop_ip_dp", 1, "0123456789abcdefg", 18);
	if (pmu)
		qemu_file_pmu(&file, pmu);
	qemu_file_subsection(&file, "cpu/xss", 1, &value, 8);
	qemu_file_cpu_end(&file);
}

static void finish(bool description)
{
	uint8_t some[100] = {9};

	qemu_file_device(&file, "globalstate", 0, some, sizeof(some));
	qemu_file_end(&file, description);
}

/* Two vCPUs, of which the second has used its PMU. */
static void usual(bool description, size_t fields)
{
	start(true);
	add_cpu(0, NULL, fields);
	add_cpu(1, &busy, fields);
	finish(description);
}

static void finds_busy_and_idle_vcpus(void **unused)
{
	for (unsigned way = 0; way < 4; way++) {
		usual(way & 1, way & 2 ? I386 : X86_64);
		find_all();
		assert_int_equal(about.cpus, 2);
		assert_int_equal(about.described, way & 1);
		assert_string_equal(about.machine, "pc-q35-8.2");
		assert_false(cpus[0].has_pmu);
		assert_true(cpus[1].has_pmu);
		assert_false(cpus[0].has_lbr || cpus[1].has_lbr);
		assert_int_equal(cpus[1].instance, 1);
		assert_memory_equal(&cpus[1].pmu, &busy, sizeof(busy));
		assert_int_equal(file.bytes[cpus[1].offset + 6], 0xb);
	}
}

static const struct vpmu_qemu_lbr recorded = {
	.ctl = 1, .depth = 32, .records = {{11, 12, 13}, [31] = {21, 22, 23}}};

/* A vCPU with last branches, and behind them what QEMU may have there. */
static void add_branches(uint32_t instance, const struct vpmu_qemu_pmu *pmu, bool triple_fault)
{
	qemu_file_cpu(&file, instance, 12, X86_64);
	if (pmu)
		qemu_file_pmu(&file, pmu);
	qemu_file_subsection(&file, "cpu/nested_state", 1, "of any length", 13);
	qemu_file_lbr(&file, &recorded);
	if (triple_fault)
		qemu_file_subsection(&file, "cpu/triple_fault", 1, "\1", 1);
	qemu_file_cpu_end(&file);
}

static void finds_last_branches(void **unused)
{
	for (unsigned way = 0; way < 8; way++) {
		struct vpmu_qemu_lbr read;

		start(true);
		add_branches(0, way & 4 ? &busy : NULL, way & 2);
		add_cpu(1, NULL, X86_64);
		finish(way & 1);
		find_all();
		assert_true(cpus[0].has_pmu == !!(way & 4) && cpus[0].has_lbr);
		vpmu_qemu_lbr_unpack(&read, file.bytes + cpus[0].lbr_offset);
		assert_memory_equal(&read, &recorded, sizeof(read));
		assert_false(cpus[1].has_pmu || cpus[1].has_lbr);
		assert_int_equal(cpus[1].lbr_offset, 0);
	}
}

/* A later QEMU with more of them, or with other fields. */
static void other_last_branches_are_refused(void **unused)
{
	uint8_t payload[VPMU_QEMU_LBR_BYTES + 24] = {0};

	for (unsigned version = 1; version <= 2; version++) {
		start(true);
		qemu_file_cpu(&file, 0, 12, X86_64);
		qemu_file_subsection(&file, QEMU_LBR, version, payload,
		                     sizeof(payload) - (version == 2 ? 24 : 0));
		qemu_file_cpu_end(&file);
		finish(true);
		assert_refused(VPMU_INCOMPATIBLE, "the last branches' subsection is not as it is");
	}
}

/* Without a description a subsection is searched for: what does not go on as one is none. */
static void what_only_begins_as_last_branches_is_none(void **unused)
{
	uint8_t payload[VPMU_QEMU_LBR_BYTES + 24] = {0};

	for (unsigned version = 1; version <= 2; version++) {
		start(true);
		qemu_file_cpu(&file, 0, 12, X86_64);
		qemu_file_subsection(&file, QEMU_LBR, version, payload,
		                     sizeof(payload) - (version == 2 ? 24 : 0));
		qemu_file_cpu_end(&file);
		finish(false);
		find_all();
		assert_false(cpus[0].has_lbr);
	}
}

/* One that a guest has made up in its registers, beside the real one. */
static void second_last_branches_are_refused(void **unused)
{
	start(true);
	qemu_file_cpu(&file, 0, 12, X86_64);
	qemu_file_lbr(&file, &recorded);
	qemu_file_lbr(&file, &recorded);
	qemu_file_cpu_end(&file);
	finish(false);
	assert_refused(VPMU_BAD_DATA, "a vCPU has two subsections of last branches");
}

/* Machine types before 2.4. */
static void needs_no_footers_with_a_description(void **unused)
{
	start(false);
	add_cpu(0, &busy, X86_64);
	finish(true);
	find_all();
	assert_true(about.cpus == 1 && cpus[0].has_pmu);
}

/* The description of early devices, which are not among the last sections. */
static void early_devices_do_not_matter(void **unused)
{
	static const char early[] =
		"{\"name\": \"virtio-mem\", \"instance_id\": 0, \"version\": 1, "
		"\"fields\": [{\"name\": \"x\", \"size\": 100}]}, ";
	char *at;

	usual(true, X86_64);
	at = strstr(file.text, "{\"name\": \"timer\"");
	memmove(at + strlen(early), at, strlen(at) + 1);
	memcpy(at, early, strlen(early));
	file.count -= file.length + 6;
	file.length += strlen(early);
	file.text[file.length -= 2] = '\0';
	qemu_file_end(&file, true);
	find_all();
	assert_int_equal(about.cpus, 2);
	assert_true(cpus[1].has_pmu);
}

static void add_behind(const void *bytes, size_t count)
{
	assert_true(file.count + count <= sizeof(file.bytes));
	memcpy(file.bytes + file.count, bytes, count);
	file.count += count;
}

/* As on a volume that is larger than the stream; the more so if another stream was there before. */
static void what_follows_the_stream_does_not_matter(void **unused)
{
	static const uint8_t zeros[5000], marks[] = "\x7e\0\0\0\1\0\4\0\0\0\1\4disk\6\0\0\0\2{}";

	for (unsigned way = 0; way < 8; way++) {
		usual(way & 1, way & 2 ? I386 : X86_64);
		add_behind(zeros, way & 4 ? 1 : sizeof(zeros));
		add_behind(marks, sizeof(marks));
		find_all();
		assert_int_equal(about.cpus, 2);
		assert_int_equal(about.described, way & 1);
		assert_false(cpus[0].has_pmu);
		assert_memory_equal(&cpus[1].pmu, &busy, sizeof(busy));
	}
}

/* Data that look as a footer are none, if no section has that number. */
/* What looks as a description in part is none, however often it is there. */
static void marks_of_no_description_do_not_count(void **unused)
{
	static const uint8_t marks[][8] = {
		{0, 6, 0xff, 0xff, 0xff, 0xff, '{', ' '}, /* leads beyond the file */
		{0, 6, 0, 0, 0, 2, '[', ']'},             /* begins otherwise */
		{1, 6, 0, 0, 0, 2, '{', '}'}, /* is not behind the end of the sections */
	};

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		uint8_t many[40][8];

		for (size_t k = 0; k < ARRAY_SIZE(many); k++)
			memcpy(many[k], marks[i], sizeof(many[k]));
		start(true);
		qemu_file_device(&file, "disk", 0, many, sizeof(many));
		add_cpu(0, &busy, X86_64);
		finish(true);
		add_behind("behind", 6);
		find_all();
		assert_true(about.described);
		assert_true(about.cpus == 1 && cpus[0].has_pmu);
	}
}

static void a_footer_is_of_an_open_section(void **unused)
{
	static const uint8_t other[] = "\x7e\0\0\0\0\0 \x7e\0\1\0\0\0";

	start(true);
	qemu_file_device(&file, "disk", 0, other, sizeof(other));
	add_cpu(0, &busy, X86_64);
	finish(false);
	add_behind("behind", 6);
	find_all();
	assert_int_equal(about.cpus, 1);
	assert_true(cpus[0].has_pmu);
}

/* In a device before the others, whose size the description has. */
static void name_in_description(const char *name)
{
	char text[100], *at;
	int length = snprintf(text, sizeof(text), "{\"name\": \"%s\", \"instance_id\": 0}, ", name);

	usual(true, X86_64);
	at = strstr(file.text, "{\"name\": \"timer\"");
	memmove(at + length, at, strlen(at) + 1);
	memcpy(at, text, (size_t)length);
	file.count -= file.length + 6;
	file.length += (size_t)length;
	file.text[file.length -= 2] = '\0';
	qemu_file_end(&file, true);
}

static void texts_of_the_description_have_escapes(void **unused)
{
	static const char *const good[] = {"a\\\"b", "a\\\\", "\\u0041", "\\n"};
	static const char *const bad[] = {"a\\\n", "a\nb", "\\\1", "\t"};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		name_in_description(good[i]);
		find_all();
		assert_int_equal(about.cpus, 2);
		assert_true(about.described);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		name_in_description(bad[i]);
		assert_refused(VPMU_BAD_DATA, "the description is no JSON");
	}
}

static void a_description_of_other_sizes_is_refused(void **unused)
{
	char *size;

	usual(true, X86_64);
	size = strstr((char *)memmem(file.bytes, file.count, "\"env.segs\"", 10), "1689");
	assert_non_null(size);
	size[2]++;
	assert_refused(VPMU_BAD_DATA, "the CPU's section is not where the description has it");
	memcpy(size, "9999", 4);
	assert_refused(VPMU_BAD_DATA, "");
}

static void sizes_beyond_the_file_are_refused(void **unused)
{
	char *size;

	usual(true, X86_64);
	size = memmem(file.bytes, file.count, "\"array_len\": 16, ", 17);
	assert_non_null(size);
	memcpy(size, "\"array_len\":999999999999999999", 16);
	assert_refused(VPMU_BAD_DATA, "");
	usual(true, X86_64);
	size = memmem(file.bytes, file.count, "\"type\": \"uint64\", \"size\": 8", 27);
	assert_non_null(size);
	memcpy(size, "\"size\": 18446744073709551615 ", 27);
	assert_refused(VPMU_BAD_DATA, "the description is no JSON, or does not fit the file");
}

static void described_twice_is_refused(void **unused)
{
	start(true);
	add_cpu(0, &busy, X86_64);
	add_cpu(0, NULL, X86_64);
	finish(true);
	assert_refused(VPMU_BAD_DATA, "there is a second section of a vCPU");
	start(true);
	qemu_file_cpu(&file, 0, 12, X86_64);
	qemu_file_pmu(&file, &busy);
	qemu_file_pmu(&file, &busy);
	qemu_file_cpu_end(&file);
	finish(true);
	assert_refused(VPMU_BAD_DATA, "the description is no JSON, or does not fit the file");
}

static void other_versions_are_refused(void **unused)
{
	for (unsigned description = 0; description < 2; description++) {
		uint8_t payload[VPMU_QEMU_BYTES] = {0};

		start(true);
		qemu_file_cpu(&file, 0, 12, X86_64);
		qemu_file_subsection(&file, QEMU_PMU, 2, payload, sizeof(payload));
		qemu_file_cpu_end(&file);
		finish(description);
		assert_refused(VPMU_INCOMPATIBLE, "the PMU's subsection is of another version");
	}
	start(true);
	qemu_file_cpu(&file, 0, 22, X86_64);
	qemu_file_cpu_end(&file);
	finish(true);
	assert_refused(VPMU_INCOMPATIBLE, "of another version than x86's");
	file.bytes[7] = 4;
	assert_refused(VPMU_INCOMPATIBLE, "another QEMU format version than 3");
}

/* A later QEMU with more counters. */
static void other_fields_are_refused(void **unused)
{
	uint8_t payload[VPMU_QEMU_BYTES + 8] = {0};

	start(true);
	qemu_file_cpu(&file, 0, 12, X86_64);
	qemu_file_subsection(&file, QEMU_PMU, 1, payload, sizeof(payload));
	qemu_file_cpu_end(&file);
	finish(true);
	assert_refused(VPMU_INCOMPATIBLE, "the PMU's subsection has other fields than are known");
}

static void no_cpus_are_refused(void **unused)
{
	for (unsigned description = 0; description < 2; description++) {
		start(true);
		finish(description);
		assert_refused(VPMU_INCOMPATIBLE, "there is no section of an x86 CPU");
	}
}

static void too_many_cpus_are_refused(void **unused)
{
	for (unsigned description = 0; description < 2; description++) {
		start(true);
		for (uint32_t i = 0; i <= MAX; i++)
			add_cpu(i, NULL, X86_64);
		finish(description);
		assert_refused(VPMU_INCOMPATIBLE, "there are too many vCPUs");
	}
}

static void not_a_migration_file(void **unused)
{
	usual(true, X86_64);
	file.bytes[0] = 'q';
	assert_refused(VPMU_BAD_DATA, "not a QEMU migration file: no 'QEVM'");
	file.count = 0;
	assert_refused(VPMU_BAD_DATA, "");
}

static void unknown_ways_of_memory_are_refused_without_description(void **unused)
{
	size_t at;

	usual(false, X86_64);
	at = (size_t)((uint8_t *)memmem(file.bytes, file.count, "\3ram", 4) - file.bytes);
	file.bytes[at + 1] = 'x';
	assert_refused(VPMU_INCOMPATIBLE, "without a description only memory can be passed over");
	usual(true, X86_64);
	file.bytes[at + 1] = 'x';
	find_all();
	usual(false, X86_64);
	file.bytes[at + 4 + 8 + 7] |= 0x80;
	assert_refused(VPMU_INCOMPATIBLE, "memory is saved in an unknown way");
	usual(false, X86_64);
	memcpy(memmem(file.bytes, file.count, "late-block-activate", 19), "x-ignore-shared\0\0\0",
	       19);
	file.bytes[memmem(file.bytes, file.count, "x-ignore", 8) - (void *)file.bytes - 1] = 15;
	assert_refused(VPMU_INCOMPATIBLE, "the configuration needs a description");
}

static void blocks_that_do_not_add_up_are_refused(void **unused)
{
	size_t at;

	usual(false, X86_64);
	at = (size_t)((uint8_t *)memmem(file.bytes, file.count, "pc.ram", 6) - file.bytes) + 6;
	memset(file.bytes + at, 0xff, 8);
	assert_refused(VPMU_BAD_DATA, "the list of memory blocks is wrong");
	memset(file.bytes + at, 0, 8);
	assert_refused(VPMU_BAD_DATA, "the list of memory blocks is wrong");
}

/* Only a file that ends with the mark of the end may be whole. */
static void cut_short_at_every_byte(void **unused)
{
	for (unsigned description = 0; description < 2; description++) {
		size_t plain;

		usual(description, X86_64);
		plain = file.count - (description ? file.length + 5 : 0);
		for (size_t bytes = 0; bytes < file.count; bytes++) {
			enum vpmu_status status = find_in(bytes);

			assert_int_equal(status, bytes == plain ? VPMU_OK : VPMU_BAD_DATA);
			assert_true(!status || why[0]);
		}
	}
}

static void every_byte_of_the_frame_changed(void **unused)
{
	for (unsigned description = 0; description < 2; description++) {
		usual(description, X86_64);
		for (size_t at = 0; at < file.count; at++) {
			enum vpmu_status status;

			/* The guest's pages do not matter: but they are most of the file. */
			if (at > 700 && at < 12000)
				continue;
			file.bytes[at] ^= (uint8_t)(1u << at % 8);
			status = find_in(file.count);
			assert_true(status == VPMU_OK || status == VPMU_BAD_DATA ||
			            status == VPMU_INCOMPATIBLE);
			assert_true(!status || strlen(why));
			file.bytes[at] ^= (uint8_t)(1u << at % 8);
		}
	}
}

static bool refuse(void *context, uint64_t offset, void *into, size_t bytes)
{
	errno = EIO;
	return *(unsigned *)context ? (--*(unsigned *)context, memset(into, 0, bytes),
	                               memcpy(into, file.bytes + offset, bytes), true)
	                            : false;
}

static void a_read_that_fails_is_the_host_s(void **unused)
{
	for (unsigned description = 0; description < 2; description++)
		for (unsigned calls = 0; calls < 3; calls++) {
			unsigned left = calls;
			struct vpmu_source source = {.read = refuse, .context = &left};

			usual(description, X86_64);
			source.bytes = file.count;
			assert_int_equal(
				vpmu_qemu_find(&source, cpus, MAX, &about, why, sizeof(why)),
				VPMU_HOST);
			assert_non_null(strstr(why, "the file cannot be read"));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_busy_and_idle_vcpus),
		cmocka_unit_test(finds_last_branches),
		cmocka_unit_test(other_last_branches_are_refused),
		cmocka_unit_test(what_only_begins_as_last_branches_is_none),
		cmocka_unit_test(second_last_branches_are_refused),
		cmocka_unit_test(needs_no_footers_with_a_description),
		cmocka_unit_test(early_devices_do_not_matter),
		cmocka_unit_test(what_follows_the_stream_does_not_matter),
		cmocka_unit_test(marks_of_no_description_do_not_count),
		cmocka_unit_test(a_footer_is_of_an_open_section),
		cmocka_unit_test(texts_of_the_description_have_escapes),
		cmocka_unit_test(a_description_of_other_sizes_is_refused),
		cmocka_unit_test(sizes_beyond_the_file_are_refused),
		cmocka_unit_test(described_twice_is_refused),
		cmocka_unit_test(other_versions_are_refused),
		cmocka_unit_test(other_fields_are_refused),
		cmocka_unit_test(no_cpus_are_refused),
		cmocka_unit_test(too_many_cpus_are_refused),
		cmocka_unit_test(not_a_migration_file),
		cmocka_unit_test(unknown_ways_of_memory_are_refused_without_description),
		cmocka_unit_test(blocks_that_do_not_add_up_are_refused),
		cmocka_unit_test(cut_short_at_every_byte),
		cmocka_unit_test(every_byte_of_the_frame_changed),
		cmocka_unit_test(a_read_that_fails_is_the_host_s),
	};

	return cmocka_run_group_tests_name("stream-qemu-find", tests, NULL, NULL);
}
