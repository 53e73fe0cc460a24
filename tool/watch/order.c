/* SPDX-License-Identifier: MIT */
/* Which order a put is, or is nearest to. KVM is not told a put's level; it shows in what is
 * written (docs/watch.md). */
#include "watch.h"

#include <inttypes.h>
#include <string.h>

enum { RESET_VECTOR = 0xfff0 };

/* What the put wrote of the model, without IA32_PERF_CAPABILITIES: a VMM that writes it does so
 * elsewhere. */
struct written {
	unsigned count;
	struct vpmu_msr at[WATCH_WRITES];
};

static void gather(const struct watch_block *block, struct written *written)
{
	written->count = 0;
	for (unsigned i = 0; i < block->count; i++)
		if (block->accesses[i].msr != VPMU_MSR_PERF_CAPABILITIES)
			written->at[written->count++] = (struct vpmu_msr){
				.index = block->accesses[i].msr, .value = block->accesses[i].value};
}

static const char *name_at(const struct watch_vcpu *vcpu, const struct written *written, size_t i)
{
	const char *name = i < written->count ? watch_msr_name(vcpu, written->at[i].index) : NULL;

	return name ? name : "nothing";
}

/* "none known; nearest is no-stop (20 of its 21 writes): write 3 is A, there B" */
static void describe(const struct watch_vcpu *vcpu, const struct written *written,
                     const struct vpmu_order *order, const struct vpmu_order_match *match,
                     char *text, size_t bytes)
{
	const struct vpmu_register *there =
		match->place == VPMU_NO_VALUE ? NULL : &vcpu->layout.registers[match->place];
	bool other_value = there && match->same < written->count &&
	                   written->at[match->same].index == there->msr;

	snprintf(text, bytes,
	         "none known; nearest is %s (%u of its %u writes): write %u is %s, there %s",
	         order->name, match->common, match->planned, match->same + 1,
	         name_at(vcpu, written, match->same),
	         other_value ? "with another value"
	         : there     ? there->name
	                     : "nothing");
}

/* The orders of VMMs, the simplest first, so that a put without a stop is not called stop-first. */
static unsigned preference(const struct vpmu_order *order)
{
	static const char *const names[] = {"no-stop", "stop-first", "listed", "ascending",
	                                    "per-counter"};
	unsigned i = 0;

	while (i < sizeof(names) / sizeof(names[0]) && strcmp(order->name, names[i]) != 0)
		i++;
	return i;
}

static void add_order(struct watch_block *block, const struct vpmu_order *order)
{
	unsigned at = block->order_count;

	if (at == WATCH_ORDERS)
		return;
	block->order_count++;
	for (; at && preference(block->orders[at - 1]) > preference(order); at--)
		block->orders[at] = block->orders[at - 1];
	block->orders[at] = order;
}

static void find_orders(const struct watch_vcpu *vcpu, struct watch_block *block,
                        const struct written *written)
{
	const struct vpmu_order *order, *nearest = NULL;
	struct vpmu_order_match match, best = {.common = 0};

	for (size_t i = 0; (order = vpmu_order_at(i)); i++) {
		if (vpmu_order_compare(order, &vcpu->layout, written->at, written->count,
		                       block->calls, &match))
			continue;
		if (match.is_it)
			add_order(block, order);
		if (!nearest || match.common > best.common) {
			best = match;
			nearest = order;
		}
	}
	if (!block->order_count && nearest)
		describe(vcpu, written, nearest, &best, block->order, sizeof(block->order));
}

static enum watch_level level_of(const struct watch_vcpu *vcpu, const struct watch_block *block,
                                 const struct written *written)
{
	if (block->count && !written->count && !block->has_tsc)
		return WATCH_CONFIGURATION;
	if (!written->count && !block->has_tsc)
		return WATCH_RUNTIME;
	return vcpu->has_regs && vcpu->rip == RESET_VECTOR ? WATCH_RESET : WATCH_FULL;
}

void watch_judge_put(const struct watch_vcpu *vcpu, struct watch_block *block)
{
	static struct written written;

	gather(block, &written);
	block->level = level_of(vcpu, block, &written);
	block->order[0] = '\0';
	block->order_count = 0;
	block->unowned = vcpu->has_no_pmu ? written.count : 0;
	if (written.count && vcpu->has_layout)
		find_orders(vcpu, block, &written);
}
