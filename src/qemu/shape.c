/* SPDX-License-Identifier: MIT */
/*
 * What translations have in them only while somebody needs it, since it costs: whether conditional
 * branches are taken, which instructions both load and store, and where branches go. When a counter
 * first counts such an event, or branches are first recorded, all is translated anew, and stays so.
 */
#include <stdatomic.h>

#include "room_int.h"

static const struct {
	uint64_t classes;
	unsigned shape;
} needs[] = {
	{VPMU_CLASS_BIT(VPMU_TAKEN_BRANCHES) | VPMU_CLASS_BIT(VPMU_CONDITIONAL_TAKEN) |
                 VPMU_CLASS_BIT(VPMU_CONDITIONAL_NOT_TAKEN),
         SHAPE_TAKEN},
	{VPMU_CLASS_BIT(VPMU_MEMORY) | VPMU_CLASS_BIT(VPMU_LOAD_STORES), SHAPE_MEMORY},
};

static unsigned shape_for(uint64_t wanted)
{
	unsigned shape = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(needs); i++)
		if (wanted & needs[i].classes)
			shape |= needs[i].shape;
	return shape;
}

/* QEMU stops all vCPUs for it before this one's next block. */
void shape_follow(struct cpu *cpu)
{
	unsigned shape = shape_for(vpmu_pmu_wanted(cpu->pmu));

	record_follow(cpu);
	shape |= hot_of(cpu)->records ? SHAPE_RECORD : 0u;
	if (!(shape & ~plugin.shape))
		return;
	atomic_fetch_or(&plugin.shape, shape);
	qemu_plugin_reset(plugin.id, plugin_register, NULL);
}

void at_not_taken(unsigned vcpu, void *data)
{
	const struct block *block = data;

	hot_of(plugin.cpu[vcpu])->not_taken[block->ring]++;
}

void shape_settle(struct cpu *cpu, uint64_t from)
{
	struct hot *hot = hot_of(cpu);
	uint64_t open = hot->open, physical;
	struct frame frame;

	hot->open = 0;
	if (open && linear_to_physical(from, &physical) && PLACE_OF(physical) == open &&
	    frame_read(from, &frame))
		hot->not_taken[frame_ring(&frame)]++;
}
