/* SPDX-License-Identifier: MIT */
/* The mixing hash: words that are nearly alike, as those of register machines are, do not meet.
 * Whoever explores takes two states with one hash for the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <base/room.h>

enum { BITS = 65, NEAR = 64 };

static int ascending(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

	return (one > other) - (one < other);
}

/* How many of the hashes of three words, each one of `count`, some other has, too. */
static size_t meetings(const uint64_t *words, size_t count)
{
	size_t all = 0, met = 0;
	uint64_t *hashes = malloc(count * count * count * sizeof(*hashes));

	assert_non_null(hashes);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++)
			for (size_t k = 0; k < count; k++)
				hashes[all++] = hash_mix(hash_mix(hash_mix(0, words[i]), words[j]),
				                         words[k]);
	qsort(hashes, all, sizeof(*hashes), ascending);
	for (size_t i = 1; i < all; i++)
		met += hashes[i] == hashes[i - 1];
	free(hashes);
	return met;
}

static void words_of_one_bit(void **state)
{
	uint64_t words[BITS] = {0};

	for (unsigned bit = 0; bit + 1 < BITS; bit++)
		words[bit + 1] = BIT64(bit);
	assert_int_equal(meetings(words, BITS), 0);
}

static void counters_near_their_ends(void **state)
{
	uint64_t words[NEAR];

	for (unsigned i = 0; i < NEAR; i++)
		words[i] = (uint64_t)i - NEAR / 2;
	assert_int_equal(meetings(words, NEAR), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_of_one_bit),
		cmocka_unit_test(counters_near_their_ends),
	};

	return cmocka_run_group_tests_name("base-hash", tests, NULL, NULL);
}
