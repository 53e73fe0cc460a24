/* SPDX-License-Identifier: MIT */
/*
 * What a process with the kernel's code tells of its cells (vpmu check --kernel), which that code
 * may have damaged. What is read has plain texts only, and reads again as it is written.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check/kernel.h"
#include "fuzz.h"
#include "lib/visible.h"

enum { CELLS = 4, WRITTEN_MOST = 1 << 16 };

static void must_be_plain(const struct check_cell *cell)
{
	for (unsigned i = 0; i < CHECK_PROPERTIES; i++) {
		const struct check_violation *violation = &cell->violations[i];

		MUST(!violation->state || text_is_plain(violation->state, true));
		MUST(!violation->story || text_is_plain(violation->story, true));
		MUST(!violation->script || text_is_plain(violation->script, true));
	}
}

static void must_be_same(const struct check_cell *a, const struct check_cell *b)
{
	MUST(a->scenarios == b->scenarios && a->exists == b->exists);
	for (unsigned i = 0; i < CHECK_PROPERTIES; i++) {
		const char *script = a->violations[i].script, *other = b->violations[i].script;

		MUST(script ? other && !strcmp(script, other) : !other);
	}
}

static void must_read_again(const struct found *found, const struct check_cell *cell)
{
	static char text[WRITTEN_MOST];
	struct check_table again = {.cells = calloc(CELLS, sizeof(*again.cells)), .count = CELLS};
	int fd = memfd_create("found", MFD_CLOEXEC);
	struct found second;
	ssize_t written;

	MUST(again.cells && fd >= 0 && found_write(fd, found, cell));
	written = pread(fd, text, sizeof(text), 0);
	if (written > 0 && written < WRITTEN_MOST) {
		const char *at = text;
		size_t bytes = (size_t)written;

		MUST(found_read(&at, &bytes, &again, &second) && !bytes);
		MUST(second.kind == found->kind && second.cell == found->cell);
		must_be_same(cell, &again.cells[found->cell]);
		free(second.way);
	}
	close(fd);
	table_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct check_table table = {.cells = calloc(CELLS, sizeof(*table.cells)), .count = CELLS};
	const char *at = (const char *)data;
	struct found found;

	MUST(table.cells);
	while (size && found_read(&at, &size, &table, &found)) {
		struct check_cell none = {.order = NULL}, *cell = &table.cells[found.cell];

		must_be_plain(cell);
		MUST(!found.way || text_is_plain(found.way, true));
		must_read_again(&found, found.kind == FOUND_CELL ? cell : &none);
		free(found.way);
	}
	table_free(&table);
	return 0;
}
