/* SPDX-License-Identifier: MIT */
/* What `vpmu models --quirks` tells of the profiles. */
#ifndef TOOL_QUIRKS_H
#define TOOL_QUIRKS_H

#include <stddef.h>

struct quirk {
	const char *id;       /* also the name of the script that proves it */
	unsigned profiles;    /* bit i: vpmu_profile_name(i) behaves so */
	const char *text;     /* one line */
	const char *shown_by; /* the functions of the kernel that do it */
};

/* The i-th quirk; NULL past the last. */
const struct quirk *quirk_at(size_t i);

/* Print the quirks of the profile of that name, or of all for NULL. Each returns the exit status.
 */
int quirks_print(const char *profile);
int quirks_print_json(const char *profile);

#endif
