/* SPDX-License-Identifier: MIT */
/* The board's part of a saved machine: APIC, ports, MSRs and time. */
#ifndef MACHINE_SAVED_SNAPSHOT_BOARD_H
#define MACHINE_SAVED_SNAPSHOT_BOARD_H

#include <machine/board/room.h>
#include <machine/pack.h>

void board_pack(const struct machine *machine, struct pack *pack);
/* False: unpack->wrong tells. The machine is then unusable. */
bool board_unpack(struct machine *machine, struct unpack *unpack);

#endif
