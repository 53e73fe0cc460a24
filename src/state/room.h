/* SPDX-License-Identifier: MIT */
/* What src/state shows to the rooms above it: the public state, plans and judgements, and a
 * function that is worth inlining. */
#ifndef STATE_ROOM_H
#define STATE_ROOM_H

#include <arch/room.h>
#include <vpmu/compat.h>
#include <vpmu/state.h>

/* vpmu_layout_excess() of a register: the bits that a host write under profile hardware refuses or
 * drops. */
static inline uint64_t register_excess(const struct vpmu_register *reg, uint64_t value)
{
	if (reg->kind == VPMU_KIND_CAPABILITIES || !reg->writable)
		return value ^ reg->reset;
	if (reg->address)
		return address_excess(value, reg->address, reg->flags);
	if (reg->kind == VPMU_KIND_LBR_DEPTH)
		return depth_excess(value, reg->writable);
	return value & ~reg->writable;
}

#endif
