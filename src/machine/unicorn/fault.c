/* SPDX-License-Identifier: MIT */
/*
 * Handles host faults on the CPU's mappings of guest RAM. Two kinds are expected: an access to a
 * window's page that is not mapped yet, and a write to a page with cached code, which is mapped
 * read-only to catch just that. All others go to whoever handled SIGSEGV before.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <stdlib.h>
#include <stdio.h>
#include <sys/mman.h>

#include "guard.h"
#include "room_int.h"

enum {
	/* Flags in page_writes; the remaining bits count writes. */
	PAGE_WATCHED = 0x80, /* mapped read-only */
	PAGE_CHANGES = 0x40, /* executed one instruction at a time */
	PAGE_WRITES = 0x0f,
	WINDOW_PAGES_MAX =
		30000, /* pages mapped of a window before all are dropped: a host's limit */
	LARGE_PAGE = 1 << 21,
};

/* The CPUs whose mappings may fault. Threads add and remove entries under the lock. The handler
 * takes no lock: it runs in the thread of the CPU that faulted, whose entry cannot go away
 * meanwhile. */
static struct cpu *_Atomic cpus;
static pthread_mutex_t cpus_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction previous;

/* The page of the leaf entry, or, of a larger one, the 2 MiB around the address. */
static bool window_extent(struct cpu *cpu, uint64_t address, struct window *window, uint64_t *from,
                          uint64_t *bytes, uint64_t *physical)
{
	struct translation at;
	uint64_t extent;

	if (!memory_translate(cpu, address, &at))
		return false;
	extent = at.leaf_bytes < LARGE_PAGE ? at.leaf_bytes : LARGE_PAGE;
	*from = address & ~(extent - 1);
	*physical = at.physical & ~(extent - 1);
	*bytes = extent;
	if (*from >= window->guest && *from - window->guest + extent <= window->bytes &&
	    *physical + extent <= cpu->config.memory_bytes)
		return true;
	*from = address & ~PAGE_MASK;
	*physical = at.physical & ~PAGE_MASK;
	*bytes = PAGE_BYTES;
	return *physical + PAGE_BYTES <= cpu->config.memory_bytes;
}

/* Maps what the guest has mapped at the address; if nothing, a page of ones, and notes that it is
 * wrong. */
static bool window_fill(struct cpu *cpu, struct window *window, uint8_t *host)
{
	uint64_t address = window->guest + (uint64_t)(host - window->host);
	uint64_t from, bytes, physical;
	void *at;

	if (window->mapped >= WINDOW_PAGES_MAX)
		windows_drop(cpu);
	window->mapped++;
	if (window_extent(cpu, address, window, &from, &bytes, &physical))
		return mmap(window->host + (from - window->guest), bytes, PROT_READ | PROT_WRITE,
		            MAP_SHARED | MAP_FIXED, cpu->config.memory_fd,
		            (off_t)physical) != MAP_FAILED;
	at = mmap(window->host + ((address & ~PAGE_MASK) - window->guest), PAGE_BYTES,
	          PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (at == MAP_FAILED)
		return false;
	memset(at, 0xff, PAGE_BYTES);
	cpu->lost = address;
	vpmu_meter_hold(cpu_meter(cpu));
	return true;
}

void memory_note_write(struct cpu *cpu, uint64_t page)
{
	uint8_t *writes = &cpu->page_writes[page];

	mprotect(cpu->ram + page * PAGE_BYTES, PAGE_BYTES, PROT_READ | PROT_WRITE);
	*writes &= (uint8_t)~PAGE_WATCHED;
	if ((*writes & PAGE_WRITES) < PAGE_GIVEN_UP)
		++*writes;
	if (cpu->dirty_count < MAX_DIRTY)
		cpu->dirty[cpu->dirty_count] = page;
	if (cpu->dirty_count <= MAX_DIRTY)
		cpu->dirty_count++;
	vpmu_meter_hold(cpu_meter(cpu));
}

/* Whether the running block lies in the page. A REP that goes on is a block of its own. */
static bool runs_in(const struct cpu *cpu, uint64_t page)
{
	const struct block *block = cpu->stepping ? NULL : cpu_block(cpu);

	return block && cpu->state->rip != cpu->rep && block->address / PAGE_BYTES <= page &&
	       (block->address + block->size - 1) / PAGE_BYTES >= page;
}

static bool fault_of(struct cpu *cpu, uint8_t *host)
{
	if (host >= cpu->ram && host < cpu->ram + cpu->config.memory_bytes) {
		uint64_t page = (uint64_t)(host - cpu->ram) / PAGE_BYTES;

		if (!(cpu->page_writes[page] & PAGE_WATCHED))
			return false;
		memory_note_write(cpu, page);
		cpu->suspect |= runs_in(cpu, page);
		if (cpu->stepping && cpu->software_rip / PAGE_BYTES == page)
			code_has_changed(cpu, cpu->software_rip);
		return true;
	}
	for (unsigned i = 0; i < cpu->window_count; i++) {
		struct window *window = &cpu->windows[i];

		if (host >= window->host && host < window->host + window->bytes)
			return window_fill(cpu, window, host);
	}
	return false;
}

static void pass_on(int signal, siginfo_t *info, void *context)
{
	if (previous.sa_flags & SA_SIGINFO) {
		previous.sa_sigaction(signal, info, context);
	} else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
		previous.sa_handler(signal);
	} else {
		/* The instruction faults again and ends the process, as it would have. */
		sigaction(SIGSEGV, &previous, NULL);
	}
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
	for (struct cpu *cpu = cpus; cpu; cpu = cpu->next_cpu) {
		if (fault_of(cpu, info->si_addr))
			return;
	}
	guard_fault(context);
	pass_on(signal, info, context);
}

bool faults_begin(struct cpu *cpu)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
	struct sigaction now;
	bool ok;

	sigemptyset(&action.sa_mask);
	pthread_mutex_lock(&cpus_lock);
	ok = !sigaction(SIGSEGV, NULL, &now);
	if (ok && (!(now.sa_flags & SA_SIGINFO) || now.sa_sigaction != on_fault))
		ok = !sigaction(SIGSEGV, &action, &previous);
	if (ok) {
		cpu->next_cpu = cpus;
		cpus = cpu;
	}
	pthread_mutex_unlock(&cpus_lock);
	return ok;
}

void faults_end(struct cpu *cpu)
{
	pthread_mutex_lock(&cpus_lock);
	if (cpus == cpu) {
		cpus = cpu->next_cpu;
	} else {
		for (struct cpu *at = cpus; at; at = at->next_cpu) {
			if (at->next_cpu == cpu)
				at->next_cpu = cpu->next_cpu;
		}
	}
	pthread_mutex_unlock(&cpus_lock);
}

bool memory_watch(struct cpu *cpu, uint64_t address, uint32_t bytes)
{
	uint64_t last = address + bytes - 1;

	if (last >= cpu->config.memory_bytes || last < address)
		return false;
	for (uint64_t page = address / PAGE_BYTES; page <= last / PAGE_BYTES; page++) {
		uint8_t *writes = &cpu->page_writes[page];
		struct translation at;

		if (!memory_translate(cpu, page * PAGE_BYTES, &at) ||
		    at.physical != page * PAGE_BYTES)
			return false;
		if (*writes & PAGE_WATCHED)
			continue;
		if ((*writes & PAGE_WRITES) >= PAGE_GIVEN_UP ||
		    mprotect(cpu->ram + page * PAGE_BYTES, PAGE_BYTES, PROT_READ))
			return false;
		*writes |= PAGE_WATCHED;
	}
	return true;
}

void code_has_changed(struct cpu *cpu, uint64_t address)
{
	if (address >= cpu->config.memory_bytes)
		return;
	cpu->page_writes[address / PAGE_BYTES] |= PAGE_CHANGES;
	cpu->careful = CAREFUL_STEPS;
}

bool code_changes(struct cpu *cpu, uint64_t address)
{
	uint8_t *writes = &cpu->page_writes[address / PAGE_BYTES];

	if (address >= cpu->config.memory_bytes || !(*writes & PAGE_CHANGES))
		return false;
	if (cpu->careful && cpu->careful--)
		return true;
	*writes &= (uint8_t)~PAGE_CHANGES;
	return false;
}

static void forget_page(struct cpu *cpu, uint64_t address)
{
	if (blocks_forget_page(cpu, address))
		code_has_changed(cpu, address);
	translation_drop(cpu, address, address + PAGE_BYTES);
}

void memory_forget_dirty(struct cpu *cpu)
{
	if (!cpu->dirty_count)
		return;
	cpu_has_block(cpu, NULL);
	for (unsigned i = 0; i < cpu->dirty_count && cpu->dirty_count <= MAX_DIRTY; i++)
		forget_page(cpu, cpu->dirty[i] * PAGE_BYTES);
	if (cpu->dirty_count > MAX_DIRTY) {
		blocks_forget(cpu);
		code_translate_anew(cpu);
	}
	cpu->dirty_count = 0;
}
