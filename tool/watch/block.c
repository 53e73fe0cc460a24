/* SPDX-License-Identifier: MIT */
/*
 * Calls become gets and puts. KVM_SET_MSRS calls on one vCPU that follow each other are one put:
 * until it runs, or until a get, a KVM_SET_REGS, a CPUID or a close, or until a second without a
 * call.
 */
#include "watch.h"

#include <stddef.h>
#include <string.h>

enum { IA32_TSC = 0x10 };

double watch_seconds(const struct watch_session *session, uint64_t time)
{
	return (double)(time - session->start) / 1e9;
}

static void keep_put(struct watch_session *session, const struct watch_vcpu *vcpu)
{
	if (!vcpu->block.count || vcpu->block.level == WATCH_CONFIGURATION)
		return;
	session->has_put = true;
	session->last_vcpu = *vcpu;
}

static void tell_block(struct watch_session *session, const struct watch_vcpu *vcpu,
                       const struct watch_block *block)
{
	FILE *line = watch_lines_begin(&session->lines, session->log);

	session->writer->block(line, watch_seconds(session, block->time), vcpu, block);
	watch_lines_end(&session->lines, line, block->time, session->log);
}

void watch_end_block(struct watch_session *session, struct watch_vcpu *vcpu)
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
	tell_block(session, vcpu, block);
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
	block->last = head->time;
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

void watch_take_msrs(struct watch_session *session, struct watch_vcpu *vcpu,
                     const struct watch_record *record)
{
	bool is_put = record->head.kind == WATCH_SET_MSRS;

	if (!is_put || vcpu->block.is_put != is_put || vcpu->runs != record->head.runs)
		watch_end_block(session, vcpu);
	if (vcpu->runs != record->head.runs)
		watch_end_save(vcpu);
	else if (is_put && vcpu->was_quiet)
		session->tally.interrupted++;
	vcpu->was_quiet = false;
	vcpu->runs = record->head.runs;
	if (!vcpu->block.is_open)
		begin_block(vcpu, &record->head);
	add_call(vcpu, &vcpu->block, record);
	if (!is_put)
		watch_end_block(session, vcpu);
}

/* KVM_GET_MSRS on /dev/kvm: a question about features, no get. */
void watch_take_features(struct watch_session *session, const struct watch_record *record)
{
	static struct watch_vcpu nobody;

	nobody.serial = WATCH_NONE;
	begin_block(&nobody, &record->head);
	add_call(&nobody, &nobody.block, record);
	if (nobody.block.count)
		tell_block(session, &nobody, &nobody.block);
}

static void end_quiet_block(struct watch_session *session, struct watch_vcpu *vcpu, uint64_t now)
{
	const struct watch_block *block = &vcpu->block;

	if (!block->is_open || now < WATCH_QUIET || block->last > now - WATCH_QUIET)
		return;
	vcpu->was_quiet = block->count;
	watch_end_block(session, vcpu);
}

/* The time up to which everything is known, so that lines can be printed in order. */
uint64_t watch_known_until(struct watch_session *session, uint64_t now)
{
	uint64_t until = now < WATCH_QUIET ? 0 : now - WATCH_QUIET;

	for (size_t i = 0; i < session->vcpus.slot_count; i++) {
		struct watch_vcpu *vcpu = session->vcpus.slots[i];

		if (!vcpu)
			continue;
		end_quiet_block(session, vcpu, now);
		if (vcpu->block.is_open && vcpu->block.time < until)
			until = vcpu->block.time;
	}
	return until;
}
