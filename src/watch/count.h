/* SPDX-License-Identifier: MIT */
/*
 * What the files of counting share. A guest is single-stepped while one of its counters runs, and
 * only then; each step is an instruction that the register machine is paid for.
 */
#ifndef WATCH_COUNT_H
#define WATCH_COUNT_H

#include "insn.h"
#include "room_int.h"

enum { COUNT_SLOTS = 512 };

/* A part of the VM's memory; bytes 0: none. */
struct counted_slot {
	uint32_t id; /* with the address space in the upper half */
	uint64_t guest, bytes;
	char *host;
};

struct counted_vm {
	const void *_Atomic holder; /* the thread that works on this */
	struct counted_slot slots[COUNT_SLOTS];
	_Atomic uint64_t filter_number; /* of filters set so far */
	struct vpmu_filter filter;
};

struct counted_vcpu {
	const void *_Atomic holder; /* the thread that is in KVM_RUN */
	uint64_t filter_number;     /* of the filter that the machine has */
	struct vpmu_filter filter;
	_Atomic bool debugged;   /* by the VMM: then it is left alone */
	_Atomic bool is_pending; /* the last exit may be completed by the next entry */
	_Atomic bool in_flight;  /* the instruction below has been begun */
	bool is_told;            /* that something is lacking */
	bool steps_over;         /* the breakpoint, which is no RDPMC's */
	_Atomic bool is_armed;   /* the breakpoint is where it belongs */
	bool was_sti;
	uint64_t rip; /* of the one in flight */
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

/* Waits awake; false: it is this thread that has it. */
bool count_hold(const void *_Atomic *holder);
void count_release(const void *_Atomic *holder);

/* Does not wait. False: another thread has it. A thread that has left KVM_RUN by longjmp() comes
 * back. */
bool count_take(const void *_Atomic *holder);

/* The machine looks at its filter at any time, so each vCPU has a copy of its VM's: the latest. */
void count_follow_filter(struct counting *c);

/* Says once that counting lacks something on this vCPU. */
void count_lacks(struct counting *c, enum watch_lack what);

/* --- count_memory.c: the guest's memory by linear addresses --------------------------------- */

void count_note_memory(struct object *vm, uint32_t slot, uint64_t guest, uint64_t bytes,
                       uint64_t host);

/* How many bytes there are, up to where a page is missing. */
size_t count_read(struct counting *c, uint64_t linear, void *into, size_t bytes);
bool count_write(struct counting *c, uint64_t linear, const void *from, size_t bytes);

/* --- count_step.c ---------------------------------------------------------------------------- */

/* Fetches the registers; false: this KVM does not give them. */
bool count_look(struct counting *c);
bool count_set_regs(struct counting *c);

unsigned count_bits(const struct counting *c); /* 16, 32 or 64 */
struct guest_insn count_fetch(struct counting *c, uint64_t rip);

/* Makes the instruction at RIP the one in flight. */
void count_begin(struct counting *c);

/* What has become of it, after count_look(). trapped: by a single step. */
void count_settle(struct counting *c, bool trapped);

/* A WRMSR in flight retires before what it writes takes effect. */
void count_settle_write(struct counting *c);

/* Pays for one instruction, of which nothing but its level is known when insn is NULL. */
void count_retire(struct counting *c, const struct guest_insn *insn, unsigned cpl, bool taken);

/* --- count_rdpmc.c ---------------------------------------------------------------------------- */

/* Answers RDPMC at RIP; false: it gets #GP, which it does from this host's KVM. */
bool count_rdpmc(struct counting *c, const struct guest_insn *insn);

/* Where the guest's #GP handler starts, for a breakpoint; false: nowhere, or not to be known. */
bool count_find_handler(struct counting *c, uint64_t *at);

/* At that breakpoint: answers the RDPMC that has led there. */
bool count_answer_fault(struct counting *c);

/* --- count_pmi.c ------------------------------------------------------------------------------ */

/* Delivers what a call of the register machine has brought about. */
void count_deliver(struct counting *c, struct vpmu_outcome outcome);

#endif
