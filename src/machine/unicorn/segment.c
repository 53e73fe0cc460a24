/* SPDX-License-Identifier: MIT */
/* Descriptors: from the guest's tables into segment registers. */
#include "room_int.h"

#define DESC_PRESENT     UINT32_C(0x00008000)
#define DESC_GRANULARITY UINT32_C(0x00800000)
#define DESC_CODE_DATA   UINT32_C(0x00001000)

static void selector_fault(struct exception *fault, uint8_t vector, uint16_t selector)
{
	*fault = (struct exception){
		.vector = vector, .has_error = true, .error = selector & 0xfffcu};
}

bool segment_fetch(struct cpu *cpu, uint16_t selector, struct segment_cache *cache,
                   struct exception *fault)
{
	const struct segment_cache *table = selector & 4 ? &cpu->state->ldt : &cpu->state->gdt;
	uint32_t index = selector & ~7u, word[2];

	selector_fault(fault, VECTOR_GP, selector);
	if (!(selector & ~3u) || index + 7 > table->limit)
		return false;
	if (!memory_load(cpu, table->base + index, word, sizeof(word), fault))
		return false;
	selector_fault(fault, VECTOR_NP, selector);
	*cache = (struct segment_cache){
		.selector = selector,
		.base = (word[0] >> 16) | (word[1] & 0xff) << 16 | (word[1] & 0xff000000),
		.limit = (word[0] & 0xffff) | (word[1] & 0x000f0000),
		.flags = word[1],
	};
	if (word[1] & DESC_GRANULARITY)
		cache->limit = cache->limit << 12 | 0xfff;
	return word[1] & DESC_PRESENT;
}

void segment_load_flat(struct cpu *cpu, unsigned seg, uint16_t selector, bool code, unsigned dpl)
{
	/* Granular, present, accessed; code is readable and 64-bit, data writable. */
	uint32_t flags = DESC_PRESENT | DESC_GRANULARITY | DESC_CODE_DATA | dpl << 13 |
	                 (code ? 0x00200b00u : 0x00400300u);
	struct segment_cache cache = {selector, 0, UINT32_MAX, flags};

	state_load_segment(cpu->state, seg, &cache);
}
