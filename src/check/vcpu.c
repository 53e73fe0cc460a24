/* SPDX-License-Identifier: MIT */
/*
 * What a put acts on: one current vCPU, either a register machine or the caller's own. Actions on
 * code that may not return are kept in a journal, so that the path to a crash can be reported.
 */
#include "room_int.h"

static struct vpmu_host host_of(const struct check_subject *subject)
{
	struct vpmu_host host;

	vpmu_host_init(&host, (enum vpmu_vendor)subject->model.vendor);
	return subject->host ? *subject->host : host;
}

/* --- A register machine --- */

static bool machine_create(void *context, const struct check_subject *subject)
{
	struct machine *machine = context;
	struct vpmu_host host = host_of(subject);

	return vpmu_pmu_init_on(machine->memory, sizeof(machine->memory), &subject->model,
	                        subject->profile, &host);
}

static struct replay_reply machine_act(void *context, const struct replay_action *action)
{
	return replay_acts[action->verb](pmu_of(context), action);
}

static bool machine_read(void *context, uint32_t msr, uint64_t *value)
{
	return vpmu_pmu_host_read(pmu_of(context), msr, value) == VPMU_OK;
}

static void machine_save(void *context, void *saved)
{
	memcpy(saved, context, vpmu_pmu_size());
}

static void machine_load(void *context, const void *saved)
{
	memcpy(context, saved, vpmu_pmu_size());
}

static uint64_t machine_fingerprint(void *context)
{
	return vpmu_pmu_fingerprint(pmu_of(context));
}

const struct check_ops register_machine = {
	.bytes = VPMU_PMU_BYTES,
	.create = machine_create,
	.act = machine_act,
	.read = machine_read,
	.save = machine_save,
	.load = machine_load,
	.fingerprint = machine_fingerprint,
};

/* --- Either --- */

static void journal_begin(struct journal *journal, enum origin origin, uint32_t node)
{
	if (!journal)
		return;
	journal->origin = origin;
	journal->node = node;
	journal->count = 0;
	journal->is_reading = false;
}

bool vcpu_fresh(struct vcpu *vcpu, const struct check_subject *subject)
{
	journal_begin(vcpu->journal, ORIGIN_NEW, 0);
	return vcpu->ops->create(vcpu->context, subject);
}

void vcpu_load_life(struct vcpu *vcpu, const void *saved)
{
	journal_begin(vcpu->journal, ORIGIN_LIFE, 0);
	vcpu->ops->load(vcpu->context, saved);
}

void vcpu_load_node(struct vcpu *vcpu, const void *saved, uint32_t node)
{
	journal_begin(vcpu->journal, ORIGIN_NODE, node);
	vcpu->ops->load(vcpu->context, saved);
}

struct replay_reply vcpu_act(struct vcpu *vcpu, const struct replay_action *action)
{
	struct journal *journal = vcpu->journal;

	if (journal) {
		journal->total++;
		if (journal->count < JOURNAL_STEPS)
			journal->actions[journal->count] = *action;
		journal->count++;
	}
	return vcpu->ops->act(vcpu->context, action);
}

bool vcpu_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
	struct journal *journal = vcpu->journal;
	bool good;

	*value = 0;
	if (journal) {
		journal->total++;
		journal->msr = msr;
		journal->is_reading = true;
	}
	good = vcpu->ops->read(vcpu->context, msr, value);
	if (journal)
		journal->is_reading = false;
	return good;
}

enum vpmu_status check_layout(struct vpmu_layout *layout, const struct check_subject *subject)
{
	struct vpmu_host host = host_of(subject);
	struct vpmu_model model = subject->model;
	enum vpmu_status status = vpmu_profile_adapt_on(subject->profile, &host, &model);

	return status ? status : vpmu_layout_init(layout, &model);
}
