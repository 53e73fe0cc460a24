/* SPDX-License-Identifier: MIT */
/*
 * What changes the ring on models that count it in the ring that it goes to (AMD's): its block does
 * not add it, but notes that it is on its way. It is counted where execution goes on: at the next
 * block's start, or where the interrupt or fault came that was there first.
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

	/* INT n names the instruction behind it: its handler is where it goes. */
	if (!hot_of(cpu)->on_way || !frame_read(from, &frame))
		return true;
	if (is_itself(cpu, from)) {
		hot_of(cpu)->on_way = 0;
		return false;
	}
	arrive(cpu, frame_ring(&frame));
	return true;
}
