/* SPDX-License-Identifier: MIT */
/*
 * Breadth first through everything that can happen in a scenario. A node is a machine at a place in
 * the plan; two ways that lead to the same node are explored once, by the 64-bit hash of all that
 * decides how they go on. Machines are kept for the nodes of two depths only; the way to a node is
 * known by its parents.
 */
#include <stdlib.h>

#include "scenario.h"

/* What leads from a node's parent to it. */
enum move {
	MOVE_WRITE,
	MOVE_ENTER,
	MOVE_SCHEDULE,
	MOVE_SHORT_WRITE, /* a creation in the write fails */
	MOVE_SHORT_ENTER,
	MOVE_RUN,
	MOVE_HOST,
	MOVE_AGAIN, /* the put is repeated */
	MOVES
};

enum { MOMENT = 8 /* instructions that the guest or the host runs between writes */ };

struct node {
	uint64_t skip; /* bit i: write i is left out, the target has the value */
	uint32_t parent;
	uint8_t move;
	uint8_t at; /* the next write */
	uint8_t round;
	uint8_t used;    /* incidents */
	uint8_t raised;  /* PMIs since the put began */
	uint8_t refused; /* 1 + the write that the machine refused */
	uint16_t depth;
};

struct frontier {
	unsigned char *machines;
	uint32_t *nodes;
	uint32_t count;
};

struct check_explorer {
	struct check_scope scope;
	size_t stride; /* bytes of a machine */
	uint32_t node_count, frontier_max, table_mask;
	struct node *nodes;
	uint64_t *table;
	struct frontier frontiers[2];
	unsigned now; /* the frontier that is explored; the other one is filled */
	struct vpmu_layout layout;
	struct scenario scenario;
	struct machine life, scratch;
	struct record record;
	size_t life_steps;
	uint32_t violated_once; /* in this scenario, by puts that were not repeated */
	uint16_t depths[CHECK_PROPERTIES]; /* of the result's traces */
	size_t lives[CHECK_PROPERTIES];
	struct check_result *result;
};

enum { FRONTIER_SHARE = 16, TABLE_START = 1024, FRONTIER_MIN = 256 };

static uint32_t frontier_max(const struct check_scope *scope)
{
	uint32_t most = scope->nodes / FRONTIER_SHARE;

	return most < FRONTIER_MIN ? FRONTIER_MIN : most;
}

static size_t machine_stride(void)
{
	return (vpmu_pmu_size() + VPMU_PMU_ALIGN - 1) / VPMU_PMU_ALIGN * VPMU_PMU_ALIGN;
}

static uint32_t table_size(const struct check_scope *scope)
{
	uint32_t size = TABLE_START;

	while (size < 2 * scope->nodes)
		size *= 2;
	return size;
}

size_t check_scope_memory(const struct check_scope *scope)
{
	return sizeof(struct check_explorer) + scope->nodes * sizeof(struct node) +
	       table_size(scope) * sizeof(uint64_t) +
	       2 * (size_t)frontier_max(scope) * (machine_stride() + sizeof(uint32_t));
}

void check_explorer_destroy(struct check_explorer *explorer)
{
	if (!explorer)
		return;
	for (unsigned i = 0; i < 2; i++) {
		free(explorer->frontiers[i].machines);
		free(explorer->frontiers[i].nodes);
	}
	free(explorer->nodes);
	free(explorer->table);
	free(explorer);
}

struct check_explorer *check_explorer_create(const struct check_scope *scope)
{
	struct check_explorer *explorer =
		aligned_alloc(VPMU_PMU_ALIGN, (sizeof(*explorer) + VPMU_PMU_ALIGN - 1) /
	                                              VPMU_PMU_ALIGN * VPMU_PMU_ALIGN);
	bool whole;

	if (!explorer)
		return NULL;
	*explorer = (struct check_explorer){.scope = *scope};
	explorer->stride = machine_stride();
	explorer->frontier_max = frontier_max(scope);
	explorer->nodes = malloc(scope->nodes * sizeof(*explorer->nodes));
	explorer->table = malloc(table_size(scope) * sizeof(*explorer->table));
	whole = explorer->nodes && explorer->table;
	for (unsigned i = 0; i < 2; i++) {
		struct frontier *frontier = &explorer->frontiers[i];

		frontier->machines = aligned_alloc(VPMU_PMU_ALIGN,
		                                   explorer->frontier_max * explorer->stride);
		frontier->nodes = malloc(explorer->frontier_max * sizeof(*frontier->nodes));
		whole = whole && frontier->machines && frontier->nodes;
	}
	if (whole)
		return explorer;
	check_explorer_destroy(explorer);
	return NULL;
}

/* --- Nodes ---------------------------------------------------------------------------------------- */

static uint64_t key_of(const struct node *node, const struct vpmu_pmu *pmu)
{
	uint64_t place = node->at | (uint64_t)node->round << 8 | (uint64_t)node->raised << 16 |
	                 (uint64_t)node->refused << 24;
	uint64_t key = vpmu_pmu_fingerprint(pmu) ^ place * UINT64_C(0x9e3779b97f4a7c15);

	key = (key ^ key >> 31 ^ node->skip) * UINT64_C(0xbf58476d1ce4e5b9);
	key ^= key >> 32;
	return key ? key : 1;
}

static void table_put(struct check_explorer *explorer, uint64_t key)
{
	uint32_t at = (uint32_t)key & explorer->table_mask;

	while (explorer->table[at])
		at = (at + 1) & explorer->table_mask;
	explorer->table[at] = key;
}

static void table_grow(struct check_explorer *explorer)
{
	uint32_t old = explorer->table_mask + 1;
	uint64_t *moved = malloc(old * sizeof(*moved));

	if (!moved)
		return; /* fuller, and slower */
	memcpy(moved, explorer->table, old * sizeof(*moved));
	explorer->table_mask = 2 * old - 1;
	memset(explorer->table, 0, 2 * (size_t)old * sizeof(*moved));
	for (uint32_t i = 0; i < old; i++)
		if (moved[i])
			table_put(explorer, moved[i]);
	free(moved);
}

/* False: it is there already. */
static bool table_add(struct check_explorer *explorer, uint64_t key)
{
	uint32_t at = (uint32_t)key & explorer->table_mask;

	for (; explorer->table[at]; at = (at + 1) & explorer->table_mask)
		if (explorer->table[at] == key)
			return false;
	explorer->table[at] = key;
	if (explorer->node_count > explorer->table_mask / 2 &&
	    explorer->table_mask + 1 < table_size(&explorer->scope))
		table_grow(explorer);
	return true;
}

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

/* Writes that the target has already are left out: it is read when the put begins. */
static uint64_t skipped(const struct scenario *scenario, const struct vpmu_pmu *pmu)
{
	uint64_t skip = 0;

	for (size_t i = 0; scenario->skips_equal && i < scenario->count; i++) {
		uint64_t value;

		if (vpmu_pmu_host_read(pmu, scenario->writes[i].msr, &value) == VPMU_OK &&
		    value == scenario->writes[i].value)
			skip |= BIT64(i);
	}
	return skip;
}

static uint8_t past_skipped(const struct scenario *scenario, uint64_t skip, uint8_t at)
{
	while (at < scenario->count && skip >> at & 1)
		at++;
	return at;
}

/* --- Moves ---------------------------------------------------------------------------------------- */

static void raise_pmis(struct node *node, struct vpmu_outcome outcome)
{
	unsigned raised = node->raised + outcome.pmi + outcome.masked;

	node->raised = (uint8_t)(raised < UINT8_MAX ? raised : UINT8_MAX);
}

static void write_next(const struct scenario *scenario, struct vpmu_pmu *pmu, struct node *node,
                       struct record *record)
{
	const struct write *write = &scenario->writes[node->at];
	struct deed deed = {CHECK_DO_HOST_WRITE, write->msr, write->value};
	const struct check_answer taken = {.status = VPMU_OK};

	if (deed_do(pmu, deed, record).status) {
		record_expects(record, &taken);
		node->refused = (uint8_t)(node->at + 1);
		node->at = (uint8_t)scenario->count;
		return;
	}
	node->at = past_skipped(scenario, node->skip, (uint8_t)(node->at + 1));
}

static void enter(struct vpmu_pmu *pmu, struct node *node, struct record *record)
{
	raise_pmis(node, deed_do(pmu, (struct deed){.verb = CHECK_DO_ENTER}, record).outcome);
}

static void fail_creations(struct vpmu_pmu *pmu, uint64_t count, struct record *record)
{
	deed_do(pmu, (struct deed){CHECK_DO_FAIL_CREATE, 0, count}, record);
}

/* Makes the move on a copy of the parent's machine and of its node. */
static void make_move(const struct scenario *scenario, enum move move, struct vpmu_pmu *pmu,
                      struct node *node, struct record *record)
{
	bool is_short = move == MOVE_SHORT_WRITE || move == MOVE_SHORT_ENTER;

	if (is_short)
		fail_creations(pmu, 1, record);
	switch (move) {
	case MOVE_WRITE:
	case MOVE_SHORT_WRITE:
		write_next(scenario, pmu, node, record);
		break;
	case MOVE_ENTER:
	case MOVE_SHORT_ENTER:
		enter(pmu, node, record);
		break;
	case MOVE_SCHEDULE:
		deed_do(pmu, (struct deed){.verb = CHECK_DO_SCHEDULE}, record);
		break;
	case MOVE_RUN:
		raise_pmis(node,
		           deed_do(pmu, (struct deed){CHECK_DO_RUN, 0, MOMENT}, record).outcome);
		break;
	case MOVE_HOST:
		deed_do(pmu, (struct deed){CHECK_DO_HOST_RUN, 0, MOMENT}, record);
		break;
	case MOVE_AGAIN:
		node->round = 2;
		node->skip = skipped(scenario, pmu);
		node->at = past_skipped(scenario, node->skip, 0);
		break;
	case MOVES:
		break;
	}
	if (is_short)
		fail_creations(pmu, 0, record);
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
	if (!table_add(explorer, key_of(&node, pmu)))
		return;
	next->nodes[next->count++] = explorer->node_count;
	explorer->nodes[explorer->node_count++] = node;
}

/* Which incidents can fall at a node. */
static uint32_t moves_at(const struct check_explorer *explorer, const struct node *node)
{
	const struct scenario *scenario = &explorer->scenario;
	uint32_t kinds = explorer->scope.incidents, moves = 0;
	bool ended = node->at == scenario->count;

	if (node->used >= explorer->scope.between || node->refused)
		return 0;
	if (kinds & BIT32(CHECK_ENTER))
		moves |= BIT32(MOVE_ENTER);
	if (kinds & BIT32(CHECK_SCHEDULE))
		moves |= BIT32(MOVE_SCHEDULE);
	if (kinds & BIT32(CHECK_SHORTAGE) && !ended) {
		moves |= scenario->writes[node->at].recovers ? BIT32(MOVE_SHORT_WRITE) : 0;
		moves |= scenario->entry_recovers >> node->at & 1 ? BIT32(MOVE_SHORT_ENTER) : 0;
	}
	if (kinds & BIT32(CHECK_RUN) && !ended)
		moves |= BIT32(MOVE_RUN);
	if (kinds & BIT32(CHECK_HOST))
		moves |= BIT32(MOVE_HOST);
	return moves;
}

/* --- What was found --------------------------------------------------------------------------------- */

/* The moves from the root to the node, in sequence. */
static size_t way_to(const struct check_explorer *explorer, uint32_t node, uint8_t *way)
{
	size_t count = 0;

	for (uint32_t at = node; at; at = explorer->nodes[at].parent)
		way[count++] = explorer->nodes[at].move;
	for (size_t i = 0; i < count / 2; i++) {
		uint8_t swap = way[i];

		way[i] = way[count - 1 - i];
		way[count - 1 - i] = swap;
	}
	return count;
}

static bool start_life(struct check_explorer *explorer, struct machine *machine,
                       struct record *record)
{
	if (record)
		*record = (struct record){.part = CHECK_PART_LIFE};
	return machine_fresh(machine, explorer->scenario.subject) &&
	       life_make(machine, &explorer->scenario, record);
}

static struct node root_of(const struct check_explorer *explorer, const struct machine *life)
{
	const struct scenario *scenario = &explorer->scenario;
	uint64_t skip = skipped(scenario, (const struct vpmu_pmu *)life->memory);

	return (struct node){.round = 1, .skip = skip, .at = past_skipped(scenario, skip, 0)};
}

/* Goes the way to the node once more, writing it down. */
static void retrace(struct check_explorer *explorer, uint32_t last)
{
	static const size_t way_bytes = 4 * VPMU_MAX_PLAN;
	uint8_t way[4 * VPMU_MAX_PLAN];
	struct record *record = &explorer->record;
	struct vpmu_pmu *pmu = pmu_of(&explorer->scratch);
	struct node node;
	size_t count = explorer->nodes[last].depth + 2u < way_bytes ? way_to(explorer, last, way)
	                                                             : 0;

	start_life(explorer, &explorer->scratch, record);
	node = root_of(explorer, &explorer->scratch);
	record->part = CHECK_PART_PUT;
	for (size_t i = 0; i < count; i++)
		make_move(&explorer->scenario, (enum move)way[i], pmu, &node, record);
	judge(pmu, &explorer->scenario, node.raised, node.refused, record);
}

static struct check_trace *trace_of(const struct check_explorer *explorer,
                                    enum check_property property, const struct node *node)
{
	const struct record *record = &explorer->record;
	size_t bytes = record->count * sizeof(record->steps[0]);
	struct check_trace *trace = malloc(sizeof(*trace) + bytes);

	if (!trace)
		return NULL;
	*trace = (struct check_trace){
		.property = property,
		.level = explorer->scenario.level,
		.state = explorer->scenario.state_name,
		.incidents = node->used,
		.rounds = node->round,
		.count = record->count,
	};
	memcpy(trace->steps, record->steps, bytes);
	return trace;
}

static bool is_shorter(const struct check_explorer *explorer, enum check_property property,
                       const struct node *node)
{
	if (!explorer->result->shortest[property])
		return true;
	if (node->depth != explorer->depths[property])
		return node->depth < explorer->depths[property];
	return explorer->life_steps < explorer->lives[property];
}

static void keep(struct check_explorer *explorer, enum check_property property,
                 const struct node *node)
{
	struct check_trace *trace = trace_of(explorer, property, node);

	explorer->result->violated |= BIT32(property);
	if (!trace)
		return;
	free(explorer->result->shortest[property]);
	explorer->result->shortest[property] = trace;
	explorer->depths[property] = node->depth;
	explorer->lives[property] = explorer->life_steps;
}

/* A put that is repeated and wrong, though no put in the scenario was wrong that was not. */
static uint32_t as_repeated(const struct check_explorer *explorer, uint32_t violated)
{
	if (!violated || explorer->violated_once)
		return 0;
	return BIT32(CHECK_TWICE_IS_ONCE);
}

static void report(struct check_explorer *explorer, uint32_t at, uint32_t violated)
{
	const struct node *node = &explorer->nodes[at];
	bool traced = false;

	if (node->round > 1)
		violated = as_repeated(explorer, violated);
	else
		explorer->violated_once |= violated;
	for (unsigned i = 0; i < CHECK_PROPERTIES; i++) {
		if (!(violated >> i & 1) || !is_shorter(explorer, (enum check_property)i, node))
			continue;
		if (!traced)
			retrace(explorer, at);
		traced = true;
		keep(explorer, (enum check_property)i, node);
	}
}

/* --- The exploration ------------------------------------------------------------------------------- */

static void end_of_put(struct check_explorer *explorer, uint32_t at, const struct vpmu_pmu *pmu)
{
	const struct node *node = &explorer->nodes[at];
	struct vpmu_pmu *scratch = pmu_of(&explorer->scratch);
	uint32_t violated;

	memcpy(scratch, pmu, explorer->stride);
	violated = judge(scratch, &explorer->scenario, node->raised, node->refused, NULL);
	explorer->result->transitions += JUDGE_TRANSITIONS;
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
	struct frontier *first = &explorer->frontiers[0];

	explorer->now = 0;
	explorer->table_mask = TABLE_START - 1;
	memset(explorer->table, 0, TABLE_START * sizeof(*explorer->table));
	explorer->violated_once = 0;
	explorer->nodes[0] = root_of(explorer, &explorer->life);
	explorer->node_count = 1;
	memcpy(first->machines, explorer->life.memory, explorer->stride);
	first->nodes[0] = 0;
	first->count = 1;
	explorer->frontiers[1].count = 0;
	table_add(explorer, key_of(&explorer->nodes[0], pmu_of(&explorer->life)));
}

/* Whether one violation is enough, and there is one. */
static bool is_over(const struct check_explorer *explorer)
{
	return explorer->scenario.subject->first_only && explorer->result->violated;
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

static enum vpmu_status explore_scenario(void *context)
{
	struct check_explorer *explorer = context;
	struct check_result *result = explorer->result;

	if (!start_life(explorer, &explorer->life, &explorer->record))
		return VPMU_REFUSED;
	explorer->life_steps = explorer->record.count;
	explorer->scenario.owed = owed_by(explorer);
	result->exists = true;
	result->scenarios++;
	explore_all(explorer);
	if (explorer->scope.refused && !is_over(explorer))
		explore_refusals(explorer);
	return is_over(explorer) ? VPMU_REFUSED : VPMU_OK;
}

enum vpmu_status check_explore(struct check_explorer *explorer, const struct check_subject *subject,
                               struct check_result *result)
{
	enum vpmu_status status = VPMU_INCOMPATIBLE;

	*result = (struct check_result){0};
	explorer->result = result;
	if (machine_fresh(&explorer->scratch, subject))
		status = vpmu_layout_init(&explorer->layout,
		                          vpmu_pmu_model(pmu_of(&explorer->scratch)));
	if (!status)
		status = scenario_each(subject, &explorer->scope, &explorer->layout,
		                       &explorer->scenario, &explorer->scratch, explore_scenario,
		                       explorer);
	return status == VPMU_REFUSED ? VPMU_OK : status;
}

void check_result_clear(struct check_result *result)
{
	for (unsigned i = 0; i < CHECK_PROPERTIES; i++)
		free(result->shortest[i]);
	*result = (struct check_result){0};
}
