/* SPDX-License-Identifier: MIT */
/*
 * What src/timeline shows to the rooms above it: a Chrome trace (JSON that Perfetto opens) of PMUs:
 * PMIs, overflows, interrupts, writes to PMU registers, entries into the guest, the counters'
 * values as tracks, and as slices the time in which each counts, the rings, and how long an
 * overflow waits for its PMI and for the guest to clear it; a process for each vCPU. One
 * microsecond there is one retired instruction. It writes to a stream of the caller's, whose errors
 * are the caller's to see. Not for two threads at once.
 */
#ifndef TIMELINE_ROOM_H
#define TIMELINE_ROOM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <vpmu/model.h>
#include <vpmu/pmu.h>

/* About 200 MB; a guest that writes registers for ever must not fill the disk. */
enum { TIMELINE_EVENTS_MAX = 1000000 };

struct timeline_file {
	FILE *stream;
	bool begun; /* an event is in it */
	uint64_t events, dropped;
};

/* Overflows that the guest has not cleared, by their bits of the status register. */
struct timeline_overflow {
	uint64_t bits, all; /* those that are left; what there was of them */
	uint64_t since;     /* instruction; the next two, too */
	uint64_t pmi, taken;
	bool has_pmi, is_taken;
	uint64_t vector;
};

struct timeline_vcpu {
	unsigned process; /* from 1 */
	const struct vpmu_pmu *pmu;
	size_t register_count;
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	uint64_t shown[VPMU_MAX_REGISTERS]; /* a counter's value on its track */
	/* The slices that are open, by what they show; 0: none. */
	uint32_t counting[VPMU_MAX_REGISTERS];
	uint32_t in_ring;
	struct timeline_overflow overflow;
	unsigned ring; /* 0, 3; TIMELINE_NO_RING: nobody has said */
};

enum { TIMELINE_NO_RING = 4 };

/* The tracks of a vCPU. */
enum timeline_kind {
	TIMELINE_MSR_WRITE, /* the guest wrote a PMU register */
	TIMELINE_PMI,       /* value: the vector */
	TIMELINE_INTERRUPT, /* the same */
	TIMELINE_OVERFLOW,  /* value: bits of the status register */
	TIMELINE_ENTRY,     /* the vCPU is entered: what was written takes effect */
	TIMELINE_KINDS,
	/* Slices; of each register behind it. */
	TIMELINE_RINGS = TIMELINE_KINDS,
	TIMELINE_HANDLING, /* from overflows to their clearing */
	TIMELINE_COUNTING,
};

struct timeline_event {
	enum timeline_kind kind;
	uint64_t instruction; /* retired so far */
	uint64_t rip, value;
	uint32_t msr;   /* TIMELINE_MSR_WRITE */
	uint64_t since; /* TIMELINE_OVERFLOW: the instruction at which it was */
};

/* The file's beginning. guest: any text. */
void timeline_head(struct timeline_file *file, FILE *stream, const struct vpmu_model *model,
                   const char *guest);
/* A vCPU, whose PMU is to live as long as it. */
void timeline_vcpu(struct timeline_file *file, struct timeline_vcpu *vcpu, unsigned process,
                   const char *name, const struct vpmu_pmu *pmu);
void timeline_event(struct timeline_file *file, struct timeline_vcpu *vcpu,
                    const struct timeline_event *event);
/* From here on the vCPU is in this ring. Shown while something counts. */
void timeline_ring(struct timeline_file *file, struct timeline_vcpu *vcpu, unsigned ring,
                   uint64_t instruction);
/* The last that is told of the vCPU. */
void timeline_vcpu_end(struct timeline_file *file, struct timeline_vcpu *vcpu,
                       uint64_t instruction);
/* The file's end. */
void timeline_tail(struct timeline_file *file);

#endif
