/* SPDX-License-Identifier: MIT */
/* A file of any size, seen through a window of a few KiB. */
#include <stream/room_int.h>

/* Moves the window to the block that has the offset. Windows begin at multiples of their size, so
 * that reading backwards moves as seldom as reading forwards. */
static bool move(struct window *window, uint64_t offset)
{
	const struct vpmu_source *source = window->source;
	uint64_t left;

	if (window->broken || offset >= source->bytes) {
		window->ended |= !window->broken;
		return false;
	}
	window->start = offset - offset % sizeof(window->bytes);
	left = source->bytes - window->start;
	window->have = left < sizeof(window->bytes) ? (size_t)left : sizeof(window->bytes);
	if (source->read(source->context, window->start, window->bytes, window->have))
		return true;
	window->have = 0;
	window->broken = true;
	return false;
}

uint8_t window_byte(struct window *window, uint64_t offset)
{
	if (offset - window->start >= window->have && !move(window, offset))
		return 0;
	return window->bytes[offset - window->start];
}

bool window_copy(struct window *window, uint64_t offset, void *into, size_t bytes)
{
	uint8_t *at = into;

	for (size_t i = 0; i < bytes; i++)
		at[i] = window_byte(window, offset + i);
	return !window->ended && !window->broken;
}

uint64_t window_be(struct window *window, uint64_t offset, unsigned bytes)
{
	uint8_t at[8];

	return window_copy(window, offset, at, bytes) ? be_get(at, bytes) : 0;
}

bool window_is(struct window *window, uint64_t offset, const void *bytes, size_t count)
{
	const uint8_t *wanted = bytes;

	for (size_t i = 0; i < count; i++)
		if (window_byte(window, offset + i) != wanted[i])
			return false;
	return !window->ended && !window->broken;
}
