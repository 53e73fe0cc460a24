/* SPDX-License-Identifier: MIT */
/*
 * What the files of counting share. A guest is single-stepped only while one of its counters runs.
 * For each step the register machine is paid one instruction.
 */
#ifndef WATCH_COUNT_H
#define WATCH_COUNT_H

#include "insn.h"
#include "room_int.h"

enum { COUNT_SLOTS = 512 };

/* A part of the VM's memory; bytes 0: none. */
struct counted_slot {
	uint32_t id; /* with the address space ID in the upper half */
	uint64_t guest, bytes;
	char *host;
};

struct counted_vm {
	const void *_Atomic holder; /* the thread that works on this */
	struct counted_slot slots[COUNT_SLOTS];
	_Atomic uint64_t filter_number; /* filters set so far */
	struct vpmu_filter filter;
};

struct counted_vcpu {
	const void *_Atomic holder; /* the thread that is in KVM_RUN */
	uint64_t filter_number;     /* number of the filter that the machine has */
	struct vpmu_filter filter;
	_Atomic bool debugged;   /* the VMM debugs the guest: do not interfere */
	_Atomic bool is_pending; /* the next entry may have to complete the last exit */
	_Atomic bool in_flight;  /* the instruction below has begun */
	bool is_told;            /* has logged that counting lacks something */
	bool steps_over;         /* steps over the breakpoint, which no RDPMC has hit */
	_Atomic bool is_armed;   /* the breakpoint is up to date */
	bool was_sti;
	uint64_t rip; /* of the instruction in flight */
	uint32_t cpl;
	uint16_t cs;
	struct guest_insn insn;
};

union counted {
	struct counted_vm vm;
	struct counted_vcpu vcpu;
};

/* A vCPU in KVM_RUN. */
struct counting {
	struct object *object;
	struct counted_vcpu *state;
	struct counted_vm *vm;
	int fd;
	void *argument;
	struct kvm_run *run;
	struct kvm_regs regs; /* as of count_look() */
	struct kvm_sregs sregs;
	bool is_fresh;
};

struct counted_vm *counted_vm(const struct object *vm);
struct counted_vcpu *counted_vcpu(const struct object *vcpu);

/* Busy-waits for the holder; false: this thread itself holds it. */
bool count_hold(const void *_Atomic *holder);
void count_release(const void *_Atomic *holder);

/* Does not wait. False: another thread holds it. True also for the holder itself, which may have
 * left KVM_RUN by longjmp(). */
bool count_take(const void *_Atomic *holder);

/* Gives the vCPU a copy of its VM's latest filter: the machine may read its filter at any time. */
void count_follow_filter(struct counting *c);

/* Logs, once, that counting lacks something on this vCPU. */
void count_lacks(struct counting *c, enum watch_lack what);

/* --- count/memory.c: the guest's memory by linear addresses --------------------------------- */

void count_note_memory(struct object *vm, uint32_t slot, uint64_t guest, uint64_t bytes,
                       uint64_t host);

/* Returns how many bytes could be read: fewer when a page is missing. */
size_t count_read(struct counting *c, uint64_t linear, void *into, size_t bytes);
bool count_write(struct counting *c, uint64_t linear, const void *from, size_t bytes);

/* --- count/step.c ---------------------------------------------------------------------------- */

/* Fetches the registers; false: this KVM does not give them. */
bool count_look(struct counting *c);
bool count_set_regs(struct counting *c);

unsigned count_bits(const struct counting *c); /* 16, 32 or 64 */
struct guest_insn count_fetch(struct counting *c, uint64_t rip);

/* Makes the instruction at RIP the one in flight. */
void count_begin(struct counting *c);

/* After count_look(): decides what has become of the instruction in flight. trapped: a single-step
 * trap followed it. */
void count_settle(struct counting *c, bool trapped);

/* A WRMSR in flight retires before what it writes takes effect. */
void count_settle_write(struct counting *c);

/* Pays for one instruction. insn: NULL when only its privilege level is known. */
void count_retire(struct counting *c, const struct guest_insn *insn, unsigned cpl, bool taken);

/* --- count/rdpmc.c ---------------------------------------------------------------------------- */

/* Answers RDPMC at RIP; false: it gets #GP, which this host's KVM raises. */
bool count_rdpmc(struct counting *c, const struct guest_insn *insn);

/* Where the guest's #GP handler starts, for a breakpoint; false: there is none, or it cannot be
 * found. */
bool count_find_handler(struct counting *c, uint64_t *at);

/* At that breakpoint: answers the RDPMC that has led there. */
bool count_answer_fault(struct counting *c);

/* --- count/pmi.c ------------------------------------------------------------------------------ */

/* Delivers the PMIs of a call of the register machine. */
void count_deliver(struct counting *c, struct vpmu_outcome outcome);

#endif
