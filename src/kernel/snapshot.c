/* SPDX-License-Identifier: MIT */
/*
 * Snapshots of all that the kernel's code remembers. Its variables are the writable segment of the
 * library that this file is part of, without what the loader has made read-only. The arena is
 * copied only as far as it is used.
 */
#include <link.h>

#include "guest.h"
#include "snapshot.h"

enum { EVENTS_KEPT = 16 };

/* The variables before and after the arena, which is a variable itself. */
static struct span {
	unsigned char *at;
	size_t bytes;
} variables[2];
static unsigned char *pristine;

/* --- Where the variables are ------------------------------------------------------------------ */

static bool is_here(const struct dl_phdr_info *about)
{
	uintptr_t here = (uintptr_t)&kernel_memory;

	for (int i = 0; i < about->dlpi_phnum; i++) {
		uintptr_t start = about->dlpi_addr + about->dlpi_phdr[i].p_vaddr;

		if (about->dlpi_phdr[i].p_type == PT_LOAD && here >= start &&
		    here - start < about->dlpi_phdr[i].p_memsz)
			return true;
	}
	return false;
}

static int find_variables(struct dl_phdr_info *about, size_t bytes, void *context)
{
	unsigned char *start = NULL, *end = NULL, *read_only = NULL;
	unsigned char *arena = (unsigned char *)&kernel_memory,
		      *past = arena + sizeof(kernel_memory);

	(void)bytes, (void)context;
	if (!is_here(about))
		return 0;
	for (int i = 0; i < about->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &about->dlpi_phdr[i];
		unsigned char *at = (unsigned char *)(about->dlpi_addr + part->p_vaddr);

		if (part->p_type == PT_LOAD && part->p_flags & PF_W) {
			start = at;
			end = at + part->p_memsz;
		} else if (part->p_type == PT_GNU_RELRO) {
			read_only = at + part->p_memsz;
		}
	}
	if (read_only > start)
		start = read_only;
	variables[0] = (struct span){start, (size_t)(arena - start)};
	/* Whole words: the last page is mapped to its end, and the rest of it is 0. */
	variables[1] = (struct span){past, ((size_t)(end - past) + 7) / 8 * 8};
	return 1;
}

static size_t variable_bytes(void)
{
	return variables[0].bytes + variables[1].bytes;
}

static void save_variables(unsigned char *to)
{
	memcpy(to, variables[0].at, variables[0].bytes);
	memcpy(to + variables[0].bytes, variables[1].at, variables[1].bytes);
}

static void load_variables(const unsigned char *from)
{
	memcpy(variables[0].at, from, variables[0].bytes);
	memcpy(variables[1].at, from + variables[0].bytes, variables[1].bytes);
}

void snapshot_open(void)
{
	if (pristine)
		return;
	dl_iterate_phdr(find_variables, NULL);
	pristine = malloc(variable_bytes());
	if (!pristine)
		abort();
	save_variables(pristine);
}

void snapshot_begin(void)
{
	load_variables(pristine);
	memset(&kernel_memory, 0, sizeof(kernel_memory));
}

/* --- Copies: the arena's map, its used units, the variables ----------------------------------- */

static size_t most_units(void)
{
	size_t guest = (sizeof(struct guest) + MEMORY_UNIT - 1) / MEMORY_UNIT;
	size_t event = (sizeof(struct perf_event) + MEMORY_UNIT - 1) / MEMORY_UNIT;

	return guest + EVENTS_KEPT * event;
}

size_t snapshot_bytes(void)
{
	return offsetof(struct memory, at) + most_units() * MEMORY_UNIT + variable_bytes();
}

static size_t arena_used(const struct memory *memory)
{
	return offsetof(struct memory, at) + (size_t)memory->units * MEMORY_UNIT;
}

void snapshot_save(void *snapshot)
{
	size_t used = arena_used(&kernel_memory);

	if (kernel_memory.units > most_units())
		abort();
	memcpy(snapshot, &kernel_memory, used);
	save_variables((unsigned char *)snapshot + used);
}

void snapshot_load(const void *snapshot)
{
	size_t used = arena_used(snapshot), before = arena_used(&kernel_memory);

	memcpy(&kernel_memory, snapshot, used);
	if (before > used)
		memset((unsigned char *)&kernel_memory + used, 0, before - used);
	load_variables((const unsigned char *)snapshot + used);
}

/* --- A hash ----------------------------------------------------------------------------------- */

enum { LANES = 4 };
#define ODD 0x9e3779b97f4a7c15ull

/* Several lanes, since a multiplication waits for the one before it in its lane. */
struct hash {
	u64 lane[LANES];
	const struct perf_context *perf;
};

static inline u64 mixed(u64 lane, u64 word)
{
	lane = (lane ^ word) * ODD;
	lane = (lane ^ lane >> 32) * 0x9fb21c651e98df25ull; /* see hash_mix() of src/base */
	return lane ^ lane >> 32;
}

/* A pointer into the arena is hashed so: an event by its place in the list, anything else by its
 * offset. */
static u64 pointer(const struct hash *hash, u64 offset)
{
	for (unsigned int i = 0; i < hash->perf->live; i++)
		if (hash->perf->events[i] == (const void *)(kernel_memory.at + offset))
			return 1ull << 32 | i;
	return offset;
}

static void add(struct hash *hash, const void *from, size_t bytes)
{
	const u64 *word = from;
	size_t count = bytes / sizeof(*word);

	for (size_t i = 0; i < count; i++) {
		u64 offset = word[i] - (u64)(uintptr_t)kernel_memory.at;
		u64 value = offset < sizeof(kernel_memory.at) ? pointer(hash, offset) : word[i];

		hash->lane[i % LANES] = mixed(hash->lane[i % LANES], value);
	}
}

static bool is_event(const struct perf_context *perf, const void *at)
{
	for (unsigned int i = 0; i < perf->live; i++)
		if (perf->events[i] == at)
			return true;
	return false;
}

/* Adds what the code has allocated besides the guest and its events; usually nothing. */
static void add_others(struct hash *hash, const struct guest *guest)
{
	for (unsigned int i = 0; i < kernel_memory.units;
	     i += kernel_memory.block[i] ? kernel_memory.block[i] : 1) {
		const unsigned char *at = kernel_memory.at + (size_t)i * MEMORY_UNIT;

		if (kernel_memory.block[i] && at != (const void *)guest &&
		    !is_event(hash->perf, at))
			add(hash, at, (size_t)kernel_memory.block[i] * MEMORY_UNIT);
	}
}

/* Adds the guest, but for the list of its events and the counts of perf calls. */
static void add_guest(struct hash *hash, const struct guest *guest)
{
	const unsigned char *start = (const unsigned char *)guest, *end = start + sizeof(*guest);
	const struct perf_context *perf = &guest->task.perf;
	const unsigned char *past = (const unsigned char *)(&perf->calls + 1);

	add(hash, start, (size_t)((const unsigned char *)perf - start));
	hash->lane[0] = mixed(hash->lane[0], perf->failures << 8 | perf->live);
	add(hash, past, (size_t)(end - past));
	for (unsigned int i = 0; i < perf->live; i++)
		add(hash, perf->events[i], sizeof(*perf->events[i]));
}

uint64_t snapshot_fingerprint(const struct guest *guest)
{
	struct hash hash = {{1, 2, 3, 4}, &guest->task.perf};

	_Static_assert(sizeof(struct guest) % sizeof(u64) == 0, "words");
	_Static_assert(sizeof(struct perf_event) % sizeof(u64) == 0, "words");
	_Static_assert(offsetof(struct perf_context, calls) >
	                               offsetof(struct perf_context, failures) &&
	                       offsetof(struct perf_context, failures) >
	                               offsetof(struct perf_context, live),
	               "nothing is left out");
	add_guest(&hash, guest);
	add_others(&hash, guest);
	for (unsigned int i = 0; i < 2; i++)
		add(&hash, variables[i].at, variables[i].bytes);
	for (unsigned int i = 1; i < LANES; i++)
		hash.lane[0] = mixed(hash.lane[0], hash.lane[i]);
	return hash.lane[0];
}
