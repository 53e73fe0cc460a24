/* SPDX-License-Identifier: MIT */
/*
 * The hooks that Unicorn calls while it runs. The block hook runs for every block, and does as
 * little as possible; all others only note a reason and ask Unicorn to stop.
 */
#include <stdlib.h>
#include <string.h>

#include "room_int.h"
#include "loop.h"

/* A REP instruction retires when Unicorn goes on to another address. True: it is still going on. */
static bool in_rep(struct cpu *cpu, uint64_t address)
{
	if (cpu->rep == NO_ADDRESS)
		return false;
	if (cpu->rep == address) {
		vpmu_meter_hold(cpu_meter(cpu));
		timed_rep(cpu, block_last(cpu_block(cpu)));
		if (cpu->stop)
			cpu_leave(cpu, LEAVE_SYNC, address);
		else if (!timed_fits_again(cpu, block_last(cpu_block(cpu))))
			cpu_leave(cpu, LEAVE_BUDGET, address);
		return true;
	}
	budget_retire_rep(cpu);
	return false;
}

/* LEAVE_NONE if the block may run now; else why not. */
static enum leave reason_to_leave(struct cpu *cpu, struct block *block)
{
	if (!block)
		return LEAVE_BUDGET;
	if (block_special(block) && !(block->flags & BLOCK_HOOKED))
		return LEAVE_AGAIN;
	if (cpu->stop || (block->flags & BLOCK_DEVICE) ||
	    !vpmu_meter_fits(cpu_meter(cpu), &block->pay))
		return LEAVE_BUDGET;
	return spin_pays(cpu, block) ? LEAVE_SPIN : LEAVE_NONE;
}

/* What to check after the block. STI has a shadow only if interrupts were disabled (Intel SDM vol.
 * 2B). */
static uint8_t after_block(const struct cpu *cpu, const struct block *block)
{
	uint8_t after = block_last(block)->after & (uint8_t)~AFTER_CLI;
	bool enabled = (cpu->state->eflags & FLAG_IF) && !(block->flags & BLOCK_CLI);

	return enabled && (after & AFTER_LOOK) ? after & (uint8_t)~AFTER_SHADOW : after;
}

static void count_block(struct cpu *cpu, struct block *block)
{
	const struct op *last = block_last(block);

	if (block->loop)
		loop_fold(cpu, block);
	cpu_has_block(cpu, block);
	cpu->last = block->address + last->offset;
	vpmu_meter_take(cpu_meter(cpu), &block->pay);
	if ((last->insn.flags & VPMU_INSN_APART) && !last->special) {
		cpu->rep = block->address + last->offset;
		cpu->rep_begun = false;
	}
	cpu->after = after_block(cpu, block);
	timed_begin(cpu, block);
	cpu->suspect = (block->flags & BLOCK_COMPARE) && block_may_overwrite(block);
	if (cpu->after || cpu->rep != NO_ADDRESS || cpu->suspect)
		vpmu_meter_hold(cpu_meter(cpu));
}

/* Ends a step, which is one block of one instruction. Without TF, Unicorn would run on after it.
 * Even with TF some instructions end their block without a trap (PAUSE). A block that was abandoned
 * begins again at the same address. */
static void see_step(struct cpu *cpu, uint64_t address)
{
	if (cpu->step_begun && (cpu->stepping == STEP_BLOCK || address != cpu->software_rip))
		cpu_leave(cpu, LEAVE_SYNC, address);
	cpu->step_begun = true;
}

static void __attribute__((noinline))
block_slow(struct cpu *cpu, uint64_t address, uint32_t size, uint8_t *back)
{
	struct block *block;
	enum leave leave;

	*cpu->places.can_do_io = 1;
	address -= state_drop_base(cpu->state); /* of a far branch: then this block is left */
	if (cpu->stepping) {
		see_step(cpu, address);
		return;
	}
	if (cpu->spinning) {
		cpu_leave(cpu, LEAVE_SYNC, address);
		return;
	}
	if (block_abandoned(cpu, address, size)) {
		budget_rewind(cpu, address);
		cpu->at_size = size;
		cpu_leave(cpu, LEAVE_BUDGET, address);
		return;
	}
	cpu->suspect = cpu->suspect && block_ran_stale(cpu, cpu_block(cpu));
	timed_branched(cpu, address);
	if (cpu->suspect || cpu->after || cpu->device_touched || cpu->dirty_count ||
	    cpu->lost != NO_ADDRESS) {
		cpu_leave(cpu, LEAVE_SYNC, address);
		return;
	}
	if (in_rep(cpu, address))
		return;
	cpu->at_size = size;
	if (block_changed(cpu, address, size)) {
		cpu_leave(cpu, LEAVE_STALE, address);
		return;
	}
	if (code_changes(cpu, address)) {
		cpu_leave(cpu, LEAVE_BUDGET, address);
		return;
	}
	block = block_at(cpu, address, size);
	leave = reason_to_leave(cpu, block);
	if (leave) {
		cpu_leave(cpu, leave, address);
		return;
	}
	count_block(cpu, block);
	/* A block of one instruction may touch a device; see paid_ahead(). */
	*cpu->places.can_do_io = block->op_count == 1;
	if ((block->flags & BLOCK_ALONE) && block_inlines(cpu, block) && !follows_branches(cpu) &&
	    back)
		inline_block(cpu, block, back);
}

/* Whether the outer loop, or another part of this file, must see the next block. */
static bool is_watched(const struct cpu *cpu)
{
	return cpu->stepping || cpu->spinning || cpu->stop || cpu->after || cpu->device_touched ||
	       cpu->suspect || cpu->dirty_count || cpu->lost != NO_ADDRESS ||
	       cpu->rep != NO_ADDRESS;
}

/* A short form of block_slow(), for most blocks while costs are counted or branches recorded and
 * nothing else is going on. False: block_slow() must look. */
static bool pay_timed(struct cpu *cpu, struct block *block)
{
	const struct block *last = cpu_block(cpu);

	if (!follows_branches(cpu) || block->pay.need == VPMU_BLOCK_NEVER || is_watched(cpu))
		return false;
	if (last && last != block && block->address - last->address < last->size)
		return false; /* perhaps block_abandoned() */
	if (block->op_count == 1 || (block->loop && !block->pay.lines))
		return false; /* block_abandoned() again, or spin_pays() */
	timed_branched(cpu, block->address);
	if (!vpmu_meter_fits(cpu_meter(cpu), &block->pay))
		return false;
	vpmu_meter_take(cpu_meter(cpu), &block->pay);
	timed_begin(cpu, block);
	return true;
}

/* Out of line, since the hook would otherwise save registers for it on every call. */
void __attribute__((noinline))
block_unpaid(struct cpu *cpu, uint64_t address, uint32_t size, uint8_t *back)
{
	struct block *block = &cpu->cache[block_slot(address)];

	if (block->address == address && block->size == size && pay_timed(cpu, block)) {
		cpu_has_block(cpu, block);
		*cpu->places.can_do_io = 0;
		return;
	}
	block_slow(cpu, address, size, back);
}

void on_block(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
	struct cpu *cpu = user;
	struct block *block = &cpu->cache[block_slot(address)];

	if (__builtin_expect(block->address == address && block->size == size &&
	                             vpmu_meter_pay_quickly(cpu_meter(cpu), &block->pay),
	                     1)) {
		cpu_has_block(cpu, block);
		*cpu->places.can_do_io = 0;
		if (block_inlines(cpu, block))
			inline_block(cpu, block, __builtin_return_address(0));
	} else {
		block_unpaid(cpu, address, size, __builtin_return_address(0));
	}
	if (cpu->inlines)
		cpu_lend(cpu);
}

/* Called only at the address of a special instruction. */
static void on_special(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
	struct cpu *cpu = user;

	if (cpu->leave == LEAVE_NONE && cpu->stepping != STEP_TRAP)
		cpu_leave(cpu, LEAVE_SPECIAL, address);
}

static void on_exception(uc_engine *uc, uint32_t vector, void *user)
{
	static const uint32_t with_error = 1u << VECTOR_DF | 1u << VECTOR_TS | 1u << VECTOR_NP |
	                                   1u << VECTOR_SS | 1u << VECTOR_GP | 1u << VECTOR_PF |
	                                   1u << VECTOR_AC;
	struct cpu *cpu = user;
	bool software = cpu->places.last->is_software;

	*cpu->places.old_exception = -1;
	cpu->exception = (struct exception){
		.vector = (uint8_t)vector,
		.software = software,
		.has_error = !software && vector < 32 && (with_error >> vector & 1),
		.error = (uint32_t)cpu->places.last->error_code,
		.cr2 = cpu->state->cr[2],
	};
	if (cpu->leave == LEAVE_NONE)
		cpu_leave(cpu, LEAVE_EXCEPTION, cpu->state->rip);
}

static bool on_unmapped(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value,
                        void *user)
{
	return memory_open(user, address);
}

static bool add(struct cpu *cpu, int type, void *call, uint64_t begin, uint64_t end)
{
	uc_hook hook;

	return !uc_hook_add(cpu->uc, &hook, type, call, cpu, begin, end);
}

/* Adds the block hook. Reversed bounds make it apply to all addresses. Their odd values also make
 * Unicorn's copy of them recognisable in memory. */
static bool hook_blocks(struct cpu *cpu)
{
	const uint64_t begin = UINT64_C(0xb10cb10c00000001), end = begin - 1;
	uint64_t *inside;
	uc_hook hook;

	if (uc_hook_add(cpu->uc, &hook, UC_HOOK_BLOCK, (void *)on_block, cpu, begin, end))
		return false;
	inside = (uint64_t *)hook;
	for (unsigned i = 0; i < 6 && !cpu->hook_bounds; i++) {
		if (inside[i] == begin && inside[i + 1] == end)
			cpu->hook_bounds = &inside[i];
	}
	return true;
}

bool hooks_add(struct cpu *cpu)
{
	return hook_blocks(cpu) && add(cpu, UC_HOOK_INTR, (void *)on_exception, 1, 0) &&
	       add(cpu, UC_HOOK_MEM_UNMAPPED, (void *)on_unmapped, 1, 0);
}

/* Grows the set of addresses that have a code hook: open addressing, at most half full. */
static bool hooked_grow(struct cpu *cpu)
{
	size_t slots = cpu->hooked_slots ? cpu->hooked_slots * 2 : 256;
	uint64_t *old = cpu->hooked, *new = malloc(slots * sizeof(*new));

	if (!new)
		return false;
	memset(new, 0xff, slots * sizeof(*new));
	for (size_t i = 0; i < cpu->hooked_slots; i++) {
		size_t at = old[i] & (slots - 1);

		while (old[i] != NO_ADDRESS && new[at] != NO_ADDRESS)
			at = (at + 1) & (slots - 1);
		if (old[i] != NO_ADDRESS)
			new[at] = old[i];
	}
	free(old);
	cpu->hooked = new;
	cpu->hooked_slots = slots;
	return true;
}

bool hook_special(struct cpu *cpu, uint64_t address)
{
	size_t at;

	if (cpu->hooked_count * 2 >= cpu->hooked_slots && !hooked_grow(cpu))
		return false;
	at = address & (cpu->hooked_slots - 1);
	for (; cpu->hooked[at] != NO_ADDRESS; at = (at + 1) & (cpu->hooked_slots - 1)) {
		if (cpu->hooked[at] == address)
			return true;
	}
	if (!add(cpu, UC_HOOK_CODE, (void *)on_special, address, address))
		return false;
	cpu->hooked[at] = address;
	cpu->hooked_count++;
	return true;
}

void cpu_leave(struct cpu *cpu, enum leave leave, uint64_t at)
{
	cpu->leave = leave;
	cpu->at = at;
	uc_emu_stop(cpu->uc);
}
