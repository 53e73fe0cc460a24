/* SPDX-License-Identifier: MIT */
/* The PMU's state in a machine that `vpmu run --save` has saved (docs/migration.md): its record
 * holds a native stream. */
#include <string.h>

#include "state.h"

enum { HEADER_BYTES = 16, RECORD_BYTES = 12 };

bool state_is_saved_machine(const uint8_t *bytes, size_t count)
{
	return count >= HEADER_BYTES && !memcmp(bytes, "VPMUMACH", 8);
}

static size_t payload_bytes(const uint8_t *at)
{
	return at[0] | (size_t)at[1] << 8 | (size_t)at[2] << 16 | (size_t)at[3] << 24;
}

bool state_find_saved(const uint8_t *bytes, size_t count, size_t *at, size_t *length)
{
	size_t place = HEADER_BYTES;

	while (count - place >= RECORD_BYTES) {
		size_t here = payload_bytes(bytes + place + 4);

		if (here > count - place - RECORD_BYTES)
			return false;
		if (!memcmp(bytes + place, "VPMU", 4)) {
			*at = place + RECORD_BYTES;
			*length = here;
			return true;
		}
		place += RECORD_BYTES + here;
	}
	return false;
}
