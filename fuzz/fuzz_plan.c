/* SPDX-License-Identifier: MIT */
/* Any bytes as a user's plan, and as the text of a scope. */
#include <string.h>

#include <check/room.h>

#include "fuzz.h"

static void parse_scope(const uint8_t *data, size_t size)
{
	struct check_scope scope = check_scope_default();
	char *text = malloc(size + 1), why[100] = "";

	if (!text)
		return;
	memcpy(text, data, size);
	text[size] = '\0';
	MUST(check_scope_parse(&scope, text, why, sizeof(why)) || why[0]);
	MUST(scope.between <= 6 && scope.nodes);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct check_plan plan;
	struct vpmu_model model;
	struct vpmu_layout layout;
	char why[200] = "", *text = malloc(size ? size : 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	vpmu_model_parse(&model, "intel-v5", NULL, 0);
	vpmu_layout_init(&layout, &model);
	if (check_plan_parse(&plan, &layout, text, size, why, sizeof(why)))
		MUST(plan.count && plan.count <= VPMU_MAX_PLAN);
	else
		MUST(why[0] && !strchr(why, '\n'));
	free(text);
	parse_scope(data, size);
	return 0;
}
