/* SPDX-License-Identifier: MIT */
/* What `vpmu kernel` reads of a program: the text that it carries, its blocks, what was executed.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "kernel/code.h"

/* Up to the next NUL, or the end. */
static char *next_text(const uint8_t **at, size_t *left)
{
	const uint8_t *end = *left ? memchr(*at, '\0', *left) : NULL;
	size_t bytes = end ? (size_t)(end - *at) : *left, used = bytes + (end != NULL);
	char *text = malloc(bytes + 1);

	if (!text)
		abort();
	memcpy(text, *at, bytes);
	text[bytes] = '\0';
	*at += used;
	*left -= used;
	return text;
}

/* A line of a block lies in a piece, and leads back to it. */
static void check_block(const struct code *code, const struct block *block)
{
	for (unsigned i = 0; i < block->count; i++) {
		unsigned number;

		if (!block->line[i] || block->line[i] > code->line_count ||
		    !strcmp(code_place(code, block->line[i], &number), "?"))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct code code = {.carried = next_text(&data, &size), .table = next_text(&data, &size)};
	char *answers = next_text(&data, &size);

	if (!code_read(&code))
		abort();
	code_note_coverage(&code, answers);
	for (unsigned i = 0; i < code.block_count; i++)
		check_block(&code, &code.block[i]);
	free(answers);
	code_close(&code);
	return 0;
}
