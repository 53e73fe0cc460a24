/* SPDX-License-Identifier: MIT */
/*
 * Instructions that Unicorn has no hook for, or gets wrong for a whole machine: those that talk to
 * the board. When they execute, everything before them has been accounted. A WRMSR is itself
 * accounted before it takes effect, so that it counts by what it disables and not by what it
 * enables.
 */
#include <string.h>

#include "room_int.h"

enum { EFLAGS_IOPL_SHIFT = 12, TSS_IO_MAP = 102 };

static uint32_t low(const struct cpu *cpu, unsigned reg)
{
	return (uint32_t)cpu->state->regs[reg];
}

static void set_pair(struct cpu *cpu, uint64_t value)
{
	cpu->state->regs[GPR_RAX] = (uint32_t)value;
	cpu->state->regs[GPR_RDX] = value >> 32;
}

static void retire(struct cpu *cpu, const struct op *op)
{
	uint64_t address = cpu->state->rip;

	cpu->state->rip += op->length;
	if (!state_code64(cpu->state))
		cpu->state->rip = (uint32_t)cpu->state->rip;
	budget_retire(cpu, op, address);
}

static void rdmsr(struct cpu *cpu, const struct op *op)
{
	uint32_t msr = low(cpu, GPR_RCX);
	enum vpmu_status status;
	uint64_t value = 0;

	status = cpu->cpl ? VPMU_GP : msr_of_cpu_read(cpu, msr, &value);
	if (status == VPMU_NO_REGISTER)
		status = cpu->calls->read_msr(cpu->board, msr, &value);
	if (status) {
		exception_gp(cpu);
		return;
	}
	set_pair(cpu, value);
	retire(cpu, op);
}

static void wrmsr(struct cpu *cpu, const struct op *op)
{
	uint32_t msr = low(cpu, GPR_RCX), pmis;
	uint64_t value = low(cpu, GPR_RAX) | (uint64_t)low(cpu, GPR_RDX) << 32;
	uint64_t rip = cpu->state->rip, retired = cpu->retired;
	struct vpmu_amounts totals = cpu_meter(cpu)->totals;
	enum vpmu_status status;

	if (cpu->cpl) {
		exception_gp(cpu);
		return;
	}
	/* Only trying the write shows whether the WRMSR retires, so keep a copy to undo its
	 * count. */
	memcpy(cpu->pmu_copy, cpu->config.pmu, vpmu_pmu_size());
	retire(cpu, op);
	pmis = budget_account(cpu);
	status = msr_of_cpu_write(cpu, msr, value);
	if (status == VPMU_NO_REGISTER)
		status = cpu->calls->write_msr(cpu->board, msr, value);
	if (!status) {
		budget_deliver(cpu, pmis);
		return;
	}
	memcpy(cpu->config.pmu, cpu->pmu_copy, vpmu_pmu_size());
	cpu->retired = retired;
	cpu_meter(cpu)->totals = totals;
	cpu->state->rip = rip;
	exception_gp(cpu);
}

enum { MSR_TSC_AUX = 0xc0000103 };

static void rdtsc(struct cpu *cpu, const struct op *op)
{
	uint64_t tsc, aux = 0;

	if ((cpu->cpl && (cpu->state->cr[4] & CR4_TSD)) ||
	    cpu->calls->read_msr(cpu->board, MSR_TSC, &tsc) ||
	    (op->special == SPECIAL_RDTSCP &&
	     cpu->calls->read_msr(cpu->board, MSR_TSC_AUX, &aux))) {
		exception_gp(cpu);
		return;
	}
	set_pair(cpu, tsc);
	if (op->special == SPECIAL_RDTSCP)
		cpu->state->regs[GPR_RCX] = (uint32_t)aux;
	retire(cpu, op);
}

static void rdpmc(struct cpu *cpu, const struct op *op)
{
	uint64_t value;

	if (vpmu_pmu_rdpmc(cpu->config.pmu, low(cpu, GPR_RCX), cpu->cpl,
	                   cpu->state->cr[4] & CR4_PCE, &value)) {
		exception_gp(cpu);
		return;
	}
	set_pair(cpu, value);
	retire(cpu, op);
}

static void cpuid(struct cpu *cpu, const struct op *op)
{
	static const uint8_t order[4] = {GPR_RAX, GPR_RBX, GPR_RCX, GPR_RDX};
	uint32_t regs[4] = {0};

	cpu->calls->cpuid(cpu->board, low(cpu, GPR_RAX), low(cpu, GPR_RCX), regs);
	for (unsigned i = 0; i < 4; i++)
		cpu->state->regs[order[i]] = regs[i];
	retire(cpu, op);
}

/* Intel SDM vol. 1 19.5: IOPL allows it, or else the TSS's I/O bitmap. */
static bool port_allowed(struct cpu *cpu, uint16_t port, unsigned size)
{
	const struct segment_cache *tr = &cpu->state->tr;
	struct exception fault;
	uint16_t map, bits;

	if (cpu->cpl <= (cpu->state->eflags & FLAG_IOPL) >> EFLAGS_IOPL_SHIFT)
		return true;
	if (tr->limit < TSS_IO_MAP + 1 ||
	    !memory_load(cpu, tr->base + TSS_IO_MAP, &map, sizeof(map), &fault) ||
	    map + port / 8u + 1 > tr->limit ||
	    !memory_load(cpu, tr->base + map + port / 8, &bits, sizeof(bits), &fault))
		return false;
	return !(bits >> (port & 7) & ((1u << size) - 1));
}

static void port(struct cpu *cpu, const struct op *op)
{
	uint16_t number =
		op->immediate >= 0 ? (uint16_t)op->immediate : (uint16_t)low(cpu, GPR_RDX);
	uint64_t *rax = &cpu->state->regs[GPR_RAX];
	uint64_t mask = UINT32_MAX >> (32 - 8 * op->operand), value;

	if (!port_allowed(cpu, number, op->operand)) {
		exception_gp(cpu);
		return;
	}
	if (op->special == SPECIAL_OUT) {
		cpu->calls->port_write(cpu->board, number, op->operand, (uint32_t)(*rax & mask));
	} else {
		value = cpu->calls->port_read(cpu->board, number, op->operand) & mask;
		*rax = op->operand == 4 ? value : (*rax & ~mask) | value;
	}
	retire(cpu, op);
}

static void hlt(struct cpu *cpu, const struct op *op)
{
	if (cpu->cpl) {
		exception_gp(cpu);
		return;
	}
	cpu->halted = true;
	retire(cpu, op);
}

static void cr8(struct cpu *cpu, const struct op *op)
{
	uint64_t *reg = &cpu->state->regs[op->operand];

	if (cpu->cpl || (op->special == SPECIAL_CR8_WRITE && *reg > 15)) {
		exception_gp(cpu);
		return;
	}
	if (op->special == SPECIAL_CR8_WRITE)
		cpu->calls->write_cr8(cpu->board, *reg);
	else
		*reg = cpu->calls->read_cr8(cpu->board);
	retire(cpu, op);
}

/* Writes a debug register without arming breakpoints: for that, Unicorn would drop the translation
 * that it is executing. */
static void dr_write(struct cpu *cpu, const struct op *op)
{
	static const uint64_t fixed[8] = {[6] = 0xffff0ff0, [7] = 0x400};
	uint64_t value = cpu->state->regs[op->operand];
	unsigned reg = (unsigned)op->immediate;

	if (reg == 4 || reg == 5) {
		if (cpu->state->cr[4] & CR4_DE) {
			exception_ud(cpu);
			return;
		}
		reg += 2;
	}
	if (reg > 7) {
		exception_ud(cpu);
		return;
	}
	if (cpu->cpl || (reg > 5 && value > UINT32_MAX)) {
		exception_gp(cpu);
		return;
	}
	cpu->places.last->dr[reg] = value | fixed[reg];
	retire(cpu, op);
}

static void clflush(struct cpu *cpu, const struct op *op)
{
	struct place places[OP_PLACES] = {{0}};

	op_places(cpu, cpu->state->rip, places);
	vpmu_timing_flush_line(cpu->timing, places[0].address);
	cpu_step_native(cpu, op);
}

/* Executes an instruction that may change address translation. */
static void mapping(struct cpu *cpu, const struct op *op)
{
	cpu_step_native(cpu, op);
	windows_drop(cpu);
	code_look_again(cpu);
}

static void cr_write(struct cpu *cpu, const struct op *op)
{
	if (!cpu->cpl && !control_takes(cpu, op))
		exception_gp(cpu);
	else
		mapping(cpu, op);
}

static void mxcsr(struct cpu *cpu, const struct op *op)
{
	fpu_get(cpu, &cpu->fpu_copy);
	cpu_step_native(cpu, op);
}

static void invalid(struct cpu *cpu, const struct op *op)
{
	exception_ud(cpu);
}

static void prefix(struct cpu *cpu, const struct op *op)
{
	cpu->state->rip += op->length;
}

static void bad_rex(struct cpu *cpu, const struct op *op)
{
	cpu_give_up(cpu, CPU_STOP_UNSUPPORTED, "a REX prefix between other prefixes",
	            cpu->state->rip);
}

static void hypercall(struct cpu *cpu, const struct op *op)
{
	uint64_t *regs = cpu->state->regs;
	const uint64_t arguments[4] = {regs[GPR_RBX], regs[GPR_RCX], regs[GPR_RDX], regs[GPR_RSI]};

	if (cpu->cpl) {
		exception_ud(cpu);
		return;
	}
	regs[GPR_RAX] = cpu->calls->hypercall(cpu->board, regs[GPR_RAX], arguments);
	retire(cpu, op);
}

void special_execute(struct cpu *cpu, const struct op *op)
{
	static void (*const execute[SPECIALS])(struct cpu *, const struct op *) = {
		[SPECIAL_RDMSR] = rdmsr,
		[SPECIAL_WRMSR] = wrmsr,
		[SPECIAL_RDTSC] = rdtsc,
		[SPECIAL_RDTSCP] = rdtsc,
		[SPECIAL_RDPMC] = rdpmc,
		[SPECIAL_CPUID] = cpuid,
		[SPECIAL_IN] = port,
		[SPECIAL_OUT] = port,
		[SPECIAL_HLT] = hlt,
		[SPECIAL_CR8_READ] = cr8,
		[SPECIAL_CR8_WRITE] = cr8,
		[SPECIAL_CR_WRITE] = cr_write,
		[SPECIAL_DR_WRITE] = dr_write,
		[SPECIAL_CLFLUSH] = clflush,
		[SPECIAL_SYSCALL] = system_syscall,
		[SPECIAL_SYSENTER] = system_sysenter,
		[SPECIAL_MAPPING] = mapping,
		[SPECIAL_PREFIX] = prefix,
		[SPECIAL_BAD_REX] = bad_rex,
		[SPECIAL_INVALID] = invalid,
		[SPECIAL_HYPERCALL] = hypercall,
		[SPECIAL_RING] = cpu_step_native,
		[SPECIAL_MXCSR] = mxcsr,
		[SPECIAL_FLAGS] = cpu_step_native,
	};

	execute[op->special](cpu, op);
}
