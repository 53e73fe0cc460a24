/* SPDX-License-Identifier: MIT */
/* Texts with values of MSRs: a failure is one line, and no line gives more than it can hold. */
#include <string.h>

#include <stream/foreign/room.h>

#include "fuzz.h"

static bool take(void *context, const struct foreign_msr *msr)
{
	size_t *left = context;

	MUST(*left);
	--*left;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t left = size; /* no value has less than a byte */
	const struct foreign_taker taker = {take, &left};
	char why[FOREIGN_WHY] = "";
	const char *format;
	enum vpmu_status status = foreign_msrs_read(data, size, &taker, &format, why, sizeof(why));

	MUST(status == VPMU_OK || status == VPMU_BAD_DATA || status == VPMU_INCOMPATIBLE ||
	     status == VPMU_NO_REGISTER);
	MUST(status ? why[0] && !strchr(why, '\n') : format && !why[0]);
	return 0;
}
