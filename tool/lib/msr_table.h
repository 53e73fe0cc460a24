/* SPDX-License-Identifier: MIT */
/* The MSRs of several CPUs as a dump has them, each with its last value; and states made of them.
 */
#ifndef TOOL_MSR_TABLE_H
#define TOOL_MSR_TABLE_H

#include <stream/foreign/room.h>

#include "state/state.h"

/* Empty: all zeros. */
struct msr_table {
	struct foreign_msr *entries; /* ascending by CPU and MSR once msr_table_sort() was called */
	size_t count;
	uint32_t *places; /* a hash: an entry's place + 1 */
	size_t room;
};

/* Adds or replaces a value; for struct foreign_taker. False: no memory. */
bool msr_table_take(void *table, const struct foreign_msr *msr);
void msr_table_sort(struct msr_table *table);
void msr_table_free(struct msr_table *table);

/* The value of a CPU's MSR; NULL: it has none. The table is sorted. */
const uint64_t *msr_table_find(const struct msr_table *table, uint32_t cpu, uint32_t msr);

/* What was made of a table. */
struct msr_notes {
	char others[200]; /* MSRs that are not the PMU's, "0x10, 0x1b" */
	size_t other_count;
	char untold[400]; /* registers without a value */
	size_t untold_count;
};

/*
 * Makes the state of a CPU: registers that the table does not have get their reset values. Fails
 * with why (STATE_WHY_BYTES): a value that is not the model's. The table is sorted.
 */
bool msr_table_state(const struct msr_table *table, uint32_t cpu, const struct vpmu_model *model,
                     struct vpmu_state *state, struct msr_notes *notes, char *why);

/* What an MSR is called, of whatever model; NULL: it is not a PMU's. Static storage until the next
 * call. */
const char *msr_name(uint32_t msr);

#endif
