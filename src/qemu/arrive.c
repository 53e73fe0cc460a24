/* SPDX-License-Identifier: MIT */
/*
 * Instructions that change the ring, on models that count them in the ring they lead to (AMD's).
 * The block does not add such an instruction but notes that it is on its way. It is counted where
 * execution continues: at the start of the next block, or at the interrupt or fault that comes
 * first.
 */
#include "room_int.h"

void arrive(struct cpu *cpu, enum ring ring)
{
	struct hot *hot = hot_of(cpu);

	if (!hot->on_way)
		return;
	hot->run[ring] += run_of_insn(ON_WAY_DATA(hot->on_way));
	hot->branches[ring][QEMU_FAR]++;
	hot->on_way = 0;
}

static bool is_itself(const struct cpu *cpu, uint64_t at)
{
	uint64_t physical;

	return linear_to_physical(at, &physical) &&
	       physical == ON_WAY_PHYSICAL(hot_of(cpu)->on_way);
}

bool arrive_in_frame(struct cpu *cpu, uint64_t from)
{
	struct frame frame;

	/* A fault's frame names the instruction itself. INT n's names the next one, so INT n has
	 * retired. */
	if (!hot_of(cpu)->on_way || !frame_read(from, &frame))
		return true;
	if (is_itself(cpu, from)) {
		hot_of(cpu)->on_way = 0;
		return false;
	}
	arrive(cpu, frame_ring(&frame));
	return true;
}
