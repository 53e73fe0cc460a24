/* SPDX-License-Identifier: MIT */
/*
 * RDPMC, for which TCG raises #UD. At a block's first instruction QEMU is sent past the RDPMC.
 * Elsewhere the #UD is delivered, and undone at the first instruction of its handler; if RDPMC
 * should raise #GP, the frame is turned into one of #GP.
 */
#include "room_int.h"

#define CR4_PCE (UINT64_C(1) << 8)
/* Flags that QEMU computes lazily and keeps outside EFLAGS: CF PF AF ZF SF OF, and DF. */
#define FLAGS_LAZY UINT64_C(0xcd5)

static void give(uint64_t value)
{
	reg_set(REG_RAX, (uint32_t)value);
	reg_set(REG_RDX, value >> 32);
}

void at_rdpmc(unsigned vcpu, void *data)
{
	struct cpu *cpu = plugin.cpu[vcpu];
	const struct site *site = data;
	bool pce = reg_get(REG_CR4) & CR4_PCE;
	enum ring ring = (enum ring)site->ring;
	uint32_t ecx = (uint32_t)reg_get(REG_RCX);
	enum vpmu_status status;

	/* QEMU raises #GP, or the guest exits. */
	if ((ring == RING_USER && !pce) || svm_exits(cpu, SVM_RDPMC))
		return;
	count_account(cpu, ring, 0);
	cpu->rdpmc = (struct rdpmc){.waits = true, .length = site->length};
	status = vpmu_pmu_rdpmc(cpu->pmu, ecx, ring == RING_USER ? 3 : 0, pce, &cpu->rdpmc.value);
	cpu->rdpmc.is_gp = status != VPMU_OK;
	count_arm(cpu, ring, 0);
	if (cpu->pmi_due)
		count_kick(cpu);
	log_access(cpu, "rdpmc", ecx, cpu->rdpmc.value, cpu->rdpmc.is_gp);
	if (!site->is_first || cpu->rdpmc.is_gp)
		return;
	cpu->rdpmc.waits = false;
	give(cpu->rdpmc.value);
	hot_of(cpu)->run[ring] += RUN_INSN;
	qemu_plugin_set_pc(reg_get(REG_RIP) + site->length);
}

/* Goes back to where the frame came from, as if there had been no exception. */
static void undo(struct cpu *cpu, const struct frame *frame)
{
	give(cpu->rdpmc.value);
	reg_set(REG_CS, frame->cs);
	if (frame->word == 8 || frame->cs & 3) {
		reg_set(REG_SS, frame->ss);
		reg_set(REG_RSP, frame->sp);
	} else {
		reg_set(REG_RSP, frame->address + 3 * frame->word);
	}
	reg_set(REG_EFLAGS, frame->flags & ~FLAGS_LAZY);
	cpu->stat.undone++;
	qemu_plugin_set_pc(frame->ip + cpu->rdpmc.length);
}

/* Turns #UD into #GP(0): the same frame plus an error code. */
static void become_gp(struct cpu *cpu, const struct frame *frame)
{
	uint64_t handler = handler_of(cpu, VECTOR_GP), error = 0;
	uint64_t top = frame->address - frame->word;

	if (!handler || frame->word == 2 || !memory_set(top, &error, frame->word))
		return;
	reg_set(REG_RSP, top);
	qemu_plugin_set_pc(handler);
}

void rdpmc_undo(struct cpu *cpu)
{
	struct frame frame;

	if (!cpu->rdpmc.delivered)
		return;
	cpu->rdpmc.delivered = false;
	if (!frame_read(cpu->rdpmc.from, &frame) || frame.has_error)
		return;
	if (cpu->rdpmc.is_gp)
		become_gp(cpu, &frame);
	else
		undo(cpu, &frame);
}
