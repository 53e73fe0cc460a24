/* SPDX-License-Identifier: MIT */
/* Records become lines: what a VMM calls tells what its vCPUs are, and what is put and got. */
#include "watch.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "input/file.h"
#include "lib/memory.h"
#include "lib/message.h"

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

static void tell_event(struct watch_session *session, const struct watch_record *record,
                       const struct watch_vcpu *vcpu)
{
	FILE *line = watch_lines_begin(&session->lines, session->log);

	session->writer->event(line, watch_seconds(session, record->head.time), record, vcpu);
	watch_lines_end(&session->lines, line, record->head.time, session->log);
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
	if (vcpu) {
		watch_end_block(session, vcpu);
		vcpu->was_quiet = false;
	}
	if (vcpu && head->kind == WATCH_SET_CPUID)
		learn_model(session, vcpu, record);
	if (vcpu && is_general(head) && head->result >= 0) {
		vcpu->has_regs |= head->kind == WATCH_SET_REGS;
		vcpu->rip = head->argument;
		watch_follow_general(vcpu, head);
		return;
	}
	tell_event(session, record, vcpu);
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
		watch_take_msrs(session, vcpu, record);
	else if (is_msrs)
		watch_take_features(session, record);
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
	watch_end_block(session, vcpu);
	watch_end_save(vcpu);
	session->tally.unmodelled += vcpu->no_model;
}

static void take_all(struct watch_session *session, bool at_end)
{
	static struct watch_record record;

	while (watch_ring_next(&session->ring, &record, at_end)) {
		if (!record.head.time)
			record.head.time = watch_now();
		take(session, &record);
		if (session->lines.held > WATCH_HELD)
			watch_lines_write(&session->lines, 0, session->log);
	}
}

void watch_session_drain(struct watch_session *session, bool at_end)
{
	uint64_t now = watch_now(); /* what is recorded from now on cannot have been missed */

	take_all(session, at_end);
	if (!at_end) {
		watch_lines_write(&session->lines, watch_known_until(session, now), session->log);
		return;
	}
	for (size_t i = 0; i < session->vcpus.slot_count; i++)
		if (session->vcpus.slots[i])
			end_vcpu(session, session->vcpus.slots[i]);
	watch_lines_write(&session->lines, UINT64_MAX, session->log);
	count_end(session);
}

void watch_session_free(struct watch_session *session)
{
	watch_lines_free(&session->lines);
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
	        vcpu->id, watch_level_name(block->level), watch_seconds(session, block->time));
	if (model && !strpbrk(model, " \t#"))
		fprintf(stream, "model %s\nprofile %s\n", model, profile);
	for (unsigned i = 0; i < block->count; i++)
		fprintf(stream, "0x%" PRIx32 " 0x%" PRIx64 " # %s%s\n", block->accesses[i].msr,
		        block->accesses[i].value, watch_msr_name(vcpu, block->accesses[i].msr),
		        block->accesses[i].refused ? ", refused" : "");
	return output_commit(&session->plan);
}
