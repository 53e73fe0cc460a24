/* SPDX-License-Identifier: MIT */
/*
 * AMD's SVM: whether the vCPU is in guest mode, and which accesses of a second-level guest exit.
 *
 * VMRUN is seen as an instruction. #VMEXIT is not: QEMU goes on after the VMRUN, with the registers
 * that it saved there. So a block that begins there, with RIP, RSP, RAX and CR3 as they were, is
 * taken for the exit's target. Nothing can come in between, since the exit clears GIF. The numbers
 * are from APM vol. 2, chapter 15 and appendix B.
 */
#include <stdio.h>
#include <string.h>

#include "room_int.h"

enum { VMRUN_LENGTH = 3, PAGE = 4096 };
enum { EXIT_DB = 0x41, EXIT_UD = 0x46, EXIT_RDPMC = 0x6f };
enum { EXIT_INTR = 0x60, EXIT_VINTR = 0x64, EXIT_NPF = 0x400 };

/* Offsets in the VMCB. */
enum {
	VMCB_INTERCEPTS = 0x0c,
	VMCB_MSRPM = 0x48,
	VMCB_EXIT_CODE = 0x70,
	VMCB_EXIT_INFO = 0x78,
	VMCB_EXIT_EVENT = 0x88,
	VMCB_NESTED = 0x90,
	VMCB_NESTED_CR3 = 0xb0,
	VMCB_SAVE = 0x400, /* the guest's state */
	VMCB_CS_BASE = VMCB_SAVE + 0x18,
	VMCB_IDT = VMCB_SAVE + 0x88,
	VMCB_CPL = VMCB_SAVE + 0xcb,
	VMCB_EFER = VMCB_SAVE + 0xd0,
	VMCB_CR4 = VMCB_SAVE + 0x148,
	VMCB_CR3 = VMCB_SAVE + 0x150,
	VMCB_CR0 = VMCB_SAVE + 0x158,
	VMCB_RIP = VMCB_SAVE + 0x178,
	VMCB_RAX = VMCB_SAVE + 0x1f8,
};

#define EVENT_VALID (UINT64_C(1) << 31)
#define NPF_FETCH   (UINT64_C(1) << 4)

static uint64_t vmcb_get(const struct cpu *cpu, unsigned offset)
{
	uint64_t value = 0;

	physical_get(cpu->svm.vmcb + offset, &value, sizeof(value));
	return value;
}

static void vmcb_set(const struct cpu *cpu, unsigned offset, uint64_t value)
{
	physical_set(cpu->svm.vmcb + offset, &value, sizeof(value));
}

/* --- What exits ------------------------------------------------------------------------------- */

bool svm_exits(const struct cpu *cpu, enum svm_intercept intercept)
{
	return cpu->svm.guest && cpu->svm.intercepts >> intercept & 1;
}

/* The permission map has two bits for each MSR of three ranges. All other MSRs exit. */
bool svm_exits_msr(const struct cpu *cpu, uint32_t msr, bool write)
{
	static const uint32_t ranges[] = {0, 0xc0000000u, 0xc0010000u};
	uint8_t bits;

	if (!svm_exits(cpu, SVM_MSR))
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++) {
		uint64_t bit = (i * UINT64_C(0x2000) + msr - ranges[i]) * 2 + write;

		if (msr - ranges[i] >= 0x2000)
			continue;
		return !physical_get(vmcb_get(cpu, VMCB_MSRPM) / PAGE * PAGE + bit / 8, &bits, 1) ||
		       bits >> bit % 8 & 1;
	}
	return true;
}

/* --- VMRUN ------------------------------------------------------------------------------------ */

static void set_mode(struct cpu *cpu, enum vpmu_svm mode)
{
	vpmu_pmu_set_svm(cpu->pmu, mode);
	shape_follow(cpu);
	count_arm(cpu, RING_KERNEL, 0);
	count_kick(cpu);
}

void svm_begin(struct cpu *cpu, uint64_t efer)
{
	cpu->svm = (struct svm){.on = efer & EFER_SVME};
	vpmu_pmu_set_svm(cpu->pmu, cpu->svm.on ? VPMU_SVM_HOST : VPMU_SVM_OFF);
	shape_follow(cpu);
}

void svm_efer(struct cpu *cpu, uint64_t efer)
{
	if (!cpu->svm.guest)
		svm_begin(cpu, efer);
}

/* In the middle of a block QEMU shows an earlier RIP; only its page is right. */
static uint64_t rip_at(const struct site *site)
{
	uint64_t rip = reg_get(REG_RIP);

	return rip + ((site->physical - rip) & (PAGE - 1));
}

/* With one thread for all vCPUs it is not known for which of them a block is translated. */
static bool can_follow(void)
{
	if (!plugin.one_thread)
		return true;
	if (!plugin.off)
		fprintf(stderr, "vpmu: a hypervisor's guests need a thread for each vCPU, no PMU: "
		                "start QEMU with -accel tcg,thread=multi\n");
	plugin.off = true;
	qemu_plugin_reset(plugin.id, plugin_register, NULL);
	return false;
}

/* VMRUN counts in the mode that it enters (Linux 7.3 arch/x86/kvm/svm/svm.h
 * svm_pmu_handle_nested_transition): what the block adds for it is paid there. With vmrun=host it
 * is paid before. */
void at_vmrun(unsigned vcpu, void *data)
{
	struct cpu *cpu = plugin.cpu[vcpu];
	const struct site *site = data;
	uint64_t vmcb = reg_get(REG_RAX);

	/* Without SVM, in ring 3 or in a guest, VMRUN faults or exits. */
	if (cpu->svm.guest || !site->counted || !(reg_get(REG_EFER) & EFER_SVME) ||
	    site->ring != RING_KERNEL || vmcb % PAGE || !(reg_get(REG_CR0) & 1) || !can_follow())
		return;
	count_account(cpu, RING_KERNEL, plugin.options.vmrun == QEMU_VMRUN_HOST);
	cpu->svm = (struct svm){
		.on = true,
		.guest = true,
		.vmcb = vmcb,
		.rip = rip_at(site) + site->length,
		.rsp = reg_get(REG_RSP),
		.cr3 = reg_get(REG_CR3),
		.idt = cpu->idt,
		.host_cr4 = reg_get(REG_CR4),
		.host_efer = reg_get(REG_EFER),
		.retired = count_retired(cpu, RING_KERNEL) + 1,
	};
	cpu->svm.intercepts = (uint32_t)vmcb_get(cpu, VMCB_INTERCEPTS);
	cpu->svm.nested = vmcb_get(cpu, VMCB_NESTED) & 1;
	cpu->svm.nested_cr3 = vmcb_get(cpu, VMCB_NESTED_CR3);
	cpu->idt = vmcb_get(cpu, VMCB_IDT);
	set_mode(cpu, VPMU_SVM_GUEST);
}

/* --- Where the exit leads to ------------------------------------------------------------------ */

static bool is_back(const struct cpu *cpu)
{
	const struct svm *svm = &cpu->svm;

	return svm->guest && reg_get(REG_RIP) == svm->rip && reg_get(REG_RAX) == svm->vmcb &&
	       reg_get(REG_RSP) == svm->rsp && reg_get(REG_CR3) == svm->cr3;
}

void svm_translate(struct cpu *cpu)
{
	cpu->svm.back = is_back(cpu);
}

bool svm_follows_vmrun(const struct cpu *cpu, uint64_t at)
{
	static const uint8_t vmrun[VMRUN_LENGTH] = {0x0f, 0x01, 0xd8};
	uint8_t before[VMRUN_LENGTH];

	return cpu->svm.back || (cpu->svm.on && !cpu->svm.guest &&
	                         memory_get(at - VMRUN_LENGTH, before, VMRUN_LENGTH) &&
	                         !memcmp(before, vmrun, VMRUN_LENGTH));
}

/* How the guest that has exited translates its addresses. */
static struct paging paging_left(const struct cpu *cpu)
{
	return (struct paging){
		.cr0 = vmcb_get(cpu, VMCB_CR0),
		.cr3 = vmcb_get(cpu, VMCB_CR3),
		.cr4 = vmcb_get(cpu, VMCB_CR4),
		.efer = vmcb_get(cpu, VMCB_EFER),
	};
}

/* Where a guest was when it exited. */
struct left {
	uint64_t code, rip, physical;
	bool known; /* physical is */
	bool fault; /* its instruction had begun and did not retire */
	enum ring ring;
	struct insn insn;
};

/* Decodes as many bytes as there are in the page. */
static struct insn insn_left(const struct cpu *cpu, const struct left *left)
{
	unsigned length = (unsigned)(PAGE - left->physical % PAGE);
	uint8_t bytes[INSN_BYTES];

	if (length > sizeof(bytes))
		length = sizeof(bytes);
	if (!left->known || !physical_get(left->physical, bytes, length))
		return (struct insn){.branch = QEMU_NO_BRANCH};
	return insn_decode(bytes, length);
}

/*
 * Whether the exit interrupted an instruction that had begun. Interrupts exit between instructions,
 * and #DB after one. An exit during the delivery of an event belongs to no instruction, unless the
 * event was the instruction's own exception. An instruction that could not be fetched had not
 * begun: then the walk finds no page for it, or the exit's info says so.
 */
static bool is_fault(const struct cpu *cpu, uint64_t code, bool known)
{
	if ((code >= EXIT_INTR && code <= EXIT_VINTR) || code == EXIT_DB)
		return false;
	if (vmcb_get(cpu, VMCB_EXIT_EVENT) & EVENT_VALID && !cpu->exception)
		return false;
	return known && !(code == EXIT_NPF && vmcb_get(cpu, VMCB_EXIT_INFO) & NPF_FETCH);
}

static struct left where_left(const struct cpu *cpu)
{
	struct paging paging = paging_left(cpu);
	struct left left = {.code = vmcb_get(cpu, VMCB_EXIT_CODE), .rip = vmcb_get(cpu, VMCB_RIP)};

	left.known = paging_translate(cpu, &paging, left.rip + vmcb_get(cpu, VMCB_CS_BASE),
	                              &left.physical);
	left.fault = is_fault(cpu, left.code, left.known);
	left.ring = (uint8_t)vmcb_get(cpu, VMCB_CPL) && paging.cr0 & 1 ? RING_USER : RING_KERNEL;
	left.insn = insn_left(cpu, &left);
	return left;
}

/* --- What was on its way ---------------------------------------------------------------------- */

/* Puts a pending answer into the guest's registers. RAX is in the VMCB. */
static void settle_answer(struct cpu *cpu)
{
	if (!cpu->pending.kind)
		return;
	reg_set(REG_RAX, vmcb_get(cpu, VMCB_RAX));
	pending_settle(cpu);
	vmcb_set(cpu, VMCB_RAX, reg_get(REG_RAX));
	reg_set(REG_RAX, cpu->svm.vmcb);
}

/* The hypervisor lets its guest execute RDPMC, and TCG's #UD for it has exited: it is too late to
 * undo. Instead the exit becomes one for an interrupt after the RDPMC. If RDPMC should raise #GP,
 * the exit becomes one for RDPMC, and the hypervisor raises it. */
static void settle_rdpmc(struct cpu *cpu)
{
	struct rdpmc rdpmc = cpu->rdpmc;

	cpu->rdpmc = (struct rdpmc){0};
	if (!rdpmc.waits || vmcb_get(cpu, VMCB_EXIT_CODE) != EXIT_UD)
		return;
	vmcb_set(cpu, VMCB_EXIT_CODE, rdpmc.is_gp ? EXIT_RDPMC : EXIT_INTR);
	if (rdpmc.is_gp)
		return;
	vmcb_set(cpu, VMCB_RAX, (uint32_t)rdpmc.value);
	reg_set(REG_RDX, rdpmc.value >> 32);
	vmcb_set(cpu, VMCB_RIP, vmcb_get(cpu, VMCB_RIP) + rdpmc.length);
	cpu->stat.undone++;
}

/* A planted jump has been executed: puts the guest back to where the jump stood. */
static void settle_jump(struct cpu *cpu)
{
	struct hot *hot = hot_of(cpu);

	if (hot->landed)
		vmcb_set(cpu, VMCB_RIP,
		         vmcb_get(cpu, VMCB_RIP) - 2 - (uint64_t)(int64_t)LANDED_JUMP(hot->landed));
	hot->landed = 0;
}

/* Settles what at_discontinuity() settles where there is a frame. */
static void settle_counts(struct cpu *cpu, const struct left *left)
{
	struct hot *hot = hot_of(cpu);

	if (hot->open && left->known && PLACE_OF(left->physical) == hot->open)
		hot->not_taken[left->ring]++;
	hot->open = 0;
	if (hot->on_way && left->fault && left->physical == ON_WAY_PHYSICAL(hot->on_way)) {
		hot->on_way = 0;
	} else if (hot->on_way) {
		arrive(cpu, left->ring);
	} else if (left->fault) {
		count_take_back(cpu, left->ring, left->insn.data,
		                (enum qemu_branch)left->insn.branch);
	} else if (again_since(cpu) && left->known && left->physical == cpu->again_at) {
		count_take_back(cpu, cpu->again_ring, cpu->again_data, QEMU_NO_BRANCH);
		cpu->stat.interrupted_reps++;
	}
	cpu->again_at = AGAIN_NONE;
}

static void leave(struct cpu *cpu)
{
	cpu->idt = cpu->svm.idt;
	cpu->svm = (struct svm){.on = true};
	set_mode(cpu, VPMU_SVM_HOST);
}

/* At the block after a VMRUN. */
void at_exit_of_guest(unsigned vcpu, void *unused)
{
	struct cpu *cpu = plugin.cpu[vcpu];
	struct left left;

	if (!is_back(cpu))
		return;
	cpu->svm.back = true;
	refusal_undo(cpu);
	settle_answer(cpu);
	settle_rdpmc(cpu);
	settle_jump(cpu);
	left = where_left(cpu);
	settle_counts(cpu, &left);
	cpu->exception = false;
	count_account(cpu, left.ring, 0);
	leave(cpu);
}

/* Leaves the guest again if VMRUN itself has faulted: then there was none. */
void svm_exception(struct cpu *cpu, uint64_t from)
{
	if (!cpu->svm.guest || from + VMRUN_LENGTH != cpu->svm.rip ||
	    count_retired(cpu, RING_KERNEL) != cpu->svm.retired)
		return;
	leave(cpu);
}
