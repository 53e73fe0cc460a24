/* SPDX-License-Identifier: MIT */
/* The interfaces between the files of src/meter. */
#ifndef METER_ROOM_INT_H
#define METER_ROOM_INT_H

#include <base/room.h>
#include <core/room.h>
#include <meter/room.h>

/* a + b, or UINT64_MAX where that is more. */
static inline uint64_t sum(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

static inline uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* A class's place in block.details. */
#define DETAIL(class_) ((class_)-VPMU_DETAIL_FIRST)

/* Adds the instruction's detail classes. */
void details_of(const struct vpmu_insn *insn, uint32_t details[VPMU_DETAILS]);

/* For each wanted class of VPMU_METER_DETAILS. */
#define FOR_WANTED_DETAILS(class_, meter)                                                          \
	for (uint64_t rest_ = (meter)->wanted & VPMU_METER_DETAILS,                                \
	              class_ = rest_ ? (uint64_t)__builtin_ctzll(rest_) : 0;                       \
	     rest_; rest_ &= rest_ - 1, class_ = rest_ ? (uint64_t)__builtin_ctzll(rest_) : 0)

/* Whether there are costs that have not been settled. */
static inline bool costs_are_owed(const struct vpmu_meter *meter)
{
	const struct vpmu_costs *now = &meter->costs, *then = &meter->costs_settled;

	return now->slots != then->slots || now->branch_misses != then->branch_misses ||
	       now->llc_references != then->llc_references || now->llc_misses != then->llc_misses;
}

/* Cycles, or reference cycles, as a fraction of slots: slots * per / divider of them are
 * complete. */
struct ratio {
	uint64_t per, divider;
};

static inline struct ratio ratio_of_cycles(const struct vpmu_rates *rates)
{
	return (struct ratio){1, rates->width};
}

static inline struct ratio ratio_of_ref_cycles(const struct vpmu_rates *rates)
{
	return (struct ratio){rates->ref_numerator,
	                      (uint64_t)rates->ref_denominator * rates->width};
}

/* How many are complete after this many slots. */
uint64_t ratio_complete(struct ratio ratio, uint64_t slots);

/* After how many slots `count` of them are complete. */
uint64_t ratio_slots(struct ratio ratio, uint64_t count);

#endif
