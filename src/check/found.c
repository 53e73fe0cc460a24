/* SPDX-License-Identifier: MIT */
/* Counterexamples: the path to a violation is executed once more and recorded. */
#include <stdlib.h>

#include "explorer.h"

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

bool start_life(struct check_explorer *explorer, struct record *record)
{
	if (record) {
		record->count = 0;
		record->part = CHECK_PART_LIFE;
	}
	return vcpu_fresh(&explorer->vcpu, explorer->scenario.subject) &&
	       life_make(&explorer->vcpu, &explorer->scenario, record);
}

/* Executes the path to the node once more and records it. Returns the node. */
static struct node retrace(struct check_explorer *explorer, uint32_t last)
{
	static const size_t way_bytes = 4 * VPMU_MAX_PLAN;
	uint8_t way[4 * VPMU_MAX_PLAN];
	struct record *record = &explorer->record;
	struct vcpu *vcpu = &explorer->vcpu;
	struct node node;
	size_t count =
		explorer->nodes[last].depth + 2u < way_bytes ? way_to(explorer, last, way) : 0;

	start_life(explorer, record);
	node = node_of_start(&explorer->scenario, vcpu);
	record->part = CHECK_PART_PUT;
	for (size_t i = 0; i < count; i++)
		make_move(&explorer->scenario, (enum move)way[i], vcpu, &node, record);
	return node;
}

static void retrace_judged(struct check_explorer *explorer, uint32_t last)
{
	struct node node = retrace(explorer, last);

	judge(&explorer->vcpu, &explorer->scenario, node.raised, node.refused, &explorer->record);
}

static struct check_trace *trace_of(const struct check_explorer *explorer,
                                    enum check_property property, const struct node *node)
{
	const struct record *record = &explorer->record;
	size_t count = record->count, bytes;
	struct check_trace *trace;

	/* What follows the last wrong answer adds nothing. */
	while (property < CHECK_PROPERTIES && count && !record->steps[count - 1].expects)
		count--;
	bytes = count * sizeof(record->steps[0]);
	trace = malloc(sizeof(*trace) + bytes);
	if (!trace)
		return NULL;
	*trace = (struct check_trace){
		.property = property,
		.level = explorer->scenario.level,
		.state = explorer->scenario.state_name,
		.incidents = node->used,
		.rounds = node->round,
		.count = count,
	};
	memcpy(trace->steps, record->steps, bytes);
	return trace;
}

bool is_shorter(const struct check_explorer *explorer, enum check_property property,
                const struct node *node)
{
	if (!explorer->result->shortest[property])
		return true;
	if (node->depth != explorer->depths[property])
		return node->depth < explorer->depths[property];
	return explorer->life_steps < explorer->lives[property];
}

void keep(struct check_explorer *explorer, enum check_property property, const struct node *node)
{
	struct check_trace *trace = trace_of(explorer, property, node);

	explorer->result->violated |= BIT32(property);
	if (!trace) {
		explorer->no_memory = true;
		return;
	}
	free(explorer->result->shortest[property]);
	explorer->result->shortest[property] = trace;
	explorer->depths[property] = node->depth;
	explorer->lives[property] = explorer->life_steps;
}

/* Turns violations of a repeated put into twice-is-once, if no single put in the scenario violated
 * these properties. */
static uint32_t as_repeated(const struct check_explorer *explorer, uint32_t violated)
{
	if (!violated || explorer->violated_once)
		return 0;
	return BIT32(CHECK_TWICE_IS_ONCE);
}

void report(struct check_explorer *explorer, uint32_t at, uint32_t violated)
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
			retrace_judged(explorer, at);
		traced = true;
		keep(explorer, (enum check_property)i, node);
	}
}

/* --- Actions that did not return --- */

uint64_t check_explorer_actions(const struct check_explorer *explorer)
{
	return explorer->journal.total;
}

static void go_to(struct check_explorer *explorer, enum origin origin, uint32_t node)
{
	switch (origin) {
	case ORIGIN_NEW:
		break;
	case ORIGIN_LIFE:
		start_life(explorer, &explorer->record);
		break;
	case ORIGIN_NODE:
		retrace(explorer, node);
		break;
	}
}

struct check_trace *check_explorer_way(struct check_explorer *explorer)
{
	struct journal *journal = malloc(sizeof(*journal));
	struct record *record = &explorer->record;
	const struct node nowhere = {.round = 1};
	struct check_trace *trace;
	size_t count;

	if (!journal)
		return NULL;
	*journal = explorer->journal; /* the path is executed again, which starts a new journal */
	record->count = 0;
	go_to(explorer, journal->origin, journal->node);
	count = journal->count < JOURNAL_STEPS ? journal->count : JOURNAL_STEPS;
	for (size_t i = 0; i < count; i++)
		record_begun(record, &journal->actions[i]);
	if (journal->is_reading) {
		const struct replay_action read = replay_access(REPLAY_HOST_RDMSR, journal->msr, 0);

		record_begun(record, &read);
	}
	trace = trace_of(explorer, CHECK_PROPERTIES, &nowhere);
	free(journal);
	return trace;
}
