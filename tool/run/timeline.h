/* SPDX-License-Identifier: MIT */
/* A run as a Chrome trace: the file, and what src/timeline writes into it. */
#ifndef TOOL_TIMELINE_H
#define TOOL_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include <machine/room.h>
#include <timeline/room.h>
#include <vpmu/vpmu.h>

#include "input/file.h"

struct timeline {
	struct output output; /* its stream is NULL when there is no timeline */
	struct timeline_file file;
	struct timeline_vcpu vcpu;
};

/* Opens the file, before the guest is here. False: a message has said why not. */
bool timeline_open(struct timeline *timeline, const char *path);

/* The guest is here. */
void timeline_begin(struct timeline *timeline, const char *guest, const struct vpmu_pmu *pmu);

/* The same guest, in another machine. */
void timeline_follow(struct timeline *timeline, const struct vpmu_pmu *pmu);

void timeline_add(struct timeline *timeline, const struct machine_event *event);

/* Ends the file at that instruction, and gives it its name. False: a message has said why not. */
bool timeline_close(struct timeline *timeline, uint64_t instruction);

/* Leaves no file. Also without an open one. */
void timeline_abandon(struct timeline *timeline);

#endif
