/* SPDX-License-Identifier: MIT */
/* What holds for every model that the library gives out. */
#ifndef FUZZ_PROPERTIES_H
#define FUZZ_PROPERTIES_H

#include <vpmu/model.h>

void model_properties(const struct vpmu_model *model);

#endif
