/* SPDX-License-Identifier: MIT */
/* The checksum, against its definition: bit by bit. */
#include "unit.h"

static uint32_t by_bits(const uint8_t *data, size_t bytes)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < bytes; i++) {
		crc ^= data[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
	}
	return ~crc;
}

/* RFC 3720 appendix B.4, and the check value of the catalogues. */
static void known_values(void **unused)
{
	uint8_t zeros[32] = {0};

	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, zeros, sizeof(zeros)), 0x8a9136aa);
	assert_int_equal(crc32c(0, "", 0), 0);
}

static void every_length_as_by_definition(void **unused)
{
	struct random random = random_seeded("crc");
	uint8_t data[1024];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)random_next(&random);
	for (size_t bytes = 0; bytes < 600; bytes++) {
		size_t at = bytes % 9;

		assert_int_equal(crc32c(0, data + at, bytes), by_bits(data + at, bytes));
		assert_int_equal(crc32c_by_table(0, data + at, bytes), by_bits(data + at, bytes));
	}
}

static void goes_on_from_a_part(void **unused)
{
	static const uint8_t text[] = "the whole is the sum of its parts";

	for (size_t cut = 0; cut <= sizeof(text); cut++)
		assert_int_equal(crc32c(crc32c(0, text, cut), text + cut, sizeof(text) - cut),
		                 crc32c(0, text, sizeof(text)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(every_length_as_by_definition),
		cmocka_unit_test(goes_on_from_a_part),
	};

	return cmocka_run_group_tests_name("stream-crc", tests, NULL, NULL);
}
