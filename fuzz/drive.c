/* SPDX-License-Identifier: MIT */
/*
 * Drives a fuzz target without libFuzzer, as a regression test: every file of a corpus, then
 * random inputs and random changes of the corpus' inputs. Prints its seed; VPMU_TEST_SEED repeats.
 *
 * usage: drive ROUNDS [FILE|FOLDER...]
 */
#include <dirent.h>
#include <string.h>
#include <time.h>

#include "fuzz.h"

enum { MAX_INPUTS = 256, MAX_BYTES = 1 << 16 };

struct input {
	uint8_t *data;
	size_t size;
};

static struct input corpus[MAX_INPUTS];
static size_t corpus_size;
static uint64_t seed;

static uint64_t next_random(void)
{
	uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static size_t below(size_t limit)
{
	return limit ? (size_t)(next_random() % limit) : 0;
}

static void load_file(const char *path)
{
	struct input *input = &corpus[corpus_size];
	FILE *file = fopen(path, "rb");

	if (!file || corpus_size == MAX_INPUTS) {
		fprintf(stderr, "drive: cannot take %s\n", path);
		exit(2);
	}
	input->data = malloc(MAX_BYTES);
	if (!input->data)
		abort();
	input->size = fread(input->data, 1, MAX_BYTES, file);
	fclose(file);
	corpus_size++;
}

static void load(const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;

	if (!folder) {
		load_file(path);
		return;
	}
	while ((entry = readdir(folder))) {
		char file[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		load_file(file);
	}
	closedir(folder);
}

/* Runs on a copy of exactly that size, so that a sanitizer sees a read past the end. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	if (size)
		memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static size_t random_bytes(uint8_t *data)
{
	size_t size = below(64);

	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)next_random();
	return size;
}

/* One small change somewhere: a bit, a byte, a cut, a piece doubled, a piece of another input. */
static size_t change(uint8_t *data, size_t size)
{
	size_t at = below(size), length = below(16);
	const struct input *other = &corpus[below(corpus_size)];

	if (!size)
		return 0;
	switch (below(5)) {
	case 0:
		data[at] ^= (uint8_t)(1u << below(8));
		return size;
	case 1:
		data[at] = (uint8_t)next_random();
		return size;
	case 2:
		return at;
	case 3:
		if (at + length > size || size + length > MAX_BYTES)
			return size;
		memmove(data + at + length, data + at, size - at);
		return size + length;
	default:
		if (length > other->size || at + length > MAX_BYTES)
			return size;
		memcpy(data + at, other->data + below(other->size - length + 1), length);
		return at + length > size ? at + length : size;
	}
}

static void run_random(void)
{
	static uint8_t data[MAX_BYTES];
	size_t size;

	if (!corpus_size || !below(8)) {
		size = random_bytes(data);
	} else {
		const struct input *input = &corpus[below(corpus_size)];

		size = input->size;
		memcpy(data, input->data, size);
		for (size_t changes = 1 + below(4); changes; changes--)
			size = change(data, size);
	}
	run(data, size);
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;
	const char *given = getenv("VPMU_TEST_SEED");

	seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	fprintf(stderr, "VPMU_TEST_SEED=0x%llx\n", (unsigned long long)seed);
	for (int i = 2; i < argc; i++)
		load(argv[i]);
	for (size_t i = 0; i < corpus_size; i++)
		run(corpus[i].data, corpus[i].size);
	for (unsigned long i = 0; i < rounds; i++)
		run_random();
	for (size_t i = 0; i < corpus_size; i++)
		free(corpus[i].data);
	return 0;
}
