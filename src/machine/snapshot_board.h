/* SPDX-License-Identifier: MIT */
/* The board's part of a saved machine: APIC, ports, MSRs and time. */
#ifndef MACHINE_SNAPSHOT_BOARD_H
#define MACHINE_SNAPSHOT_BOARD_H

#include "pack.h"
#include "room_int.h"

void board_pack(const struct machine *machine, struct pack *pack);
/* False: unpack->wrong tells. The machine is of no use then. */
bool board_unpack(struct machine *machine, struct unpack *unpack);

/* What the PMU keeps that is no part of its state: vpmu_layout says why. */
void board_reset_shared(struct machine *machine);

#endif
