/* SPDX-License-Identifier: MIT */
/* Reads --model, --profile and --host. */
#include "model_arg.h"

#include <stdio.h>
#include <string.h>

#include <arch/room.h>
#include <base/room.h>

#include "command.h"
#include "message.h"
#include "model_file.h"

enum { WHY_BYTES = 512 }; /* a list of all presets, or keys */

#if defined(__x86_64__) || defined(__i386__)

#include <cpuid.h>

int model_from_host(struct vpmu_model *model)
{
	const struct leaf_row *row;
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	char why[WHY_BYTES] = "";
	size_t count = 0;

	for (size_t i = 0; (row = leaf_row_at(i)) && count < VPMU_CPUID_LEAVES; i++) {
		struct vpmu_cpuid *leaf = &leaves[count];

		leaf->leaf = row->leaf;
		leaf->subleaf = row->subleaf;
		/* Checks the highest leaf itself. */
		count += (size_t)__get_cpuid_count(row->leaf, row->subleaf, &leaf->eax, &leaf->ebx,
		                                   &leaf->ecx, &leaf->edx);
	}
	/* IA32_PERF_CAPABILITIES is an MSR, which an ordinary program cannot read. */
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

/* The presets, then QEMU's CPU models. */
static const char *model_name(const void *list, size_t i)
{
	size_t presets = 0;

	while (vpmu_preset_name(presets))
		presets++;
	return i < presets ? vpmu_preset_name(i) : foreign_name_at(i - presets);
}

/* A CPU model's name of QEMU's or libvirt's, and overrides, as a preset and overrides. */
static bool name_from_qemu(const char *text, char *as, size_t bytes)
{
	size_t length = strcspn(text, ",");

	if (!foreign_name_text(text, length, as, bytes))
		return false;
	snprintf(as + strlen(as), bytes - strlen(as), "%s", text + length);
	return true;
}

static int model_from_qemu(const char *text, const char *as, struct vpmu_model *model)
{
	char why[WHY_BYTES] = "";

	if (vpmu_model_parse(model, as, why, sizeof(why))) {
		message("%s: '%s' is %s here", why, text, as);
		return TOOL_BAD;
	}
	snprintf(model->name, sizeof(model->name), "%.*s", (int)strcspn(text, ","), text);
	return TOOL_HOLDS;
}

/* The only kind of CPU that a text stands for. */
static struct vpmu_model *the_only(struct foreign_cpus *cpus)
{
	*cpus = (struct foreign_cpus){.cpus = 1, .count = 1, .models[0].cpus = 1};
	return &cpus->models[0].model;
}

/* why: it lists the presets, or what is wrong with a good name's keys. */
static int unknown(const char *text, const char *why)
{
	char name[VPMU_NAME_BYTES];
	struct vpmu_model model;
	const char *nearest;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, ","), text);
	nearest = nearest_name(name, model_name, NULL);
	if (!vpmu_model_parse(&model, name, NULL, 0))
		message("%s", why);
	else if (nearest)
		message("%s (did you mean '%s'?)", why, nearest);
	else
		message("%s; CPU models of QEMU's with a PMU, such as 'EPYC-Milan', 'host', and "
		        "files that describe a CPU",
		        why);
	return TOOL_BAD;
}

int models_from_text(const char *text, struct foreign_cpus *cpus)
{
	char why[WHY_BYTES] = "", as[WHY_BYTES];
	struct vpmu_model *model = the_only(cpus);

	if (!strcmp(text, "host"))
		return model_from_host(model);
	if (!vpmu_model_parse(model, text, why, sizeof(why)))
		return TOOL_HOLDS;
	if (name_from_qemu(text, as, sizeof(as)))
		return model_from_qemu(text, as, model);
	return model_file_is(text) ? model_file_all(text, cpus) : unknown(text, why);
}

int model_from_text(const char *text, struct vpmu_model *model)
{
	struct foreign_cpus cpus;
	int status = models_from_text(text, &cpus);

	if (!status)
		status = model_file_one(text, &cpus, model);
	if (!status)
		model_file_tell(text, &cpus);
	return status;
}

static const char *profile_name(const void *list, size_t i)
{
	return vpmu_profile_name(i);
}

int profile_from_text(const char *text, const struct vpmu_profile **profile)
{
	const char *nearest = nearest_name(text, profile_name, NULL);
	char known[200];

	*profile = vpmu_profile_find(text);
	if (*profile)
		return TOOL_HOLDS;
	message("unknown profile '%.40s': known are %s%s%s%s", text,
	        all_names(known, sizeof(known), ", ", profile_name, NULL),
	        nearest ? " (did you mean '" : "", nearest ? nearest : "", nearest ? "'?)" : "");
	return TOOL_BAD;
}

int host_from_text(const char *text, const struct vpmu_profile *profile, unsigned vendor,
                   struct vpmu_host *host)
{
	char why[WHY_BYTES] = "";

	vpmu_host_init(host, (enum vpmu_vendor)vendor);
	if (!text)
		return TOOL_HOLDS;
	if (!(vpmu_profile_facts(profile) & VPMU_FACT_KVM)) {
		message("there is no host under profile hardware: --host %s (name a kernel's "
		        "with --profile)",
		        text);
		return TOOL_BAD;
	}
	if (!vpmu_host_set(host, text, why, sizeof(why)))
		return TOOL_HOLDS;
	message("--host: %s", why);
	return TOOL_BAD;
}
