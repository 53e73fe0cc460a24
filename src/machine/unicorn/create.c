/* SPDX-License-Identifier: MIT */
/* Making a CPU, putting it at an entry point, looking at it from outside, destroying it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <machine/room.h>

#include "guard.h"
#include "room_int.h"

static bool set_up(struct cpu *cpu, const char **why)
{
	unsigned major, minor;

	*why = "Unicorn cannot be opened";
	if (uc_open(UC_ARCH_X86, UC_MODE_64, &cpu->uc))
		return false;
	*why = "this version of Unicorn keeps its registers elsewhere (2.0 and 2.1 are known)";
	if (!state_find(cpu->uc, &cpu->state, &cpu->places))
		return false;
	uc_version(&major, &minor);
	cpu->translates = major > 2 || (major == 2 && minor > 0);
	translation_begin(cpu);
	*why = "no memory";
	if (!hot_make(cpu) || !meter_make(cpu))
		return false;
	*why = "guest memory cannot be mapped";
	if (!memory_map(cpu) || !faults_begin(cpu) || !guard_begin())
		return false;
	*why = "Unicorn refuses hooks";
	return hooks_add(cpu);
}

static struct cpu *unicorn_create(const struct cpu_config *config, const struct cpu_board *calls,
                                  void *board, char *why, unsigned why_bytes)
{
	struct cpu *cpu = calloc(1, sizeof(*cpu));
	const char *reason = "no memory";

	if (cpu) {
		cpu->config = *config;
		cpu->calls = calls;
		cpu->board = board;
		cpu->rep = cpu->lost = NO_ADDRESS;
		cpu->counts_where_it_goes =
			vpmu_model_counts_where_it_goes(vpmu_pmu_model(config->pmu));
		cpu->cache = calloc(BLOCK_SLOTS, sizeof(*cpu->cache));
		cpu->page_writes = calloc(config->memory_bytes / PAGE_BYTES + 1, 1);
		if (cpu->cache && cpu->page_writes && set_up(cpu, &reason)) {
			blocks_forget(cpu);
			registers_get(cpu, &cpu->power_up);
			return cpu;
		}
	}
	snprintf(why, why_bytes, "the CPU: %s", reason);
	unicorn_destroy(cpu);
	return NULL;
}

void unicorn_destroy(struct cpu *cpu)
{
	if (!cpu)
		return;
	faults_end(cpu);
	if (cpu->uc)
		guarded_close(cpu);
	memory_unmap(cpu);
	for (unsigned i = 0; cpu->cache && i < BLOCK_SLOTS; i++) {
		free(cpu->cache[i].ops);
		free(cpu->cache[i].loop);
		free(cpu->cache[i].inlined);
	}
	free(cpu->timing);
	free(cpu->hooked);
	free(cpu->code);
	free(cpu->cache);
	free(cpu->page_writes);
	hot_end(cpu);
	free(cpu);
}

static void load_flat_segments(struct cpu *cpu, bool long_mode)
{
	struct segment_cache code = {CPU_SELECTOR_CODE32, 0, UINT32_MAX, 0x00cf9b00};
	struct segment_cache data = {CPU_SELECTOR_DATA, 0, UINT32_MAX, 0x00cf9300};

	if (long_mode)
		code = (struct segment_cache){CPU_SELECTOR_CODE64, 0, UINT32_MAX, 0x00af9b00};
	state_load_segment(cpu->state, SEG_CS, &code);
	for (unsigned seg = 0; seg < SEGS; seg++) {
		if (seg != SEG_CS)
			state_load_segment(cpu->state, seg, &data);
	}
}

static void forget_everything(struct cpu *cpu)
{
	blocks_forget(cpu);
	code_translate_anew(cpu);
	windows_drop(cpu);
	cpu->rep = cpu->lost = NO_ADDRESS;
	cpu->after = 0;
	cpu->shadow = cpu->nmi_blocked = cpu->halted = false;
	cpu->ended = cpu->broken;
	cpu->step_first = cpu->step_before = 0;
	cpu->cpl = 0;
	cpu->why[0] = '\0';
	cpu->open_branch = NULL;
	vpmu_timing_flush_caches(cpu->timing);
	vpmu_timing_flush_predictor(cpu->timing);
}

static void unicorn_enter_at(struct cpu *cpu, const struct cpu_entry *entry)
{
	struct state *state = cpu->state;

	forget_everything(cpu);
	memset(state->regs, 0, sizeof(state->regs));
	state->hflags = (state->hflags & ~(HF_CPL | HF_LMA | HF_CS64 | HF_INHIBIT)) | HF_PE;
	state->efer = entry->efer;
	if (entry->long_mode)
		state->hflags |= HF_LMA;
	uc_reg_write(cpu->uc, UC_X86_REG_CR4, &entry->cr4);
	uc_reg_write(cpu->uc, UC_X86_REG_CR3, &entry->cr3);
	uc_reg_write(cpu->uc, UC_X86_REG_CR0, &entry->cr0);
	state->cr[0] = entry->cr0;
	state->cr[4] = entry->cr4;
	state_set_flags(state, 0);
	load_flat_segments(cpu, entry->long_mode);
	state->gdt = (struct segment_cache){.base = entry->gdt_base, .limit = entry->gdt_limit};
	state->idt = state->ldt = state->tr = (struct segment_cache){0};
	state->regs[GPR_RSP] = entry->rsp;
	state->regs[GPR_RAX] = entry->rax;
	state->regs[GPR_RBX] = entry->rbx;
	state->regs[GPR_RDI] = entry->rdi;
	state->regs[GPR_RSI] = entry->rsi;
	state->rip = entry->rip;
}

void unicorn_stop_soon(struct cpu *cpu)
{
	cpu->stop = true;
	if (cpu->spinning)
		uc_emu_stop(cpu->uc);
}

uint64_t unicorn_retired(const struct cpu *cpu)
{
	return cpu->retired + vpmu_meter_spent(cpu_meter(cpu));
}

static void unicorn_totals(const struct cpu *cpu, struct vpmu_amounts *out)
{
	*out = cpu_meter(cpu)->totals;
	out->of[VPMU_INSTRUCTIONS] += vpmu_meter_spent(cpu_meter(cpu));
	out->of[VPMU_BRANCHES] += cpu_meter(cpu)->branches;
}

static uint64_t unicorn_rip(const struct cpu *cpu)
{
	return cpu->state->rip;
}

static const char *unicorn_why(const struct cpu *cpu)
{
	return cpu->why;
}

const struct cpu_ops cpu_unicorn = {
	.counts = true,
	.create = unicorn_create,
	.destroy = unicorn_destroy,
	.enter_at = unicorn_enter_at,
	.run = unicorn_run,
	.stop_soon = unicorn_stop_soon,
	.rip = unicorn_rip,
	.why = unicorn_why,
	.retired = unicorn_retired,
	.totals = unicorn_totals,
	.save = unicorn_save,
	.restore = unicorn_restore,
	.restores = unicorn_restores,
	.reset = unicorn_reset,
};
