/* SPDX-License-Identifier: MIT */
/* Gathers the MSRs of a dump, and makes states of them. */
#include "msr_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <base/room.h>

#include "memory.h"

/* --- The table -------------------------------------------------------------------------------- */

static size_t hash(const struct msr_table *table, uint32_t cpu, uint32_t msr)
{
	uint64_t key = (uint64_t)cpu << 32 | msr;

	return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (table->room - 1);
}

/* Where it is, or where it would be. */
static uint32_t *place_of(const struct msr_table *table, uint32_t cpu, uint32_t msr)
{
	size_t at = hash(table, cpu, msr);

	for (; table->places[at]; at = (at + 1) & (table->room - 1)) {
		const struct foreign_msr *entry = &table->entries[table->places[at] - 1];

		if (entry->cpu == cpu && entry->msr == msr)
			break;
	}
	return &table->places[at];
}

/* Half of the places stay empty. */
static bool grow(struct msr_table *table)
{
	size_t room = table->room ? 2 * table->room : 256;
	struct foreign_msr *entries =
		memory_resize(table->entries, room / 2 * sizeof(*table->entries));
	uint32_t *places = memory_get(room * sizeof(*places));

	table->entries = entries ? entries : table->entries;
	if (!entries || !places) {
		free(places);
		return false;
	}
	memset(places, 0, room * sizeof(*places));
	free(table->places);
	table->places = places;
	table->room = room;
	for (size_t i = 0; i < table->count; i++)
		*place_of(table, entries[i].cpu, entries[i].msr) = (uint32_t)i + 1;
	return true;
}

bool msr_table_take(void *context, const struct foreign_msr *msr)
{
	struct msr_table *table = context;
	uint32_t *place;

	if (table->count == table->room / 2 && !grow(table))
		return false;
	place = place_of(table, msr->cpu, msr->msr);
	if (!*place)
		*place = (uint32_t)++table->count;
	table->entries[*place - 1] = *msr;
	return true;
}

static int by_cpu_and_msr(const void *a, const void *b)
{
	const struct foreign_msr *one = a, *other = b;

	if (one->cpu != other->cpu)
		return one->cpu < other->cpu ? -1 : 1;
	return (one->msr > other->msr) - (one->msr < other->msr);
}

void msr_table_sort(struct msr_table *table)
{
	if (table->count)
		qsort(table->entries, table->count, sizeof(*table->entries), by_cpu_and_msr);
	free(table->places);
	table->places = NULL;
	table->room = 0;
}

void msr_table_free(struct msr_table *table)
{
	free(table->entries);
	free(table->places);
	*table = (struct msr_table){.entries = NULL};
}

const uint64_t *msr_table_find(const struct msr_table *table, uint32_t cpu, uint32_t msr)
{
	const struct foreign_msr key = {.cpu = cpu, .msr = msr};
	const struct foreign_msr *found = table->count ? bsearch(&key, table->entries, table->count,
	                                                         sizeof(key), by_cpu_and_msr)
	                                               : NULL;

	return found ? &found->value : NULL;
}

/* --- Names ------------------------------------------------------------------------------------ */

const char *msr_name(uint32_t msr)
{
	/* The presets with the most registers, of each vendor. */
	static const char *const models[] = {"intel-v5,gp=10,fixed=8", "amd-perfmon-v2,gp=15",
	                                     "amd-k7"};
	static struct vpmu_layout layouts[sizeof(models) / sizeof(models[0])];

	for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
		struct vpmu_model model;
		int place;

		if (!layouts[i].register_count && !vpmu_model_parse(&model, models[i], NULL, 0))
			vpmu_layout_init(&layouts[i], &model);
		place = vpmu_layout_find_msr(&layouts[i], msr);
		if (place >= 0)
			return layouts[i].registers[place].name;
	}
	return NULL;
}

/* --- States ----------------------------------------------------------------------------------- */

static void add_to_list(char *list, size_t bytes, size_t *count, const char *what)
{
	size_t used = strlen(list);

	++*count;
	if (used + strlen(what) + 8 < bytes)
		snprintf(list + used, bytes - used, "%s%s", used ? ", " : "", what);
	else if (used + 5 < bytes && strcmp(list + used - 3, "...") != 0)
		snprintf(list + used, bytes - used, " ...");
}

/* An MSR that the model lacks: if it is another model's and not 0, that is a mistake. */
static bool take_other(const struct foreign_msr *msr, const struct vpmu_model *model,
                       struct msr_notes *notes, char *why)
{
	const char *name = msr_name(msr->msr);
	char number[16];

	snprintf(number, sizeof(number), "0x%" PRIx32, msr->msr);
	if (!name || !msr->value) {
		add_to_list(notes->others, sizeof(notes->others), &notes->other_count, number);
		return true;
	}
	snprintf(why, STATE_WHY_BYTES,
	         "%s (%s) is 0x%" PRIx64 " there, and %s has no such register", name, number,
	         msr->value, model->name);
	return false;
}

/* A register that the model has; values that its own number and an alias show must agree. */
static bool take_register(const struct foreign_msr *msr, const struct vpmu_layout *layout,
                          int place, struct vpmu_state *state, struct set *seen, char *why)
{
	const struct vpmu_register *reg = &layout->registers[place];
	unsigned value = layout->value_of[place];
	uint64_t before = 0;

	if (value == VPMU_NO_VALUE)
		return true; /* a command, or another part's */
	vpmu_state_value(state, layout, (unsigned)place, &before);
	if (set_has(seen, value) && before != msr->value) {
		snprintf(why, STATE_WHY_BYTES,
		         "%s is 0x%" PRIx64 " there, and 0x%" PRIx64 " by another number of it",
		         reg->name, msr->value, before);
		return false;
	}
	if (vpmu_state_set(state, layout, (unsigned)place, msr->value)) {
		snprintf(why, STATE_WHY_BYTES,
		         "%s is 0x%" PRIx64 " there, of which %s cannot hold 0x%" PRIx64, reg->name,
		         msr->value, layout->model.name,
		         vpmu_layout_excess(layout, (unsigned)place, msr->value));
		return false;
	}
	set_add(seen, value);
	return true;
}

/* The dump's value of IA32_PERF_CAPABILITIES replaces the model's, if such a PMU can exist. */
static struct vpmu_model with_capabilities(const struct msr_table *table, uint32_t cpu,
                                           const struct vpmu_model *model)
{
	const uint64_t *value = msr_table_find(table, cpu, VPMU_MSR_PERF_CAPABILITIES);
	struct vpmu_model changed = *model;

	if (!value || !(model->features & VPMU_FEATURE_PDCM))
		return *model;
	changed.perf_capabilities = *value;
	return vpmu_model_check(&changed, NULL, 0) ? *model : changed;
}

static void note_untold(const struct vpmu_layout *layout, const struct set *seen,
                        struct msr_notes *notes)
{
	for (unsigned i = 0; i < layout->value_count; i++) {
		const struct vpmu_register *reg = &layout->registers[layout->stored[i]];

		if (!set_has(seen, i) && reg->kind != VPMU_KIND_CAPABILITIES)
			add_to_list(notes->untold, sizeof(notes->untold), &notes->untold_count,
			            reg->name);
	}
}

bool msr_table_state(const struct msr_table *table, uint32_t cpu, const struct vpmu_model *model,
                     struct vpmu_state *state, struct msr_notes *notes, char *why)
{
	struct vpmu_model whole = with_capabilities(table, cpu, model);
	struct vpmu_layout layout;
	struct set seen = {{0}};
	bool good = true;

	*notes = (struct msr_notes){.other_count = 0};
	vpmu_layout_init(&layout, &whole);
	vpmu_state_reset(state, &layout);
	for (size_t i = 0; i < table->count && good; i++) {
		const struct foreign_msr *msr = &table->entries[i];
		int place = vpmu_layout_find_msr(&layout, msr->msr);

		if (msr->cpu != cpu)
			continue;
		good = place < 0 ? take_other(msr, &whole, notes, why)
		                 : take_register(msr, &layout, place, state, &seen, why);
	}
	note_untold(&layout, &seen, notes);
	return good;
}
