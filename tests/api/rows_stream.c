/* SPDX-License-Identifier: MIT */
/* Rows of vpmu/stream.h. */
#include "rows.h"

static uint8_t stream[VPMU_STREAM_BYTES];
static size_t length;

static void make_stream(void)
{
	struct good *it = good();

	assert_int_equal(
		vpmu_stream_encode(&it->state, &it->layout, 3, stream, sizeof(stream), &length),
		VPMU_OK);
}

static void encode(void)
{
	struct good *it = good();
	size_t used = 5;

	make_stream();
	REJECTS(vpmu_stream_encode(NULL, &it->layout, 0, stream, sizeof(stream), &used));
	assert_int_equal(used, 0);
	REJECTS(vpmu_stream_encode(&it->state, NULL, 0, stream, sizeof(stream), &used));
	REJECTS(vpmu_stream_encode(&it->state, &it->layout, 0, NULL, sizeof(stream), &used));
	REJECTS(vpmu_stream_encode(&it->state, &it->layout, 0, stream, sizeof(stream), NULL));
	REJECTS(vpmu_stream_encode(&it->state, &it->layout, 0, stream, length - 1, &used));
	assert_int_equal(used, 0);
	assert_int_equal(vpmu_stream_encode(&it->state, &it->layout, 0, stream, length, &used),
	                 VPMU_OK);
}

static void decode(void)
{
	struct good *it = good();
	struct vpmu_state state;
	uint32_t vcpu = 9;

	make_stream();
	REJECTS(vpmu_stream_decode(NULL, length, &it->layout, &state, &vcpu, NULL, 0));
	REJECTS(vpmu_stream_decode(stream, length, NULL, &state, &vcpu, NULL, 0));
	REJECTS(vpmu_stream_decode(stream, length, &it->layout, NULL, &vcpu, NULL, 0));
	assert_int_equal(vcpu, 9);
	assert_int_equal(vpmu_stream_decode(stream, 0, &it->layout, &state, &vcpu, NULL, 0),
	                 VPMU_BAD_DATA);
	assert_int_equal(vpmu_stream_decode(stream, length, &it->layout, &state, NULL, NULL, 0),
	                 VPMU_OK);
}

static void stream_length(void)
{
	char why[5];
	size_t found = 5;

	make_stream();
	REJECTS(vpmu_stream_length(NULL, 16, &found, NULL, 0));
	REJECTS(vpmu_stream_length(stream, 16, NULL, why, sizeof(why)));
	assert_string_equal(why, "a re");
	assert_int_equal(vpmu_stream_length(stream, VPMU_STREAM_HEADER_BYTES - 1, &found, NULL, 0),
	                 VPMU_BAD_DATA);
	assert_int_equal(found, 5);
}

static void look(void)
{
	struct vpmu_stream_about about;

	make_stream();
	REJECTS(vpmu_stream_look(NULL, length, &about, NULL, 0));
	REJECTS(vpmu_stream_look(stream, length, NULL, NULL, 0));
	assert_int_equal(vpmu_stream_look(stream, length - 1, &about, NULL, 0), VPMU_BAD_DATA);
}

static void registers(void)
{
	struct vpmu_stream_register one;
	size_t count = 0;

	make_stream();
	REJECTS(vpmu_stream_registers(NULL, length, &one, 1, &count, NULL, 0));
	REJECTS(vpmu_stream_registers(stream, length, NULL, 1, &count, NULL, 0));
	REJECTS(vpmu_stream_registers(stream, length, &one, 1, NULL, NULL, 0));
	/* Too few entries: the number tells. */
	assert_int_equal(vpmu_stream_registers(stream, length, &one, 1, &count, NULL, 0), VPMU_OK);
	assert_true(count > 1);
	assert_int_equal(vpmu_stream_registers(stream, length, NULL, 0, &count, NULL, 0), VPMU_OK);
}

static void file(void)
{
	uint8_t header[VPMU_FILE_HEADER_BYTES];
	struct vpmu_file open = {0};
	const void *at;
	size_t bytes;

	REJECTS(vpmu_file_header(NULL, 1));
	REJECTS(vpmu_file_header(header, 0));
	REJECTS(vpmu_file_header(header, VPMU_FILE_VCPUS + 1));
	assert_int_equal(vpmu_file_header(header, 1), VPMU_OK);
	REJECTS(vpmu_file_open(NULL, header, sizeof(header), NULL, 0));
	REJECTS(vpmu_file_open(&open, NULL, sizeof(header), NULL, 0));
	assert_int_equal(vpmu_file_open(&open, header, sizeof(header), NULL, 0), VPMU_BAD_DATA);
	assert_false(vpmu_file_next(NULL, &at, &bytes));
	assert_false(vpmu_file_next(&open, NULL, &bytes));
	assert_false(vpmu_file_next(&open, &at, NULL));
	assert_false(vpmu_file_next(&open, &at, &bytes)); /* it was not opened */
}

static void qemu_bytes(void)
{
	struct vpmu_qemu_pmu pmu;
	uint8_t bytes[VPMU_QEMU_BYTES], before[VPMU_QEMU_BYTES];

	memset(bytes, 0x5a, sizeof(bytes));
	memcpy(before, bytes, sizeof(before));
	vpmu_qemu_pack(NULL, bytes);
	assert_memory_equal(bytes, before, sizeof(before));
	memset(&pmu, 0x5a, sizeof(pmu));
	vpmu_qemu_pack(&pmu, NULL);
	vpmu_qemu_unpack(NULL, bytes);
	vpmu_qemu_unpack(&pmu, NULL);
	assert_memory_equal(&pmu, before, sizeof(before));
}

static void qemu_state(void)
{
	struct good *it = good();
	struct vpmu_qemu_pmu pmu = {0};

	REJECTS(vpmu_qemu_to_state(NULL, &it->layout, &it->state, NULL, 0));
	REJECTS(vpmu_qemu_to_state(&pmu, NULL, &it->state, NULL, 0));
	REJECTS(vpmu_qemu_to_state(&pmu, &it->layout, NULL, NULL, 0));
	REJECTS(vpmu_qemu_from_state(NULL, &it->layout, &pmu, NULL, 0));
	REJECTS(vpmu_qemu_from_state(&it->state, NULL, &pmu, NULL, 0));
	REJECTS(vpmu_qemu_from_state(&it->state, &it->layout, NULL, NULL, 0));
}

static void qemu_lbr_bytes(void)
{
	uint8_t bytes[VPMU_QEMU_LBR_BYTES], before[VPMU_QEMU_LBR_BYTES];
	struct vpmu_qemu_lbr lbr;

	memset(bytes, 0x5a, sizeof(bytes));
	memcpy(before, bytes, sizeof(before));
	vpmu_qemu_lbr_pack(NULL, bytes);
	assert_memory_equal(bytes, before, sizeof(before));
	memset(&lbr, 0x5a, sizeof(lbr));
	vpmu_qemu_lbr_pack(&lbr, NULL);
	vpmu_qemu_lbr_unpack(NULL, bytes);
	vpmu_qemu_lbr_unpack(&lbr, NULL);
	assert_memory_equal(&lbr, before, sizeof(before));
}

static void qemu_lbr_state(void)
{
	struct good *it = good();
	struct vpmu_qemu_lbr lbr = {0};

	REJECTS(vpmu_qemu_lbr_to_state(NULL, &it->layout, &it->state, NULL, 0));
	REJECTS(vpmu_qemu_lbr_to_state(&lbr, NULL, &it->state, NULL, 0));
	REJECTS(vpmu_qemu_lbr_to_state(&lbr, &it->layout, NULL, NULL, 0));
	REJECTS(vpmu_qemu_lbr_take(NULL, &it->layout, &lbr, NULL, 0));
	REJECTS(vpmu_qemu_lbr_take(&it->state, NULL, &lbr, NULL, 0));
	REJECTS(vpmu_qemu_lbr_take(&it->state, &it->layout, NULL, NULL, 0));
}

static bool read_nothing(void *context, uint64_t offset, void *into, size_t bytes)
{
	return false;
}

static void qemu_places(void)
{
	struct good *it = good();
	struct vpmu_qemu_pmu pmu = {0};

	assert_false(vpmu_qemu_is_permuted(NULL, &it->layout));
	assert_false(vpmu_qemu_is_permuted(&pmu, NULL));
	REJECTS(vpmu_qemu_straighten(NULL, &it->layout));
	REJECTS(vpmu_qemu_straighten(&pmu, NULL));
	REJECTS(vpmu_qemu_permute(NULL, &it->layout));
	REJECTS(vpmu_qemu_permute(&pmu, NULL));
}

static void qemu_find(void)
{
	struct vpmu_source source = {.read = read_nothing, .bytes = 100}, deaf = {.bytes = 100};
	struct vpmu_qemu_about about;
	struct vpmu_qemu_cpu cpu;

	REJECTS(vpmu_qemu_find(NULL, &cpu, 1, &about, NULL, 0));
	REJECTS(vpmu_qemu_find(&deaf, &cpu, 1, &about, NULL, 0));
	REJECTS(vpmu_qemu_find(&source, NULL, 1, &about, NULL, 0));
	REJECTS(vpmu_qemu_find(&source, &cpu, 1, NULL, NULL, 0));
	assert_int_equal(vpmu_qemu_find(&source, &cpu, 1, &about, NULL, 0), VPMU_HOST);
}

static const struct row rows[] = {
	{"vpmu_stream_encode", encode},
	{"vpmu_stream_decode", decode},
	{"vpmu_stream_length", stream_length},
	{"vpmu_stream_look", look},
	{"vpmu_stream_registers", registers},
	{"vpmu_file_header", file},
	{"vpmu_file_open", file},
	{"vpmu_file_next", file},
	{"vpmu_qemu_pack", qemu_bytes},
	{"vpmu_qemu_unpack", qemu_bytes},
	{"vpmu_qemu_to_state", qemu_state},
	{"vpmu_qemu_from_state", qemu_state},
	{"vpmu_qemu_lbr_pack", qemu_lbr_bytes},
	{"vpmu_qemu_lbr_unpack", qemu_lbr_bytes},
	{"vpmu_qemu_lbr_to_state", qemu_lbr_state},
	{"vpmu_qemu_lbr_take", qemu_lbr_state},
	{"vpmu_qemu_is_permuted", qemu_places},
	{"vpmu_qemu_straighten", qemu_places},
	{"vpmu_qemu_permute", qemu_places},
	{"vpmu_qemu_find", qemu_find},
};

ROWS(stream_rows, rows);
