/* SPDX-License-Identifier: MIT */
/* What counting by single-stepping must know of a guest's instruction. */
#ifndef WATCH_INSN_H
#define WATCH_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum guest_insn_kind {
	GUEST_PLAIN,
	GUEST_CONDITIONAL, /* Jcc, LOOP, JCXZ: near and relative, as are the next two */
	GUEST_JUMP,
	GUEST_CALL,
	GUEST_JUMP_INDIRECT,
	GUEST_CALL_INDIRECT,
	GUEST_RETURN,
	GUEST_FAR, /* INT, IRET, SYSCALL and their like among them */
	GUEST_RDPMC,
	GUEST_PUSHF,
	GUEST_STI,
	GUEST_REPEATED, /* a string instruction with REP, which traps after each iteration */
	GUEST_FLUSH,    /* CLFLUSH, CLFLUSHOPT */
	GUEST_UNKNOWN,  /* it could not be read completely */
};

enum { GUEST_INSN_BYTES = 15 };

struct guest_insn {
	uint8_t kind; /* enum guest_insn_kind */
	uint8_t length;
	uint8_t data;          /* VPMU_DATA_* */
	bool syscall;          /* SYSCALL, which puts RFLAGS into R11 */
	uint64_t next, target; /* what follows it, and where a relative branch goes */
};

/* bits: 16, 32 or 64, as the code segment says; rip: of the instruction, an offset in it. */
struct guest_insn guest_insn_decode(const uint8_t *bytes, size_t count, unsigned bits,
                                    uint64_t rip);

/* Whether the instruction can lead there. */
bool guest_insn_leads_to(const struct guest_insn *insn, uint64_t to);

#endif
