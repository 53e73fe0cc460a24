/* SPDX-License-Identifier: MIT */
/* What random programs are made of: draws, registers and values, commands. */
#ifndef TOOL_KERNEL_PROGRAM_H
#define TOOL_KERNEL_PROGRAM_H

#include <vpmu/model.h>

#include "kernel.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A run of MSRs; `weight`: how often it is drawn in its list. */
struct msrs {
	uint32_t first;
	uint8_t count, stride, weight;
};

/*
 * The MSRs that a vendor's programs use, by what their values look like. Counters and selectors of
 * the same place in their lists belong together; `state` is read at the end.
 */
struct registers {
	struct msrs counters, selectors;
	struct msrs controls[6], aliases[2], state[5];
	const uint32_t *others;
	size_t other_count;
	uint32_t global;
	uint64_t all;
};

extern const struct registers intel_msrs, amd_msrs, k7_msrs;

struct maker {
	struct program *program;
	struct arena *arena;
	uint64_t random;
	const struct registers *registers;
	const char *profile;
	struct vpmu_model model; /* as created */
	bool amd;                /* the host is one of AMD's; else of Intel's or Zhaoxin's */
	bool has_fixed, mediated;
	unsigned lbr_format;        /* the model's last branches */
	bool pebs;                  /* the model has it */
	unsigned long long longest; /* of a run */
};

/* --- program_draw.c -------------------------------------------------------------------------- */

uint64_t draw(struct maker *maker);
uint64_t below(struct maker *maker, uint64_t bound);
bool percent(struct maker *maker, unsigned often);
#define ONE_OF(maker, array) ((array)[below(maker, COUNT(array))])

uint32_t one_of_run(struct maker *maker, const struct msrs *run);
uint32_t one_of_runs(struct maker *maker, const struct msrs *runs, size_t count);

/* An event of the vendor's; one that can be counted in a run. */
uint64_t one_event(struct maker *maker);
uint64_t one_counted_event(struct maker *maker);

/* A register and a value that fits it, most of the time. */
void msr_and_value(struct maker *maker, uint32_t *msr, uint64_t *value);

/* A value for a register of that kind. */
uint64_t drawn_value(struct maker *maker, enum vpmu_kind kind);

/* A register to read, which the model may lack. */
uint32_t readable(struct maker *maker);

/* --- program_command.c ----------------------------------------------------------------------- */

#define ADD(maker, ...) add(maker, arena_line((maker)->arena, __VA_ARGS__))
void add(struct maker *maker, const char *line);

/* All counters, by global control; and the PMI unmasked. */
void switch_on(struct maker *maker);
void one_command(struct maker *maker);

/* What can happen between two of a VMM's calls. */
void incident(struct maker *maker);

/* --- program_put.c --------------------------------------------------------------------------- */

/* A VMM's put of a state, in any order. */
void put(struct maker *maker);

#endif
