/* SPDX-License-Identifier: MIT */
/* What the files of src/state share among themselves. */
#ifndef STATE_ROOM_INT_H
#define STATE_ROOM_INT_H

#include <arch/room.h>
#include <base/room.h>
#include <state/room.h>

/* --- layout.c --------------------------------------------------------------------------------- */

/* The kind of an alias's original; the kind itself otherwise. */
enum vpmu_kind kind_behind(enum vpmu_kind kind);

/* Whether the state is one of the layout's model. */
bool layout_fits(const struct vpmu_layout *layout, const struct vpmu_state *state);

/* The register of a value. */
static inline const struct vpmu_register *layout_stored(const struct vpmu_layout *layout,
                                                        unsigned value)
{
	return &layout->registers[layout->stored[value]];
}

/* --- target.c --------------------------------------------------------------------------------- */

/* Whether there are functions to call. */
bool target_works(const struct vpmu_target *target);

static inline bool policy_is_known(enum vpmu_policy policy)
{
	return (unsigned)policy <= VPMU_POLICY_STOP;
}

/* A sequence of accesses, part of which has been done. */
struct transfer {
	const struct vpmu_target *target;
	bool writes; /* false: they are reads */
	struct vpmu_msr *msrs;
	unsigned count, batch;
	unsigned at; /* the next one */
};

struct transfer transfer_of(const struct vpmu_target *target, bool writes, struct vpmu_msr *msrs,
                            unsigned count);

/* How a stretch of accesses ended. */
enum transfer_end {
	TRANSFER_DONE,    /* all of them are done */
	TRANSFER_REFUSED, /* the one before transfer->at was refused */
	TRANSFER_FAILED,  /* a call failed as a whole, with *error */
};

/* Goes on until the end or the next refusal; transfer->at is then behind the refused access. */
enum transfer_end transfer_go(struct transfer *transfer, int *error);

/* --- rollback.c ------------------------------------------------------------------------------- */

_Static_assert((int)VPMU_MAX_STATE <= (int)SET_BITS, "a set can have each value of a state");

/* The values before a put, as far as the target could be read. */
struct before {
	struct vpmu_state state;
	struct set known;   /* values that could be read */
	struct set written; /* values that the put has changed since */
	struct set refused; /* values that the target refused to take */
	/* The MSR number by which each value was last written, which the target has accepted. */
	uint32_t msr[VPMU_MAX_STATE];
};

/* Reads the present values; false if a call failed as a whole. */
bool before_read(struct before *before, const struct vpmu_layout *layout,
                 const struct vpmu_target *target, int *error);

/* Writes back what was written, and lists in the report what could not be. */
void before_restore(const struct before *before, const struct vpmu_layout *layout,
                    const struct vpmu_target *target, struct vpmu_report *report);

/* --- compat_model.c --------------------------------------------------------------------------- */

/* Lists in compat->differences the fields in which `b` has less than `a`. */
void compare_models(struct vpmu_compat *compat, const struct vpmu_model *a,
                    const struct vpmu_model *b);

/* --- baseline.c ------------------------------------------------------------------------------- */

/* The bits of a set that a model can have, except those of numbers inside it. */
uint64_t baseline_bits(const struct field_row *row);

#endif
