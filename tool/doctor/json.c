/* SPDX-License-Identifier: MIT */
/* The report as JSON (docs/json.md: vpmu-doctor), to be saved and given to `vpmu state compat`. */
#include <ctype.h>
#include <string.h>

#include "command.h"
#include "doctor.h"
#include "json/json.h"

#if HAVE_JANSSON

static const char *verdict_name(enum vpmu_known verdict)
{
	static const char *const names[] = {
		[VPMU_UNKNOWN] = "unknown",
		[VPMU_NO] = "none",
		[VPMU_YES] = "available",
	};

	return names[verdict];
}

static json_t *finding_json(const struct finding *finding)
{
	char status[8] = "";
	const char *name = finding_status_name(finding->status);

	for (size_t i = 0; name[i] && i + 1 < sizeof(status); i++)
		status[i] = (char)tolower((unsigned char)name[i]);
	return json_pack("{s:s, s:s, s:o, s:s*}", "name", finding->name, "status", status, "what",
	                 json_bytes(finding->what, strlen(finding->what)), "advice",
	                 *finding->advice ? finding->advice : NULL);
}

/* What a guest gets: KVM's model, or no PMU at all. NULL if that is unknown. */
static const struct vpmu_model *guest_model(const struct vpmu_kvm_host *host,
                                            struct vpmu_model *none)
{
	enum vpmu_known verdict = vpmu_obstacle_verdict(vpmu_kvm_obstacle(host));

	if (!host->has_model || verdict == VPMU_UNKNOWN)
		return NULL;
	*none = (struct vpmu_model){
		.name = "kvm",
		.vendor = host->model.vendor,
		.signature = host->model.signature,
	};
	return verdict == VPMU_YES ? &host->model : none;
}

static void add_model(json_t *document, const struct vpmu_model *model)
{
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	size_t count = vpmu_model_to_cpuid(model, leaves);
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, leaf_json(&leaves[i]));
	json_object_set_new(document, "model", model_json(model));
	json_object_set_new(document, "cpuid", list);
}

int doctor_print_json(const struct vpmu_kvm_host *host, const struct finding *findings,
                      size_t count)
{
	json_t *document = json_document("vpmu-doctor", 1), *checks = json_array();
	enum vpmu_obstacle obstacle = vpmu_kvm_obstacle(host);
	const struct vpmu_model *model;
	struct vpmu_model none;

	for (size_t i = 0; i < count; i++)
		json_array_append_new(checks, finding_json(&findings[i]));
	json_object_set_new(document, "verdict",
	                    json_string(verdict_name(vpmu_obstacle_verdict(obstacle))));
	json_object_set_new(document, "why", json_string(vpmu_obstacle_text(obstacle)));
	json_object_set_new(document, "checks", checks);
	json_object_set_new(document, "host", kvm_host_json(host));
	json_object_set_new(document, "kvm", kvm_json(host));
	model = guest_model(host, &none);
	if (model)
		add_model(document, model);
	json_object_set_new(document, "refused_registers",
	                    msrs_json(host->refused, host->refused_count));
	json_object_set_new(document, "msr_index_list", msrs_json(host->msrs, host->msr_count));
	return json_print(document);
}

#else

int doctor_print_json(const struct vpmu_kvm_host *host, const struct finding *findings,
                      size_t count)
{
	return json_lacks() ? TOOL_LACKS : TOOL_HOLDS;
}

#endif
