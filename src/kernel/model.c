/* SPDX-License-Identifier: MIT */
/* Turns one of vpmu's presets into what the guest's CPUID shows. The properties that an override
 * can change are one row each. */
#include "model.h"

#include <stddef.h>
#include <string.h>

#include <base/room.h>

struct property {
	const char *key;
	size_t offset;
	uint32_t highest; /* 1: given as on or off */
};

#define PROPERTY(key, field, highest)                                                              \
	{                                                                                          \
		key, offsetof(struct model, field), highest                                        \
	}
#define HOST(key, field, highest)                                                                  \
	{                                                                                          \
		key, offsetof(struct host, field), highest                                         \
	}

static const struct property properties[] = {
	PROPERTY("pmu", pmu, 1),
	PROPERTY("gp", gp, 15),
	PROPERTY("fixed", fixed, 15),
	PROPERTY("width", width, 64),
	PROPERTY("full-width", full_width, 1),
	PROPERTY("pdcm", pdcm, 1),
	PROPERTY("lbr-format", lbr_format, 63),
	PROPERTY("pebs", pebs, 4),
	PROPERTY("version", version, 5),
	PROPERTY("events-missing", unavailable, 255),
	PROPERTY("events-length", mask_length, 32),
	PROPERTY("perfcore", perfctr_core, 1),
	PROPERTY("perfmon-v2", perfmon_v2, 1),
};

static const struct property host_properties[] = {
	HOST("gp", gp, 8),
	HOST("fixed", fixed, 3),
	HOST("width", width, 48),
	HOST("tsx", tsx, 1),
	HOST("pdcm", pdcm, 1),
	HOST("perfmon-v2", perfmon_v2, 1),
	HOST("enable-pmu", enable_pmu, 1),
	HOST("svm", svm, 1),
	HOST("lbrv", lbrv, 1),
	HOST("lbr-format", lbr_format, 7),
	HOST("pebs", pebs, 1),
};

static enum vendor vendor_of(const struct vpmu_model *from)
{
	switch ((enum vpmu_vendor)from->vendor) {
	case VPMU_VENDOR_AMD:
		return VENDOR_AMD;
	case VPMU_VENDOR_ZHAOXIN:
		return VENDOR_ZHAOXIN;
	default:
		return VENDOR_INTEL;
	}
}

/* CPUID.0AH EDX counts the fixed counters up to the first gap. */
static uint32_t fixed_of(const struct vpmu_model *from)
{
	return (uint32_t)__builtin_ctz(~from->fixed_mask);
}

/* Only Intel and Zhaoxin have a CPUID leaf with a version. */
bool model_preset(struct model *model, const char *name)
{
	struct vpmu_model from;

	if (vpmu_model_parse(&from, name, NULL, 0))
		return false;
	*model = (struct model){
		.vendor = vendor_of(&from),
		.is_p6 = from.vendor == VPMU_VENDOR_INTEL_P6,
		.pmu = 1,
		.gp = from.gp_count,
		.fixed = fixed_of(&from),
		.width = from.gp_width,
		.unavailable = from.events_missing,
		.mask_length = from.events_length,
		.pdcm = (from.features & VPMU_FEATURE_PDCM) != 0,
		.full_width = (from.perf_capabilities & VPMU_PERF_CAP_FULL_WIDTH) != 0,
		.lbr_format = from.perf_capabilities & VPMU_PERF_CAP_LBR_FORMAT,
		.pebs = (from.perf_capabilities & VPMU_PERF_CAP_PEBS_FORMAT) >> 8,
		.perfctr_core = (from.features & VPMU_FEATURE_PERFCORE) != 0,
		.perfmon_v2 = (from.features & VPMU_FEATURE_PERFMON_V2) != 0,
		.processor = from,
	};
	if (model->vendor != VENDOR_AMD && !model->is_p6)
		model->version = from.version;
	return true;
}

static bool parse_value(const struct property *property, const char *text, uint32_t *value)
{
	uint64_t number;

	if (property->highest == 1) {
		*value = !strcmp(text, "on");
		return *value || !strcmp(text, "off");
	}
	if (!text_parse_unsigned(text, strlen(text), &number) || number > property->highest)
		return false;
	*value = (uint32_t)number;
	return true;
}

static bool override(const struct property *rows, size_t count, void *of, const char *text)
{
	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(rows[i].key);

		if (!strncmp(rows[i].key, text, length) && text[length] == '=')
			return parse_value(&rows[i], text + length + 1,
			                   (uint32_t *)(void *)((char *)of + rows[i].offset));
	}
	return false;
}

bool model_override(struct model *model, const char *text)
{
	if (!override(properties, sizeof(properties) / sizeof(properties[0]), model, text))
		return false;
	if ((!strncmp(text, "lbr-format=", strlen("lbr-format=")) && model->lbr_format) ||
	    (!strncmp(text, "pebs=", strlen("pebs=")) && model->pebs))
		model->pdcm = 1;
	return true;
}

struct host host_usual(enum vendor vendor)
{
	return (struct host){
		.vendor = vendor,
		.gp = vendor == VENDOR_AMD ? 6 : 8,
		.fixed = vendor == VENDOR_AMD ? 0 : 3,
		.width = 48,
		.pdcm = vendor != VENDOR_AMD,
		.perfmon_v2 = vendor == VENDOR_AMD,
		.lbrv = vendor == VENDOR_AMD,
		.enable_pmu = 1,
	};
}

static bool set_vendor(struct host *host, const char *name)
{
	static const char *const names[] = {
		[VENDOR_INTEL] = "intel",
		[VENDOR_ZHAOXIN] = "zhaoxin",
		[VENDOR_AMD] = "amd",
	};
	uint32_t mediated = host->mediated;

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i])) {
			*host = host_usual((enum vendor)i);
			host->mediated = mediated;
			return true;
		}
	return false;
}

bool host_override(struct host *host, const char *text)
{
	if (!strncmp(text, "vendor=", strlen("vendor=")))
		return set_vendor(host, text + strlen("vendor="));
	return override(host_properties, sizeof(host_properties) / sizeof(host_properties[0]), host,
	                text) &&
	       (host->vendor == VENDOR_INTEL || (!host->lbr_format && !host->pebs));
}
