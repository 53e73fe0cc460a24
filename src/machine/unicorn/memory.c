/* SPDX-License-Identifier: MIT */
/*
 * Guest memory as the CPU sees it: walks of the guest's page tables, and the processor's own
 * accesses. Unicorn 2.0 checks a page table's permissions itself but then uses the virtual address
 * as the physical one; map.c makes up for that.
 */
#include <string.h>

#include "room_int.h"

#define PTE_PRESENT  UINT64_C(1)
#define PTE_WRITABLE UINT64_C(2)
#define PTE_USER     UINT64_C(4)
#define PTE_LARGE    UINT64_C(0x80)
#define PTE_ADDRESS  UINT64_C(0x000ffffffffff000)
#define PTE_ADDRESS4 UINT64_C(0xfffff000)

#define FOUR_GIB     UINT64_C(0x100000000)
#define PHYSICAL_END FOUR_GIB
#define WINDOW_BYTES (UINT64_C(1) << 30)
#define TOP_WINDOW   UINT64_C(0xffffffff00000000) /* where test kernels put what they allocate */

/* How a paging mode's tables are laid out: bits of index per level, bytes of an entry. */
struct paging {
	unsigned levels, index_bits, entry_bytes;
	uint64_t address_bits;
};

static struct paging paging_of(const struct state *state)
{
	if (state->hflags & HF_LMA)
		return (struct paging){4, 9, 8, PTE_ADDRESS};
	if (state->cr[4] & CR4_PAE)
		return (struct paging){3, 9, 8, PTE_ADDRESS};
	return (struct paging){2, 10, 4, PTE_ADDRESS4};
}

static bool physical_read(const struct cpu *cpu, uint64_t address, void *to, unsigned bytes)
{
	if (address > cpu->config.memory_bytes || bytes > cpu->config.memory_bytes - address)
		return false;
	memcpy(to, cpu->config.memory + address, bytes);
	return true;
}

/* Intel SDM vol. 3A 4.3-4.5. */
static bool walk(struct cpu *cpu, uint64_t address, struct translation *out)
{
	const struct paging paging = paging_of(cpu->state);
	uint64_t table = cpu->state->cr[3] & (paging.levels == 3 ? ~UINT64_C(31) : PTE_ADDRESS);
	unsigned shift = 12 + paging.index_bits * (paging.levels - 1);

	*out = (struct translation){.writable = true, .user = true};
	for (unsigned level = paging.levels;; level--, shift -= paging.index_bits) {
		uint64_t index = (address >> shift) & ((1u << paging.index_bits) - 1), entry = 0;
		bool pdpte = paging.levels == 3 && level == 3;

		if (!physical_read(cpu, table + index * paging.entry_bytes, &entry,
		                   paging.entry_bytes) ||
		    !(entry & PTE_PRESENT))
			return false;
		if (!pdpte) {
			out->writable &= (entry & PTE_WRITABLE) != 0;
			out->user &= (entry & PTE_USER) != 0;
		}
		if (level == 1 || (level < 4 && !pdpte && (entry & PTE_LARGE))) {
			out->leaf_bytes = UINT64_C(1) << shift;
			out->physical = (entry & paging.address_bits & ~(out->leaf_bytes - 1)) |
			                (address & (out->leaf_bytes - 1));
			return true;
		}
		table = entry & paging.address_bits;
	}
}

bool memory_translate(struct cpu *cpu, uint64_t address, struct translation *out)
{
	if (!state_long(cpu->state))
		address = (uint32_t)address;
	if (cpu->state->cr[0] & CR0_PG)
		return walk(cpu, address, out);
	*out = (struct translation){
		.physical = address, .leaf_bytes = PAGE_BYTES, .writable = true, .user = true};
	return true;
}

/* How much of an access lies in the first page that it touches. */
static unsigned in_page(uint64_t address, unsigned bytes)
{
	uint64_t left = PAGE_BYTES - (address & PAGE_MASK);

	return bytes < left ? bytes : (unsigned)left;
}

bool memory_fetch(struct cpu *cpu, uint64_t address, void *to, unsigned bytes)
{
	struct translation at;
	uint8_t *p = to;

	for (unsigned part; bytes; bytes -= part, address += part, p += part) {
		part = in_page(address, bytes);
		if (!memory_translate(cpu, address, &at) ||
		    !physical_read(cpu, at.physical, p, part))
			return false;
	}
	return true;
}

static bool page_fault(struct exception *fault, uint64_t address, uint32_t error)
{
	*fault = (struct exception){
		.vector = VECTOR_PF, .has_error = true, .error = error, .cr2 = address};
	return false;
}

bool memory_load(struct cpu *cpu, uint64_t address, void *to, unsigned bytes,
                 struct exception *fault)
{
	struct translation at;
	uint8_t *p = to;

	for (unsigned part; bytes; bytes -= part, address += part, p += part) {
		part = in_page(address, bytes);
		if (!memory_translate(cpu, address, &at))
			return page_fault(fault, address, 0);
		if (!physical_read(cpu, at.physical, p, part))
			memset(p, 0xff, part);
	}
	return true;
}

void memory_poke(struct cpu *cpu, uint64_t physical, uint64_t address, const void *from,
                 unsigned bytes)
{
	if (physical > cpu->config.memory_bytes || bytes > cpu->config.memory_bytes - physical)
		return;
	memcpy(cpu->config.memory + physical, from, bytes);
	if (!cpu->page_writes[physical / PAGE_BYTES])
		return;
	memory_note_write(cpu, physical / PAGE_BYTES);
	translation_drop(cpu, address, address + bytes);
}

bool memory_store(struct cpu *cpu, uint64_t address, const void *from, unsigned bytes,
                  struct exception *fault)
{
	struct translation at;
	const uint8_t *p = from;

	for (unsigned part; bytes; bytes -= part, address += part, p += part) {
		part = in_page(address, bytes);
		if (!memory_translate(cpu, address, &at))
			return page_fault(fault, address, 2);
		if (!at.writable && (cpu->state->cr[0] & CR0_WP))
			return page_fault(fault, address, 3);
		memory_poke(cpu, at.physical, address, p, part);
	}
	return true;
}
