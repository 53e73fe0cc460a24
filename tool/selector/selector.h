/* SPDX-License-Identifier: MIT */
/*
 * Event selectors as a person reads them: when a value counts, and what the event is called.
 */
#ifndef TOOL_SELECTOR_H
#define TOOL_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpmu/vpmu.h>

/* The event and unit mask of a selector's value. */
uint64_t selector_event(const struct vpmu_model *model, uint64_t selector);

enum { SELECTOR_NAME_BYTES = 96 };

/*
 * The vendor's name of the selector's event on the model's processor, as libpfm4 has it, or the
 * manual's of an architectural event that is not counted. False: there is no such name, no memory
 * (memory_ran_out()), or this build has no libpfm4; *name is then empty.
 */
bool selector_event_name(const struct vpmu_model *model, uint64_t selector,
                         char name[SELECTOR_NAME_BYTES]);

/* That name, or perf's raw one, r412e. Returns name. */
const char *selector_event_text(const struct vpmu_model *model, uint64_t selector,
                                char name[SELECTOR_NAME_BYTES]);

#endif
