/* SPDX-License-Identifier: MIT */
/* Models in JSON documents of any command (docs/json.md). Only with Jansson. */
#ifndef TOOL_MODELS_JSON_H
#define TOOL_MODELS_JSON_H

#include <vpmu/simulate.h>
#include <vpmu/vpmu.h>

#include "json.h"

#if HAVE_JANSSON

json_t *model_json(const struct vpmu_model *model);
json_t *under_profile_json(const struct vpmu_host *host);
json_t *leaf_json(const struct vpmu_cpuid *leaf);

#endif
#endif
