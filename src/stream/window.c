/* SPDX-License-Identifier: MIT */
/* A file of any size, seen through a window of a few KiB. */
#include <stream/room_int.h>

static bool has(const struct block *block, uint64_t offset)
{
	return offset - block->start < block->have;
}

/* Reads the block that contains the offset. Blocks begin at multiples of their size, so that
 * reading backwards needs no more reads than reading forwards. */
static bool load(struct window *window, struct block *block, uint64_t offset)
{
	const struct vpmu_source *source = window->source;
	uint64_t left;

	if (window->broken || offset >= source->bytes) {
		window->ended |= !window->broken;
		return false;
	}
	block->start = offset - offset % sizeof(block->bytes);
	left = source->bytes - block->start;
	block->have = left < sizeof(block->bytes) ? (size_t)left : sizeof(block->bytes);
	if (source->read(source->context, block->start, block->bytes, block->have))
		return true;
	block->have = 0;
	window->broken = true;
	return false;
}

uint8_t window_byte(struct window *window, uint64_t offset)
{
	struct block *block = &window->blocks[window->latest];

	if (!has(block, offset)) {
		struct block *other = &window->blocks[!window->latest];

		if (!has(other, offset) && !load(window, other, offset))
			return 0;
		window->latest = !window->latest;
		block = other;
	}
	return block->bytes[offset - block->start];
}

/* Whether one of eight bytes is the byte that `eight` repeats. */
static bool has_byte(uint64_t bytes, uint64_t eight)
{
	const uint64_t lows = UINT64_C(0x0101010101010101);
	uint64_t zero = bytes ^ eight;

	return (zero - lows) & ~zero & lows << 7;
}

/* The first place in a block that may have one of two bytes: steps by eights over those that
 * cannot. */
static size_t pass_others(const struct block *block, size_t from, uint8_t one, uint8_t other)
{
	const uint64_t ones = UINT64_C(0x0101010101010101) * one;
	const uint64_t others = UINT64_C(0x0101010101010101) * other;
	uint64_t bytes;

	for (; from + sizeof(bytes) <= block->have; from += sizeof(bytes)) {
		__builtin_memcpy(&bytes, block->bytes + from, sizeof(bytes));
		if (has_byte(bytes, ones) || has_byte(bytes, others))
			break;
	}
	return from;
}

uint64_t window_next(struct window *window, uint64_t offset, uint8_t one, uint8_t other)
{
	uint64_t bytes = window->source->bytes;

	while (offset < bytes) {
		const struct block *block;

		window_byte(window, offset);
		block = &window->blocks[window->latest];
		if (window->broken)
			break;
		for (size_t i = (size_t)(offset - block->start); i < block->have; i++) {
			i = pass_others(block, i, one, other);
			if (i < block->have && (block->bytes[i] == one || block->bytes[i] == other))
				return block->start + i;
		}
		offset = block->start + block->have;
	}
	return bytes;
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
