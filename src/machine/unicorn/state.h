/* SPDX-License-Identifier: MIT */
/*
 * Unicorn's own registers, accessed in place. Its API hides what a machine needs (CPL and the
 * descriptors behind segments, the error code of an exception), and every call through it is slow.
 * So the CPU works on the registers directly: QEMU's generated code holds their address in RBP,
 * where a hook can pick it up. state_find() proves the layout on the engine at hand before it is
 * relied on.
 */
#ifndef MACHINE_CPU_STATE_H
#define MACHINE_CPU_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include <unicorn/unicorn.h>

#include <machine/cpu_bits.h>

/* A descriptor as the CPU keeps it; flags are the descriptor's second word. */
struct segment_cache {
	uint32_t selector;
	uint64_t base;
	uint32_t limit;
	uint32_t flags;
};

enum { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEGS };

enum { GPR_RAX, GPR_RCX, GPR_RDX, GPR_RBX, GPR_RSP, GPR_RBP, GPR_RSI, GPR_RDI, GPR_R11 = 11 };

/* The head of Unicorn 2's x86 state. */
struct state {
	uint64_t regs[16];
	uint64_t rip;
	uint64_t eflags; /* in a run, without arithmetic flags and DF, which are kept below */
	uint64_t cc_dst, cc_src, cc_src2;
	uint32_t cc_op;
	int32_t df;
	uint32_t hflags, hflags2;
	struct segment_cache segs[SEGS], ldt, tr, gdt, idt;
	uint64_t cr[5];
	int32_t a20_mask;
	uint64_t bounds[11]; /* MPX */
	uint64_t efer;
};

/* Fields far behind the head, found by how exceptions change them. */
struct last_exception {
	int32_t error_code;
	int32_t is_software;
	uint64_t next_rip; /* after an INT n */
	uint64_t dr[8];
};

struct state_places {
	struct last_exception *last;
	int32_t *old_exception; /* in delivery, as Unicorn thinks: reset it, or it raises #DF */
	/* Whether a device may be accessed at this point. While it is 0, an instruction that
	 * accesses one abandons its block before it has any effect, and becomes a block of its own.
	 * Unicorn sets it whenever it returns to its loop. */
	volatile uint32_t *can_do_io;
	bool leaves_for_devices; /* false: can_do_io was not found, and points to `nothing` */
	uint32_t nothing;
};

/* hflags: what the translator of blocks looks at. */
#define HF_CPL     0x00000003u
#define HF_INHIBIT 0x00000008u
#define HF_CS32    0x00000010u
#define HF_SS32    0x00000020u
#define HF_ADDSEG  0x00000040u
#define HF_PE      0x00000080u
#define HF_LMA     0x00004000u
#define HF_CS64    0x00008000u
#define HF_RF      0x00010000u

#define FLAG_CF   0x00000001u
#define FLAG_ONE  0x00000002u
#define FLAG_TF   0x00000100u
#define FLAG_IF   0x00000200u
#define FLAG_DF   0x00000400u
#define FLAG_IOPL 0x00003000u
#define FLAG_NT   0x00004000u
#define FLAG_RF   0x00010000u
#define FLAG_VM   0x00020000u
#define FLAG_AC   0x00040000u
#define FLAGS_CC  0x000008d5u

/* Finds the state of an engine that has no memory mapped and no hooks yet. False: unknown
 * layout. */
bool state_find(uc_engine *uc, struct state **state, struct state_places *places);

/* The whole of RFLAGS, and setting it. */
uint64_t state_flags(uc_engine *uc);
void state_set_flags(struct state *state, uint64_t flags);

/* 64-bit mode ignores the base of CS (Intel SDM vol. 3A 5.2.1), and Unicorn adds it to RIP: clears
 * it there. Returns what it was, which a far branch has already added to Unicorn's address. */
uint64_t state_drop_base(struct state *state);

/* Loads a segment register's hidden part, and updates what depends on it: CS and SS set the mode
 * and CPL. */
void state_load_segment(struct state *state, unsigned seg, const struct segment_cache *cache);

static inline bool state_long(const struct state *state)
{
	return state->hflags & HF_LMA;
}

static inline bool state_code64(const struct state *state)
{
	return state->hflags & HF_CS64;
}

#endif
