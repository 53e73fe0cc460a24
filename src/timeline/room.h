/* SPDX-License-Identifier: MIT */
/*
 * What src/timeline shows to the rooms above it: a Chrome trace (JSON that Perfetto opens) of PMUs.
 * Each vCPU is a process. It shows PMIs, overflows, interrupts, writes to PMU registers and entries
 * into the guest; the counters' values as tracks; and as slices when each counter counts, the
 * rings, and how long an overflow waits for its PMI and for the guest to clear it. One microsecond
 * in the trace is one retired instruction. The trace is written to the caller's stream, whose
 * errors the caller must check. Not for two threads at once.
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
	bool begun; /* has at least one event */
	uint64_t events, dropped;
};

/* Overflows that the guest has not cleared, as bits of the status register. */
struct timeline_overflow {
	uint64_t bits, all; /* those left; all that there were */
	uint64_t since;     /* an instruction, as are the next two */
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
	/* What each open slice shows; 0: none is open. */
	uint32_t counting[VPMU_MAX_REGISTERS];
	uint32_t in_ring;
	struct timeline_overflow overflow;
	unsigned ring; /* 0, 3; TIMELINE_NO_RING: not yet known */
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
	/* Tracks of slices; TIMELINE_COUNTING and the numbers after it are one for each
	 * register. */
	TIMELINE_RINGS = TIMELINE_KINDS,
	TIMELINE_HANDLING, /* from overflows to their clearing */
	TIMELINE_COUNTING,
};

struct timeline_event {
	enum timeline_kind kind;
	uint64_t instruction; /* retired so far */
	uint64_t rip, value;
	uint32_t msr;   /* TIMELINE_MSR_WRITE */
	uint64_t since; /* TIMELINE_OVERFLOW: the instruction at which it happened */
};

/* Writes the file's beginning. guest: any text. */
void timeline_head(struct timeline_file *file, FILE *stream, const struct vpmu_model *model,
                   const char *guest);
/* Adds a vCPU. Its PMU must live as long as the vCPU. */
void timeline_vcpu(struct timeline_file *file, struct timeline_vcpu *vcpu, unsigned process,
                   const char *name, const struct vpmu_pmu *pmu);
void timeline_event(struct timeline_file *file, struct timeline_vcpu *vcpu,
                    const struct timeline_event *event);
/* The vCPU is in this ring from here on. Shown only while something counts. */
void timeline_ring(struct timeline_file *file, struct timeline_vcpu *vcpu, unsigned ring,
                   uint64_t instruction);
/* Ends the vCPU's open slices; the last call for it. */
void timeline_vcpu_end(struct timeline_file *file, struct timeline_vcpu *vcpu,
                       uint64_t instruction);
/* Writes the file's end. */
void timeline_tail(struct timeline_file *file);

#endif
