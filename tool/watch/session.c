/* SPDX-License-Identifier: MIT */
/*
 * Records become lines. KVM_SET_MSRS calls on one vCPU that follow each other are one put: until it
 * runs, or until a get, a KVM_SET_REGS, a CPUID or a close.
 */
#include "watch.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/memory.h"
#include "lib/message.h"

enum { IA32_TSC = 0x10 };

static double seconds(const struct watch_session *session, uint64_t time)
{
	return (double)(time - session->start) / 1e9;
}

/* --- vCPUs --------------------------------------------------------------------------------- */

static struct watch_vcpu *find_vcpu(struct watch_session *session, const struct watch_head *head)
{
	size_t before = session->vcpus.count;
	struct watch_vcpu *vcpu;

	if (head->vcpu == WATCH_NONE)
		return NULL;
	vcpu = watch_vcpus_get(&session->vcpus, head->vcpu);
	if (!vcpu) {
		session->unplaced++;
		return NULL;
	}
	if (session->vcpus.count > before) {
		vcpu->id = head->vcpu_id;
		session->tally.vcpus += vcpu->id != WATCH_NONE;
		vcpu->vm = head->vm;
		session->unplaced += !watch_expect(&session->expected, vcpu);
	}
	vcpu->vm = head->vm;
	return vcpu;
}

/* The PMU is switched off, whatever CPUID shows. */
static void learn_off(struct watch_session *session, struct watch_vcpu *vcpu,
                      const struct vpmu_model *model)
{
	session->tally.off += !vcpu->is_off;
	session->tally.shown |= model ? watch_shown(model) : 0;
	vcpu->is_off = true;
	vcpu->has_no_pmu = true;
	vcpu->has_layout = false;
}

static void learn_model(struct watch_session *session, struct watch_vcpu *vcpu,
                        const struct watch_record *record)
{
	const struct watch_shared *shared = session->ring.shared;
	const struct vpmu_model *model = watch_record_model(record);
	struct vpmu_layout layout;

	if (record->head.argument & WATCH_PMU_OFF)
		learn_off(session, vcpu, model);
	vcpu->no_model = session->has_pmu && !model && !vcpu->is_off && record->head.result >= 0;
	if (!model || !session->has_pmu)
		return;
	vcpu->has_no_pmu = vcpu->is_off || !model->version;
	if (vcpu->has_no_pmu)
		return;
	vcpu->has_layout = !vpmu_layout_init(&vcpu->layout, model);
	if (!vcpu->has_layout)
		return;
	watch_tally_model(&session->tally, &vcpu->layout, false);
	if (shared->emulates && !vpmu_layout_init(&layout, &shared->model))
		watch_tally_model(&session->tally, &layout, true);
}

/* --- Blocks -------------------------------------------------------------------------------- */

static void keep_put(struct watch_session *session, const struct watch_vcpu *vcpu)
{
	if (!vcpu->block.count || vcpu->block.level == WATCH_CONFIGURATION)
		return;
	session->has_put = true;
	session->last_vcpu = *vcpu;
}

static void end_block(struct watch_session *session, struct watch_vcpu *vcpu)
{
	struct watch_block *block = &vcpu->block;

	if (!block->is_open)
		return;
	if (block->is_put) {
		watch_judge_put(vcpu, block);
		watch_follow_put(vcpu, block);
	} else if (!watch_follow_get(vcpu, block)) {
		session->unplaced++;
	}
	session->writer->block(session->log, seconds(session, block->time), vcpu, block);
	watch_tally_block(&session->tally, vcpu, block);
	session->unplaced += block->lost;
	if (block->is_put)
		keep_put(session, vcpu);
	block->is_open = false;
}

static void add_access(const struct watch_vcpu *vcpu, struct watch_block *block,
                       const struct watch_msr *msr, bool refused)
{
	block->has_tsc |= msr->index == IA32_TSC;
	block->refused += refused;
	if (!watch_msr_name(vcpu, msr->index)) {
		block->other_refused = refused ? msr->index : block->other_refused;
		return;
	}
	if (block->count == WATCH_WRITES) {
		block->lost++;
		return;
	}
	block->accesses[block->count++] = (struct watch_access){
		.msr = msr->index,
		.place = vcpu->has_layout ? vpmu_layout_find_msr(&vcpu->layout, msr->index) : -1,
		.value = msr->value,
		.refused = refused,
	};
}

/* The entry at which the call stopped was refused; those after it were not tried. */
static void add_call(const struct watch_vcpu *vcpu, struct watch_block *block,
                     const struct watch_record *record)
{
	const struct watch_head *head = &record->head;

	block->calls++;
	block->spent += head->spent;
	block->msrs += head->count;
	if (head->result < 0)
		block->error = (int)head->error;
	for (int i = 0; i <= head->result && i < (int)record->entries; i++)
		add_access(vcpu, block, &record->msrs[i], i == head->result);
}

static void begin_block(struct watch_vcpu *vcpu, const struct watch_head *head)
{
	struct watch_block *block = &vcpu->block;

	memset(block, 0, offsetof(struct watch_block, accesses));
	block->order[0] = '\0';
	block->order_count = 0;
	block->unowned = 0;
	block->is_open = true;
	block->is_put = head->kind == WATCH_SET_MSRS;
	block->time = head->time;
}

static void take_msrs(struct watch_session *session, struct watch_vcpu *vcpu,
                      const struct watch_record *record)
{
	bool is_put = record->head.kind == WATCH_SET_MSRS;

	if (!is_put || vcpu->block.is_put != is_put || vcpu->runs != record->head.runs)
		end_block(session, vcpu);
	if (vcpu->runs != record->head.runs)
		watch_end_save(vcpu);
	vcpu->runs = record->head.runs;
	if (!vcpu->block.is_open)
		begin_block(vcpu, &record->head);
	add_call(vcpu, &vcpu->block, record);
	if (!is_put)
		end_block(session, vcpu);
}

/* KVM_GET_MSRS on /dev/kvm: a question about features, no get. */
static void take_features(struct watch_session *session, const struct watch_record *record)
{
	static struct watch_vcpu nobody;

	nobody.serial = WATCH_NONE;
	begin_block(&nobody, &record->head);
	add_call(&nobody, &nobody.block, record);
	if (nobody.block.count)
		session->writer->block(session->log, seconds(session, record->head.time), &nobody,
		                       &nobody.block);
}

/* --- Events -------------------------------------------------------------------------------- */

static void count_event(struct watch_tally *tally, const struct watch_head *head)
{
	switch (head->kind) {
	case WATCH_OPEN:
		tally->opened = true;
		break;
	case WATCH_VM:
		tally->opened = true;
		tally->vms += head->result >= 0;
		break;
	case WATCH_GUEST_READ:
		tally->guest_reads++;
		tally->guest_refusals += head->result != 0;
		break;
	case WATCH_GUEST_WRITE:
		tally->guest_writes++;
		tally->guest_refusals += head->result != 0;
		break;
	case WATCH_STRAY:
		tally->strays++;
		break;
	case WATCH_LACK:
		if (head->argument < WATCH_LACKS)
			tally->lacks[head->argument] = true;
		break;
	default:
		break;
	}
}

static bool is_general(const struct watch_head *head)
{
	return head->kind == WATCH_SET_REGS || head->kind == WATCH_GET_REGS;
}

static void take_event(struct watch_session *session, struct watch_vcpu *vcpu,
                       const struct watch_record *record)
{
	const struct watch_head *head = &record->head;

	if (head->kind == WATCH_LACK && head->argument >= WATCH_LACKS)
		return;
	count_event(&session->tally, head);
	if (head->kind == WATCH_VM && head->result >= 0)
		session->vm_process = head->process;
	if (vcpu)
		end_block(session, vcpu);
	if (vcpu && head->kind == WATCH_SET_CPUID)
		learn_model(session, vcpu, record);
	if (vcpu && is_general(head) && head->result >= 0) {
		vcpu->has_regs |= head->kind == WATCH_SET_REGS;
		vcpu->rip = head->argument;
		watch_follow_general(vcpu, head);
		return;
	}
	session->writer->event(session->log, seconds(session, head->time), record, vcpu);
}

static bool needs_vcpu(enum watch_kind kind)
{
	return kind == WATCH_SET_MSRS || kind == WATCH_GUEST_READ || kind == WATCH_GUEST_WRITE ||
	       kind == WATCH_SET_CPUID || kind == WATCH_SET_REGS || kind == WATCH_GET_REGS;
}

static void take(struct watch_session *session, const struct watch_record *record)
{
	struct watch_vcpu *vcpu = find_vcpu(session, &record->head);
	bool is_msrs = record->head.kind == WATCH_GET_MSRS || record->head.kind == WATCH_SET_MSRS;

	/* A vCPU that there was no memory for is no question about features. */
	if (!vcpu && record->head.vcpu != WATCH_NONE)
		return;
	if (!vcpu && needs_vcpu(record->head.kind)) {
		session->unplaced++;
		return;
	}
	if (is_msrs && vcpu)
		take_msrs(session, vcpu, record);
	else if (is_msrs)
		take_features(session, record);
	else
		take_event(session, vcpu, record);
}

static bool was_restored(const struct watch_session *session,
                         const struct watch_expectation *expected)
{
	for (size_t i = 0; i < session->vcpus.slot_count; i++) {
		const struct watch_vcpu *vcpu = session->vcpus.slots[i];

		if (!vcpu || vcpu->vm != expected->vm || vcpu->id != expected->vcpu_id)
			continue;
		for (size_t j = 0; j < vcpu->saves.count; j++)
			if (vcpu->saves.at[j].is_expected && vcpu->saves.at[j].was_put)
				return true;
	}
	return false;
}

static void count_missed(struct watch_session *session)
{
	struct watch_tally *tally = &session->tally;

	for (size_t i = 0; i < session->expected.count; i++) {
		const struct watch_expectation *expected = &session->expected.at[i];

		if (was_restored(session, expected))
			continue;
		if (tally->missed_count < WATCH_MISSED)
			tally->missed[tally->missed_count] =
				(struct watch_missed){expected->vm, expected->vcpu_id};
		tally->missed_count++;
	}
}

static void count_end(struct watch_session *session)
{
	struct watch_shared *shared = session->ring.shared;
	struct watch_tally *tally = &session->tally;

	for (unsigned i = 0; i < WATCH_RUNS; i++)
		tally->runs += atomic_load(&shared->runs[i]);
	tally->runs += atomic_load(&shared->more_runs);
	tally->lost += atomic_load(&shared->lost) + session->ring.skipped + session->unplaced;
	tally->unseen = !atomic_load(&shared->attached);
	tally->emulates = shared->emulates;
	count_missed(session);
}

static void end_vcpu(struct watch_session *session, struct watch_vcpu *vcpu)
{
	end_block(session, vcpu);
	watch_end_save(vcpu);
	session->tally.unmodelled += vcpu->no_model;
}

void watch_session_drain(struct watch_session *session, bool at_end)
{
	static struct watch_record record;

	while (watch_ring_next(&session->ring, &record, at_end)) {
		if (!record.head.time)
			record.head.time = watch_now();
		take(session, &record);
	}
	if (!at_end)
		return;
	for (size_t i = 0; i < session->vcpus.slot_count; i++)
		if (session->vcpus.slots[i])
			end_vcpu(session, session->vcpus.slots[i]);
	count_end(session);
}

void watch_session_free(struct watch_session *session)
{
	watch_vcpus_free(&session->vcpus);
	watch_expected_free(&session->expected);
}

/* --- The last put as a plan ------------------------------------------------------------------ */

bool watch_write_plan(struct watch_session *session, const char *model, const char *profile)
{
	const struct watch_vcpu *vcpu = &session->last_vcpu;
	const struct watch_block *block = &vcpu->block;
	FILE *stream = session->plan.stream;

	fprintf(stream,
	        "# The last put that wrote PMU registers: vCPU %" PRIu32
	        ", level %s, %.6f s after the start.\n",
	        vcpu->id, watch_level_name(block->level), seconds(session, block->time));
	if (model && !strpbrk(model, " \t#"))
		fprintf(stream, "model %s\nprofile %s\n", model, profile);
	for (unsigned i = 0; i < block->count; i++)
		fprintf(stream, "0x%" PRIx32 " 0x%" PRIx64 " # %s%s\n", block->accesses[i].msr,
		        block->accesses[i].value, watch_msr_name(vcpu, block->accesses[i].msr),
		        block->accesses[i].refused ? ", refused" : "");
	return output_commit(&session->plan);
}
