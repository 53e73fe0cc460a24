/* SPDX-License-Identifier: MIT */
/* What every test program of src/arch includes. */
#ifndef TESTS_ARCH_UNIT_H
#define TESTS_ARCH_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <arch/room.h>
#include <base/room.h>

/* A model by name; fails the test with the reason when there is none. */
static inline struct vpmu_model model_of(const char *text)
{
	struct vpmu_model model;
	char why[512];

	if (vpmu_model_parse(&model, text, why, sizeof(why)) != VPMU_OK)
		fail_msg("%s: %s", text, why);
	return model;
}

#endif
