/* SPDX-License-Identifier: MIT */
/* What the files of src/timeline share among themselves. */
#ifndef TIMELINE_ROOM_INT_H
#define TIMELINE_ROOM_INT_H

#include <timeline/room.h>

/* --- timeline.c ------------------------------------------------------------------------------- */

/* Before each event of the list. */
void put_comma(struct timeline_file *file);

/* Counts one more event; false: there are too many. */
bool take_event(struct timeline_file *file);

/* "overflow IA32_PMC0 IA32_FIXED_CTR1" */
void put_overflow(FILE *stream, const struct timeline_vcpu *vcpu, uint64_t bits);

/* --- overflow.c ------------------------------------------------------------------------------- */

/* Must see every event: it may begin the slice of an overflow, or end it. */
void overflow_follow(struct timeline_file *file, struct timeline_vcpu *vcpu,
                     const struct timeline_event *event);

/* Ends the open slices: nothing else will happen. */
void overflow_end(struct timeline_file *file, struct timeline_vcpu *vcpu, uint64_t instruction);

#endif
