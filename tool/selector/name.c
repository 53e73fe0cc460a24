/* SPDX-License-Identifier: MIT */
/* Events' names from libpfm4's tables, whatever processor the tool itself runs on. */
#include "selector.h"

#include <stdio.h>
#include <string.h>

#include <arch/room.h>

/* The manual's name of what no table of libpfm4's has. *name is empty without one. */
static bool take_architectural(const struct vpmu_model *model, uint64_t selector,
                               char name[SELECTOR_NAME_BYTES])
{
	const char *known = event_uncounted_name(model, selector);

	snprintf(name, SELECTOR_NAME_BYTES, "%s", known ? known : "");
	return known;
}

#if HAVE_LIBPFM

#include <perfmon/pfmlib.h>

#include "lib/memory.h"

/* Processors and their tables in libpfm4; the last row of a vendor is for all that are unknown.
 * Family and model as CPUID.1 EAX gives them (Intel SDM vol. 4 table 2-1; AMD's revision guides).
 */
static const struct processor {
	enum vpmu_vendor vendor;
	unsigned family, model_min, model_max;
	pfm_pmu_t pmu;
} processors[] = {
	{VPMU_VENDOR_INTEL, 6, 0x0f, 0x17, PFM_PMU_INTEL_CORE},
	{VPMU_VENDOR_INTEL, 6, 0x1a, 0x1f, PFM_PMU_INTEL_NHM},
	{VPMU_VENDOR_INTEL, 6, 0x25, 0x25, PFM_PMU_INTEL_WSM},
	{VPMU_VENDOR_INTEL, 6, 0x2a, 0x2a, PFM_PMU_INTEL_SNB},
	{VPMU_VENDOR_INTEL, 6, 0x2c, 0x2c, PFM_PMU_INTEL_WSM_DP},
	{VPMU_VENDOR_INTEL, 6, 0x2d, 0x2d, PFM_PMU_INTEL_SNB_EP},
	{VPMU_VENDOR_INTEL, 6, 0x3a, 0x3a, PFM_PMU_INTEL_IVB},
	{VPMU_VENDOR_INTEL, 6, 0x3c, 0x3c, PFM_PMU_INTEL_HSW},
	{VPMU_VENDOR_INTEL, 6, 0x3d, 0x3d, PFM_PMU_INTEL_BDW},
	{VPMU_VENDOR_INTEL, 6, 0x3e, 0x3e, PFM_PMU_INTEL_IVB_EP},
	{VPMU_VENDOR_INTEL, 6, 0x3f, 0x3f, PFM_PMU_INTEL_HSW_EP},
	{VPMU_VENDOR_INTEL, 6, 0x45, 0x46, PFM_PMU_INTEL_HSW},
	{VPMU_VENDOR_INTEL, 6, 0x47, 0x47, PFM_PMU_INTEL_BDW},
	{VPMU_VENDOR_INTEL, 6, 0x4e, 0x4e, PFM_PMU_INTEL_SKL},
	{VPMU_VENDOR_INTEL, 6, 0x4f, 0x4f, PFM_PMU_INTEL_BDW_EP},
	{VPMU_VENDOR_INTEL, 6, 0x55, 0x55, PFM_PMU_INTEL_SKX},
	{VPMU_VENDOR_INTEL, 6, 0x56, 0x56, PFM_PMU_INTEL_BDW_EP},
	{VPMU_VENDOR_INTEL, 6, 0x5e, 0x5e, PFM_PMU_INTEL_SKL},
	{VPMU_VENDOR_INTEL, 6, 0x6a, 0x6c, PFM_PMU_INTEL_ICX},
	{VPMU_VENDOR_INTEL, 6, 0x7d, 0x7e, PFM_PMU_INTEL_ICL},
	{VPMU_VENDOR_INTEL, 6, 0x8c, 0x8d, PFM_PMU_INTEL_ICL},
	{VPMU_VENDOR_INTEL, 6, 0x8e, 0x8e, PFM_PMU_INTEL_SKL},
	{VPMU_VENDOR_INTEL, 6, 0x8f, 0x8f, PFM_PMU_INTEL_SPR},
	{VPMU_VENDOR_INTEL, 6, 0x9e, 0xa6, PFM_PMU_INTEL_SKL},
	{VPMU_VENDOR_INTEL, 6, 0xcf, 0xcf, PFM_PMU_INTEL_SPR},
	{VPMU_VENDOR_INTEL, 0, 0, 0, PFM_PMU_INTEL_CORE},
	{VPMU_VENDOR_ZHAOXIN, 0, 0, 0, PFM_PMU_INTEL_CORE},
	{VPMU_VENDOR_INTEL_P6, 6, 0x00, 0x01, PFM_PMU_INTEL_PPRO},
	{VPMU_VENDOR_INTEL_P6, 6, 0x02, 0x06, PFM_PMU_INTEL_PII},
	{VPMU_VENDOR_INTEL_P6, 6, 0x09, 0x09, PFM_PMU_I386_PM},
	{VPMU_VENDOR_INTEL_P6, 6, 0x0d, 0x0d, PFM_PMU_I386_PM},
	{VPMU_VENDOR_INTEL_P6, 0, 0, 0, PFM_PMU_I386_P6},
	{VPMU_VENDOR_AMD, 0x0f, 0, 0xff, PFM_PMU_AMD64_K8_REVG},
	{VPMU_VENDOR_AMD, 0x10, 0, 0xff, PFM_PMU_AMD64_FAM10H_ISTANBUL},
	{VPMU_VENDOR_AMD, 0x15, 0, 0xff, PFM_PMU_AMD64_FAM15H_INTERLAGOS},
	{VPMU_VENDOR_AMD, 0x16, 0, 0xff, PFM_PMU_AMD64_FAM16H},
	{VPMU_VENDOR_AMD, 0x17, 0, 0x2f, PFM_PMU_AMD64_FAM17H_ZEN1},
	{VPMU_VENDOR_AMD, 0x17, 0x30, 0xff, PFM_PMU_AMD64_FAM17H_ZEN2},
	{VPMU_VENDOR_AMD, 0x19, 0x00, 0x0f, PFM_PMU_AMD64_FAM19H_ZEN3},
	{VPMU_VENDOR_AMD, 0x19, 0x10, 0x1f, PFM_PMU_AMD64_FAM19H_ZEN4},
	{VPMU_VENDOR_AMD, 0x19, 0x20, 0x5f, PFM_PMU_AMD64_FAM19H_ZEN3},
	{VPMU_VENDOR_AMD, 0x19, 0x60, 0xff, PFM_PMU_AMD64_FAM19H_ZEN4},
	{VPMU_VENDOR_AMD, 0x1a, 0, 0xff, PFM_PMU_AMD64_FAM19H_ZEN4},
	{VPMU_VENDOR_AMD, 0, 0, 0, PFM_PMU_AMD64_K7},
};

static pfm_pmu_t find_pmu(const struct vpmu_model *model)
{
	unsigned family = model->signature >> 8 & 0xf;
	unsigned number = (model->signature >> 4 & 0xf) | (model->signature >> 12 & 0xf0);

	if (family == 0xf)
		family += model->signature >> 20 & 0xff;
	for (size_t i = 0; i < sizeof(processors) / sizeof(processors[0]); i++) {
		const struct processor *row = &processors[i];

		if (row->vendor != model->vendor)
			continue;
		if (!row->family ||
		    (row->family == family && number >= row->model_min && number <= row->model_max))
			return row->pmu;
	}
	return PFM_PMU_NONE;
}

/* How well an event of libpfm4's fits a selector; the best fit gives the name. */
enum fit { FIT_NONE, FIT_EVENT, FIT_UMASK, FIT_WHOLE };

struct search {
	uint64_t event, umask; /* the event as libpfm4 codes it: bits 11:8 are AMD's 35:32 */
	enum fit best;
	char *name;
};

/* Whether libpfm4 did it. */
static bool works(int answer)
{
	if (answer == PFM_ERR_NOMEM)
		memory_note();
	return answer == PFM_SUCCESS;
}

/* The event's unit mask of that value, into *attribute. *has_umasks: whether it has any at all. */
static bool find_umask(const pfm_event_info_t *event, uint64_t umask,
                       pfm_event_attr_info_t *attribute, bool *has_umasks)
{
	*has_umasks = false;
	for (int i = 0; i < event->nattrs; i++) {
		memset(attribute, 0, sizeof(*attribute));
		attribute->size = sizeof(*attribute);
		if (!works(pfm_get_event_attr_info(event->idx, i, PFM_OS_NONE, attribute)) ||
		    attribute->type != PFM_ATTR_UMASK)
			continue;
		*has_umasks = true;
		if (attribute->code == umask)
			return true;
	}
	return false;
}

static void consider(struct search *search, const pfm_event_info_t *event)
{
	pfm_event_attr_info_t attribute = {0};
	bool has_umasks, found = find_umask(event, search->umask, &attribute, &has_umasks);
	enum fit fit = FIT_NONE;

	/* Architectural events carry the unit mask in their code and have no list of them. */
	if (!has_umasks && event->code == (search->event | search->umask << 8))
		fit = FIT_WHOLE;
	else if (found && event->code == search->event)
		fit = FIT_UMASK;
	else if (!search->umask && event->code == search->event)
		fit = FIT_EVENT;
	if (fit <= search->best)
		return;
	search->best = fit;
	snprintf(search->name, SELECTOR_NAME_BYTES, "%s%s%s", event->name,
	         fit == FIT_UMASK ? ":" : "", fit == FIT_UMASK ? attribute.name : "");
}

static void search_pmu(struct search *search, pfm_pmu_t pmu)
{
	pfm_pmu_info_t info = {.size = sizeof(info)};

	if (!works(pfm_get_pmu_info(pmu, &info)))
		return;
	for (int i = info.first_event; i != -1; i = pfm_get_event_next(i)) {
		pfm_event_info_t event = {.size = sizeof(event)};

		if (works(pfm_get_event_info(i, PFM_OS_NONE, &event)))
			consider(search, &event);
	}
}

bool selector_event_name(const struct vpmu_model *model, uint64_t selector,
                         char name[SELECTOR_NAME_BYTES])
{
	static int initialized = -1; /* pfm_initialize() probes the host: once is enough */
	uint64_t event = selector_event(model, selector);
	struct search search = {
		.event = (event & 0xff) | (event >> 24 & 0xf00),
		.umask = (event & SEL_UMASK) >> 8,
		.name = name,
	};

	if (take_architectural(model, selector, name))
		return true;
	if (initialized < 0)
		initialized = works(pfm_initialize());
	if (initialized)
		search_pmu(&search, find_pmu(model));
	return name[0];
}

#else

bool selector_event_name(const struct vpmu_model *model, uint64_t selector,
                         char name[SELECTOR_NAME_BYTES])
{
	return take_architectural(model, selector, name);
}

#endif
