/* SPDX-License-Identifier: MIT */
/* What src/state shows to the rooms above it: the public state, plans and judgements, and nothing
 * else. */
#ifndef STATE_ROOM_H
#define STATE_ROOM_H

#include <vpmu/compat.h>
#include <vpmu/state.h>

#endif
