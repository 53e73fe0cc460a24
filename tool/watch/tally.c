/* SPDX-License-Identifier: MIT */
/* The summary: what happened to each register over the whole run, and which of that loses state. */
#include "watch.h"

#include <string.h>

static struct watch_register *find(struct watch_tally *tally, const char *name, uint32_t msr)
{
	unsigned at = 0;

	while (at < tally->count && tally->registers[at].msr < msr)
		at++;
	if (at < tally->count && tally->registers[at].msr == msr)
		return &tally->registers[at];
	if (tally->count == WATCH_REGISTERS) {
		tally->lost++;
		return NULL;
	}
	memmove(&tally->registers[at + 1], &tally->registers[at],
	        (tally->count - at) * sizeof(tally->registers[0]));
	tally->count++;
	tally->registers[at] = (struct watch_register){.msr = msr};
	strncpy(tally->registers[at].name, name, sizeof(tally->registers[at].name) - 1);
	return &tally->registers[at];
}

/* Whether it has a value that a guest changes: aliases show another's, and capabilities stay. */
static bool is_kept(const struct vpmu_layout *layout, unsigned i)
{
	return layout->registers[layout->stored[i]].kind != VPMU_KIND_CAPABILITIES;
}

void watch_tally_model(struct watch_tally *tally, const struct vpmu_layout *layout, bool hidden)
{
	for (unsigned i = 0; i < layout->value_count; i++) {
		const struct vpmu_register *reg = &layout->registers[layout->stored[i]];
		struct watch_register *known;

		if (!is_kept(layout, i) || !(known = find(tally, reg->name, reg->msr)))
			continue;
		known->kept |= !hidden;
		known->hidden |= hidden;
		tally->has_model |= !hidden;
	}
}

/* An access counts for the register that has the value, whatever the name it was called by. */
static struct watch_register *find_access(struct watch_tally *tally, const struct watch_vcpu *vcpu,
                                          const struct watch_access *access)
{
	int value = watch_value(vcpu, access->msr);
	const struct vpmu_register *reg;
	const char *name = watch_msr_name(vcpu, access->msr);

	if (value < 0)
		return find(tally, name ? name : "", access->msr);
	reg = &vcpu->layout.registers[vcpu->layout.stored[value]];
	return find(tally, reg->name, reg->msr);
}

static void count_accesses(struct watch_tally *tally, const struct watch_vcpu *vcpu,
                           const struct watch_block *block)
{
	for (unsigned i = 0; i < block->count; i++) {
		const struct watch_access *access = &block->accesses[i];
		struct watch_register *known = find_access(tally, vcpu, access);

		if (!known)
			continue;
		if (access->refused)
			known->refused++;
		else if (block->is_put && vcpu->has_no_pmu &&
		         access->msr != VPMU_MSR_PERF_CAPABILITIES)
			known->unowned++;
		else if (block->is_put)
			known->written++;
		else
			known->read++;
		tally->refusals += access->refused;
	}
}

/* Registers of the vCPU's model that a reset did not write. */
static void count_left_alone(struct watch_tally *tally, const struct watch_vcpu *vcpu,
                             const struct watch_block *block)
{
	bool written[VPMU_MAX_STATE] = {false};

	for (unsigned i = 0; i < block->count; i++) {
		int value = watch_value(vcpu, block->accesses[i].msr);

		if (value >= 0)
			written[value] = true;
	}
	for (unsigned i = 0; vcpu->has_layout && i < vcpu->layout.value_count; i++) {
		const struct vpmu_register *reg = &vcpu->layout.registers[vcpu->layout.stored[i]];
		struct watch_register *known;

		if (!written[i] && is_kept(&vcpu->layout, i) &&
		    (known = find(tally, reg->name, reg->msr)))
			known->left++;
	}
}

/* --- Values that were put otherwise than they were got -------------------------------------- */

static bool same_change(const struct watch_tally_change *known, const struct watch_vcpu *vcpu,
                        const struct watch_change *change)
{
	return known->vm == vcpu->vm && known->vcpu_id == vcpu->id &&
	       known->change.msr == change->msr;
}

static void copy_name(const struct watch_vcpu *vcpu, uint32_t msr, char *to)
{
	const char *name = msr ? watch_msr_name(vcpu, msr) : NULL;

	snprintf(to, VPMU_NAME_BYTES, "%s", name ? name : "");
}

/* The first of a register says it; the same put may come again and again. */
static void note_change(struct watch_tally *tally, const struct watch_vcpu *vcpu,
                        const struct watch_change *change)
{
	struct watch_tally_change *at = tally->changes;

	for (unsigned i = 0; i < tally->change_count; i++)
		if (same_change(at++, vcpu, change))
			return;
	if (tally->change_count == WATCH_CHANGES) {
		tally->more_changes++;
		return;
	}
	tally->change_count++;
	*at = (struct watch_tally_change){vcpu->vm, vcpu->id, *change, "", ""};
	copy_name(vcpu, change->msr, at->name);
	copy_name(vcpu, change->moved_to, at->moved_to);
}

static void count_changes(struct watch_tally *tally, const struct watch_vcpu *vcpu,
                          const struct watch_block *block)
{
	tally->foreign += block->is_foreign;
	for (unsigned i = 0; i < block->change_count; i++) {
		const struct watch_change *change = &block->changes[i];
		const char *name = watch_msr_name(vcpu, change->msr);
		struct watch_register *known = find(tally, name ? name : "", change->msr);

		if (known)
			known->changed++;
		note_change(tally, vcpu, change);
	}
}

void watch_tally_block(struct watch_tally *tally, const struct watch_vcpu *vcpu,
                       const struct watch_block *block)
{
	count_accesses(tally, vcpu, block);
	if (!block->is_put) {
		/* One MSR is a question, many are a get. */
		tally->gets += block->msrs > 1;
		return;
	}
	tally->puts[block->level]++;
	tally->put_calls += block->calls;
	tally->put_spent += block->spent;
	count_changes(tally, vcpu, block);
	if (block->level == WATCH_RESET)
		count_left_alone(tally, vcpu, block);
}

/* Whether a vCPU's model has a register of that name by another number: PerfEvtSel0 has two. */
static bool is_kept_elsewhere(const struct watch_tally *tally, const char *name)
{
	for (unsigned i = 0; i < tally->count; i++)
		if (tally->registers[i].kept && !strcmp(tally->registers[i].name, name))
			return true;
	return false;
}

bool watch_finds(const struct watch_tally *tally, const struct watch_register *reg,
                 enum watch_finding finding)
{
	bool puts = tally->puts[WATCH_RESET] || tally->puts[WATCH_FULL];

	switch (finding) {
	case WATCH_LEFT_ALONE:
		return reg->left;
	case WATCH_NEVER_SAVED:
		return tally->gets && reg->kept && !reg->read && !reg->written;
	case WATCH_WRITTEN_ONLY:
		return tally->gets && reg->kept && reg->written && !reg->read;
	case WATCH_READ_ONLY:
		return puts && reg->kept && reg->read && !reg->written;
	case WATCH_CHANGED:
		return reg->changed;
	case WATCH_REFUSED:
		return reg->refused;
	case WATCH_UNOWNED:
		return reg->unowned;
	case WATCH_HIDDEN:
		return reg->hidden && !reg->kept && !is_kept_elsewhere(tally, reg->name);
	default:
		return false;
	}
}

/* AMD's CPUID has none. */
static bool shows_version(const struct vpmu_model *model)
{
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	size_t count = vpmu_model_to_cpuid(model, leaves);

	for (size_t i = 0; i < count; i++)
		if (leaves[i].leaf == 0xa)
			return leaves[i].eax & 0xff;
	return false;
}

unsigned watch_shown(const struct vpmu_model *model)
{
	static const struct {
		uint32_t feature;
		enum watch_shown shown;
	} features[] = {
		{VPMU_FEATURE_PDCM, WATCH_SHOWN_PDCM},
		{VPMU_FEATURE_PERFCORE, WATCH_SHOWN_PERFCORE},
		{VPMU_FEATURE_PERFMON_V2, WATCH_SHOWN_PERFMON_V2},
	};
	unsigned shown = 0;

	if (shows_version(model))
		shown |= 1u << WATCH_SHOWN_VERSION;
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (model->features & features[i].feature)
			shown |= 1u << features[i].shown;
	return shown;
}

bool watch_is_defeated(const struct watch_tally *tally)
{
	bool left = false;

	for (unsigned i = 0; i < tally->count && *tally->host_vendor; i++) {
		const struct watch_register *reg = &tally->registers[i];

		if (reg->kept && (reg->written || reg->read))
			return false;
		left |= watch_finds(tally, reg, WATCH_LEFT_ALONE) ||
		        watch_finds(tally, reg, WATCH_NEVER_SAVED);
	}
	return left;
}

enum watch_verdict watch_judge(const struct watch_tally *tally)
{
	if (tally->lost || tally->strays || tally->unseen || tally->unmodelled ||
	    tally->interrupted || watch_is_defeated(tally))
		return WATCH_UNKNOWN;
	if (tally->missed_count)
		return WATCH_FAILS;
	for (unsigned i = 0; i < tally->count; i++)
		for (enum watch_finding f = 0; f < WATCH_HIDDEN; f++)
			if (watch_finds(tally, &tally->registers[i], f))
				return WATCH_FAILS;
	return WATCH_HOLDS;
}
