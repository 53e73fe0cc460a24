/* SPDX-License-Identifier: MIT */
/* Event selectors as a person reads them. */
#include "selector.h"

#include <inttypes.h>
#include <stdio.h>

#include <arch/room.h>

uint64_t selector_event(const struct vpmu_model *model, uint64_t selector)
{
	return selector & event_bits((enum vpmu_vendor)model->vendor);
}

const char *selector_event_text(const struct vpmu_model *model, uint64_t selector,
                                char name[SELECTOR_NAME_BYTES])
{
	if (!selector_event_name(model, selector, name))
		snprintf(name, SELECTOR_NAME_BYTES, "r%04" PRIx64, selector_event(model, selector));
	return name;
}
