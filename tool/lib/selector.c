/* SPDX-License-Identifier: MIT */
/* Event selectors as a person reads them. */
#include "selector.h"

#include <inttypes.h>
#include <stdio.h>

uint64_t selector_event(const struct vpmu_model *model, uint64_t selector)
{
	/* AMD's event numbers go on in bits 35:32, where Intel has other fields. */
	static const uint64_t bits[VPMU_VENDORS] = {
		[VPMU_VENDOR_INTEL] = 0xffff,
		[VPMU_VENDOR_ZHAOXIN] = 0xffff,
		[VPMU_VENDOR_AMD] = 0xf0000ffff,
	};

	return selector & bits[model->vendor];
}

const char *selector_event_text(const struct vpmu_model *model, uint64_t selector,
                                char name[SELECTOR_NAME_BYTES])
{
	if (!selector_event_name(model, selector, name))
		snprintf(name, SELECTOR_NAME_BYTES, "r%04" PRIx64, selector_event(model, selector));
	return name;
}
