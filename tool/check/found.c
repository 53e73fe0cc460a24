/* SPDX-License-Identifier: MIT */
/* What a process with the kernel's code has found, as bytes: a head and its texts. The process may
 * have damaged anything, so everything is checked when it is read. */
#include "kernel.h"

#if HAVE_KERNEL

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/memory.h"
#include "lib/visible.h"

enum { TEXT_MOST = 1 << 20 };

struct violation_head {
	uint32_t state, story, script; /* lengths; of script 0: there is none */
	uint32_t steps, incidents;
};

struct head {
	uint64_t kind, cell;
	uint64_t scenarios, transitions, peak;
	uint32_t exists, incomplete, signal, way;
	struct violation_head violations[CHECK_PROPERTIES];
};

static bool write_all(int fd, const void *bytes, size_t count)
{
	const char *at = bytes;

	while (count) {
		ssize_t done = write(fd, at, count);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		at += done;
		count -= (size_t)done;
	}
	return true;
}

static uint32_t length_of(const char *text)
{
	return text ? (uint32_t)strlen(text) : 0;
}

static bool write_text(int fd, const char *text)
{
	return write_all(fd, text ? text : "", length_of(text));
}

bool found_write(int fd, const struct found *found, const struct check_cell *cell)
{
	struct head head = {.kind = found->kind, .cell = found->cell};
	bool good;

	head.signal = (uint32_t)found->signal;
	head.way = length_of(found->way);
	head.scenarios = cell->scenarios;
	head.transitions = cell->transitions;
	head.peak = cell->peak;
	head.exists = cell->exists;
	head.incomplete = cell->incomplete;
	for (unsigned i = 0; i < CHECK_PROPERTIES; i++) {
		const struct check_violation *violation = &cell->violations[i];

		head.violations[i] = (struct violation_head){
			length_of(violation->state), length_of(violation->story),
			length_of(violation->script), violation->steps, violation->incidents};
	}
	good = write_all(fd, &head, sizeof(head)) && write_text(fd, found->way);
	for (unsigned i = 0; i < CHECK_PROPERTIES && good; i++) {
		const struct check_violation *violation = &cell->violations[i];

		good = write_text(fd, violation->state) && write_text(fd, violation->story) &&
		       write_text(fd, violation->script);
	}
	return good;
}

/* A copy of the next text. NULL: it is incomplete or damaged. */
static char *take_text(const char **text, size_t *bytes, uint32_t length)
{
	char *copy;

	if (length > TEXT_MOST || length > *bytes || memchr(*text, '\0', length))
		return NULL;
	copy = memory_get((size_t)length + 1);
	if (!copy)
		return NULL;
	memcpy(copy, *text, length);
	copy[length] = '\0';
	*text += length;
	*bytes -= length;
	if (text_is_plain(copy, true))
		return copy;
	free(copy);
	return NULL;
}

static bool take_violation(const char **text, size_t *bytes, const struct violation_head *head,
                           struct check_violation *violation)
{
	if (!head->script)
		return !head->state && !head->story;
	violation->state = take_text(text, bytes, head->state);
	violation->story = take_text(text, bytes, head->story);
	violation->script = take_text(text, bytes, head->script);
	violation->steps = head->steps;
	violation->incidents = head->incidents;
	violation->replays = true;
	return violation->state && violation->story && violation->script;
}

static bool take_cell(const char **text, size_t *bytes, const struct head *head,
                      struct check_cell *cell)
{
	bool good = !cell->done;

	cell->done = true;
	cell->exists = head->exists;
	cell->incomplete = head->incomplete;
	cell->scenarios = head->scenarios;
	cell->transitions = head->transitions;
	cell->peak = head->peak;
	for (unsigned i = 0; i < CHECK_PROPERTIES && good; i++)
		good = take_violation(text, bytes, &head->violations[i], &cell->violations[i]);
	return good;
}

bool found_read(const char **text, size_t *bytes, struct check_table *table, struct found *found)
{
	struct head head;

	*found = (struct found){.way = NULL};
	if (*bytes < sizeof(head))
		return false;
	memcpy(&head, *text, sizeof(head));
	*text += sizeof(head);
	*bytes -= sizeof(head);
	if (head.kind > FOUND_NO_MODEL || head.cell >= table->count)
		return false;
	found->kind = (enum found_kind)head.kind;
	found->cell = (size_t)head.cell;
	found->signal = (int)head.signal;
	if (found->kind == FOUND_CELL)
		return !head.way && take_cell(text, bytes, &head, &table->cells[head.cell]);
	if (found->kind == FOUND_WAY)
		found->way = take_text(text, bytes, head.way);
	return found->kind == FOUND_NO_MODEL || found->way;
}

#endif
