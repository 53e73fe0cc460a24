/* SPDX-License-Identifier: MIT */
/*
 * Breadth first through everything that can happen in a scenario. A node is a machine at a place in
 * the plan; two ways that lead to the same node are explored once. Machines are kept for the nodes
 * of two depths only; the way to a node is known by its parents.
 */
#include <stdlib.h>

#include "explorer.h"

static struct frontier *next_frontier(struct check_explorer *explorer)
{
	return &explorer->frontiers[!explorer->now];
}

/* The place of the next machine; NULL when the scope's nodes do not do. */
static struct vpmu_pmu *next_machine(struct check_explorer *explorer)
{
	struct frontier *next = next_frontier(explorer);

	if (next->count < explorer->frontier_max && explorer->node_count < explorer->scope.nodes)
		return (struct vpmu_pmu *)(next->machines + next->count * explorer->stride);
	explorer->result->incomplete = true;
	return NULL;
}

static void push(struct check_explorer *explorer, uint32_t parent, const struct vpmu_pmu *from,
                 enum move move)
{
	struct vpmu_pmu *pmu = next_machine(explorer);
	struct frontier *next = next_frontier(explorer);
	struct node node = explorer->nodes[parent];

	if (!pmu)
		return;
	memcpy(pmu, from, explorer->stride);
	node.parent = parent;
	node.move = (uint8_t)move;
	node.used += move != MOVE_WRITE && move != MOVE_AGAIN;
	node.depth += move != MOVE_AGAIN;
	make_move(&explorer->scenario, move, pmu, &node, NULL);
	explorer->result->transitions++;
	if (nodes_add(explorer, &node, pmu))
		next->nodes[next->count++] = explorer->node_count - 1;
}

/* What was just read from the vCPU is also put well when the vCPU goes on as if nothing had been
 * put: with what is in no register, too. */
static bool goes_on_as_lived(struct check_explorer *explorer, const struct node *node,
                             const struct vpmu_pmu *pmu)
{
	struct scenario *scenario = &explorer->scenario;
	struct reference held = scenario->reference;
	struct vpmu_pmu *scratch = pmu_of(&explorer->scratch);
	bool same;

	memcpy(scratch, pmu, explorer->stride);
	scenario->reference = scenario->lived;
	scenario->reference.counters_on = held.counters_on;
	same = !judge(scratch, scenario, node->raised, node->refused, NULL);
	scenario->reference = held;
	explorer->result->transitions += JUDGE_TRANSITIONS;
	return same;
}

static void end_of_put(struct check_explorer *explorer, uint32_t at, const struct vpmu_pmu *pmu)
{
	const struct node *node = &explorer->nodes[at];
	struct vpmu_pmu *scratch = pmu_of(&explorer->scratch);
	uint32_t violated;

	memcpy(scratch, pmu, explorer->stride);
	violated = judge(scratch, &explorer->scenario, node->raised, node->refused, NULL);
	explorer->result->transitions += JUDGE_TRANSITIONS;
	if (violated && explorer->scenario.is_read && goes_on_as_lived(explorer, node, pmu))
		violated = 0;
	if (violated)
		report(explorer, at, violated);
	if (node->round == 1 && explorer->scope.twice && !node->refused)
		push(explorer, at, pmu, MOVE_AGAIN);
}

static void expand(struct check_explorer *explorer, uint32_t at, const struct vpmu_pmu *pmu)
{
	uint32_t moves;

	if (explorer->nodes[at].at == explorer->scenario.count)
		end_of_put(explorer, at, pmu);
	else
		push(explorer, at, pmu, MOVE_WRITE);
	for (moves = moves_at(explorer, &explorer->nodes[at]); moves; moves &= moves - 1)
		push(explorer, at, pmu, (enum move)__builtin_ctz(moves));
}

static void start(struct check_explorer *explorer)
{
	struct node root = node_of_start(&explorer->scenario, pmu_of(&explorer->life));
	struct frontier *first = &explorer->frontiers[0];

	explorer->now = 0;
	nodes_clear(explorer);
	explorer->violated_once = 0;
	memcpy(first->machines, explorer->life.memory, explorer->stride);
	first->nodes[0] = 0;
	first->count = 1;
	explorer->frontiers[1].count = 0;
	nodes_add(explorer, &root, pmu_of(&explorer->life));
}

/* Whether one violation is enough, and there is one. */
static bool is_over(const struct check_explorer *explorer)
{
	return explorer->scenario.subject->first_only &&
	       explorer->result->violated & CHECK_OF_ORDERS;
}

static void explore_all(struct check_explorer *explorer)
{
	start(explorer);
	while (explorer->frontiers[explorer->now].count && !is_over(explorer)) {
		struct frontier *now = &explorer->frontiers[explorer->now];

		for (uint32_t i = 0; i < now->count; i++)
			expand(explorer, now->nodes[i],
			       (const struct vpmu_pmu *)(now->machines + i * explorer->stride));
		now->count = 0;
		explorer->now = !explorer->now;
	}
	if (explorer->node_count > explorer->result->peak_nodes)
		explorer->result->peak_nodes = explorer->node_count;
}

/* PMIs that the prior life has left for the next entry, if it is left alone. */
static unsigned owed_by(struct check_explorer *explorer)
{
	struct vpmu_pmu *pmu = pmu_of(&explorer->scratch);
	struct vpmu_outcome outcome;

	memcpy(pmu, explorer->life.memory, explorer->stride);
	vpmu_pmu_set_lvtpc(pmu, VPMU_LVTPC_RESET);
	outcome = vpmu_pmu_enter(pmu);
	return outcome.pmi + outcome.masked;
}

static void explore_refusals(struct check_explorer *explorer)
{
	struct node node = {.round = 1, .depth = (uint16_t)explorer->scenario.count};
	uint64_t *transitions = &explorer->result->transitions;
	bool needed = is_shorter(explorer, CHECK_REFUSAL_AS_REPORTED, &node);

	if (refusals_as_reported(&explorer->life, &explorer->scenario, &explorer->scratch, NULL,
	                         transitions))
		return;
	explorer->result->violated |= BIT32(CHECK_REFUSAL_AS_REPORTED);
	if (!needed)
		return;
	start_life(explorer, &explorer->life, &explorer->record);
	refusals_as_reported(&explorer->life, &explorer->scenario, &explorer->scratch,
	                     &explorer->record, transitions);
	keep(explorer, CHECK_REFUSAL_AS_REPORTED, &node);
}

/* The state that a get has just read is the life's own. */
static enum vpmu_status read_state(struct check_explorer *explorer)
{
	struct scenario *scenario = &explorer->scenario;

	for (unsigned i = 0; i < scenario->layout->value_count; i++)
		if (vpmu_pmu_host_read(pmu_of(&explorer->life), stored(scenario->layout, i)->msr,
		                       &scenario->state.values[i]))
			return VPMU_INTERNAL;
	return scenario_prepare(scenario, &explorer->scratch);
}

/* A counter whose creation failed does not count where it is: a put can only make it good. */
static bool counts_all(const struct scenario *scenario)
{
	return !memchr(scenario->condition, COUNTER_STARVED, sizeof(scenario->condition));
}

static void explore_held(struct check_explorer *explorer)
{
	struct node node = {.round = 1};
	struct scenario *scenario = &explorer->scenario;

	if (held_as_lived(&explorer->life, scenario, &explorer->scratch, NULL) ||
	    !counts_all(scenario))
		return;
	explorer->result->violated |= BIT32(CHECK_IN_A_REGISTER);
	if (!is_shorter(explorer, CHECK_IN_A_REGISTER, &node))
		return;
	held_as_lived(&explorer->life, scenario, &explorer->scratch, &explorer->record);
	keep(explorer, CHECK_IN_A_REGISTER, &node);
}

static enum vpmu_status explore_scenario(void *context)
{
	struct check_explorer *explorer = context;
	struct check_result *result = explorer->result;
	const struct scenario *scenario = &explorer->scenario;
	enum vpmu_status status = VPMU_OK;

	if (!start_life(explorer, &explorer->life, &explorer->record))
		return VPMU_OK;
	if (scenario->is_read)
		status = read_state(explorer);
	result->exists = true;
	if (status || seen_before(explorer))
		return status;
	explorer->life_steps = explorer->record.count;
	explorer->scenario.owed = owed_by(explorer);
	result->scenarios++;
	if (scenario->is_read)
		explore_held(explorer);
	explore_all(explorer);
	if (explorer->scope.refused && !scenario->is_mixed && !is_over(explorer))
		explore_refusals(explorer);
	return is_over(explorer) ? VPMU_REFUSED : VPMU_OK;
}

enum vpmu_status check_explore(struct check_explorer *explorer, const struct check_subject *subject,
                               struct check_result *result)
{
	enum vpmu_status status = VPMU_INCOMPATIBLE;

	*result = (struct check_result){0};
	explorer->result = result;
	explorer->no_memory = false;
	seen_clear(explorer);
	if (machine_fresh(&explorer->scratch, subject))
		status = vpmu_layout_init(&explorer->layout,
		                          vpmu_pmu_model(pmu_of(&explorer->scratch)));
	if (!status)
		status = scenario_each(subject, &explorer->scope, &explorer->layout,
		                       &explorer->scenario, &explorer->scratch, explore_scenario,
		                       explorer);
	if (explorer->no_memory)
		return VPMU_HOST;
	return status == VPMU_REFUSED ? VPMU_OK : status;
}

void check_result_clear(struct check_result *result)
{
	for (unsigned i = 0; i < CHECK_PROPERTIES; i++)
		free(result->shortest[i]);
	*result = (struct check_result){0};
}
