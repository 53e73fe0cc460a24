/* SPDX-License-Identifier: MIT */
/* A machine on the fake CPU, and the board's calls as guest instructions would make them. */
#ifndef BOARD_FIXTURE_H
#define BOARD_FIXTURE_H

#include <machine/board/room.h>

#include "fake_cpu.h"

/* A loaded machine of that model with 4 MiB; dies in the test when it cannot be had. */
struct machine *fixture_make(const char *model, const struct machine_config *more);

/* Loads the same guest again, after a reset. */
void fixture_load(struct machine *machine);

enum vpmu_status fixture_rdmsr(uint32_t msr, uint64_t *value);
enum vpmu_status fixture_wrmsr(uint32_t msr, uint64_t value);

/* Reads that have to succeed. */
uint64_t fixture_msr(uint32_t msr);

#endif
