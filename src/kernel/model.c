/* SPDX-License-Identifier: MIT */
/* The presets, one row each, and the properties that an override can change, one row each. */
#include "model.h"

#include <stddef.h>
#include <string.h>

#include <base/room.h>

struct preset {
	const char *name;
	struct model model;
};

#define INTEL(v, gp_, fixed_, full)                                                                \
	{                                                                                          \
		.version = v, .gp = gp_, .fixed = fixed_, .width = 48, .mask_length = 7,           \
		.pdcm = full, .full_width = full,                                                  \
	}

static const struct preset presets[] = {
	{"intel-v1", INTEL(1, 2, 0, 0)},
	{"intel-v2", INTEL(2, 4, 3, 1)},
	{"intel-v3", INTEL(3, 4, 3, 1)},
	{"intel-v4", INTEL(4, 8, 3, 1)},
	{"intel-v5", INTEL(5, 8, 4, 1)},
	{"intel-p6", {.is_p6 = true, .gp = 2, .width = 40}},
	{"zhaoxin-v2",
         {.vendor = VENDOR_ZHAOXIN,
          .version = 2,
          .gp = 4,
          .fixed = 3,
          .width = 48,
          .mask_length = 7}},
	{"amd-k7", {.vendor = VENDOR_AMD, .gp = 4, .width = 48}},
	{"amd-perfcore", {.vendor = VENDOR_AMD, .gp = 6, .width = 48, .perfctr_core = 1}},
	{"amd-perfmon-v2",
         {.vendor = VENDOR_AMD, .gp = 6, .width = 48, .perfctr_core = 1, .perfmon_v2 = 1}},
};

struct property {
	const char *key;
	size_t offset;
	uint32_t highest; /* 1: written on or off */
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
};

bool model_preset(struct model *model, const char *name)
{
	for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		if (!strcmp(presets[i].name, name)) {
			*model = presets[i].model;
			model->pmu = 1;
			return !vpmu_model_parse(&model->processor, name, NULL, 0);
		}
	}
	return false;
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
	return override(properties, sizeof(properties) / sizeof(properties[0]), model, text);
}

const struct host host_usual = {
	.gp = 8, .fixed = 3, .width = 48, .pdcm = 1, .perfmon_v2 = 1, .enable_pmu = 1};

bool host_override(struct host *host, const char *text)
{
	return override(host_properties, sizeof(host_properties) / sizeof(host_properties[0]), host,
	                text);
}
