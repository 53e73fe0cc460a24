/* SPDX-License-Identifier: MIT */
/* An explorer's memory, allocated once; and the set of nodes, identified by a hash of everything
 * that decides how they go on. */
#include <stdlib.h>

#include "explorer.h"

enum { FRONTIER_SHARE = 16, TABLE_START = 1024, FRONTIER_MIN = 256 };

static uint32_t frontier_max(const struct check_scope *scope)
{
	uint32_t most = scope->nodes / FRONTIER_SHARE;

	return most < FRONTIER_MIN ? FRONTIER_MIN : most;
}

static size_t stride_of(const struct check_ops *ops)
{
	size_t bytes = ops ? ops->bytes : vpmu_pmu_size();

	return (bytes + VPMU_PMU_ALIGN - 1) / VPMU_PMU_ALIGN * VPMU_PMU_ALIGN;
}

static uint32_t table_size(const struct check_scope *scope)
{
	uint32_t size = TABLE_START;

	while (size < 2 * scope->nodes)
		size *= 2;
	return size;
}

size_t check_explorer_memory(const struct check_scope *scope, const struct check_ops *ops)
{
	return sizeof(struct check_explorer) + scope->nodes * sizeof(struct node) +
	       (table_size(scope) + SEEN) * sizeof(uint64_t) +
	       2 * (size_t)frontier_max(scope) * (stride_of(ops) + sizeof(uint32_t));
}

void check_explorer_destroy(struct check_explorer *explorer)
{
	if (!explorer)
		return;
	for (unsigned i = 0; i < 2; i++) {
		free(explorer->frontiers[i].vcpus);
		free(explorer->frontiers[i].nodes);
	}
	free(explorer->nodes);
	free(explorer->table);
	free(explorer->seen);
	free(explorer->life);
	free(explorer);
}

static void choose_vcpu(struct check_explorer *explorer, const struct check_ops *ops, void *context)
{
	explorer->vcpu = (struct vcpu){&register_machine, &explorer->machine, NULL};
	if (ops)
		explorer->vcpu = (struct vcpu){ops, context, &explorer->journal};
	explorer->stride = stride_of(ops);
}

struct check_explorer *check_explorer_create(const struct check_scope *scope,
                                             const struct check_ops *ops, void *context)
{
	struct check_explorer *explorer =
		aligned_alloc(VPMU_PMU_ALIGN, (sizeof(*explorer) + VPMU_PMU_ALIGN - 1) /
	                                              VPMU_PMU_ALIGN * VPMU_PMU_ALIGN);
	bool whole;

	if (!explorer)
		return NULL;
	*explorer = (struct check_explorer){.scope = *scope};
	choose_vcpu(explorer, ops, context);
	explorer->frontier_max = frontier_max(scope);
	explorer->nodes = malloc(scope->nodes * sizeof(*explorer->nodes));
	explorer->table = malloc(table_size(scope) * sizeof(*explorer->table));
	explorer->seen = malloc(SEEN * sizeof(*explorer->seen));
	explorer->life = aligned_alloc(VPMU_PMU_ALIGN, explorer->stride);
	whole = explorer->nodes && explorer->table && explorer->seen && explorer->life;
	for (unsigned i = 0; i < 2; i++) {
		struct frontier *frontier = &explorer->frontiers[i];

		frontier->vcpus =
			aligned_alloc(VPMU_PMU_ALIGN, explorer->frontier_max * explorer->stride);
		frontier->nodes = malloc(explorer->frontier_max * sizeof(*frontier->nodes));
		whole = whole && frontier->vcpus && frontier->nodes;
	}
	if (whole)
		return explorer;
	check_explorer_destroy(explorer);
	return NULL;
}

static uint64_t key_of(const struct node *node, uint64_t fingerprint)
{
	uint64_t place = node->at | (uint64_t)node->round << 8 | (uint64_t)node->raised << 16 |
	                 (uint64_t)node->refused << 24;
	uint64_t key = hash_mix(hash_mix(fingerprint, place), node->skip);

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
		return; /* no memory: the table stays, fuller and slower */
	memcpy(moved, explorer->table, old * sizeof(*moved));
	explorer->table_mask = 2 * old - 1;
	memset(explorer->table, 0, 2 * (size_t)old * sizeof(*moved));
	for (uint32_t i = 0; i < old; i++)
		if (moved[i])
			table_put(explorer, moved[i]);
	free(moved);
}

/* Adds a key. False: it was already there. */
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

void nodes_clear(struct check_explorer *explorer)
{
	explorer->table_mask = TABLE_START - 1;
	memset(explorer->table, 0, TABLE_START * sizeof(*explorer->table));
	explorer->node_count = 0;
}

bool nodes_add(struct check_explorer *explorer, const struct node *node)
{
	if (!table_add(explorer, key_of(node, vcpu_fingerprint(&explorer->vcpu))))
		return false;
	explorer->nodes[explorer->node_count++] = *node;
	return true;
}

/* --- Scenarios that were explored --- */

static uint64_t scenario_key(const struct check_explorer *explorer)
{
	const struct scenario *scenario = &explorer->scenario;
	uint64_t key = hash_mix(explorer->life_print, (uint64_t)scenario->level << 8 |
	                                                      (uint64_t)scenario->is_read << 1 |
	                                                      scenario->is_mixed);

	for (unsigned i = 0; i < scenario->layout->value_count; i++)
		key = hash_mix(key, scenario->state.values[i]);
	return key ? key : 1;
}

void seen_clear(struct check_explorer *explorer)
{
	memset(explorer->seen, 0, SEEN * sizeof(*explorer->seen));
	explorer->seen_count = 0;
}

bool seen_before(struct check_explorer *explorer)
{
	uint64_t key = scenario_key(explorer);
	uint32_t at = (uint32_t)key & (SEEN - 1);

	for (; explorer->seen[at]; at = (at + 1) & (SEEN - 1))
		if (explorer->seen[at] == key)
			return true;
	if (explorer->seen_count == SEEN / 2)
		return false; /* no room to remember it: a duplicate would be explored again */
	explorer->seen[at] = key;
	explorer->seen_count++;
	return false;
}
