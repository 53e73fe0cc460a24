/* SPDX-License-Identifier: MIT */
/*
 * CPUID, RDMSR and WRMSR. QEMU executes them as well: TCG reads MSRs that it does not know as 0 and
 * ignores writes to them. Our answer is put into the registers after the instruction. For #GP, RCX
 * is set to an MSR number that QEMU refuses, and restored when the exception is delivered.
 */
#include <stdio.h>
#include <string.h>

#include <arch/room.h>

#include "room_int.h"

#define MSR_EFER UINT32_C(0xc0000080)

enum {
	MSR_APIC_BASE = 0x1b,
	MSR_X2APIC_DFR = 0x80e, /* x2APIC has no DFR, and xAPIC no such MSR */
	MSR_X2APIC_LVTPC = 0x834,
};

/* --- CPUID ------------------------------------------------------------------------------------ */

static struct vpmu_cpuid leaf_of_model(const struct leaf_row *row)
{
	for (size_t i = 0; i < plugin.leaf_count; i++)
		if (plugin.leaves[i].leaf == row->leaf && plugin.leaves[i].subleaf == row->subleaf)
			return plugin.leaves[i];
	return (struct vpmu_cpuid){.leaf = row->leaf};
}

static void overlay_register(enum reg_name name, uint32_t mask, uint32_t value)
{
	if (mask)
		reg_set(name, ((uint32_t)reg_get(name) & ~mask) | (value & mask));
}

/* The vendor that leaf 0 names; VPMU_VENDORS if we know none of that name. */
static enum vpmu_vendor vendor_named(const struct vpmu_cpuid *leaf)
{
	struct vpmu_model model;

	if (vpmu_model_from_cpuid(&model, leaf, 1, 0, NULL, 0) != VPMU_OK)
		return VPMU_VENDORS;
	return model.vendor;
}

/* Whether leaf 0, as it has been executed, names the model's vendor. */
static bool vendor_fits(void)
{
	struct vpmu_cpuid here = {
		.ebx = (uint32_t)reg_get(REG_RBX),
		.ecx = (uint32_t)reg_get(REG_RCX),
		.edx = (uint32_t)reg_get(REG_RDX),
	};
	struct vpmu_cpuid model = leaf_of_model(leaf_row_find(0, 0));

	return vendor_named(&here) == vendor_named(&model);
}

/* No processor has a PMU of another vendor. */
static void check_vendor(void)
{
	if (plugin.off || vendor_fits())
		return;
	plugin.off = true;
	fprintf(stderr,
	        "vpmu: the CPU is of another vendor than model %s, no PMU: start QEMU with "
	        "-cpu %s\n",
	        plugin.options.model.name, qemu_cpu_for(&plugin.options.model));
}

static void settle_cpuid(const struct pending *pending)
{
	uint32_t subleaf = leaf_has_subleaves(pending->leaf) ? pending->subleaf : 0;
	const struct leaf_row *row = leaf_row_find(pending->leaf, subleaf);
	struct vpmu_cpuid model;

	if (!pending->leaf)
		check_vendor();
	if (plugin.off || !row)
		return;
	model = leaf_of_model(row);
	if (row->is_maximum)
		reg_set(REG_RAX, leaf_highest(row->leaf, (uint32_t)reg_get(REG_RAX), model.eax));
	overlay_register(REG_RAX, row->eax, model.eax);
	overlay_register(REG_RBX, row->ebx, model.ebx);
	overlay_register(REG_RCX, row->ecx, model.ecx);
	overlay_register(REG_RDX, row->edx, model.edx);
}

/* Has the next block settle the answer, in case this instruction ends its block. */
static void answer_follows(struct cpu *cpu, const struct site *site)
{
	if (site->is_last)
		count_kick(cpu);
}

void at_cpuid(unsigned vcpu, void *data)
{
	struct cpu *cpu = plugin.cpu[vcpu];
	const struct site *site = data;

	if (svm_exits(cpu, SVM_CPUID))
		return;
	cpu->pending = (struct pending){
		.kind = PENDING_CPUID,
		.leaf = (uint32_t)reg_get(REG_RAX),
		.subleaf = (uint32_t)reg_get(REG_RCX),
	};
	answer_follows(cpu, site);
}

/* --- Behind the instruction ------------------------------------------------------------------- */

void pending_settle(struct cpu *cpu)
{
	struct pending pending = cpu->pending;

	cpu->pending.kind = PENDING_NOTHING;
	if (pending.kind == PENDING_CPUID)
		settle_cpuid(&pending);
	if (pending.kind == PENDING_RDMSR) {
		reg_set(REG_RAX, (uint32_t)pending.value);
		reg_set(REG_RDX, pending.value >> 32);
	}
}

void after_intercepted(unsigned vcpu, void *unused)
{
	pending_settle(plugin.cpu[vcpu]);
}

/* --- MSRs ------------------------------------------------------------------------------------- */

static unsigned most_of(const struct reg_row *row)
{
	switch (row->count) {
	case REG_PER_GP:
		return row->stride == 2 ? VPMU_MAX_GP
		                        : 8; /* from 0xc9 on, many CPUs have other MSRs */
	case REG_PER_K7:
		return 4;
	case REG_PER_FIXED:
		return VPMU_MAX_FIXED;
	case REG_PER_LBR:
		return MAX_LBR;
	default:
		return 1;
	}
}

static const struct reg_row *find_number(const struct reg_table *table, uint32_t msr)
{
	for (size_t i = 0; table && i < table->count; i++) {
		const struct reg_row *row = &table->rows[i];
		unsigned stride = row->stride ? row->stride : 1;

		if (msr >= row->base && (msr - row->base) % stride == 0 &&
		    (msr - row->base) / stride < most_of(row))
			return row;
	}
	return NULL;
}

/* Whether the number is a PMU register on some model of the vendor. A register that only later PMUs
 * have is refused, too, except those that an older processor may have anyway, like
 * IA32_MISC_ENABLE. */
static bool is_pmu_number(uint32_t msr)
{
	enum vpmu_vendor vendor = plugin.options.model.vendor;
	const struct reg_row *row = find_number(reg_table_of(vendor), msr);

	if (row && row->kind >= VPMU_KIND_LBR_CTL)
		return row->exists(&plugin.options.model);
	if (row)
		return row->kind != VPMU_KIND_DEBUGCTL;
	row = find_number(reg_table_later(vendor), msr);
	return row && row->kind != VPMU_KIND_DEBUGCTL && row->kind < VPMU_KIND_LBR_CTL &&
	       row->kind != VPMU_KIND_MISC_ENABLE;
}

/* Makes QEMU raise #GP(0). */
static void refuse(struct cpu *cpu)
{
	cpu->saved_rcx = reg_get(REG_RCX);
	cpu->refusing = true;
	reg_set(REG_RCX, MSR_X2APIC_DFR);
}

void refusal_undo(struct cpu *cpu)
{
	if (cpu->refusing)
		reg_set(REG_RCX, cpu->saved_rcx);
	cpu->refusing = false;
}

/* Under a hypervisor an access is a VM exit, and an entry follows it. */
static void enter(struct cpu *cpu)
{
	struct vpmu_outcome outcome;

	if (plugin.options.profile != vpmu_profile_find("hardware"))
		vpmu_pmu_set_lvtpc(cpu->pmu, pmi_lvtpc(cpu));
	outcome = vpmu_pmu_enter(cpu->pmu);
	trace_overflow(cpu, outcome.overflowed);
	cpu->pmi_due += outcome.pmi;
	cpu->stat.masked += outcome.masked;
	if (cpu->pmi_due)
		count_kick(cpu);
	shape_follow(cpu);
}

static bool is_refused(enum vpmu_status status, uint32_t msr)
{
	return status == VPMU_GP || (status == VPMU_NO_REGISTER && is_pmu_number(msr));
}

void at_rdmsr(unsigned vcpu, void *data)
{
	struct cpu *cpu = plugin.cpu[vcpu];
	const struct site *site = data;
	uint32_t msr = (uint32_t)reg_get(REG_RCX);
	enum vpmu_status status = VPMU_OK;
	uint64_t value = cpu->lvtpc;

	if (site->ring != RING_KERNEL || msr == MSR_MISC_ENABLE || svm_exits_msr(cpu, msr, false))
		return;
	count_account(cpu, RING_KERNEL, 0);
	if (msr != MSR_X2APIC_LVTPC || !cpu->x2apic)
		status = vpmu_pmu_guest_read(cpu->pmu, msr, &value);
	enter(cpu);
	trace_entry(cpu, site);
	count_arm(cpu, RING_KERNEL, 0);
	if (is_refused(status, msr))
		refuse(cpu);
	if (status == VPMU_OK) {
		cpu->pending = (struct pending){.kind = PENDING_RDMSR, .value = value};
		answer_follows(cpu, site);
	}
	if (status != VPMU_NO_REGISTER)
		log_access(cpu, "rdmsr", msr, value, status != VPMU_OK);
}

/* Follows the APIC registers that the PMI depends on. QEMU executes the write as well. */
static void follow_apic(struct cpu *cpu, uint32_t msr, uint64_t value)
{
	if (msr == MSR_APIC_BASE)
		pmi_apic_base(cpu, value);
	if (msr == MSR_X2APIC_LVTPC && cpu->x2apic)
		cpu->lvtpc = (uint32_t)value;
}

/* WRMSR itself counts by the registers' values before it: it is paid here, ahead of what the block
 * adds for it. */
void at_wrmsr(unsigned vcpu, void *data)
{
	struct cpu *cpu = plugin.cpu[vcpu];
	const struct site *site = data;
	uint32_t msr = (uint32_t)reg_get(REG_RCX);
	uint64_t value = (uint32_t)reg_get(REG_RAX) | reg_get(REG_RDX) << 32;
	enum vpmu_status status;

	if (site->ring != RING_KERNEL || msr == MSR_MISC_ENABLE || svm_exits_msr(cpu, msr, true))
		return;
	follow_apic(cpu, msr, value);
	count_account(cpu, RING_KERNEL, site->counted);
	if (msr == MSR_EFER)
		svm_efer(cpu, value);
	status = qemu_faults_take(&plugin.options, msr)
	                 ? VPMU_OK
	                 : vpmu_pmu_guest_write(cpu->pmu, msr, value);
	enter(cpu);
	count_arm(cpu, RING_KERNEL, 0);
	if (is_refused(status, msr))
		refuse(cpu);
	if (status == VPMU_OK)
		trace_write(cpu, site, msr, value);
	trace_entry(cpu, site);
	if (status != VPMU_NO_REGISTER)
		log_access(cpu, "wrmsr", msr, value, status != VPMU_OK);
}

/* The limit is read first, then the base. */
void at_lidt(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *site)
{
	struct qemu_mem_value value = qemu_plugin_mem_get_value(info);

	if (value.type == 2)
		plugin.cpu[vcpu]->idt = value.data.u32;
	if (value.type == 3)
		plugin.cpu[vcpu]->idt = value.data.u64;
}
