/* SPDX-License-Identifier: MIT */
/* What src/meter shows to the rooms above it: the public meter, and nothing else. */
#ifndef METER_ROOM_H
#define METER_ROOM_H

#include <vpmu/meter.h>

#endif
