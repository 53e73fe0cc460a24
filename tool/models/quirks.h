/* SPDX-License-Identifier: MIT */
/* What `vpmu models --quirks` tells of the profiles. */
#ifndef TOOL_QUIRKS_H
#define TOOL_QUIRKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vpmu_profile;

/* The kinds of profiles. */
enum {
	QUIRK_HARDWARE = 1 << 0,
	QUIRK_EVENTS = 1 << 1, /* a kernel with perf events */
	QUIRK_MEDIATED = 1 << 2,
};

struct quirk {
	const char *id;         /* also the name of the script that proves it */
	unsigned kinds;         /* of profiles that behave so; of those with perf events, */
	uint16_t since, before; /* the kernels from 0x602 for 6.2 on, and up to another */
	const char *text;       /* one line */
	const char *shown_by;   /* the functions of the kernel that do it */
};

bool quirk_is_of(const struct quirk *quirk, const struct vpmu_profile *profile);

/* The i-th quirk; NULL past the last. */
const struct quirk *quirk_at(size_t i);

/* Print the quirks of the profile of that name, or of all for NULL. Each returns the exit status.
 */
int quirks_print(const char *profile);
int quirks_print_json(const char *profile);

#endif
