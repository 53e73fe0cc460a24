/* SPDX-License-Identifier: MIT */
/*
 * A run as a Chrome trace (JSON that Perfetto opens): PMIs, overflows, interrupts, writes to PMU
 * registers, and the counters' values as tracks. One microsecond there is one retired instruction.
 */
#ifndef TOOL_TIMELINE_H
#define TOOL_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include <machine/room.h>
#include <vpmu/vpmu.h>

#include "lib/file.h"

struct timeline {
	struct output output; /* its stream is NULL when there is no timeline */
	const struct vpmu_pmu *pmu;
	size_t register_count;
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	uint64_t shown[VPMU_MAX_REGISTERS]; /* a counter's value on its track */
	uint64_t events, dropped;
};

/* Opens the file, before the guest is here. False: a message has said why not. */
bool timeline_open(struct timeline *timeline, const char *path);

/* The guest is here. */
void timeline_begin(struct timeline *timeline, const char *guest, const struct vpmu_pmu *pmu);

void timeline_add(struct timeline *timeline, const struct machine_event *event);

/* Ends the file at that instruction, and gives it its name. False: a message has said why not. */
bool timeline_close(struct timeline *timeline, uint64_t instruction);

/* Leaves no file. Also without an open one. */
void timeline_abandon(struct timeline *timeline);

#endif
