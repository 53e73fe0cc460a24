/* SPDX-License-Identifier: MIT */
/* Running a virtual CPU: where it begins, why the guest is left, what the CPU is doing. */
#include <errno.h>
#include <string.h>

#include <base/room.h>

#include "room.h"

/* --- Where it begins ----------------------------------------------------------------------- */

enum { TYPE_CODE = 0xb, TYPE_DATA = 0x3, TYPE_TASK = 0xb }; /* accessed; busy */

#define RFLAGS_ONE (UINT64_C(1) << 1)

static struct kvm_segment flat(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){
		.limit = UINT32_MAX,
		.selector = selector,
		.type = type,
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1,
	};
}

static void set_segments(struct kvm_sregs *sregs, const struct kvm_vm_entry *entry)
{
	struct kvm_segment data = flat(entry->data, TYPE_DATA);

	sregs->cs = flat(entry->code, TYPE_CODE);
	if (entry->long_mode) {
		sregs->cs.l = 1;
		sregs->cs.db = 0;
	}
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
	/* VMX requires a usable TR. */
	sregs->tr = (struct kvm_segment){.limit = 0x67, .type = TYPE_TASK, .present = 1};
	sregs->ldt = (struct kvm_segment){.unusable = 1};
	sregs->gdt = (struct kvm_dtable){.base = entry->gdt_base, .limit = entry->gdt_limit};
	sregs->idt = (struct kvm_dtable){.base = 0, .limit = 0};
}

int kvm_vm_enter_at(struct kvm_vm *vm, const struct kvm_vm_entry *entry)
{
	const struct vpmu_kvm_calls *calls = calls_or_kernel(vm->vcpu.calls);
	struct kvm_regs regs = {
		.rip = entry->rip,
		.rsp = entry->rsp,
		.rax = entry->rax,
		.rbx = entry->rbx,
		.rdi = entry->rdi,
		.rsi = entry->rsi,
		.rflags = RFLAGS_ONE,
	};
	struct kvm_sregs sregs;
	int result = kvm_call(calls, vm->vcpu.fd, KVM_GET_SREGS, &sregs);

	if (result < 0)
		return result;
	sregs.cr0 = entry->cr0;
	sregs.cr3 = entry->cr3;
	sregs.cr4 = entry->cr4;
	sregs.efer = entry->efer;
	set_segments(&sregs, entry);
	result = kvm_call(calls, vm->vcpu.fd, KVM_SET_SREGS, &sregs);
	if (result >= 0)
		result = kvm_call(calls, vm->vcpu.fd, KVM_SET_REGS, &regs);
	return result < 0 ? result : 0;
}

/* --- Why the guest is left ----------------------------------------------------------------- */

static enum kvm_vm_left stuck(char *why, size_t why_bytes, const char *what, uint64_t number)
{
	struct text text = text_in(why, why_bytes);

	text_add(&text, what);
	text_add_unsigned(&text, number);
	return KVM_VM_STUCK;
}

static enum kvm_vm_left port(struct kvm_run *run, struct kvm_vm_access *access)
{
	*access = (struct kvm_vm_access){
		.address = run->io.port,
		.size = run->io.size,
		.count = run->io.count,
		.is_write = run->io.direction == KVM_EXIT_IO_OUT,
		.data = (uint8_t *)run + run->io.data_offset,
	};
	return KVM_VM_PORT;
}

static enum kvm_vm_left memory(struct kvm_run *run, struct kvm_vm_access *access)
{
	*access = (struct kvm_vm_access){
		.address = run->mmio.phys_addr,
		.size = run->mmio.len,
		.count = 1,
		.is_write = run->mmio.is_write,
		.data = run->mmio.data,
	};
	return KVM_VM_MEMORY;
}

/* The call itself failed: a signal, or KVM gives up the virtual CPU. */
static enum kvm_vm_left failed(int error, char *why, size_t why_bytes)
{
	struct text text = text_in(why, why_bytes);

	if (error == EINTR || error == EAGAIN)
		return KVM_VM_SIGNAL;
	text_add(&text, "KVM_RUN: ");
	text_add(&text, strerror(error));
	return KVM_VM_STUCK;
}

enum kvm_vm_left kvm_vm_run(struct kvm_vm *vm, struct kvm_vm_access *access, char *why,
                            size_t why_bytes)
{
	const struct vpmu_kvm_calls *calls = calls_or_kernel(vm->vcpu.calls);
	struct kvm_run *run = vm->run;
	int result = calls->ioctl(calls->context, vm->vcpu.fd, KVM_RUN, NULL);

	if (result < 0)
		return failed(-result, why, why_bytes);
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		return port(run, access);
	case KVM_EXIT_MMIO:
		return memory(run, access);
	case KVM_EXIT_INTR:
		return KVM_VM_SIGNAL;
	case KVM_EXIT_SHUTDOWN:
		return KVM_VM_SHUTDOWN;
	case KVM_EXIT_FAIL_ENTRY:
		return stuck(why, why_bytes, "the processor refuses to enter the guest: reason ",
		             run->fail_entry.hardware_entry_failure_reason);
	case KVM_EXIT_INTERNAL_ERROR:
		return stuck(why, why_bytes, "KVM cannot execute an instruction: internal error ",
		             run->internal.suberror);
	default:
		return stuck(why, why_bytes,
		             "KVM left the guest for a reason that vpmu does not "
		             "know: ",
		             run->exit_reason);
	}
}

void kvm_vm_stop_soon(struct kvm_vm *vm)
{
	vm->run->immediate_exit = 1;
}

void kvm_vm_go_on(struct kvm_vm *vm)
{
	vm->run->immediate_exit = 0;
}

/* --- What it is doing ---------------------------------------------------------------------- */

/* Intel SDM vol. 3A 11.5.4: the current count; vol. 4: IA32_TSC_DEADLINE. */
enum { APIC_CURRENT_COUNT = 0x390, MSR_TSC_DEADLINE = 0x6e0 };

static bool timer_runs(struct kvm_vm *vm)
{
	const struct vpmu_kvm_calls *calls = calls_or_kernel(vm->vcpu.calls);
	struct vpmu_msr deadline = {.index = MSR_TSC_DEADLINE};
	struct kvm_lapic_state apic;
	uint32_t count;

	if (kvm_call(calls, vm->vcpu.fd, KVM_GET_LAPIC, &apic) < 0)
		return true;
	memcpy(&count, &apic.regs[APIC_CURRENT_COUNT], sizeof(count));
	return count || vpmu_kvm_read(&vm->vcpu, &deadline, 1) != 1 || deadline.value;
}

bool kvm_vm_sleeps_for_good(struct kvm_vm *vm)
{
	const struct vpmu_kvm_calls *calls = calls_or_kernel(vm->vcpu.calls);
	struct kvm_mp_state state = {.mp_state = KVM_MP_STATE_RUNNABLE};

	return kvm_call(calls, vm->vcpu.fd, KVM_GET_MP_STATE, &state) >= 0 &&
	       state.mp_state == KVM_MP_STATE_HALTED && !timer_runs(vm);
}

uint64_t kvm_vm_rip(const struct kvm_vm *vm)
{
	const struct vpmu_kvm_calls *calls = calls_or_kernel(vm->vcpu.calls);
	struct kvm_regs regs;

	return kvm_call(calls, vm->vcpu.fd, KVM_GET_REGS, &regs) < 0 ? 0 : regs.rip;
}
