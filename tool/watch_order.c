/* SPDX-License-Identifier: MIT */
/*
 * Which order a put is: the known orders make a plan of the values that were written, and a plan
 * that is the same, write by write, names the order. KVM is not told a put's level; it shows in
 * what is written (docs/watch.md).
 */
#include "watch.h"

#include <inttypes.h>
#include <string.h>

enum { RESET_VECTOR = 0xfff0 };

/* What the put wrote of the model, without IA32_PERF_CAPABILITIES: it is no part of some orders,
 * and a VMM that writes it does so elsewhere. */
struct written {
	unsigned count;
	struct watch_access at[WATCH_WRITES];
};

static void gather(const struct watch_block *block, struct written *written)
{
	written->count = 0;
	for (unsigned i = 0; i < block->count; i++)
		if (block->accesses[i].msr != VPMU_MSR_PERF_CAPABILITIES)
			written->at[written->count++] = block->accesses[i];
}

/* The state that the put leaves behind, as far as it goes. */
static void make_state(const struct watch_vcpu *vcpu, const struct written *written,
                       struct vpmu_state *state)
{
	vpmu_state_reset(state, &vcpu->layout);
	for (unsigned i = 0; i < written->count; i++) {
		int value = watch_value(vcpu, written->at[i].msr);

		if (value >= 0)
			state->values[value] = written->at[i].value;
	}
}

static void make_plan(const struct watch_vcpu *vcpu, const struct vpmu_state *state,
                      const struct vpmu_order *order, struct vpmu_plan *plan)
{
	size_t kept = 0;

	if (vpmu_plan_make(plan, state, &vcpu->layout, VPMU_LEVEL_RESET, order))
		plan->count = 0;
	for (size_t i = 0; i < plan->count; i++)
		if (plan->writes[i].msr != VPMU_MSR_PERF_CAPABILITIES)
			plan->writes[kept++] = plan->writes[i];
	plan->count = kept;
}

static bool same_write(const struct watch_access *access, const struct vpmu_write *write)
{
	return access->msr == write->msr && access->value == write->value;
}

/* Write by write; an order that skips what the target has may leave some out, a call each. A few
 * writes alone prove nothing. */
static bool is_order(const struct watch_block *block, const struct written *written,
                     const struct vpmu_plan *plan)
{
	bool skips = plan->order->skips_equal && block->calls >= written->count &&
	             written->count >= plan->count / 2;
	unsigned at = 0;

	for (size_t i = 0; i < plan->count; i++) {
		if (at < written->count && same_write(&written->at[at], &plan->writes[i]))
			at++;
		else if (!skips)
			return false;
	}
	return at == written->count && plan->count;
}

/* The length of the longest sequence of registers that both have. */
static unsigned common(const struct written *written, const struct vpmu_plan *plan)
{
	unsigned longest[VPMU_MAX_PLAN + 1] = {0};

	for (unsigned i = 0; i < written->count; i++) {
		unsigned diagonal = 0;

		for (size_t j = 0; j < plan->count; j++) {
			unsigned above = longest[j + 1];

			if (written->at[i].msr == plan->writes[j].msr)
				longest[j + 1] = diagonal + 1;
			else if (longest[j] > above)
				longest[j + 1] = longest[j];
			diagonal = above;
		}
	}
	return longest[plan->count];
}

static const char *name_at(const struct watch_vcpu *vcpu, const struct written *written, size_t i)
{
	const char *name = i < written->count ? watch_msr_name(vcpu, written->at[i].msr) : NULL;

	return name ? name : "nothing";
}

/* "none known; nearest is no-stop (20 of its 21 writes): write 3 is A, there B" */
static void describe(const struct watch_vcpu *vcpu, const struct written *written,
                     const struct vpmu_plan *plan, char *text, size_t bytes)
{
	size_t i = 0;
	const char *there;

	while (i < plan->count && i < written->count &&
	       same_write(&written->at[i], &plan->writes[i]))
		i++;
	there = i < plan->count ? vcpu->layout.registers[plan->writes[i].place].name : "nothing";
	snprintf(text, bytes,
	         "none known; nearest is %s (%u of its %zu writes): write %zu is %s%s%s",
	         plan->order->name, common(written, plan), plan->count, i + 1,
	         name_at(vcpu, written, i), ", there ",
	         i < plan->count && i < written->count && written->at[i].msr == plan->writes[i].msr
	                 ? "with another value"
	                 : there);
}

/* The orders of VMMs, the simplest first: who stops nothing is not said to stop first. */
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
	static struct vpmu_plan plan, nearest;
	const struct vpmu_order *order;
	struct vpmu_state state;
	int best = -1;

	make_state(vcpu, written, &state);
	for (size_t i = 0; (order = vpmu_order_at(i)); i++) {
		make_plan(vcpu, &state, order, &plan);
		if (is_order(block, written, &plan))
			add_order(block, order);
		if ((int)common(written, &plan) > best) {
			best = (int)common(written, &plan);
			nearest = plan;
		}
	}
	if (!block->order_count && nearest.order)
		describe(vcpu, written, &nearest, block->order, sizeof(block->order));
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
