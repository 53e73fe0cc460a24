/* SPDX-License-Identifier: MIT */
/* What each bit of an event selector does in vpmu, a row for each field. */
#ifndef TOOL_SELECTOR_BITS_H
#define TOOL_SELECTOR_BITS_H

#include <stddef.h>
#include <stdint.h>

#include <vpmu/vpmu.h>

struct selector_bits {
	uint64_t bits;
	unsigned vendors; /* bits 1 << enum vpmu_vendor: whose selectors have it */
	const char *name;
	const char *effect; /* "counts", "filters", "acts" or "stored" */
	const char *about;
};

/* The i-th field that a selector of the model has, in *bits with the bits that are writable there;
 * false past the last. writable: those of all of the model's selectors. */
bool selector_bits_at(const struct vpmu_model *model, uint64_t writable, size_t i,
                      struct selector_bits *bits);

/* The bits that a write may set in some selector of these registers. */
uint64_t selector_writable(const struct vpmu_register *registers, size_t count);

#endif
