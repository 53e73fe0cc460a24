/* SPDX-License-Identifier: MIT */
/*
 * Guest memory in records. Pages of zeros are left out, and so are repetitions within a page. Only
 * pages that exist in the memfd are looked at.
 */
#include <string.h>
#include <unistd.h>

#include "snapshot.h"

uint64_t pages_next(const struct guest_memory *memory, uint64_t page)
{
	uint64_t pages = memory->bytes / PAGE_SIZE_;
	off_t at;

	if (page >= pages)
		return pages;
	at = lseek(memory->fd, (off_t)(page * PAGE_SIZE_), SEEK_DATA);
	if (at < 0)
		return pages;
	return (uint64_t)at / PAGE_SIZE_;
}

bool page_is_zero(const struct guest_memory *memory, uint64_t page)
{
	const uint8_t *at = memory->base + page * PAGE_SIZE_;

	return !at[0] && !memcmp(at, at + 1, PAGE_SIZE_ - 1);
}

void page_pack(struct pack *pack, const struct guest_memory *memory, uint64_t page)
{
	uint64_t words[PAGE_WORDS];

	memcpy(words, memory->base + page * PAGE_SIZE_, sizeof(words));
	pack_number(pack, page, 8);
	pack_words(pack, words, PAGE_WORDS);
}

bool pages_unpack(struct unpack *unpack, const struct guest_memory *memory)
{
	uint64_t words[PAGE_WORDS];

	while (!unpack->wrong && unpack->at < unpack->count) {
		uint64_t page = unpack_number(unpack, 8, "a page's number");

		if (!unpack->wrong && page >= memory->bytes / PAGE_SIZE_)
			unpack->wrong = "a page beyond the memory";
		if (!unpack_words(unpack, words, PAGE_WORDS, "a page"))
			return false;
		memcpy(memory->base + page * PAGE_SIZE_, words, sizeof(words));
	}
	return !unpack->wrong;
}
