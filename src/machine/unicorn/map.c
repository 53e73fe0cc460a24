/* SPDX-License-Identifier: MIT */
/*
 * What Unicorn is told about the address space. Unicorn looks for memory at a virtual address
 * before it looks at the page table, so every address that a guest touches must have something
 * there:
 *
 *   below 4 GiB            RAM, the device window, and nothing (reads all ones) elsewhere
 *   the top 4 GiB          a window from the start: test kernels allocate there
 *   any other, on a touch  a window if the guest has mapped it, else far memory: each access asks
 *                          the page table. Mapped later, it works, but slowly and not for code.
 */
#include <string.h>
#include <sys/mman.h>

#include "room_int.h"

#define FOUR_GIB     UINT64_C(0x100000000)
#define WINDOW_BYTES (UINT64_C(1) << 30)
#define SLOT_BYTES   (UINT64_C(1) << 39) /* what one entry of the top table stands for */
#define CANONICAL    (UINT64_C(1) << 47) /* from here to -CANONICAL, no address is valid */
#define TOP_WINDOW   UINT64_C(0xffffffff00000000)

static uint64_t ones(unsigned size)
{
	return UINT64_MAX >> (64 - 8 * size);
}

static void touched(struct cpu *cpu)
{
	cpu->device_touched = true;
	vpmu_meter_hold(cpu_meter(cpu));
}

static uint64_t read_nothing(uc_engine *uc, uint64_t offset, unsigned size, void *user)
{
	touched(user);
	return ones(size);
}

static void write_nothing(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *user)
{
	touched(user);
}

/* A device is touched only by an instruction that is single-stepped, or that is a block of its own.
 * In the second case it has been paid already, but the device's time must be that before it:
 * returns what was paid. NULL in the first case. */
static const struct vpmu_block *paid_ahead(const struct cpu *cpu)
{
	const struct block *block = cpu_block(cpu);

	return cpu->stepping || !block || block->op_count > 1 ? NULL : &block->pay;
}

static uint64_t read_device(uc_engine *uc, uint64_t offset, unsigned size, void *user)
{
	struct cpu *cpu = user;
	const struct vpmu_block *ahead = paid_ahead(cpu);
	uint64_t value;

	touched(cpu);
	if (ahead)
		vpmu_meter_rewind(cpu_meter(cpu), ahead, 0, ahead->count);
	value = cpu->calls->device_read(cpu->board, cpu->config.device_base + offset, size);
	if (ahead)
		vpmu_meter_take(cpu_meter(cpu), ahead);
	return value;
}

static void write_device(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *user)
{
	struct cpu *cpu = user;
	const struct vpmu_block *ahead = paid_ahead(cpu);

	touched(cpu);
	if (ahead)
		vpmu_meter_rewind(cpu_meter(cpu), ahead, 0, ahead->count);
	cpu->calls->device_write(cpu->board, cpu->config.device_base + offset, size, value);
	if (ahead)
		vpmu_meter_take(cpu_meter(cpu), ahead);
}

static bool is_device(const struct cpu *cpu, uint64_t physical)
{
	return physical - cpu->config.device_base < cpu->config.device_bytes;
}

static uint64_t read_far(uc_engine *uc, uint64_t offset, unsigned size, void *user)
{
	const struct far *far = user;
	struct cpu *cpu = far->cpu;
	struct exception fault;
	struct translation at;
	uint64_t value = 0;

	touched(cpu);
	if (!memory_translate(cpu, far->guest + offset, &at))
		return ones(size);
	if (is_device(cpu, at.physical))
		return read_device(uc, at.physical - cpu->config.device_base, size, cpu);
	memory_load(cpu, far->guest + offset, &value, size, &fault);
	return value;
}

static void write_far(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *user)
{
	const struct far *far = user;
	struct cpu *cpu = far->cpu;
	struct translation at;

	touched(cpu);
	if (!memory_translate(cpu, far->guest + offset, &at))
		return;
	if (is_device(cpu, at.physical))
		write_device(uc, at.physical - cpu->config.device_base, size, value, cpu);
	else
		memory_poke(cpu, at.physical, at.physical, &value, size);
}

static bool map_nothing(struct cpu *cpu, uint64_t from, uint64_t to)
{
	return from >= to ||
	       !uc_mmio_map(cpu->uc, from, to - from, read_nothing, cpu, write_nothing, cpu);
}

static bool map_far(struct cpu *cpu, uint64_t guest, uint64_t bytes)
{
	struct far *far = &cpu->fars[cpu->far_count];

	if (cpu->far_count == MAX_FARS)
		return false;
	*far = (struct far){.cpu = cpu, .guest = guest, .bytes = bytes};
	if (uc_mmio_map(cpu->uc, guest, bytes, read_far, far, write_far, far))
		return false;
	cpu->far_count++;
	return true;
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
	*window = (struct window){.guest = guest, .host = host, .bytes = bytes};
	if (uc_mem_map_ptr(cpu->uc, guest, bytes, UC_PROT_ALL, host)) {
		munmap(host, bytes);
		return false;
	}
	cpu->window_count++;
	return true;
}

bool memory_map(struct cpu *cpu)
{
	const struct cpu_config *c = &cpu->config;
	uint64_t device_end = c->device_base + c->device_bytes;

	if (!c->memory_bytes || (c->memory_bytes & PAGE_MASK) || c->memory_bytes > c->device_base ||
	    device_end > FOUR_GIB)
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
	       map_nothing(cpu, device_end, FOUR_GIB) && map_window(cpu, TOP_WINDOW, FOUR_GIB);
}

void memory_unmap(struct cpu *cpu)
{
	for (unsigned i = 0; i < cpu->window_count; i++)
		munmap(cpu->windows[i].host, cpu->windows[i].bytes);
	if (cpu->ram)
		munmap(cpu->ram, cpu->config.memory_bytes);
}

/* Whether a range has anything mapped, apart from RAM below 4 GiB. */
static bool has_regions(const struct cpu *cpu, uint64_t from, uint64_t bytes)
{
	for (unsigned i = 0; i < cpu->window_count; i++) {
		if (cpu->windows[i].guest - from < bytes)
			return true;
	}
	for (unsigned i = 0; i < cpu->far_count; i++) {
		if (cpu->fars[i].guest - from < bytes)
			return true;
	}
	return false;
}

bool memory_open(struct cpu *cpu, uint64_t address)
{
	uint64_t slot = address & ~(SLOT_BYTES - 1), chunk = address & ~(WINDOW_BYTES - 1);
	struct translation at;

	if (address < FOUR_GIB)
		return false;
	if (address >= CANONICAL && address < -CANONICAL)
		return map_far(cpu, CANONICAL, -CANONICAL - CANONICAL);
	if (memory_translate(cpu, address, &at) && map_window(cpu, chunk, WINDOW_BYTES))
		return true;
	if (slot && !has_regions(cpu, slot, SLOT_BYTES))
		return map_far(cpu, slot, SLOT_BYTES);
	return map_far(cpu, chunk, WINDOW_BYTES);
}

static bool in_window(const struct cpu *cpu, uint64_t address)
{
	for (unsigned i = 0; i < cpu->window_count; i++) {
		if (address - cpu->windows[i].guest < cpu->windows[i].bytes)
			return true;
	}
	return false;
}

bool memory_is_plain(struct cpu *cpu, uint64_t address, unsigned bytes)
{
	const uint64_t ends[] = {address, address + bytes - 1};
	struct translation at;

	for (unsigned i = 0; i < ARRAY_SIZE(ends); i++) {
		if (ends[i] >= cpu->config.memory_bytes && !in_window(cpu, ends[i]))
			return false;
		if (!memory_translate(cpu, ends[i], &at) || at.physical >= cpu->config.memory_bytes)
			return false;
	}
	return true;
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
