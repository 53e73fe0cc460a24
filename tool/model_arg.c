/* SPDX-License-Identifier: MIT */
/* Reads --model and --profile. */
#include "model_arg.h"

#include <stdio.h>
#include <string.h>

#include "command.h"
#include "message.h"
#include "nearest.h"

enum { WHY_BYTES = 512 }; /* a list of all presets, or keys */

#if defined(__x86_64__) || defined(__i386__)

#include <cpuid.h>

int model_from_host(struct vpmu_model *model)
{
	static const uint32_t wanted[] = {0, 1, 7, 0xa, 0x80000000, 0x80000001, 0x80000022};
	enum { WANTED = sizeof(wanted) / sizeof(wanted[0]) };
	struct vpmu_cpuid leaves[WANTED];
	char why[WHY_BYTES] = "";
	size_t count = 0;

	for (size_t i = 0; i < WANTED; i++) {
		struct vpmu_cpuid *leaf = &leaves[count];

		leaf->leaf = wanted[i];
		leaf->subleaf = 0;
		/* Checks the highest leaf itself. */
		count += (size_t)__get_cpuid_count(wanted[i], 0, &leaf->eax, &leaf->ebx, &leaf->ecx,
		                                   &leaf->edx);
	}
	/* IA32_PERF_CAPABILITIES is an MSR, out of an ordinary program's reach. */
	if (vpmu_model_from_cpuid(model, leaves, count, 0, why, sizeof(why))) {
		message("no model from this host's CPUID: %s", why);
		return TOOL_LACKS;
	}
	snprintf(model->name, sizeof(model->name), "host");
	return TOOL_HOLDS;
}

#else

int model_from_host(struct vpmu_model *model)
{
	message("no model from this host's CPUID: not an x86 processor (name a preset instead)");
	return TOOL_LACKS;
}

#endif

static const char *preset_name(const void *list, size_t i)
{
	return vpmu_preset_name(i);
}

int model_from_text(const char *text, struct vpmu_model *model)
{
	char why[WHY_BYTES] = "", name[VPMU_NAME_BYTES];
	const char *nearest = NULL;

	if (!strcmp(text, "host"))
		return model_from_host(model);
	if (!vpmu_model_parse(model, text, why, sizeof(why)))
		return TOOL_HOLDS;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, ","), text);
	/* Not for a good name with a bad key. */
	if (vpmu_model_parse(model, name, NULL, 0))
		nearest = nearest_name(name, preset_name, NULL);
	message("%s%s%s%s", why, nearest ? " (did you mean '" : "", nearest ? nearest : "",
	        nearest ? "'?)" : "");
	return TOOL_BAD;
}

static const char *profile_name(const void *list, size_t i)
{
	return vpmu_profile_name(i);
}

void profile_unknown(const char *typed, char *text, size_t bytes)
{
	const char *nearest = nearest_name(typed, profile_name, NULL), *name;
	size_t length = (size_t)snprintf(text, bytes, "unknown profile '%.40s': known are", typed);

	for (size_t i = 0; (name = vpmu_profile_name(i)) && length < bytes; i++)
		length += (size_t)snprintf(text + length, bytes - length, "%s %s", i ? "," : "",
		                           name);
	if (nearest && length < bytes)
		snprintf(text + length, bytes - length, " (did you mean '%s'?)", nearest);
}

int profile_from_text(const char *text, const struct vpmu_profile **profile)
{
	char why[256];

	*profile = vpmu_profile_find(text);
	if (*profile)
		return TOOL_HOLDS;
	profile_unknown(text, why, sizeof(why));
	message("%s", why);
	return TOOL_BAD;
}
