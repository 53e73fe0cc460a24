/* SPDX-License-Identifier: MIT */
/*
 * A VM with one virtual CPU on /dev/kvm.
 *
 * make → enter at → run, repeated as often as the guest is left → unmake. The local APIC is KVM's,
 * since KVM delivers PMIs to no other; there are no other devices. One thread makes and runs the
 * VM; only kvm_vm_stop_soon() may be called from a signal handler.
 */
#ifndef MACHINE_KVM_ROOM_H
#define MACHINE_KVM_ROOM_H

#include <kvm/room.h>

struct kvm_vm {
	int device, fd;            /* /dev/kvm, the VM */
	struct vpmu_kvm_vcpu vcpu; /* for vpmu_target_kvm() */
	struct kvm_run *run;
	size_t run_bytes;
};

struct kvm_vm_config {
	const struct vpmu_kvm_host *host; /* the probe's */
	const struct vpmu_model *model;   /* what the guest finds; version 0: the PMU is off */
	void *memory;                     /* from physical address 0; must outlive the VM */
	uint64_t memory_bytes;
};

/* False: `why` has the reason in one line, and there is nothing to unmake. */
bool kvm_vm_make(struct kvm_vm *vm, const struct kvm_vm_config *config, char *why,
                 size_t why_bytes);
void kvm_vm_unmake(struct kvm_vm *vm);

/* Where the guest begins: flat segments, ring 0, interrupts off. */
struct kvm_vm_entry {
	bool long_mode; /* else 32-bit protected mode */
	uint64_t rip, rsp, rax, rbx, rdi, rsi;
	uint64_t cr0, cr3, cr4, efer;
	uint32_t gdt_base;
	uint16_t gdt_limit;
	uint16_t code, data; /* selectors */
};

/* 0, or a negative errno. */
int kvm_vm_enter_at(struct kvm_vm *vm, const struct kvm_vm_entry *entry);

/* Why the guest was left. */
enum kvm_vm_left {
	KVM_VM_PORT,     /* IN, OUT */
	KVM_VM_MEMORY,   /* an access where no memory is */
	KVM_VM_SIGNAL,   /* a signal, or kvm_vm_stop_soon() */
	KVM_VM_SHUTDOWN, /* a triple fault */
	KVM_VM_STUCK,    /* KVM cannot go on: why */
};

/* The access of KVM_VM_PORT or KVM_VM_MEMORY. `data` is to be read, or filled in before the next
 * run. */
struct kvm_vm_access {
	uint64_t address;
	unsigned size, count; /* count: of a repeated instruction, all at one port */
	bool is_write;
	uint8_t *data;
};

enum kvm_vm_left kvm_vm_run(struct kvm_vm *vm, struct kvm_vm_access *access, char *why,
                            size_t why_bytes);

/* Makes the current or next kvm_vm_run() return KVM_VM_SIGNAL, after completing the guest's pending
 * access. Further runs do the same until kvm_vm_go_on(). */
void kvm_vm_stop_soon(struct kvm_vm *vm);
void kvm_vm_go_on(struct kvm_vm *vm);

/* Whether the CPU is halted and its APIC has no timer running that could wake it. */
bool kvm_vm_sleeps_for_good(struct kvm_vm *vm);

/* RIP; 0 when KVM does not give it. */
uint64_t kvm_vm_rip(const struct kvm_vm *vm);

#endif
