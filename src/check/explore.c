/* SPDX-License-Identifier: MIT */
/*
 * Explores, breadth first, everything that can happen in a scenario. A node is a vCPU at a place in
 * the plan; if two paths lead to the same node, it is explored once. vCPUs are kept only for the
 * nodes of two depths; the path to a node follows from its parents.
 */
#include <stdlib.h>

#include "explorer.h"

static struct frontier *next_frontier(struct check_explorer *explorer)
{
	return &explorer->frontiers[!explorer->now];
}

/* The memory for the next vCPU; NULL if the scope's nodes are used up. */
static void *next_vcpu(struct check_explorer *explorer)
{
	struct frontier *next = next_frontier(explorer);

	if (next->count < explorer->frontier_max && explorer->node_count < explorer->scope.nodes)
		return next->vcpus + next->count * explorer->stride;
	explorer->result->incomplete = true;
	return NULL;
}

static void push(struct check_explorer *explorer, uint32_t parent, const void *from, enum move move)
{
	void *place = next_vcpu(explorer);
	struct frontier *next = next_frontier(explorer);
	struct node node = explorer->nodes[parent];

	if (!place)
		return;
	vcpu_load_node(&explorer->vcpu, from, parent);
	node.parent = parent;
	node.move = (uint8_t)move;
	node.used += move != MOVE_WRITE && move != MOVE_AGAIN;
	node.depth += move != MOVE_AGAIN;
	make_move(&explorer->scenario, move, &explorer->vcpu, &node, NULL);
	explorer->result->transitions++;
	if (!nodes_add(explorer, &node))
		return;
	vcpu_save(&explorer->vcpu, place);
	next->nodes[next->count++] = explorer->node_count - 1;
}

/* A state that was just read from the vCPU is also put correctly if the vCPU then goes on as if
 * nothing had been put, that is, with the state that is in no register. */
static bool goes_on_as_lived(struct check_explorer *explorer, uint32_t at, const void *saved)
{
	const struct node *node = &explorer->nodes[at];
	struct scenario *scenario = &explorer->scenario;
	struct reference held = scenario->reference;
	bool same;

	vcpu_load_node(&explorer->vcpu, saved, at);
	scenario->reference = scenario->lived;
	scenario->reference.counters_on = held.counters_on;
	same = !judge(&explorer->vcpu, scenario, node->raised, node->refused, NULL);
	scenario->reference = held;
	explorer->result->transitions += JUDGE_TRANSITIONS;
	return same;
}

static void end_of_put(struct check_explorer *explorer, uint32_t at, const void *saved)
{
	const struct node *node = &explorer->nodes[at];
	uint32_t violated;

	vcpu_load_node(&explorer->vcpu, saved, at);
	violated = judge(&explorer->vcpu, &explorer->scenario, node->raised, node->refused, NULL);
	explorer->result->transitions += JUDGE_TRANSITIONS;
	if (violated && explorer->scenario.is_read && goes_on_as_lived(explorer, at, saved))
		violated = 0;
	if (violated)
		report(explorer, at, violated);
	if (node->round == 1 && explorer->scope.twice && !node->refused)
		push(explorer, at, saved, MOVE_AGAIN);
}

static void expand(struct check_explorer *explorer, uint32_t at, const void *saved)
{
	uint32_t moves;

	if (explorer->nodes[at].at == explorer->scenario.count)
		end_of_put(explorer, at, saved);
	else
		push(explorer, at, saved, MOVE_WRITE);
	for (moves = moves_at(explorer, &explorer->nodes[at]); moves; moves &= moves - 1)
		push(explorer, at, saved, (enum move)__builtin_ctz(moves));
}

static void start(struct check_explorer *explorer)
{
	struct frontier *first = &explorer->frontiers[0];
	struct node root;

	vcpu_load_life(&explorer->vcpu, explorer->life);
	root = node_of_start(&explorer->scenario, &explorer->vcpu);
	explorer->now = 0;
	nodes_clear(explorer);
	explorer->violated_once = 0;
	vcpu_save(&explorer->vcpu, first->vcpus);
	first->nodes[0] = 0;
	first->count = 1;
	explorer->frontiers[1].count = 0;
	nodes_add(explorer, &root);
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
			expand(explorer, now->nodes[i], now->vcpus + i * explorer->stride);
		now->count = 0;
		explorer->now = !explorer->now;
	}
	if (explorer->node_count > explorer->result->peak_nodes)
		explorer->result->peak_nodes = explorer->node_count;
}

/* PMIs that the prior life has left pending for the next entry. */
static unsigned owed_by(struct check_explorer *explorer)
{
	struct vcpu *vcpu = &explorer->vcpu;
	struct vpmu_outcome outcome;

	vcpu_load_life(vcpu, explorer->life);
	step_do(vcpu, replay_simple(REPLAY_LVTPC, VPMU_LVTPC_RESET), NULL);
	outcome = step_do(vcpu, replay_simple(REPLAY_ENTER, 0), NULL).outcome;
	return outcome.pmi + outcome.masked;
}

static void explore_refusals(struct check_explorer *explorer)
{
	struct node node = {.round = 1, .depth = (uint16_t)explorer->scenario.count};
	uint64_t *transitions = &explorer->result->transitions;
	bool needed = is_shorter(explorer, CHECK_REFUSAL_AS_REPORTED, &node);

	if (refusals_as_reported(&explorer->vcpu, explorer->life, &explorer->scenario, NULL,
	                         transitions))
		return;
	explorer->result->violated |= BIT32(CHECK_REFUSAL_AS_REPORTED);
	if (!needed)
		return;
	start_life(explorer, &explorer->record);
	refusals_as_reported(&explorer->vcpu, explorer->life, &explorer->scenario,
	                     &explorer->record, transitions);
	keep(explorer, CHECK_REFUSAL_AS_REPORTED, &node);
}

/* Uses as state what a get reads after the life. */
static enum vpmu_status read_state(struct check_explorer *explorer)
{
	struct scenario *scenario = &explorer->scenario;

	for (unsigned i = 0; i < scenario->layout->value_count; i++)
		if (!vcpu_read(&explorer->vcpu, stored(scenario->layout, i)->msr,
		               &scenario->state.values[i]))
			return VPMU_INTERNAL;
	return scenario_prepare(scenario, &explorer->vcpu);
}

/* Whether all counters count after the life. One whose creation failed does not, and a put can only
 * repair that. */
static bool counts_all(const struct scenario *scenario)
{
	return !memchr(scenario->condition, COUNTER_STARVED, sizeof(scenario->condition));
}

static void explore_held(struct check_explorer *explorer)
{
	struct node node = {.round = 1};
	struct scenario *scenario = &explorer->scenario;

	if (held_as_lived(&explorer->vcpu, explorer->life, scenario, NULL) || !counts_all(scenario))
		return;
	explorer->result->violated |= BIT32(CHECK_IN_A_REGISTER);
	if (!is_shorter(explorer, CHECK_IN_A_REGISTER, &node))
		return;
	held_as_lived(&explorer->vcpu, explorer->life, scenario, &explorer->record);
	keep(explorer, CHECK_IN_A_REGISTER, &node);
}

static enum vpmu_status explore_scenario(void *context)
{
	struct check_explorer *explorer = context;
	struct check_result *result = explorer->result;
	const struct scenario *scenario = &explorer->scenario;
	enum vpmu_status status = VPMU_OK;

	if (!start_life(explorer, &explorer->record))
		return VPMU_OK;
	vcpu_save(&explorer->vcpu, explorer->life);
	explorer->life_print = vcpu_fingerprint(&explorer->vcpu);
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
	enum vpmu_status status;

	*result = (struct check_result){0};
	explorer->result = result;
	explorer->no_memory = false;
	explorer->scenario.subject = subject;
	seen_clear(explorer);
	status = vcpu_fresh(&explorer->vcpu, subject) ? check_layout(&explorer->layout, subject)
	                                              : VPMU_INCOMPATIBLE;
	if (!status)
		status = scenario_each(subject, &explorer->scope, &explorer->layout,
		                       &explorer->scenario, &explorer->vcpu, explore_scenario,
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
