/* SPDX-License-Identifier: MIT */
/*
 * timing=cache: estimates cycles, cache events and branch misses with the meter's timing model.
 * Translated code feeds the model: each memory access calls, and each block after a branch, but
 * only while a counter counts such an event. Each vCPU has a model, with a meter for each ring, so
 * that costs are paid in the ring that caused them.
 */
#include <stdlib.h>

#include "room_int.h"

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

struct timed {
	struct vpmu_timing *model;
	struct vpmu_meter meter[RINGS];
	uint64_t issued[RINGS]; /* instructions whose slots have been paid */
	bool reached;           /* what the model has counted overflows something */
};

/* A block's start, and its branch. */
struct timed_block {
	uint64_t start, branch, next; /* linear */
	uint8_t flags;                /* of the branch: VPMU_INSN_…, or 0 */
	uint8_t ring;
};

enum { SLOTS_OF_INSN = 1, CYCLES_OF_INSN = 8, LOOK_AGAIN = 32, SHIFT_OF_SIZES = 5 };

bool timed_begin(struct cpu *cpu)
{
	struct vpmu_rates rates;

	if (plugin.options.timing == QEMU_TIMING_NONE)
		return true;
	cpu->timed = calloc(1, sizeof(*cpu->timed));
	if (!cpu->timed)
		return false;
	cpu->timed->model = malloc(vpmu_timing_size());
	vpmu_timing_rates(&rates);
	for (unsigned ring = 0; ring < RINGS; ring++)
		if (vpmu_meter_init(&cpu->timed->meter[ring], cpu->pmu, &rates) != VPMU_OK)
			return false;
	return vpmu_timing_init(cpu->timed->model, vpmu_timing_size());
}

void timed_end(struct cpu *cpu)
{
	if (cpu->timed)
		free(cpu->timed->model);
	free(cpu->timed);
	cpu->timed = NULL;
}

void timed_reset(struct cpu *cpu)
{
	if (!cpu->timed)
		return;
	hot_of(cpu)->timed_from = 0;
	vpmu_timing_flush_caches(cpu->timed->model);
	vpmu_timing_flush_predictor(cpu->timed->model);
}

/* --- Paying ----------------------------------------------------------------------------------- */

static unsigned cpl_of(enum ring ring)
{
	return ring == RING_USER ? 3 : 0;
}

void timed_refresh(struct cpu *cpu)
{
	for (unsigned ring = 0; cpu->timed && ring < RINGS; ring++)
		vpmu_meter_refresh(&cpu->timed->meter[ring], cpl_of((enum ring)ring), UINT64_MAX);
}

/* An instruction may cost hundreds of cycles, but seldom does. So the room is not used up at once
 * but approached in ever smaller steps; an overflow is seen a few instructions late. */
uint64_t timed_room(const struct vpmu_amounts *room)
{
	uint64_t slots = least(room->of[VPMU_SLOTS], room->of[VPMU_TOPDOWN_BACKEND]);
	uint64_t cycles = least(room->of[VPMU_CYCLES], room->of[VPMU_REF_CYCLES]);
	uint64_t insns = least(cycles, slots / TIMING_WIDTH) / CYCLES_OF_INSN;

	return insns < LOOK_AGAIN ? LOOK_AGAIN : insns;
}

/* The ring's instructions that have not taken their slots yet. 0 while some have been taken
 * back. */
static uint64_t issue(struct cpu *cpu, enum ring ring)
{
	uint64_t now = count_retired(cpu, ring), *issued = &cpu->timed->issued[ring];
	uint64_t count = now > *issued ? now - *issued : 0;

	*issued += count;
	return count * SLOTS_OF_INSN;
}

struct vpmu_outcome timed_account(struct cpu *cpu, enum ring ring,
                                  const struct vpmu_amounts *amounts)
{
	struct vpmu_meter *meter = &cpu->timed->meter[ring];
	struct vpmu_amounts own = *amounts;
	struct vpmu_outcome outcome;

	own.of[VPMU_SLOTS] = issue(cpu, ring);
	own.of[VPMU_TOPDOWN_BACKEND] = 0;
	vpmu_pmu_set_lvtpc(cpu->pmu, pmi_lvtpc(cpu));
	vpmu_meter_spend(meter, &own);
	outcome = vpmu_meter_settle(meter, cpl_of(ring));
	cpu->timed->reached = false;
	timed_refresh(cpu);
	return outcome;
}

bool timed_is_due(const struct cpu *cpu)
{
	return cpu->timed && cpu->timed->reached;
}

/* Has the next block pay, and send the PMI, if something is reached. */
static void look(struct cpu *cpu, const struct vpmu_meter *meter)
{
	const struct vpmu_costs *costs = &meter->costs, *room = &meter->costs_room;
	bool reached = costs->slots >= room->slots || costs->branch_misses >= room->branch_misses ||
	               costs->llc_references >= room->llc_references ||
	               costs->llc_misses >= room->llc_misses;

	for (unsigned i = VPMU_LLC_LOADS; meter->detailed && i < VPMU_CLASSES; i++)
		reached |= meter->details.of[i] >= meter->details_room.of[i];
	if (!reached || cpu->timed->reached)
		return;
	cpu->timed->reached = true;
	count_kick(cpu);
}

/* --- What happens ----------------------------------------------------------------------------- */

static void at_data(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t address, void *data)
{
	struct cpu *cpu = plugin.cpu[vcpu];
	const struct timed_block *block = data;
	struct vpmu_meter *meter = &cpu->timed->meter[block->ring];
	unsigned bytes = 1u << (qemu_plugin_mem_size_shift(info) % (SHIFT_OF_SIZES + 1));
	uint64_t slots = meter->costs.slots;

	if (!meter->timed)
		return;
	vpmu_timing_data(cpu->timed->model, meter, address, bytes, qemu_plugin_mem_is_store(info));
	if (meter->costs.slots != slots)
		look(cpu, meter);
}

/* Keeps the model's count of taken branches out: shape.c's is exact. */
static void jump(struct cpu *cpu, const struct timed_block *from, uint64_t target)
{
	static const enum vpmu_class others[] = {VPMU_TAKEN_BRANCHES, VPMU_CONDITIONAL_TAKEN,
	                                         VPMU_CONDITIONAL_NOT_TAKEN};
	struct vpmu_meter *meter = &cpu->timed->meter[from->ring];
	uint64_t kept[ARRAY_SIZE(others)], misses = meter->costs.branch_misses;

	if (!meter->timed)
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(others); i++)
		kept[i] = meter->details.of[others[i]];
	meter->costs.slots +=
		issue(cpu, (enum ring)from->ring); /* a taken branch ends their cycle */
	vpmu_timing_jump(cpu->timed->model, meter, from->branch, from->next, target, from->flags);
	for (unsigned i = 0; i < ARRAY_SIZE(others); i++)
		meter->details.of[others[i]] = kept[i];
	if (meter->costs.branch_misses != misses)
		look(cpu, meter);
}

static const struct timed_block *take_from(struct cpu *cpu)
{
	struct hot *hot = hot_of(cpu);
	const struct timed_block *from = (const struct timed_block *)(uintptr_t)hot->timed_from;

	hot->timed_from = 0;
	return from;
}

/* At the start of a block, after one that ended with a branch. */
static void at_target(unsigned vcpu, void *data)
{
	struct cpu *cpu = plugin.cpu[vcpu];
	const struct timed_block *block = data, *from = take_from(cpu);

	if (from)
		jump(cpu, from, block->start);
}

void timed_settle(struct cpu *cpu, uint64_t at)
{
	const struct timed_block *from = cpu->timed ? take_from(cpu) : NULL;

	if (from && at != from->branch)
		jump(cpu, from, at);
}

void timed_flush(void)
{
	for (unsigned i = 0; i < MAX_VCPUS; i++)
		if (plugin.cpu[i] && plugin.cpu[i]->timed)
			hot_of(plugin.cpu[i])->timed_from = 0;
}

/* --- Translation ------------------------------------------------------------------------------ */

void timed_translate(struct qemu_plugin_tb *tb, const struct block *block)
{
	struct qemu_u64 from = {plugin.score, offsetof(struct hot, timed_from)};
	struct qemu_plugin_insn *last = NULL;
	struct timed_block *timed = block_alloc(sizeof(*timed));

	if (!timed)
		return;
	*timed = (struct timed_block){.start = qemu_plugin_tb_vaddr(tb), .ring = block->ring};
	qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, at_target, QEMU_CB_NO_REGS, QEMU_COND_NE,
	                                          from, 0, timed);
	for (unsigned i = 0; i < block->insns; i++) {
		last = qemu_plugin_tb_get_insn(tb, i);
		if (block_data(block, i))
			qemu_plugin_register_vcpu_mem_cb(last, at_data, QEMU_CB_NO_REGS,
			                                 QEMU_MEM_RW, timed);
	}
	if (!last || block->branch == QEMU_NO_BRANCH)
		return;
	timed->branch = qemu_plugin_insn_vaddr(last);
	timed->next = timed->branch + qemu_plugin_insn_size(last);
	timed->flags = block->flags;
	qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(last, QEMU_STORE_U64, from,
	                                                    (uint64_t)(uintptr_t)timed);
}
