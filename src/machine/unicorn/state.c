/* SPDX-License-Identifier: MIT */
/*
 * Finds Unicorn's registers, and makes the few changes to them that affect other parts of its
 * state: flags and segments.
 */
#include "state.h"

#include <stdlib.h>
#include <string.h>

enum {
	SCRATCH = 0x1000, /* where the probe's code is */
	SCRATCH_BYTES = 0x1000,
	DEVICE = 0x2000,
	SEARCH_BYTES = 5500,  /* bytes of the state that are searched for an exception's traces */
	SEARCH_BEFORE = 8192, /* bytes before it that are searched for QEMU's generic CPU state */
	CC_OP_EFLAGS = 1,     /* cc_src holds the flags themselves */
	DESC_DPL_SHIFT = 13,
};

#define DESC_L UINT32_C(0x00200000)
#define DESC_B UINT32_C(0x00400000)

/* Where the trampoline below leaves the address. A thread probes one engine at a time. */
static _Thread_local struct state *captured;

static void __attribute__((used)) capture(struct state *state)
{
	captured = state;
}

/* A hook as Unicorn calls it; QEMU's x86-64 backend keeps the state's address in RBP. */
void cpu_state_trampoline(uc_engine *uc, uint64_t address, uint32_t size, void *user);
__asm__(".text\n"
        ".local cpu_state_trampoline\n"
        ".type cpu_state_trampoline, @function\n"
        "cpu_state_trampoline:\n"
        "	mov %rbp, %rdi\n"
        "	jmp capture\n"
        ".size cpu_state_trampoline, . - cpu_state_trampoline\n");

static uint64_t pattern(unsigned reg)
{
	return UINT64_C(0x1122334455667700) + reg * UINT64_C(0x0101010101010101);
}

static const int reg_ids[16] = {
	UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX,
	UC_X86_REG_RSP, UC_X86_REG_RBP, UC_X86_REG_RSI, UC_X86_REG_RDI,
	UC_X86_REG_R8,  UC_X86_REG_R9,  UC_X86_REG_R10, UC_X86_REG_R11,
	UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15,
};

static bool run_at(uc_engine *uc, const uint8_t *code, size_t bytes)
{
	uint8_t page[64] = {0};

	memcpy(page, code, bytes);
	return !uc_mem_write(uc, SCRATCH, page, sizeof(page)) &&
	       !uc_ctl_remove_cache(uc, SCRATCH, SCRATCH + sizeof(page)) &&
	       !uc_emu_start(uc, SCRATCH, 0, 0, 0);
}

static bool capture_state(uc_engine *uc)
{
	static const uint8_t hlt[] = {0xf4};
	uc_hook hook;
	bool ran;

	captured = NULL;
	if (uc_hook_add(uc, &hook, UC_HOOK_BLOCK, (void *)cpu_state_trampoline, NULL, 1, 0))
		return false;
	for (unsigned i = 0; i < 16; i++) {
		uint64_t value = pattern(i);

		uc_reg_write(uc, reg_ids[i], &value);
	}
	ran = run_at(uc, hlt, sizeof(hlt));
	uc_hook_del(uc, hook);
	return ran && captured;
}

/* Whether the head has the layout of struct state, as far as the API can tell. */
static bool head_holds(uc_engine *uc, const struct state *state)
{
	uc_x86_msr efer = {.rid = 0xc0000080};
	uint64_t cr0 = 0, rip = 0;
	uc_x86_mmr idtr = {.base = 0x123456789000, .limit = 0xabc}, gdtr = {.limit = 0xdef};

	for (unsigned i = 0; i < 16; i++) {
		if (state->regs[i] != pattern(i))
			return false;
	}
	uc_reg_read(uc, UC_X86_REG_MSR, &efer);
	uc_reg_read(uc, UC_X86_REG_CR0, &cr0);
	uc_reg_read(uc, UC_X86_REG_RIP, &rip);
	uc_reg_write(uc, UC_X86_REG_IDTR, &idtr);
	uc_reg_write(uc, UC_X86_REG_GDTR, &gdtr);
	return efer.value && state->efer == efer.value && state->cr[0] == cr0 &&
	       state->rip == rip && state->idt.base == idtr.base &&
	       state->idt.limit == idtr.limit && state->gdt.limit == gdtr.limit &&
	       (state->hflags & HF_CS64) && state->a20_mask == -1;
}

static void note_vector(uc_engine *uc, uint32_t vector, void *user)
{
	*(uint32_t *)user = vector;
	uc_emu_stop(uc);
}

/* Loads DS with a selector beyond the GDT: #GP with the selector as its error code. */
static bool cause_gp(uc_engine *uc, uint16_t selector)
{
	const uint8_t code[] = {0xb8, (uint8_t)selector, (uint8_t)(selector >> 8), 0, 0, 0x8e, 0xd8,
	                        0xf4};
	uint32_t vector = 0;
	uc_hook hook;
	bool ran;

	if (uc_hook_add(uc, &hook, UC_HOOK_INTR, (void *)note_vector, &vector, 1, 0))
		return false;
	ran = run_at(uc, code, sizeof(code));
	uc_hook_del(uc, hook);
	return ran && vector == 13;
}

/* The only int in the state that was `before` and is now `after`; NULL if there are none or
 * several. */
static int32_t *find_change(struct state *state, const uint8_t *old, int32_t before, int32_t after)
{
	uint8_t *base = (uint8_t *)state;
	int32_t *found = NULL;

	for (size_t i = sizeof(*state); i + 4 <= SEARCH_BYTES; i += 4) {
		int32_t was, is;

		memcpy(&was, old + i, 4);
		memcpy(&is, base + i, 4);
		if (was != before || is != after)
			continue;
		if (found)
			return NULL;
		found = (int32_t *)(void *)(base + i);
	}
	return found;
}

static bool find_places(uc_engine *uc, struct state *state, struct state_places *places)
{
	uint8_t *old = malloc(SEARCH_BYTES);
	bool holds;

	if (!old)
		return false;
	state->gdt.limit = 0;
	memcpy(old, state, SEARCH_BYTES);
	holds = cause_gp(uc, 0x7f68);
	places->last = (struct last_exception *)(void *)find_change(state, old, 0, 0x7f68);
	places->old_exception = find_change(state, old, -1, 13);
	free(old);
	if (!holds || !places->last || !places->old_exception)
		return false;
	*places->old_exception = -1;
	return cause_gp(uc, 0x5550) && places->last->error_code == 0x5550 &&
	       *places->old_exception == 13;
}

/* What is observed in a run over a device access. */
struct device_run {
	volatile uint32_t *can_do_io;
	unsigned blocks, reads, reads_then; /* reads when the second block began */
	uint64_t address;                   /* of the second block */
	uint32_t size;
};

static void note_block(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
	struct device_run *run = user;

	*run->can_do_io = run->blocks > 0;
	if (run->blocks++ != 1)
		return;
	run->address = address;
	run->size = size;
	run->reads_then = run->reads;
}

static uint64_t note_read(uc_engine *uc, uint64_t offset, unsigned size, void *user)
{
	((struct device_run *)user)->reads++;
	return 0;
}

static void ignore_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *user)
{
}

/* Whether a block is abandoned before a device access in its middle while *can_do_io is 0. */
static bool abandons(uc_engine *uc, volatile uint32_t *can_do_io)
{
	static const uint8_t code[] = {0x90,        0x8b, 0x04, 0x25, DEVICE & 0xff,
	                               DEVICE >> 8, 0,    0,    0x90, 0xf4};
	struct device_run run = {.can_do_io = can_do_io};
	uc_hook hook;
	bool ran;

	if (uc_mmio_map(uc, DEVICE, SCRATCH_BYTES, note_read, &run, ignore_write, &run))
		return false;
	ran = !uc_hook_add(uc, &hook, UC_HOOK_BLOCK, (void *)note_block, &run, 1, 0);
	if (ran) {
		ran = run_at(uc, code, sizeof(code));
		uc_hook_del(uc, hook);
	}
	*can_do_io = 1;
	return !uc_mem_unmap(uc, DEVICE, SCRATCH_BYTES) && ran && run.reads == 1 &&
	       run.reads_then == 0 && run.address == SCRATCH + 1 && run.size == 7;
}

/* Finds can_do_io, which lies before the exception's number and the pointer to the engine. */
static volatile uint32_t *find_can_do_io(uc_engine *uc, struct state *state)
{
	uint8_t *at = (uint8_t *)state - sizeof(uc);

	for (size_t i = 0; i < SEARCH_BEFORE; i += sizeof(uc), at -= sizeof(uc)) {
		uint32_t *before = (uint32_t *)(void *)(at - 12);
		uc_engine *there;

		memcpy(&there, at, sizeof(uc));
		if (there == uc)
			return *before == 1 && abandons(uc, before) ? before : NULL;
	}
	return NULL;
}

/* The CPU works without it, too: then every block that touches memory is single-stepped. Tests ask
 * for that. */
static void place_can_do_io(uc_engine *uc, struct state *state, struct state_places *places)
{
	if (!getenv("VPMU_TEST_WITHOUT_CAN_DO_IO"))
		places->can_do_io = find_can_do_io(uc, state);
	places->leaves_for_devices = places->can_do_io != NULL;
	if (!places->can_do_io)
		places->can_do_io = &places->nothing;
}

bool state_find(uc_engine *uc, struct state **state, struct state_places *places)
{
	size_t known = uc_context_size(uc);
	bool found;

	if (known < SEARCH_BYTES || uc_mem_map(uc, SCRATCH, SCRATCH_BYTES, UC_PROT_ALL))
		return false;
	found = capture_state(uc) && head_holds(uc, captured) && find_places(uc, captured, places);
	if (found) {
		*places->old_exception = -1;
		place_can_do_io(uc, captured, places);
	}
	*state = captured;
	return !uc_mem_unmap(uc, SCRATCH, SCRATCH_BYTES) && found;
}

uint64_t state_flags(uc_engine *uc)
{
	uint64_t flags = 0;

	uc_reg_read(uc, UC_X86_REG_RFLAGS, &flags);
	return flags | FLAG_ONE;
}

void state_set_flags(struct state *state, uint64_t flags)
{
	state->cc_src = flags & FLAGS_CC;
	state->cc_op = CC_OP_EFLAGS;
	state->df = flags & FLAG_DF ? -1 : 1;
	state->eflags = flags | FLAG_ONE; /* Unicorn takes all flags from here when it starts */
}

/* Intel SDM vol. 3A 5.2.1: only 64-bit mode ignores bases and limits. */
static uint32_t address_flags(const struct state *state)
{
	uint32_t flags = state->segs[SEG_SS].flags & DESC_B ? HF_SS32 : 0;

	if (state->hflags & HF_CS64)
		return flags;
	if (!(state->cr[0] & CR0_PE) || (state->eflags & FLAG_VM) || !(state->hflags & HF_CS32))
		return flags | HF_ADDSEG;
	return flags |
	       (state->segs[SEG_DS].base | state->segs[SEG_ES].base | state->segs[SEG_SS].base
	                ? HF_ADDSEG
	                : 0);
}

uint64_t state_drop_base(struct state *state)
{
	uint64_t base = state->segs[SEG_CS].base;

	if (!base || !state_code64(state))
		return 0;
	state->segs[SEG_CS].base = 0;
	return base;
}

void state_load_segment(struct state *state, unsigned seg, const struct segment_cache *cache)
{
	state->segs[seg] = *cache;
	if (seg == SEG_CS) {
		state->hflags &= ~(HF_CS32 | HF_CS64);
		if ((state->hflags & HF_LMA) && (cache->flags & DESC_L))
			state->hflags |= HF_CS32 | HF_SS32 | HF_CS64;
		else if (cache->flags & DESC_B)
			state->hflags |= HF_CS32;
		state_drop_base(state);
	}
	if (seg == SEG_SS)
		state->hflags =
			(state->hflags & ~HF_CPL) | ((cache->flags >> DESC_DPL_SHIFT) & HF_CPL);
	if (!state_code64(state))
		state->hflags &= ~(HF_SS32 | HF_ADDSEG);
	state->hflags |= address_flags(state);
	if (state_code64(state))
		state->hflags &= ~HF_ADDSEG;
}
