/* SPDX-License-Identifier: MIT */
/* Files of many vCPUs: read back whole, or refused. */
#include "unit.h"

enum { VCPUS = 5 };

static uint8_t whole[VPMU_FILE_HEADER_BYTES + VCPUS * VPMU_STREAM_BYTES];
static size_t whole_bytes;
static struct vpmu_state states[VCPUS];
static struct vpmu_layout layouts[VCPUS];
static size_t starts[VCPUS];

/* Not every vCPU of a VM need have the same PMU. */
static int make_file(void **unused)
{
	static const char *const models[VCPUS] = {"intel-v2", "intel-v2,pmu=off", "sapphire-rapids",
	                                          "intel-v1", "intel-v2"};
	struct random random = random_seeded("file");

	assert_int_equal(vpmu_file_header(whole, VCPUS), VPMU_OK);
	whole_bytes = VPMU_FILE_HEADER_BYTES;
	for (uint32_t i = 0; i < VCPUS; i++) {
		size_t used;

		layouts[i] = layout_of(models[i]);
		states[i] = random_state(&random, &layouts[i]);
		starts[i] = whole_bytes;
		assert_int_equal(vpmu_stream_encode(&states[i], &layouts[i], 10 * i,
		                                    whole + whole_bytes,
		                                    sizeof(whole) - whole_bytes, &used),
		                 VPMU_OK);
		whole_bytes += used;
	}
	return 0;
}

static enum vpmu_status open_copy(const uint8_t *data, size_t bytes, char *why)
{
	uint8_t *copy = malloc(bytes ? bytes : 1);
	struct vpmu_file file = {.at = 77};
	enum vpmu_status status;

	assert_non_null(copy);
	memcpy(copy, data, bytes);
	status = vpmu_file_open(&file, copy, bytes, why, WHY_BYTES);
	if (status)
		assert_int_equal(file.at, 77);
	free(copy);
	return status;
}

static void assert_refused(const uint8_t *data, size_t bytes, enum vpmu_status wanted,
                           const char *text)
{
	char why[WHY_BYTES] = "";

	assert_int_equal(open_copy(data, bytes, why), wanted);
	if (!strstr(why, text))
		fail_msg("'%s' is not in '%s'", text, why);
}

static void every_vcpu_comes_back(void **unused)
{
	struct vpmu_file file;
	const void *stream;
	size_t bytes, count = 0;

	assert_int_equal(vpmu_file_open(&file, whole, whole_bytes, NULL, 0), VPMU_OK);
	assert_int_equal(file.vcpus, VCPUS);
	for (; vpmu_file_next(&file, &stream, &bytes); count++) {
		struct vpmu_state state;
		uint32_t vcpu;

		assert_int_equal(
			vpmu_stream_decode(stream, bytes, &layouts[count], &state, &vcpu, NULL, 0),
			VPMU_OK);
		assert_int_equal(vcpu, 10 * count);
		assert_memory_equal(state.values, states[count].values, sizeof(state.values));
	}
	assert_int_equal(count, VCPUS);
}

static void cut_short_at_every_byte(void **unused)
{
	for (size_t bytes = 0; bytes < whole_bytes; bytes++)
		assert_refused(whole, bytes, VPMU_BAD_DATA, "");
}

static void every_bit_flipped(void **unused)
{
	for (size_t bit = 0; bit < 8 * whole_bytes; bit++) {
		char why[WHY_BYTES];

		whole[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(open_copy(whole, whole_bytes, why), VPMU_BAD_DATA);
		whole[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void damage_is_said_with_its_stream(void **unused)
{
	whole[starts[2] + 30] ^= 1;
	assert_refused(whole, whole_bytes, VPMU_BAD_DATA,
	               "stream 2 of the file: the stream's checksum does not match");
	whole[starts[2] + 30] ^= 1;
}

static void something_follows(void **unused)
{
	whole[whole_bytes] = 0;
	assert_refused(whole, whole_bytes + 1, VPMU_BAD_DATA, "something follows the last stream");
}

static void vcpus_in_another_order(void **unused)
{
	uint8_t other[sizeof(whole)];
	size_t second = starts[2] - starts[1], third = starts[3] - starts[2];

	memcpy(other, whole, sizeof(whole));
	memcpy(other + starts[1], whole + starts[2], third);
	memcpy(other + starts[1] + third, whole + starts[1], second);
	assert_refused(other, whole_bytes, VPMU_BAD_DATA, "the numbers of the vCPUs do not ascend");
	memcpy(other, whole, sizeof(whole));
	memcpy(other + starts[4], whole + starts[0], starts[1] - starts[0]);
	assert_refused(other, whole_bytes, VPMU_BAD_DATA, "the numbers of the vCPUs do not ascend");
}

static void seal_header(uint8_t *header)
{
	le_put(header + 12, crc32c(0, header, 12), 4);
}

static void headers_that_are_not_for_us(void **unused)
{
	uint8_t other[sizeof(whole)];

	memcpy(other, whole, sizeof(whole));
	le_put(other + 4, 2, 2);
	seal_header(other);
	assert_refused(other, whole_bytes, VPMU_INCOMPATIBLE, "another format version than 1");
	le_put(other + 4, 1, 2);
	le_put(other + 6, 1, 2);
	seal_header(other);
	assert_refused(other, whole_bytes, VPMU_INCOMPATIBLE, "unknown flags of the file");
	le_put(other + 6, 0, 2);
	le_put(other + 8, UINT32_MAX, 4);
	seal_header(other);
	assert_refused(other, whole_bytes, VPMU_BAD_DATA, "the number of vCPUs is out of range");
	le_put(other + 8, VCPUS + 1, 4);
	seal_header(other);
	assert_refused(other, whole_bytes, VPMU_BAD_DATA, "stream 5 of the file: the stream ends");
	le_put(other + 8, VCPUS - 1, 4);
	seal_header(other);
	assert_refused(other, whole_bytes, VPMU_BAD_DATA, "something follows the last stream");
}

static void numbers_of_vcpus_out_of_range(void **unused)
{
	uint8_t header[VPMU_FILE_HEADER_BYTES];

	assert_int_equal(vpmu_file_header(header, 0), VPMU_BAD_ARGUMENT);
	assert_int_equal(vpmu_file_header(header, VPMU_FILE_VCPUS + 1), VPMU_BAD_ARGUMENT);
	assert_int_equal(vpmu_file_header(header, VPMU_FILE_VCPUS), VPMU_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_vcpu_comes_back),
		cmocka_unit_test(cut_short_at_every_byte),
		cmocka_unit_test(every_bit_flipped),
		cmocka_unit_test(damage_is_said_with_its_stream),
		cmocka_unit_test(something_follows),
		cmocka_unit_test(vcpus_in_another_order),
		cmocka_unit_test(headers_that_are_not_for_us),
		cmocka_unit_test(numbers_of_vcpus_out_of_range),
	};

	return cmocka_run_group_tests_name("stream-file", tests, make_file, NULL);
}
