/* SPDX-License-Identifier: MIT */
/*
 * Lines in the order of time. A put is printed when it is complete, but belongs where it began. So
 * lines wait here until nothing earlier can come.
 */
#include "watch.h"

#include <stdlib.h>

#include "lib/memory.h"

enum { FIRST_ROOM = 64 };

/* Lines are written in pieces: a heap, with the earliest on top. */
static bool is_before(const struct watch_line *a, const struct watch_line *b)
{
	return a->time != b->time ? a->time < b->time : a->number < b->number;
}

static void swap(struct watch_line *a, struct watch_line *b)
{
	struct watch_line kept = *a;

	*a = *b;
	*b = kept;
}

static void rise(struct watch_line *at, size_t i)
{
	for (; i && is_before(&at[i], &at[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&at[i], &at[(i - 1) / 2]);
}

static void sink(struct watch_line *at, size_t count)
{
	size_t i = 0, least;

	for (;;) {
		least = i;
		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < count; child++)
			if (is_before(&at[child], &at[least]))
				least = child;
		if (least == i)
			return;
		swap(&at[i], &at[least]);
		i = least;
	}
}

static bool make_room(struct watch_lines *lines)
{
	size_t room = lines->room ? 2 * lines->room : FIRST_ROOM;
	struct watch_line *at;

	if (lines->count < lines->room)
		return true;
	at = memory_resize(lines->at, room * sizeof(*at));
	if (!at)
		return false;
	lines->at = at;
	lines->room = room;
	return true;
}

FILE *watch_lines_begin(struct watch_lines *lines, FILE *to)
{
	FILE *stream = NULL;

	lines->text = NULL;
	if (make_room(lines))
		stream = open_memstream(&lines->text, &lines->bytes);
	if (!stream)
		memory_note();
	return stream ? stream : to;
}

void watch_lines_end(struct watch_lines *lines, FILE *stream, uint64_t time, FILE *to)
{
	if (stream == to)
		return;
	if (!memory_close(stream, &lines->text))
		return;
	lines->at[lines->count] =
		(struct watch_line){time, lines->number++, lines->text, lines->bytes};
	lines->held += lines->bytes;
	rise(lines->at, lines->count++);
}

static void write_first(struct watch_lines *lines, FILE *to)
{
	struct watch_line *first = &lines->at[0];

	fwrite(first->text, 1, first->bytes, to);
	lines->held -= first->bytes;
	free(first->text);
	*first = lines->at[--lines->count];
	sink(lines->at, lines->count);
}

void watch_lines_write(struct watch_lines *lines, uint64_t until, FILE *to)
{
	while (lines->count && (lines->at[0].time < until || lines->held > WATCH_HELD))
		write_first(lines, to);
}

void watch_lines_free(struct watch_lines *lines)
{
	for (size_t i = 0; i < lines->count; i++)
		free(lines->at[i].text);
	free(lines->at);
	*lines = (struct watch_lines){0};
}
