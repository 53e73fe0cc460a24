/* SPDX-License-Identifier: MIT */
/*
 * Translates addresses of a second-level guest. QEMU's look-ups for plugins do not know nested
 * paging: they take the guest's physical address for the machine's. So both levels of tables are
 * walked here (APM vol. 2 5.3 and 15.25).
 */
#include "room_int.h"

enum { PAGE_BITS = 12, ENTRY_PRESENT = 1, ENTRY_LARGE = 0x80, LARGEST_PAGE = 3 };

#define CR0_PG       (UINT64_C(1) << 31)
#define CR4_PSE      (UINT64_C(1) << 4)
#define CR4_PAE      (UINT64_C(1) << 5)
#define CR4_LA57     (UINT64_C(1) << 12)
#define ADDRESS_BITS (UINT64_C(0xffffffffff) << PAGE_BITS)

/* One level's tables. Without any, addresses stay as they are. */
struct walk {
	uint64_t root;
	unsigned levels, word; /* bytes of an entry */
	bool large;            /* pages may be larger than 4 KiB */
	const struct walk *below;
};

static struct walk walk_of(const struct paging *paging)
{
	bool is_long = paging->efer & EFER_LMA, pae = is_long || paging->cr4 & CR4_PAE;
	struct walk walk = {
		.root = paging->cr3 & ADDRESS_BITS,
		.word = pae ? 8 : 4,
		.large = pae || paging->cr4 & CR4_PSE,
	};

	if (!(paging->cr0 & CR0_PG))
		return walk;
	walk.levels = is_long ? paging->cr4 & CR4_LA57 ? 5 : 4 : pae ? 3 : 2;
	if (!is_long && pae)
		walk.root = paging->cr3 & UINT64_C(0xffffffe0);
	return walk;
}

static bool walk_address(const struct walk *walk, uint64_t *address);

static bool below(const struct walk *walk, uint64_t *address)
{
	return !walk->below || walk_address(walk->below, address);
}

static bool read_entry(const struct walk *walk, uint64_t at, uint64_t *entry)
{
	*entry = 0;
	return below(walk, &at) && physical_get(at, entry, walk->word) && *entry & ENTRY_PRESENT;
}

static bool walk_address(const struct walk *walk, uint64_t *address)
{
	unsigned bits = walk->word == 8 ? 9 : 10;
	uint64_t table = walk->root;

	for (unsigned level = walk->levels; level; level--) {
		unsigned shift = PAGE_BITS + (level - 1) * bits;
		uint64_t index = *address >> shift & width_mask(bits), entry;
		uint64_t inside = width_mask(shift);

		if (!read_entry(walk, table + index * walk->word, &entry))
			return false;
		table = entry & ADDRESS_BITS;
		if (level == 1 || (level <= LARGEST_PAGE && walk->large && entry & ENTRY_LARGE)) {
			*address = (table & ~inside) | (*address & inside);
			break;
		}
	}
	return below(walk, address);
}

bool paging_translate(const struct cpu *cpu, const struct paging *paging, uint64_t linear,
                      uint64_t *physical)
{
	struct paging host = {
		.cr0 = CR0_PG,
		.cr3 = cpu->svm.nested_cr3,
		.cr4 = cpu->svm.host_cr4,
		.efer = cpu->svm.host_efer,
	};
	struct walk nested = walk_of(&host), walk = walk_of(paging);

	if (cpu->svm.nested)
		walk.below = &nested;
	*physical = linear;
	return walk_address(&walk, physical);
}

/* --- The guest that runs ---------------------------------------------------------------------- */

/* The vCPU of this thread, while it is in a guest with nested paging. */
static const struct cpu *nested_cpu(void)
{
	const struct cpu *cpu = cpu_here();

	return cpu && cpu->svm.guest && cpu->svm.nested && !cpu->svm.back ? cpu : NULL;
}

static bool translate_nested(const struct cpu *cpu, uint64_t linear, uint64_t *physical)
{
	const struct paging paging = {
		.cr0 = reg_get(REG_CR0),
		.cr3 = reg_get(REG_CR3),
		.cr4 = reg_get(REG_CR4),
		.efer = reg_get(REG_EFER),
	};

	return paging_translate(cpu, &paging, linear, physical);
}

bool linear_to_physical(uint64_t linear, uint64_t *physical)
{
	const struct cpu *cpu = nested_cpu();

	return cpu ? translate_nested(cpu, linear, physical)
	           : qemu_plugin_translate_vaddr(linear, physical);
}

/* How many of the bytes are in the first page. */
static unsigned piece(uint64_t address, unsigned bytes)
{
	unsigned left = (1u << PAGE_BITS) - (unsigned)(address & width_mask(PAGE_BITS));

	return bytes < left ? bytes : left;
}

bool memory_get(uint64_t address, void *to, unsigned bytes)
{
	const struct cpu *cpu = nested_cpu();
	uint8_t *at = to;

	if (!cpu)
		return linear_get(address, to, bytes);
	while (bytes) {
		unsigned now = piece(address, bytes);
		uint64_t physical;

		if (!translate_nested(cpu, address, &physical) || !physical_get(physical, at, now))
			return false;
		address += now;
		at += now;
		bytes -= now;
	}
	return true;
}

bool memory_set(uint64_t address, const void *from, unsigned bytes)
{
	const struct cpu *cpu = nested_cpu();
	const uint8_t *at = from;

	if (!cpu)
		return linear_set(address, from, bytes);
	while (bytes) {
		unsigned now = piece(address, bytes);
		uint64_t physical;

		if (!translate_nested(cpu, address, &physical) || !physical_set(physical, at, now))
			return false;
		address += now;
		at += now;
		bytes -= now;
	}
	return true;
}
