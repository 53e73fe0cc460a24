/* SPDX-License-Identifier: MIT */
/*
 * The CPU's part of a saved machine: every register that an instruction can see, the state between
 * two instructions (the shadow of STI, blocked NMIs, HLT), what has been counted, and the timing
 * model's caches and predictor, so that counts go on exactly. Translated code and whatever follows
 * from the rest are not saved. All of this is done between two runs.
 */
#include <stdlib.h>
#include <string.h>

#include <machine/room.h>

#include "room_int.h"

/* A tick counts at most eight of a kind: MACHINE_TICKS_MOST * 8. */
#define COUNT_MOST ((UINT64_C(1) << 62) - 1)

#define R(member, most)  PACK_FIELD(struct cpu_registers, member, most)
#define RS(member, most) PACK_ARRAY(struct cpu_registers, member, most)

static const struct pack_field register_fields[] = {
	RS(regs, UINT64_MAX),  R(rip, UINT64_MAX),    R(flags, 0x3fffff),
	RS(cr, UINT64_MAX),    R(efer, 0xd01),        R(cpl, 3),
	RS(dr, UINT64_MAX),    RS(msrs, UINT64_MAX),  R(fpu_control, 0xffff),
	R(fpu_status, 0xffff), R(fpu_tag, 0xffff),    RS(fpu, UINT64_MAX),
	R(fpu_op, 0xffff),     R(fpu_cs, 0xffff),     R(fpu_ds, 0xffff),
	R(fpu_ip, UINT64_MAX), R(fpu_dp, UINT64_MAX), R(mxcsr, MXCSR_BITS),
	RS(xmm, UINT64_MAX),
};

#define SEGMENT(member, most) PACK_FIELD(struct segment_cache, member, most)

static const struct pack_field segment_fields[] = {
	SEGMENT(selector, UINT32_MAX),
	SEGMENT(base, UINT64_MAX),
	SEGMENT(limit, UINT32_MAX),
	SEGMENT(flags, UINT32_MAX),
};

static const struct pack_field between_fields[] = {
	PACK_FIELD(struct cpu, after, AFTER_LOOK | AFTER_SHADOW | AFTER_IRET),
	PACK_FIELD(struct cpu, shadow, 1),
	PACK_FIELD(struct cpu, nmi_blocked, 1),
	PACK_FIELD(struct cpu, halted, 1),
	PACK_FIELD(struct cpu, retired, MACHINE_TICKS_MOST),
	PACK_FIELD(struct cpu, recorded_at, COUNT_MOST),
	PACK_FIELD(struct cpu, recorded_timed, 1),
};

static const struct pack_field meter_fields[] = {
	PACK_ARRAY(struct vpmu_meter, totals.of, COUNT_MOST),
	PACK_FIELD(struct vpmu_meter, costs.slots, COUNT_MOST),
	PACK_FIELD(struct vpmu_meter, costs.branch_misses, COUNT_MOST),
	PACK_FIELD(struct vpmu_meter, costs.llc_references, COUNT_MOST),
	PACK_FIELD(struct vpmu_meter, costs.llc_misses, COUNT_MOST),
};

/* In two parts, since other members lie between the predictor's. The caches are packed as words. */
static const struct pack_field timing_fields[] = {
	PACK_ARRAY(struct vpmu_timing, predictor.counters, 3),
	PACK_ARRAY(struct vpmu_timing, predictor.returns, UINT64_MAX),
	PACK_FIELD(struct vpmu_timing, predictor.return_top, TIMING_RETURNS - 1),
	PACK_FIELD(struct vpmu_timing, predictor.history, TIMING_COUNTERS - 1),
};

/* --- Registers ------------------------------------------------------------------------------- */

static const int fpu_ids[8] = {UC_X86_REG_FP0, UC_X86_REG_FP1, UC_X86_REG_FP2, UC_X86_REG_FP3,
                               UC_X86_REG_FP4, UC_X86_REG_FP5, UC_X86_REG_FP6, UC_X86_REG_FP7};

/* An x87 register has 80 bits in two words. */
void fpu_get(struct cpu *cpu, struct cpu_registers *r)
{
	uc_reg_read(cpu->uc, UC_X86_REG_FPCW, &r->fpu_control);
	uc_reg_read(cpu->uc, UC_X86_REG_FPSW, &r->fpu_status);
	uc_reg_read(cpu->uc, UC_X86_REG_FPTAG, &r->fpu_tag);
	uc_reg_read(cpu->uc, UC_X86_REG_FOP, &r->fpu_op);
	uc_reg_read(cpu->uc, UC_X86_REG_FCS, &r->fpu_cs);
	uc_reg_read(cpu->uc, UC_X86_REG_FDS, &r->fpu_ds);
	uc_reg_read(cpu->uc, UC_X86_REG_FIP, &r->fpu_ip);
	uc_reg_read(cpu->uc, UC_X86_REG_FDP, &r->fpu_dp);
	uc_reg_read(cpu->uc, UC_X86_REG_MXCSR, &r->mxcsr);
	for (unsigned i = 0; i < 8; i++)
		uc_reg_read(cpu->uc, fpu_ids[i], &r->fpu[2 * i]);
	for (int i = 0; i < 16; i++)
		uc_reg_read(cpu->uc, UC_X86_REG_XMM0 + i, &r->xmm[2 * i]);
}

/* The registers come before the tag word, since writing a register marks it as used. */
void fpu_set(struct cpu *cpu, const struct cpu_registers *r)
{
	for (unsigned i = 0; i < 8; i++)
		uc_reg_write(cpu->uc, fpu_ids[i], &r->fpu[2 * i]);
	for (int i = 0; i < 16; i++)
		uc_reg_write(cpu->uc, UC_X86_REG_XMM0 + i, &r->xmm[2 * i]);
	uc_reg_write(cpu->uc, UC_X86_REG_FPCW, &r->fpu_control);
	uc_reg_write(cpu->uc, UC_X86_REG_FPSW, &r->fpu_status);
	uc_reg_write(cpu->uc, UC_X86_REG_FPTAG, &r->fpu_tag);
	uc_reg_write(cpu->uc, UC_X86_REG_FOP, &r->fpu_op);
	uc_reg_write(cpu->uc, UC_X86_REG_FCS, &r->fpu_cs);
	uc_reg_write(cpu->uc, UC_X86_REG_FDS, &r->fpu_ds);
	uc_reg_write(cpu->uc, UC_X86_REG_FIP, &r->fpu_ip);
	uc_reg_write(cpu->uc, UC_X86_REG_FDP, &r->fpu_dp);
	uc_reg_write(cpu->uc, UC_X86_REG_MXCSR, &r->mxcsr);
}

static struct segment_cache *segment_of(struct state *state, unsigned i)
{
	struct segment_cache *const others[] = {&state->ldt, &state->tr, &state->gdt, &state->idt};

	return i < SEGS ? &state->segs[i] : others[i - SEGS];
}

void registers_get(struct cpu *cpu, struct cpu_registers *r)
{
	struct state *state = cpu->state;

	memset(r, 0, sizeof(*r));
	memcpy(r->regs, state->regs, sizeof(r->regs));
	r->rip = state->rip;
	r->flags = state_flags(cpu->uc);
	memcpy(r->cr, state->cr, sizeof(r->cr));
	r->efer = state->efer;
	r->cpl = state->hflags & HF_CPL;
	memcpy(r->dr, cpu->places.last->dr, sizeof(r->dr));
	for (unsigned i = 0; i < SYSTEM_MSRS; i++)
		msr_of_cpu_read(cpu, system_msr(i), &r->msrs[i]);
	for (unsigned i = 0; i < CPU_SEGMENTS; i++)
		r->segments[i] = *segment_of(state, i);
	fpu_get(cpu, r);
}

/* CR4 comes before CR0, which turns paging on. Both have side effects in Unicorn, in which long
 * mode is on from the start. */
static void set_mode(struct cpu *cpu, const struct cpu_registers *r)
{
	struct state *state = cpu->state;

	state->hflags &= ~(HF_CPL | HF_LMA | HF_CS64 | HF_CS32 | HF_SS32 | HF_ADDSEG | HF_INHIBIT);
	state->hflags |= HF_PE | (r->efer & EFER_LMA ? HF_LMA : 0);
	state->efer = r->efer;
	uc_reg_write(cpu->uc, UC_X86_REG_CR4, &r->cr[4]);
	uc_reg_write(cpu->uc, UC_X86_REG_CR3, &r->cr[3]);
	uc_reg_write(cpu->uc, UC_X86_REG_CR0, &r->cr[0]);
	memcpy(state->cr, r->cr, sizeof(r->cr));
	state->efer = r->efer;
	if (!(r->cr[0] & CR0_PE))
		state->hflags &= ~HF_PE;
}

void registers_set(struct cpu *cpu, const struct cpu_registers *r)
{
	struct state *state = cpu->state;

	set_mode(cpu, r);
	memcpy(state->regs, r->regs, sizeof(r->regs));
	state->rip = r->rip;
	state_set_flags(state, r->flags);
	memcpy(cpu->places.last->dr, r->dr, sizeof(r->dr));
	state_load_segment(state, SEG_CS, &r->segments[SEG_CS]);
	for (unsigned i = 0; i < CPU_SEGMENTS; i++) {
		if (i >= SEGS)
			*segment_of(state, i) = r->segments[i];
		else if (i != SEG_CS)
			state_load_segment(state, i, &r->segments[i]);
	}
	state->hflags = (state->hflags & ~HF_CPL) | r->cpl;
	for (unsigned i = 0; i < SYSTEM_MSRS; i++)
		msr_of_cpu_write(cpu, system_msr(i), r->msrs[i]);
	fpu_set(cpu, r);
	cpu->cpl = r->cpl;
}

/* --- Saving ---------------------------------------------------------------------------------- */

/* Packs caches and branch targets as words, most of which are 0 while nothing counts. */
static void pack_timing(struct pack *pack, const struct vpmu_timing *timing)
{
	pack_fields(pack, timing_fields, ARRAY_SIZE(timing_fields), timing);
	pack_words(pack, timing->predictor.targets, TIMING_TARGETS);
	pack_words(pack, (const uint64_t *)&timing->caches, sizeof(timing->caches) / 8);
}

bool unicorn_save(struct cpu *cpu, struct pack *pack)
{
	struct cpu_registers registers;

	if (cpu->ended)
		return false;
	budget_settle(cpu);
	registers_get(cpu, &registers);
	pack_fields(pack, register_fields, ARRAY_SIZE(register_fields), &registers);
	for (unsigned i = 0; i < CPU_SEGMENTS; i++)
		pack_fields(pack, segment_fields, ARRAY_SIZE(segment_fields),
		            &registers.segments[i]);
	pack_fields(pack, between_fields, ARRAY_SIZE(between_fields), cpu);
	pack_fields(pack, meter_fields, ARRAY_SIZE(meter_fields), cpu_meter(cpu));
	pack_timing(pack, cpu->timing);
	return true;
}

/* --- Restoring ------------------------------------------------------------------------------- */

static bool unpack_registers(struct unpack *unpack, struct cpu_registers *r)
{
	memset(r, 0, sizeof(*r));
	if (!unpack_fields(unpack, register_fields, ARRAY_SIZE(register_fields), r))
		return false;
	for (unsigned i = 0; i < CPU_SEGMENTS; i++) {
		if (!unpack_fields(unpack, segment_fields, ARRAY_SIZE(segment_fields),
		                   &r->segments[i]))
			return false;
	}
	if (!mode_is_possible(r->cr[0], r->cr[4], r->efer, r->flags))
		unpack->wrong = "the CPU's mode";
	return !unpack->wrong;
}

static bool unpack_timing(struct unpack *unpack, struct vpmu_timing *timing)
{
	return unpack_fields(unpack, timing_fields, ARRAY_SIZE(timing_fields), timing) &&
	       unpack_words(unpack, timing->predictor.targets, TIMING_TARGETS, "branch targets") &&
	       unpack_words(unpack, (uint64_t *)&timing->caches, sizeof(timing->caches) / 8,
	                    "caches");
}

/* Marks everything as accounted, as it was when saved. */
static void restore_meter(struct vpmu_meter *meter)
{
	struct vpmu_costs costs = meter->costs;
	struct vpmu_amounts totals = meter->totals;

	vpmu_meter_restore(meter, &costs, &totals);
}

static bool unpack_cpu(struct unpack *unpack, struct cpu *cpu, struct cpu_registers *registers)
{
	return unpack_registers(unpack, registers) &&
	       unpack_fields(unpack, between_fields, ARRAY_SIZE(between_fields), cpu) &&
	       unpack_fields(unpack, meter_fields, ARRAY_SIZE(meter_fields), cpu_meter(cpu)) &&
	       unpack_timing(unpack, cpu->timing) && unpack_is_done(unpack, "the end of the CPU");
}

bool unicorn_restore(struct cpu *cpu, struct unpack *unpack)
{
	struct cpu_registers registers;

	if (!unpack_cpu(unpack, cpu, &registers))
		return false;
	restore_meter(cpu_meter(cpu));
	registers_set(cpu, &registers);
	return true;
}

bool unicorn_restores(struct unpack *unpack)
{
	struct cpu *nobody = calloc(1, sizeof(*nobody));
	struct cpu_registers registers;
	struct hot hot = {0};

	if (nobody) {
		nobody->config.pmu = (void *)nobody->pmu_copy; /* nobody pays it */
		nobody->hot = &hot;
	}
	if (!nobody || !meter_make(nobody))
		unpack->wrong = "no memory";
	else
		unpack_cpu(unpack, nobody, &registers);
	if (nobody)
		free(nobody->timing);
	free(nobody);
	return !unpack->wrong;
}

void unicorn_reset(struct cpu *cpu)
{
	static const struct vpmu_costs no_costs;
	static const struct vpmu_amounts no_amounts;

	budget_account(cpu);
	registers_set(cpu, &cpu->power_up);
	vpmu_meter_restore(cpu_meter(cpu), &no_costs, &no_amounts);
	cpu->retired = cpu->timed_until = 0;
	cpu->recorded_timed = false;
	cpu->stop = false;
}
