/* SPDX-License-Identifier: MIT */
/* Sorting, hashing, a matrix, text, and a chase of pointers. */
#include "work.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* --- Sort: heapsort, whose numbers must come back in order, and all of them ------------------- */

static uint32_t numbers[16384];

static void sift(uint32_t *heap, uint64_t from, uint64_t count)
{
	for (uint64_t child = 2 * from + 1; child < count; child = 2 * from + 1) {
		uint32_t parent = heap[from];

		child += child + 1 < count && heap[child + 1] > heap[child];
		if (heap[child] <= parent)
			return;
		heap[from] = heap[child];
		heap[child] = parent;
		from = child;
	}
}

static bool sort(uint64_t seed)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < COUNT_OF(numbers); i++)
		sum += numbers[i] = (uint32_t)next(&seed);
	for (uint64_t i = COUNT_OF(numbers) / 2; i-- > 0;)
		sift(numbers, i, COUNT_OF(numbers));
	for (uint64_t last = COUNT_OF(numbers) - 1; last > 0; last--) {
		uint32_t most = numbers[0];

		numbers[0] = numbers[last];
		numbers[last] = most;
		sift(numbers, 0, last);
	}
	for (uint64_t i = 1; i < COUNT_OF(numbers); i++) {
		if (numbers[i - 1] > numbers[i])
			return false;
		sum -= numbers[i];
	}
	return sum == numbers[0];
}

/* --- Hash: a table with open addressing, in which every key must be found --------------------- */

static struct slot {
	uint64_t key, value;
} slots[65536];

static struct slot *slot_of(uint64_t key)
{
	uint64_t at = (key * UINT64_C(0x9e3779b97f4a7c15)) >> 48;

	while (slots[at].key && slots[at].key != key)
		at = (at + 1) % COUNT_OF(slots);
	return &slots[at];
}

static bool hash(uint64_t seed)
{
	enum { KEYS = 32768 };
	uint64_t state = seed;

	for (uint64_t i = 0; i < COUNT_OF(slots); i++)
		slots[i] = (struct slot){0, 0};
	for (uint64_t i = 0; i < KEYS; i++) {
		struct slot *slot = slot_of(next(&state));

		*slot = (struct slot){state, i};
	}
	for (uint64_t i = 0; i < KEYS; i++) {
		const struct slot *slot = slot_of(next(&seed));

		if (slot->key != seed || slot->value != i)
			return false;
	}
	return true;
}

/* --- Matrix: (A B) v must be A (B v) ---------------------------------------------------------- */

enum { N = 64 };
static uint64_t a[N][N], b[N][N], product[N][N];

static void times_vector(uint64_t matrix[N][N], const uint64_t *vector, uint64_t *result)
{
	for (unsigned i = 0; i < N; i++) {
		result[i] = 0;
		for (unsigned k = 0; k < N; k++)
			result[i] += matrix[i][k] * vector[k];
	}
}

static bool matrix(uint64_t seed)
{
	uint64_t vector[N], half[N], left[N], right[N];
	bool same = true;

	for (unsigned i = 0; i < N; i++) {
		vector[i] = next(&seed);
		for (unsigned k = 0; k < N; k++) {
			a[i][k] = next(&seed);
			b[i][k] = next(&seed);
		}
	}
	for (unsigned i = 0; i < N; i++) {
		for (unsigned j = 0; j < N; j++) {
			uint64_t sum = 0;

			for (unsigned k = 0; k < N; k++)
				sum += a[i][k] * b[k][j];
			product[i][j] = sum;
		}
	}
	times_vector(product, vector, left);
	times_vector(b, vector, half);
	times_vector(a, half, right);
	for (unsigned i = 0; i < N; i++)
		same = same && left[i] == right[i];
	return same;
}

/* --- Text: words are written, then counted, and turned to capitals ---------------------------- */

static char text[131072];

static bool write_and_count(uint64_t seed)
{
	uint64_t written = 0, letters = 0, counted = 0, capitals = 0, used = 0;
	bool inside = false;

	while (used + 16 < sizeof(text)) {
		for (uint64_t length = 1 + next(&seed) % 12; length > 0; length--, letters++)
			text[used++] = (char)('a' + seed / 16 % 26 + length % 2);
		text[used++] = seed % 7 ? ' ' : '\n';
		written++;
	}
	for (uint64_t i = 0; i < used; i++) {
		bool letter = text[i] != ' ' && text[i] != '\n';

		counted += letter && !inside;
		inside = letter;
		if (text[i] >= 'a' && text[i] <= '{')
			text[i] = (char)(text[i] - 'a' + 'A');
	}
	for (uint64_t i = 0; i < used; i++)
		capitals += text[i] >= 'A' && text[i] <= '[';
	return counted == written && capitals == letters;
}

/* --- Chase: one ring through all the nodes, in an order that no prefetcher knows -------------- */

static struct node {
	struct node *next;
	uint64_t weight[7]; /* a cache line each */
} nodes[16384];

static bool chase(uint64_t seed)
{
	const struct node *node = nodes;
	uint64_t steps = 0;

	/* Sattolo: a permutation of a single cycle. */
	for (uint64_t i = 0; i < COUNT_OF(nodes); i++)
		nodes[i].next = &nodes[i];
	for (uint64_t i = COUNT_OF(nodes) - 1; i > 0; i--) {
		struct node **one = &nodes[i].next, **other = &nodes[next(&seed) % i].next;
		struct node *kept = *one;

		*one = *other;
		*other = kept;
	}
	for (unsigned turn = 0; turn < 8; turn++) {
		do {
			node = node->next;
			steps++;
		} while (node != nodes);
	}
	return steps == 8 * COUNT_OF(nodes);
}

const struct work works[WORKS] = {
	{"sort: 16,384 numbers", sort},  {"hash: 32,768 keys", hash},
	{"matrix: 64 by 64", matrix},    {"text: 128 KiB of words", write_and_count},
	{"pointer chase: 1 MiB", chase},
};

uint64_t work_round(uint64_t round)
{
	uint64_t seed = UINT64_C(0x9e3779b97f4a7c15) + round, wrong = 0;

	wrong += !sort(seed);
	wrong += !hash(seed);
	wrong += !matrix(seed);
	wrong += !write_and_count(seed);
	wrong += !chase(seed);
	return wrong;
}

uint64_t work_run(uint64_t rounds)
{
	uint64_t wrong = 0;

	for (uint64_t round = 0; round < rounds; round++)
		wrong += work_round(round);
	return wrong;
}
