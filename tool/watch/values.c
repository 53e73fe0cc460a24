/* SPDX-License-Identifier: MIT */
/*
 * Values, followed from get to put. A save is what was read from one vCPU's PMU while it stood
 * still; the general registers, read at the same moment, identify it. A put together with the same
 * general registers restores that save, and must write its values.
 */
#include "watch.h"

#include <stdlib.h>
#include <string.h>

#include "lib/memory.h"

enum { SAVES = 1024 }; /* of a vCPU; more push out the oldest */

/* The registers' digest as of these entries; 0: the vCPU has run since, or nobody asked. */
static uint64_t moment(const struct watch_vcpu *vcpu, uint64_t runs)
{
	return vcpu->general_runs == runs ? vcpu->general : 0;
}

/* The number by which a state knows the register; 0: it shows no value of a state. */
static uint32_t own_number(const struct watch_vcpu *vcpu, uint32_t msr)
{
	int value = watch_value(vcpu, msr);

	return value < 0 ? 0 : vcpu->layout.registers[vcpu->layout.stored[value]].msr;
}

/* --- Saves --------------------------------------------------------------------------------- */

struct watch_save *watch_saves_add(struct watch_saves *saves)
{
	if (saves->count == SAVES) {
		saves->forgotten = true;
		saves->count--;
		memmove(&saves->at[0], &saves->at[1], saves->count * sizeof(saves->at[0]));
	}
	if (saves->count == saves->room) {
		size_t room = saves->room ? 2 * saves->room : 4;
		struct watch_save *at = memory_resize(saves->at, room * sizeof(*at));

		if (!at)
			return NULL;
		saves->at = at;
		saves->room = room;
	}
	saves->at[saves->count] = (struct watch_save){0};
	return &saves->at[saves->count++];
}

void watch_saves_free(struct watch_saves *saves)
{
	free(saves->at);
	*saves = (struct watch_saves){0};
}

bool watch_save_set(struct watch_save *save, uint32_t msr, uint64_t value)
{
	unsigned i = 0;

	while (i < save->count && save->values[i].msr != msr)
		i++;
	if (i == VPMU_MAX_STATE)
		return false;
	save->count += i == save->count;
	save->values[i] = (struct watch_saved){.msr = msr, .value = value};
	return true;
}

static bool same_save(const struct watch_save *a, const struct watch_save *b)
{
	if (a->general != b->general || a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++)
		if (a->values[i].msr != b->values[i].msr ||
		    a->values[i].value != b->values[i].value)
			return false;
	return true;
}

/* Drops the last save when an earlier one is the same, or when nothing tells its moment. */
static void settle(struct watch_saves *saves)
{
	const struct watch_save *last = &saves->at[saves->count - 1];

	bool drop = !last->general || !last->count;

	saves->is_open = false;
	for (size_t i = 0; i + 1 < saves->count && !drop; i++)
		drop = same_save(&saves->at[i], last);
	saves->count -= drop;
}

void watch_end_save(struct watch_vcpu *vcpu)
{
	if (vcpu->saves.is_open)
		settle(&vcpu->saves);
}

bool watch_follow_get(struct watch_vcpu *vcpu, const struct watch_block *block)
{
	struct watch_saves *saves = &vcpu->saves;

	if (!saves->is_open && !watch_saves_add(saves))
		return false;
	saves->is_open = true;
	for (unsigned i = 0; i < block->count; i++) {
		uint32_t msr = own_number(vcpu, block->accesses[i].msr);

		if (msr && !block->accesses[i].refused)
			watch_save_set(&saves->at[saves->count - 1], msr, block->accesses[i].value);
	}
	saves->at[saves->count - 1].general = moment(vcpu, vcpu->runs);
	return true;
}

void watch_follow_general(struct watch_vcpu *vcpu, const struct watch_head *head)
{
	if (head->kind == WATCH_SET_REGS || head->runs != vcpu->runs)
		watch_end_save(vcpu);
	vcpu->general = head->general;
	vcpu->general_runs = head->runs;
	if (vcpu->saves.is_open)
		vcpu->saves.at[vcpu->saves.count - 1].general = head->general;
}

/* --- Puts ---------------------------------------------------------------------------------- */

/* What the put leaves in each register. */
static void gather(const struct watch_vcpu *vcpu, const struct watch_block *block,
                   struct watch_save *put)
{
	*put = (struct watch_save){.general = moment(vcpu, vcpu->runs)};
	for (unsigned i = 0; i < block->count; i++) {
		uint32_t msr = own_number(vcpu, block->accesses[i].msr);

		if (msr && !block->accesses[i].refused)
			watch_save_set(put, msr, block->accesses[i].value);
	}
}

static const uint64_t *find(const struct watch_save *save, uint32_t msr)
{
	for (unsigned i = 0; i < save->count; i++)
		if (save->values[i].msr == msr)
			return &save->values[i].value;
	return NULL;
}

/* A vCPU at the reset vector, and nothing but what a reset leaves there (KVM's own reset leaves 0
 * in global control). */
static bool is_reset(const struct watch_vcpu *vcpu, const struct watch_block *block,
                     const struct watch_save *put)
{
	for (unsigned i = 0; i < put->count; i++) {
		int place = vpmu_layout_find_msr(&vcpu->layout, put->values[i].msr);

		if (put->values[i].value &&
		    put->values[i].value != vcpu->layout.registers[place].reset)
			return false;
	}
	return block->level == WATCH_RESET;
}

/* One call a register: what has the same value already may be left out. */
static bool may_skip(const struct watch_block *block)
{
	return block->calls >= block->count;
}

/* Where another register was put with the value that this one was got with. */
static uint32_t moved_to(const struct watch_save *got, const struct watch_save *put, uint32_t msr,
                         uint64_t value)
{
	for (unsigned i = 0; value && i < put->count; i++) {
		const uint64_t *was = find(got, put->values[i].msr);

		if (put->values[i].msr != msr && put->values[i].value == value &&
		    !(was && *was == value))
			return put->values[i].msr;
	}
	return 0;
}

static unsigned compare(const struct watch_block *block, const struct watch_save *got,
                        const struct watch_save *put, struct watch_change *changes)
{
	unsigned count = 0;

	for (unsigned i = 0; i < got->count; i++) {
		const struct watch_saved *was = &got->values[i];
		const uint64_t *is = find(put, was->msr);

		if (is ? *is == was->value : !was->value || may_skip(block))
			continue;
		changes[count++] = (struct watch_change){
			.msr = was->msr,
			.moved_to = moved_to(got, put, was->msr, was->value),
			.got = was->value,
			.put = is ? *is : 0,
			.is_put = is,
		};
	}
	return count;
}

/* The save that is nearest to the put; NULL: none is of that moment. */
static struct watch_save *nearest(struct watch_vcpu *vcpu, struct watch_block *block,
                                  const struct watch_save *put)
{
	struct watch_change changes[VPMU_MAX_STATE];
	struct watch_save *best = NULL;

	for (size_t i = 0; i < vcpu->saves.count && put->general; i++) {
		struct watch_save *save = &vcpu->saves.at[i];
		unsigned count;

		if (save->general != put->general)
			continue;
		count = compare(block, save, put, changes);
		if (best && count > block->change_count)
			continue;
		best = save;
		block->change_count = count;
		memcpy(block->changes, changes, count * sizeof(changes[0]));
	}
	return best;
}

void watch_follow_put(struct watch_vcpu *vcpu, struct watch_block *block)
{
	struct watch_save put, *save;

	gather(vcpu, block, &put);
	if (!put.count || block->level == WATCH_CONFIGURATION || block->level == WATCH_RUNTIME)
		return;
	watch_end_save(vcpu);
	save = nearest(vcpu, block, &put);
	if (save && (!block->change_count || !is_reset(vcpu, block, &put))) {
		save->was_put = true;
		return;
	}
	block->change_count = 0;
	block->is_foreign = !is_reset(vcpu, block, &put);
}
