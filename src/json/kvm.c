/* SPDX-License-Identifier: MIT */
/* What a probe of KVM has found, as JSON (docs/json.md: vpmu-doctor). */
#include <jansson.h>
#include <string.h>

#include <json/room.h>

static json_t *known_json(unsigned known)
{
	return known == VPMU_UNKNOWN ? json_null() : json_boolean(known == VPMU_YES);
}

json_t *kvm_host_json(const struct vpmu_kvm_host *host)
{
	json_t *kernel = *host->release ? json_bytes(host->release, strlen(host->release)) : NULL;

	return json_pack("{s:o*, s:o, s:o, s:b, s:b, s:o, s:o}", "kernel", kernel, "vendor",
	                 json_bytes(host->vendor_string, strlen(host->vendor_string)), "signature",
	                 json_hex(host->signature), "virtual", host->is_virtual, "hybrid",
	                 host->is_hybrid, "counters", known_json(host->counters), "nmi_watchdog",
	                 known_json(host->watchdog));
}

json_t *kvm_json(const struct vpmu_kvm_host *host)
{
	return json_pack("{s:s*, s:o, s:o, s:o, s:b, s:b, s:b, s:b}", "module",
	                 *host->vendor_module ? host->vendor_module : NULL, "enable_pmu",
	                 known_json(host->enable_pmu), "mediated", known_json(host->mediated),
	                 "ignore_msrs", known_json(host->ignore_msrs), "open", !host->open_error,
	                 "off_switch", host->has_off_switch, "event_filter", host->has_filter,
	                 "masked_events", host->has_masked_events);
}

json_t *msrs_json(const uint32_t *msrs, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_hex(msrs[i]));
	return list;
}
