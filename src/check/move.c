/* SPDX-License-Identifier: MIT */
/* What can happen next in a put: the next write, or an incident. */
#include "explorer.h"

enum { MOMENT = 8 /* instructions that the guest or the host runs between writes */ };

/* The writes to leave out because the target already has the value: it is read when the put
 * begins. */
static uint64_t skipped(const struct scenario *scenario, struct vcpu *vcpu)
{
	uint64_t skip = 0;

	for (size_t i = 0; scenario->skips_equal && i < scenario->count && i < 64; i++) {
		uint64_t value;

		if (vcpu_read(vcpu, scenario->writes[i].msr, &value) &&
		    value == scenario->writes[i].value)
			skip |= BIT64(i);
	}
	return skip;
}

static uint8_t past_skipped(const struct scenario *scenario, uint64_t skip, uint8_t at)
{
	while (at < scenario->count && at < 64 && skip >> at & 1)
		at++;
	return at;
}

struct node node_of_start(const struct scenario *scenario, struct vcpu *vcpu)
{
	uint64_t skip = skipped(scenario, vcpu);

	return (struct node){.round = 1, .skip = skip, .at = past_skipped(scenario, skip, 0)};
}

static void raise_pmis(struct node *node, struct vpmu_outcome outcome)
{
	unsigned raised = node->raised + outcome.pmi + outcome.masked;

	node->raised = (uint8_t)(raised < UINT8_MAX ? raised : UINT8_MAX);
}

static void write_next(const struct scenario *scenario, struct vcpu *vcpu, struct node *node,
                       struct record *record)
{
	const struct write *write = &scenario->writes[node->at];
	const struct replay_reply taken = {.status = VPMU_OK};

	if (step_do(vcpu, replay_access(REPLAY_HOST_WRMSR, write->msr, write->value), record)
	            .status) {
		record_expects(record, &taken);
		node->refused = (uint8_t)(node->at + 1);
		node->at = (uint8_t)scenario->count;
		return;
	}
	node->at = past_skipped(scenario, node->skip, (uint8_t)(node->at + 1));
}

static void enter(struct vcpu *vcpu, struct node *node, struct record *record)
{
	raise_pmis(node, step_do(vcpu, replay_simple(REPLAY_ENTER, 0), record).outcome);
}

static void fail_creations(struct vcpu *vcpu, uint64_t count, struct record *record)
{
	step_do(vcpu, replay_simple(REPLAY_FAIL_CREATE, count), record);
}

/* Makes the move on the parent's vCPU and on a copy of its node. */
void make_move(const struct scenario *scenario, enum move move, struct vcpu *vcpu,
               struct node *node, struct record *record)
{
	bool is_short = move == MOVE_SHORT_WRITE || move == MOVE_SHORT_ENTER;

	if (is_short)
		fail_creations(vcpu, 1, record);
	switch (move) {
	case MOVE_WRITE:
	case MOVE_SHORT_WRITE:
		write_next(scenario, vcpu, node, record);
		break;
	case MOVE_ENTER:
	case MOVE_SHORT_ENTER:
		enter(vcpu, node, record);
		break;
	case MOVE_SCHEDULE:
		step_do(vcpu, replay_simple(REPLAY_SCHEDULE, 0), record);
		break;
	case MOVE_RUN:
		/* PMIs here are the guest's own, since it runs. */
		step_do(vcpu, replay_simple(REPLAY_RUN, MOMENT), record);
		break;
	case MOVE_HOST:
		step_do(vcpu, replay_simple(REPLAY_HOST_RUN, MOMENT), record);
		break;
	case MOVE_AGAIN:
		node->round = 2;
		node->skip = skipped(scenario, vcpu);
		node->at = past_skipped(scenario, node->skip, 0);
		break;
	case MOVES:
		break;
	}
	if (is_short)
		fail_creations(vcpu, 0, record);
}

/* The incidents that can happen at a node. */
uint32_t moves_at(const struct check_explorer *explorer, const struct node *node)
{
	const struct scenario *scenario = &explorer->scenario;
	uint32_t kinds = explorer->scope.incidents, moves = 0;
	bool ended = node->at == scenario->count;

	if (node->used >= scenario->between || node->refused)
		return 0;
	if (kinds & BIT32(CHECK_ENTER))
		moves |= BIT32(MOVE_ENTER);
	if (kinds & BIT32(CHECK_SCHEDULE))
		moves |= BIT32(MOVE_SCHEDULE);
	if (kinds & BIT32(CHECK_SHORTAGE) && !ended) {
		moves |= scenario->writes[node->at].recovers ? BIT32(MOVE_SHORT_WRITE) : 0;
		moves |= set_has(&scenario->entry_recovers, node->at) ? BIT32(MOVE_SHORT_ENTER) : 0;
	}
	if (kinds & BIT32(CHECK_RUN) && !ended)
		moves |= BIT32(MOVE_RUN);
	/* After the last write it is right that the counters count the host. */
	if (kinds & BIT32(CHECK_HOST) && !ended)
		moves |= BIT32(MOVE_HOST);
	return moves;
}
