/* SPDX-License-Identifier: MIT */
/*
 * Which order a list of writes is: an order makes a plan of the values that the list leaves behind,
 * and a list that is the same, write by write, is that order.
 */
#include <state/room_int.h>

/* Whether an MSR counts as part of a put: IA32_PERF_CAPABILITIES does not, since VMMs write it
 * elsewhere. */
static bool is_of_puts(const struct vpmu_layout *layout, uint32_t msr)
{
	int place = vpmu_layout_find_msr(layout, msr);

	return place < 0 || layout->registers[place].kind != VPMU_KIND_CAPABILITIES;
}

/* The list of writes; those that are not part of a put are skipped. */
struct list {
	const struct vpmu_layout *layout;
	const struct vpmu_msr *writes;
	size_t length, calls;
	size_t count; /* writes that are part of a put */
};

/* The next one from there on; NULL at the end. */
static const struct vpmu_msr *next(const struct list *list, size_t *at)
{
	while (*at < list->length && !is_of_puts(list->layout, list->writes[*at].index))
		++*at;
	return *at < list->length ? &list->writes[(*at)++] : NULL;
}

static void make_state(struct vpmu_state *state, const struct list *list)
{
	const struct vpmu_layout *layout = list->layout;
	const struct vpmu_msr *write;

	vpmu_state_reset(state, layout);
	for (size_t at = 0; (write = next(list, &at));) {
		int place = vpmu_layout_find_msr(layout, write->index);

		if (place >= 0 && layout->value_of[place] != VPMU_NO_VALUE)
			state->values[layout->value_of[place]] = write->value;
	}
}

static enum vpmu_status make_plan(struct vpmu_plan *plan, const struct vpmu_order *order,
                                  const struct list *list)
{
	struct vpmu_state state;
	enum vpmu_status status;
	size_t kept = 0;

	make_state(&state, list);
	status = vpmu_plan_make(plan, &state, list->layout, VPMU_LEVEL_RESET, order);
	for (size_t i = 0; i < plan->count; i++)
		if (is_of_puts(list->layout, plan->writes[i].msr))
			plan->writes[kept++] = plan->writes[i];
	plan->count = kept;
	return status;
}

static bool same_write(const struct vpmu_msr *msr, const struct vpmu_write *write)
{
	return msr && msr->index == write->msr && msr->value == write->value;
}

/* Whether the list is the plan, write by write. If the order skips values that the target has,
 * writes may be missing, but then each write must have a call of its own, and at least half of the
 * plan must be there, since a few writes prove nothing. */
static bool is_order(const struct vpmu_plan *plan, const struct list *list)
{
	bool skips = plan->order->skips_equal && list->calls >= list->count &&
	             list->count >= plan->count / 2;
	size_t at = 0;
	const struct vpmu_msr *write = next(list, &at);

	for (size_t i = 0; i < plan->count; i++) {
		if (same_write(write, &plan->writes[i]))
			write = next(list, &at);
		else if (!skips)
			return false;
	}
	return !write && plan->count;
}

/* The length of the longest common subsequence of registers. */
static unsigned common(const struct vpmu_plan *plan, const struct list *list)
{
	unsigned longest[VPMU_MAX_PLAN + 1] = {0};
	const struct vpmu_msr *write;

	for (size_t at = 0; (write = next(list, &at));) {
		unsigned diagonal = 0;

		for (size_t j = 0; j < plan->count; j++) {
			unsigned above = longest[j + 1];

			if (write->index == plan->writes[j].msr)
				longest[j + 1] = diagonal + 1;
			else if (longest[j] > above)
				longest[j + 1] = longest[j];
			diagonal = above;
		}
	}
	return longest[plan->count];
}

enum vpmu_status vpmu_order_compare(const struct vpmu_order *order,
                                    const struct vpmu_layout *layout, const struct vpmu_msr *writes,
                                    size_t count, size_t calls, struct vpmu_order_match *match)
{
	struct list list = {layout, writes, count, calls, 0};
	enum vpmu_status status;
	struct vpmu_plan plan;
	size_t at = 0;

	if (!match)
		return VPMU_BAD_ARGUMENT;
	*match = (struct vpmu_order_match){.place = VPMU_NO_VALUE};
	if (!order || !layout || (count && !writes))
		return VPMU_BAD_ARGUMENT;
	while (next(&list, &at))
		list.count++;
	status = make_plan(&plan, order, &list);
	if (status)
		return status;
	at = 0;
	while (match->same < plan.count && same_write(next(&list, &at), &plan.writes[match->same]))
		match->same++;
	match->planned = (uint32_t)plan.count;
	match->common = common(&plan, &list);
	match->is_it = is_order(&plan, &list);
	if (match->same < plan.count)
		match->place = plan.writes[match->same].place;
	return VPMU_OK;
}
