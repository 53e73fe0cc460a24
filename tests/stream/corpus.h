/* SPDX-License-Identifier: MIT */
/* The fuzzers' inputs, which tests read, too. CORPUS: the folder. */
#ifndef TESTS_STREAM_CORPUS_H
#define TESTS_STREAM_CORPUS_H

#include <stdio.h>

/* All of a file, which must be there and shorter than `most`. Returns its length. */
static inline size_t corpus_load(const char *name, char *text, size_t most)
{
	char path[512];
	FILE *file;
	size_t bytes;

	snprintf(path, sizeof(path), CORPUS "/%s", name);
	file = fopen(path, "rb");
	if (!file)
		fail_msg("%s cannot be opened", path);
	bytes = fread(text, 1, most, file);
	fclose(file);
	assert_true(bytes && bytes < most);
	return bytes;
}

#endif
