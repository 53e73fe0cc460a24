/* SPDX-License-Identifier: MIT */
/* See fake_cpu.h. One CPU at a time. */
#include <stdio.h>
#include <stdlib.h>

#include <machine/pack.h>

#include "fake_cpu.h"

enum cpu_stop (*fake_program)(struct cpu *cpu);
const char *fake_refusal;
struct cpu *fake_cpu;

static struct cpu *fake_create(const struct cpu_config *config, const struct cpu_board *calls,
                               void *board, char *why, unsigned why_bytes)
{
	struct cpu *cpu;

	if (fake_refusal) {
		snprintf(why, why_bytes, "%s", fake_refusal);
		return NULL;
	}
	cpu = calloc(1, sizeof(*cpu));
	if (!cpu)
		abort();
	cpu->config = *config;
	cpu->calls = calls;
	cpu->board = board;
	fake_cpu = cpu;
	return cpu;
}

static void fake_destroy(struct cpu *cpu)
{
	fake_cpu = NULL;
	free(cpu);
}

static void fake_enter_at(struct cpu *cpu, const struct cpu_entry *entry)
{
	cpu->entry = *entry;
	cpu->rip = entry->rip;
}

static enum cpu_stop fake_run(struct cpu *cpu)
{
	cpu->stop = false;
	cpu->runs++;
	return fake_program(cpu);
}

static void fake_reset(struct cpu *cpu)
{
	cpu->retired = 0;
	cpu->rip = 0;
}

static bool fake_save(struct cpu *cpu, struct pack *pack)
{
	pack_number(pack, cpu->retired, 8);
	pack_number(pack, cpu->rip, 8);
	return true;
}

static bool fake_restore(struct cpu *cpu, struct unpack *unpack)
{
	cpu->retired = unpack_number(unpack, 8, "retired");
	cpu->rip = unpack_number(unpack, 8, "rip");
	return unpack_is_done(unpack, "the end of the CPU");
}

static void fake_stop_soon(struct cpu *cpu)
{
	cpu->stop = true;
}

static uint64_t fake_retired(const struct cpu *cpu)
{
	return cpu->retired;
}

static void fake_totals(const struct cpu *cpu, struct vpmu_amounts *out)
{
	*out = (struct vpmu_amounts){.of[VPMU_INSTRUCTIONS] = cpu->retired};
}

static uint64_t fake_rip(const struct cpu *cpu)
{
	return cpu->rip;
}

static const char *fake_why(const struct cpu *cpu)
{
	return "a fault of the test";
}

bool fake_retire(struct cpu *cpu, uint64_t instructions)
{
	uint64_t deadline = cpu->calls->deadline(cpu->board);
	uint64_t left = deadline > cpu->retired ? deadline - cpu->retired : 0;

	cpu->retired += instructions < left ? instructions : left;
	return instructions <= left;
}

const struct cpu_ops fake_cpu_ops = {
	.counts = true,
	.create = fake_create,
	.destroy = fake_destroy,
	.enter_at = fake_enter_at,
	.run = fake_run,
	.stop_soon = fake_stop_soon,
	.rip = fake_rip,
	.why = fake_why,
	.retired = fake_retired,
	.totals = fake_totals,
	.save = fake_save,
	.restore = fake_restore,
	.reset = fake_reset,
};
