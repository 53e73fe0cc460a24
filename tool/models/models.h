/* SPDX-License-Identifier: MIT */
/* What `vpmu models` shows, gathered once and printed as text or as JSON. */
#ifndef TOOL_MODELS_H
#define TOOL_MODELS_H

#include <vpmu/simulate.h>
#include <vpmu/vpmu.h>

#include "selector/selector.h"

/* One event that the model's counters can count. */
struct model_event {
	enum vpmu_class class_;
	bool fixed;     /* a fixed counter's; else a selector's */
	uint64_t which; /* the fixed counter's index, or the selector's event and unit mask */
};

enum { MODEL_EVENTS = 64 };

struct model_facts {
	struct vpmu_model model;
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	size_t register_count;
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	size_t leaf_count;
	struct model_event events[MODEL_EVENTS];
	size_t event_count;
	bool has_host; /* under a Linux profile */
	struct vpmu_host host;
};

void model_facts_gather(struct model_facts *facts, const struct vpmu_model *model);

/* The facts of what the profile makes of the model on the host, with the registers that it has.
 * False: the profile has no PMU on this host. */
bool model_facts_of_profile(struct model_facts *facts, const struct vpmu_model *model,
                            const struct vpmu_profile *profile, const struct vpmu_host *host);

/* The words for enumerated facts; static storage. */
const char *model_level_name(enum vpmu_level level);

/* A model's vendor, counters and features, a line each. */
void models_print_summary(const struct vpmu_model *model);

/* Each returns the exit status. */
int models_print_list(void);
int models_print_model(const struct model_facts *facts);
int models_print_events(const struct model_facts *facts);
int models_print_list_json(void);
int models_print_model_json(const struct model_facts *facts);

#endif
