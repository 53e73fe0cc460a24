/* SPDX-License-Identifier: MIT */
/*
 * Guest memory as the CPU sees it: the guest's page tables, the processor's own accesses, and what
 * Unicorn is told about. Unicorn 2.0 checks a page table's permissions but takes the virtual
 * address for the physical one. Low addresses are therefore RAM itself, and others are windows:
 * see struct window.
 */
#include <string.h>
#include <sys/mman.h>

#include "cpu_int.h"

#define PTE_PRESENT  UINT64_C(1)
#define PTE_WRITABLE UINT64_C(2)
#define PTE_USER     UINT64_C(4)
#define PTE_LARGE    UINT64_C(0x80)
#define PTE_ADDRESS  UINT64_C(0x000ffffffffff000)
#define PTE_ADDRESS4 UINT64_C(0xfffff000)

#define FOUR_GIB UINT64_C(0x100000000)
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
		return (struct paging){ 4, 9, 8, PTE_ADDRESS };
	if (state->cr[4] & CR4_PAE)
		return (struct paging){ 3, 9, 8, PTE_ADDRESS };
	return (struct paging){ 2, 10, 4, PTE_ADDRESS4 };
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

	*out = (struct translation){ .writable = true, .user = true };
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
		address &= FOUR_GIB - 1;
	if (cpu->state->cr[0] & CR0_PG)
		return walk(cpu, address, out);
	*out = (struct translation){ .physical = address, .leaf_bytes = PAGE_BYTES,
				     .writable = true, .user = true };
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
		.vector = VECTOR_PF, .has_error = true, .error = error, .cr2 = address
	};
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

static void physical_write(struct cpu *cpu, uint64_t physical, uint64_t address, const void *from,
			   unsigned bytes)
{
	if (physical > cpu->config.memory_bytes || bytes > cpu->config.memory_bytes - physical)
		return;
	memcpy(cpu->config.memory + physical, from, bytes);
	if (!cpu->page_writes[physical / PAGE_BYTES])
		return;
	memory_note_write(cpu, physical / PAGE_BYTES);
	uc_ctl_remove_cache(cpu->uc, address, address + bytes);
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
		physical_write(cpu, at.physical, address, p, part);
	}
	return true;
}

/* --- What Unicorn is told about -------------------------------------------------------------- */

static uint64_t read_nothing(uc_engine *uc, uint64_t offset, unsigned size, void *user)
{
	return UINT64_MAX >> (64 - 8 * size);
}

static void write_nothing(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value,
			  void *user)
{
}

static uint64_t read_device(uc_engine *uc, uint64_t offset, unsigned size, void *user)
{
	struct cpu *cpu = user;

	cpu->device_touched = true;
	budget_hold(cpu);
	return cpu->calls->device_read(cpu->board, cpu->config.device_base + offset, size);
}

static void write_device(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *user)
{
	struct cpu *cpu = user;

	cpu->device_touched = true;
	budget_hold(cpu);
	cpu->calls->device_write(cpu->board, cpu->config.device_base + offset, size, value);
}

static bool map_nothing(struct cpu *cpu, uint64_t from, uint64_t to)
{
	return from >= to ||
	       !uc_mmio_map(cpu->uc, from, to - from, read_nothing, cpu, write_nothing, cpu);
}

static bool map_window(struct cpu *cpu, uint64_t guest, uint64_t bytes)
{
	struct window *window = &cpu->windows[cpu->window_count];
	void *host;

	if (cpu->window_count == MAX_WINDOWS)
		return false;
	host = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (host == MAP_FAILED)
		return false;
	*window = (struct window){ .guest = guest, .host = host, .bytes = bytes };
	if (uc_mem_map_ptr(cpu->uc, guest, bytes, UC_PROT_ALL, host)) {
		munmap(host, bytes);
		return false;
	}
	cpu->window_count++;
	return true;
}

/* RAM, the device window, and nothing at all in the rest of the first 4 GiB. */
bool memory_map(struct cpu *cpu)
{
	const struct cpu_config *c = &cpu->config;
	uint64_t device_end = c->device_base + c->device_bytes;

	if (!c->memory_bytes || (c->memory_bytes & PAGE_MASK) || c->memory_bytes > c->device_base ||
	    device_end > PHYSICAL_END)
		return false;
	cpu->ram = mmap(NULL, c->memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
			c->memory_fd, 0);
	if (cpu->ram == MAP_FAILED) {
		cpu->ram = NULL;
		return false;
	}
	return !uc_mem_map_ptr(cpu->uc, 0, c->memory_bytes, UC_PROT_ALL, cpu->ram) &&
	       map_nothing(cpu, c->memory_bytes, c->device_base) &&
	       !uc_mmio_map(cpu->uc, c->device_base, c->device_bytes, read_device, cpu,
			    write_device, cpu) &&
	       map_nothing(cpu, device_end, PHYSICAL_END) &&
	       map_window(cpu, TOP_WINDOW, FOUR_GIB);
}

void memory_unmap(struct cpu *cpu)
{
	for (unsigned i = 0; i < cpu->window_count; i++)
		munmap(cpu->windows[i].host, cpu->windows[i].bytes);
	if (cpu->ram)
		munmap(cpu->ram, cpu->config.memory_bytes);
}

bool window_open(struct cpu *cpu, uint64_t address)
{
	struct translation at;

	return address >= PHYSICAL_END && memory_translate(cpu, address, &at) &&
	       map_window(cpu, address & ~(WINDOW_BYTES - 1), WINDOW_BYTES);
}

void windows_drop(struct cpu *cpu)
{
	for (unsigned i = 0; i < cpu->window_count; i++) {
		struct window *window = &cpu->windows[i];

		if (!window->mapped)
			continue;
		mmap(window->host, window->bytes, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
		window->mapped = 0;
	}
}
