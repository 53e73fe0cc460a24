/* SPDX-License-Identifier: MIT */
/*
 * guests/work.c, which does what real programs do, under `vpmu run`, on bare Unicorn, and under
 * QEMU TCG. For bare Unicorn the guest's memory is loaded from its ELF64 file, and work_run() is
 * called. With empty hooks, bare Unicorn shows the least that counting blocks, or memory accesses
 * as well, must cost there.
 */
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum hooks { HOOKS_NONE, HOOKS_BLOCKS, HOOKS_MEMORY, HOOKS };

#if HAVE_UNICORN
#include <unicorn/unicorn.h>

enum { MEMORY = 64 << 20, STACK_TOP = 32 << 20, RETURN_TO = 0x1000 };

static uint8_t *file_read(const char *path, size_t *bytes)
{
	enum { MOST = 16 << 20 };
	uint8_t *data = malloc(MOST);
	FILE *file = fopen(path, "rb");

	*bytes = data && file ? fread(data, 1, MOST, file) : 0;
	if (file)
		fclose(file);
	return data;
}

/* The address of a function in an ELF64 file of our own build; 0: not found. The file is
 * trusted. */
static uint64_t symbol(const uint8_t *data, size_t bytes, const char *name)
{
	const Elf64_Ehdr *header = (const void *)data;
	const Elf64_Shdr *sections = (const void *)(data + header->e_shoff);

	for (unsigned i = 0; i < header->e_shnum; i++) {
		const Elf64_Sym *symbols = (const void *)(data + sections[i].sh_offset);
		const char *names;

		if (sections[i].sh_type != SHT_SYMTAB)
			continue;
		names = (const char *)data + sections[sections[i].sh_link].sh_offset;
		for (size_t n = 0; n < sections[i].sh_size / sizeof(*symbols); n++)
			if (!strcmp(names + symbols[n].st_name, name))
				return symbols[n].st_value;
	}
	return 0;
}

static bool load(uc_engine *uc, const uint8_t *data)
{
	const Elf64_Ehdr *header = (const void *)data;
	const Elf64_Phdr *segments = (const void *)(data + header->e_phoff);

	for (unsigned i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type == PT_LOAD && segments[i].p_filesz &&
		    uc_mem_write(uc, segments[i].p_paddr, data + segments[i].p_offset,
		                 segments[i].p_filesz))
			return false;
	}
	return true;
}

static void on_block(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
}

static void on_memory(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value,
                      void *user)
{
}

static bool hook(uc_engine *uc, enum hooks hooks)
{
	uc_hook block, memory;

	if (hooks >= HOOKS_BLOCKS &&
	    uc_hook_add(uc, &block, UC_HOOK_BLOCK, (void *)on_block, NULL, 1, 0))
		return false;
	return hooks < HOOKS_MEMORY ||
	       !uc_hook_add(uc, &memory, UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, (void *)on_memory,
	                    NULL, 1, 0);
}

static double bare_run(uc_engine *uc, uint64_t address, uint64_t rounds)
{
	uint64_t stack = STACK_TOP - 8, back = RETURN_TO, wrong = 1;
	double start = seconds_of(0), took;

	uc_mem_write(uc, stack, &back, sizeof(back));
	uc_reg_write(uc, UC_X86_REG_RSP, &stack);
	uc_reg_write(uc, UC_X86_REG_RDI, &rounds);
	if (uc_emu_start(uc, address, RETURN_TO, 0, 0))
		return -1;
	took = seconds_of(0) - start;
	uc_reg_read(uc, UC_X86_REG_RAX, &wrong);
	return wrong ? -1 : took;
}

/* The work on bare Unicorn, without counting. -1: it fails. */
static double bare_seconds(const struct bench *bench, enum hooks hooks, unsigned long rounds)
{
	char path[512];
	size_t bytes;
	double took = -1;
	uc_engine *uc = NULL;
	uint8_t *data;

	snprintf(path, sizeof(path), "%s/guests/work.elf", bench->build);
	data = file_read(path, &bytes);
	if (data && bytes > sizeof(Elf64_Ehdr) && !uc_open(UC_ARCH_X86, UC_MODE_64, &uc) &&
	    !uc_mem_map(uc, 0, MEMORY, UC_PROT_ALL) && load(uc, data) && hook(uc, hooks)) {
		uint64_t address = symbol(data, bytes, "work_run");

		took = address ? bare_run(uc, address, rounds) : -1;
	}
	if (uc)
		uc_close(uc);
	free(data);
	return took;
}
#else
static double bare_seconds(const struct bench *bench, enum hooks hooks, unsigned long rounds)
{
	return -1;
}
#endif

static struct way {
	const char *what, *append, *lacks;
	bool qemu;
	enum hooks hooks; /* that the same counting needs on Unicorn */
	struct figures seconds;
} ways[] = {
	{.what = "no counter on", .append = "no-counters", .hooks = HOOKS_BLOCKS},
	{.what = "instructions and branches on", .append = "exact", .hooks = HOOKS_BLOCKS},
	{.what = "cycles and branch misses on, too", .append = "", .hooks = HOOKS_MEMORY},
	{.what = "QEMU TCG, counting nothing",
         .append = "switches no-counters", /* else the size of its TLB is left to chance */
         .lacks = "qemu-system-x86_64 is not installed, or did not run it",
         .qemu = true},
};
enum { WAYS = sizeof(ways) / sizeof(ways[0]), QEMU = WAYS - 1 };

static const char *const bare_names[HOOKS] = {
	"counting nothing",
	"an empty hook on blocks",
	"empty hooks on blocks and memory",
};

static void measure_round(const struct bench *bench, struct figures bare[HOOKS],
                          unsigned long rounds)
{
	double took;

	for (enum hooks hooks = HOOKS_NONE; hooks < HOOKS; hooks++) {
		took = bare_seconds(bench, hooks, rounds);
		if (took > 0)
			figures_add(&bare[hooks], took);
	}
	for (size_t i = 0; i < WAYS; i++) {
		char append[128];

		snprintf(append, sizeof(append), "rounds=%lu marks %s", rounds, ways[i].append);
		took = guest_seconds(bench, "work", append, ways[i].qemu);
		if (took > 0)
			figures_add(&ways[i].seconds, took);
	}
}

static void print_ratio(const char *what, const struct figures *figures, const char *name,
                        const struct figures *base)
{
	struct figures ratio = figures_ratio(figures, base);
	char row[96];

	snprintf(row, sizeof(row), "%s, against %s", what, name);
	if (ratio.count)
		figures_print(row, &ratio, 1, "times", NULL);
}

static void print_ratios(const struct figures bare[HOOKS])
{
	for (size_t i = HOOKS_BLOCKS; i < HOOKS; i++)
		print_ratio(bare_names[i], &bare[i], "bare Unicorn", &bare[HOOKS_NONE]);
	for (size_t i = 0; i < QEMU; i++)
		print_ratio(ways[i].what, &ways[i].seconds, "bare Unicorn", &bare[HOOKS_NONE]);
	for (size_t i = 0; i < QEMU; i++)
		print_ratio(ways[i].what, &ways[i].seconds, "empty hooks", &bare[ways[i].hooks]);
	for (size_t i = 0; i < QEMU; i++)
		print_ratio(ways[i].what, &ways[i].seconds, "QEMU TCG", &ways[QEMU].seconds);
}

void bench_work(const struct bench *bench)
{
	unsigned long rounds = bench->quick ? 1 : 50;
	struct figures bare[HOOKS] = {{.count = 0}};

	for (unsigned i = 0; i < (bench->quick ? 1 : 5); i++)
		measure_round(bench, bare, rounds);
	printf("\nReal work: sort, hash, matrix, text, pointer chase; %lu rounds of 14.7 million "
	       "instructions\n",
	       rounds);
	for (size_t i = 0; i < HOOKS; i++) {
		char what[64];

		snprintf(what, sizeof(what), "bare Unicorn, %s", bare_names[i]);
		if (bare[i].count)
			figures_print(what, &bare[i], 1, "s", NULL);
	}
	for (size_t i = 0; i < WAYS; i++) {
		char what[64];

		snprintf(what, sizeof(what), "%s%s", ways[i].qemu ? "" : "vpmu run, ",
		         ways[i].what);
		if (ways[i].seconds.count)
			figures_print(what, &ways[i].seconds, 1, "s", NULL);
		else
			printf("  %-54s not measured: %s\n", what,
			       ways[i].lacks ? ways[i].lacks : "it did not run here");
	}
	print_ratios(bare);
}
