/* SPDX-License-Identifier: MIT */
/* The scenarios of a subject, one after the other. */
#ifndef CHECK_SCENARIO_H
#define CHECK_SCENARIO_H

#include "room_int.h"

/* Makes the plan of the scenario's state at its level. */
enum vpmu_status scenario_plan(struct scenario *scenario);

/* Makes the plan and the reference. */
enum vpmu_status scenario_prepare(struct scenario *scenario, struct vcpu *vcpu);

/* Visits each scenario of a subject, which is then in *scenario. Ends at the first failure. */
enum vpmu_status scenario_each(const struct check_subject *subject, const struct check_scope *scope,
                               const struct vpmu_layout *layout, struct scenario *scenario,
                               struct vcpu *vcpu, enum vpmu_status (*visit)(void *context),
                               void *context);

#endif
