/* SPDX-License-Identifier: MIT */
/* What the fake's plugin API (fake_qemu.c) and the other files of it share. */
#ifndef TESTS_QEMU_FAKE_INSIDE_H
#define TESTS_QEMU_FAKE_INSIDE_H

#include <setjmp.h>

#include <qemu/api_v7.h>

#include "fake_qemu.h"

enum { INSNS = 64, OPS = 24 };

struct op {
	enum { OP_CALL, OP_CALL_GE, OP_CALL_EQ, OP_CALL_NE, OP_ADD, OP_STORE } kind;
	qemu_vcpu_cb call;
	enum qemu_cb_flags flags;
	void *data;
	size_t offset;
	uint64_t immediate;
};

struct ops {
	struct op op[OPS];
	unsigned count;
};

struct qemu_plugin_insn {
	uint64_t vaddr;
	uint8_t length;
	struct ops ops;
	qemu_mem_cb access; /* behind a load or a store; or NULL */
	void *access_data;
};

struct qemu_plugin_tb {
	struct qemu_plugin_insn insn[INSNS];
	unsigned count;
	struct ops ops;
};

struct inside {
	struct {
		qemu_vcpu_cb vcpu, idle, resume;
		qemu_trans_cb translate;
		qemu_discon_cb discon;
		qemu_cb flush, exit;
	} on;
	qemu_mem_cb lidt_cb;
	qemu_cb reset; /* asked for, or NULL */
	void *reset_data;
	uint64_t score[64];
	enum qemu_cb_flags running; /* the callback that runs has asked for */
	jmp_buf left;               /* set_pc() leaves the block */
	bool stop_soon;             /* before the next block */
	unsigned rep_entry;         /* of the REP that is executed */
	bool alone;                 /* the next block has one instruction */
};

extern struct inside inside;

/* --- fake_insn.c --- */

/* The instructions of the fake. */
enum fake_kind {
	NOP,
	LOAD,
	STORE,
	IRET,
	INT,
	JUMP,
	JZ,
	CPUID,
	RDMSR,
	WRMSR,
	RDPMC,
	REP,
	HLT,
	LIDT,
	VMRUN,
	KINDS
};

struct fake_row {
	uint8_t bytes[3], length, kind, size; /* length: of the opcode; size: of the instruction */
	bool ends;
};

const struct fake_row *fake_decode(uint64_t pc);
/* Executes an instruction; true: the block goes on behind it. */
bool fake_execute(const struct qemu_plugin_insn *insn, const struct fake_row *row);

/* --- fake_event.c --- */

/* frame_pc: the address that the frame has. */
void fake_deliver_frame(uint64_t handler, uint64_t pc, uint64_t frame_pc, bool is_exception,
                        bool has_error);
void fake_deliver(uint64_t handler, uint64_t pc, bool is_exception, bool has_error);
uint64_t fake_pop_frame(void);
void fake_interrupt(uint64_t pc);
void fake_interrupt_by_timer(uint64_t pc);
void fake_exit_by_interrupt(uint64_t pc);

/* --- fake_qemu.c --- */

/* Where the plugin has asked for it, drops its translations and registrations. */
void fake_reset_plugin(void);

/* --- fake_svm.c --- */

/* Where the memory is that the vCPU sees at an address. */
uint8_t *fake_at(uint64_t address);
void fake_vmrun(uint64_t next);
void fake_exit(uint64_t code, uint64_t rip);
/* Whether such an access exits; it has then. */
bool fake_msr_exits(uint32_t msr, bool write, uint64_t rip);

#endif
