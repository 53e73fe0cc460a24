/* SPDX-License-Identifier: MIT */
/*
 * A program with a fault of the kind that its argument names, linked as the tool is. Without the
 * fault, and where nobody sees it, it ends as a guest that passes ends `vpmu run`: with 1.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <vpmu/model.h>

static volatile int sink;

static void overflow(void)
{
	volatile char *bytes = malloc(8);

	sink = bytes[8];
	free((void *)bytes);
}

static void undefined(void)
{
	volatile int most = INT_MAX;

	sink = most + 1;
}

static void leak(void)
{
	char *volatile bytes = malloc(24);

	bytes[0] = 1;
	bytes = NULL;
}

static const struct {
	const char *name;
	void (*commit)(void);
} faults[] = {{"overflow", overflow}, {"undefined", undefined}, {"leak", leak}};

int main(int argc, char **argv)
{
	struct vpmu_model model;

	if (vpmu_model_parse(&model, "intel-v2", NULL, 0))
		return 2;
	for (size_t i = 0; argc > 1 && i < sizeof(faults) / sizeof(faults[0]); i++)
		if (!strcmp(argv[1], faults[i].name))
			faults[i].commit();
	return 1;
}
