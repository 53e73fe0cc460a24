/* SPDX-License-Identifier: MIT */
/*
 * Runs long loops of one block at Unicorn's full speed, without the block hook: the loop's counter
 * tells afterwards how many iterations there were. Unicorn keeps a second translation of the block,
 * made while the hook's bounds exclude everything. It is kept apart by a flag that is part of a
 * translation's key and has no effect on the loop (which has no I/O). The first block after the
 * loop has the hook again.
 */
#include <machine/unicorn/guard.h>
#include <machine/unicorn/room_int.h>
#include <machine/unicorn/loop.h>

enum {
	SPIN_MIN = 4096,          /* fewer iterations are not worth a stop and a start */
	SPIN_MIN_FIRST = 1 << 16, /* nor, the first time, a translation */
};

/* uc_ctl_request_cache(), whose macro shifts a bit into the sign. */
#define REQUEST_CACHE                                                                              \
	((uc_control_type)((unsigned)UC_CTL_TB_REQUEST_CACHE | 2u << 26 |                          \
	                   (unsigned)UC_CTL_IO_READ_WRITE << 30))

#define SPIN_MAX (UINT64_C(1) << 32)
#define HF_SPIN  0x01000000u /* I/O breakpoints are armed */

bool spin_pays(const struct cpu *cpu, const struct block *block)
{
	uint64_t left;

	if (!block->loop || block->loop->pure || block->pay.lines || !cpu->hook_bounds ||
	    cpu->stop || !loop_is_steady(cpu, block))
		return false;
	left = loop_left(cpu, block->loop);
	return left >= (block->loop->prepared ? SPIN_MIN : SPIN_MIN_FIRST) && left < SPIN_MAX &&
	       left <= loop_room(cpu, block);
}

static void prepare(struct cpu *cpu, struct block *block)
{
	uint64_t begin = cpu->hook_bounds[0], end = cpu->hook_bounds[1];
	uc_tb made;

	cpu->hook_bounds[0] = cpu->hook_bounds[1] = 0;
	block->loop->prepared = !uc_ctl(cpu->uc, REQUEST_CACHE, block->address, &made);
	cpu->hook_bounds[0] = begin;
	cpu->hook_bounds[1] = end;
}

/* Where the run ended. Without a reason to leave, it stopped at the start of an iteration. */
static uint64_t ended_at(const struct cpu *cpu, const struct block *block, uc_err error)
{
	if (cpu->leave != LEAVE_NONE)
		return cpu->at;
	return error ? cpu->state->rip : block->address;
}

/* The number of iterations, by how much the counter has changed. Includes an iteration that was
 * left in the middle, if it had already changed the counter. */
static uint64_t iterations(const struct cpu *cpu, const struct loop_add *counter, uint64_t start)
{
	uint64_t change = cpu->state->regs[counter->reg] - start;

	if (counter->narrow)
		change = counter->by < 0 ? -(uint64_t)(uint32_t)-change : (uint32_t)change;
	return (uint64_t)((int64_t)change / counter->by);
}

/* Counts what the loop has done since the counter had its start value; RIP says where it was left.
 * Every iteration ended in a taken branch, except the last if the loop has ended. */
static uint64_t count(struct cpu *cpu, const struct block *block, uint64_t start)
{
	uint64_t done = iterations(cpu, &block->loop->counter, start);
	int index = cpu->state->rip - block->address < block->size
	                    ? block_index(block, cpu->state->rip)
	                    : -1;
	bool ended;

	if (index > block->loop->counter_op)
		done--;
	ended = index < 0 && done;
	loop_pay(cpu, block, done - ended);
	if (ended) {
		vpmu_meter_take(cpu_meter(cpu), &block->pay);
		timed_begin(cpu, block);
		timed_branched(cpu, cpu->state->rip);
	}
	if (index > 0)
		vpmu_meter_pay_part(cpu_meter(cpu), &block->pay, 0, (uint32_t)index);
	return done;
}

void spin(struct cpu *cpu, struct block *block)
{
	uint64_t start = cpu->state->regs[block->loop->counter.reg], done;
	uc_err error = UC_ERR_OK;

	cpu->leave = LEAVE_NONE;
	cpu_has_block(cpu, NULL);
	vpmu_meter_hold(cpu_meter(cpu));
	cpu->state->hflags |= HF_SPIN;
	if (!block->loop->prepared)
		prepare(cpu, block);
	cpu->spinning = true;
	if (!cpu->stop)
		error = guarded_start(cpu, block->address);
	cpu->spinning = false;
	cpu->state->hflags &= ~HF_SPIN;
	cpu->state->rip = ended_at(cpu, block, error);
	done = count(cpu, block, start);
	if (cpu->leave == LEAVE_SYNC && cpu->at == block->address && !done) {
		block->loop->prepared = false; /* the cached translation has the hook */
		translation_drop(cpu, block->address, block->address + block->size);
	}
	if (cpu->leave == LEAVE_EXCEPTION && !cpu->broken)
		exception_take(cpu);
	else if (error)
		cpu_go_error(cpu, error);
}
