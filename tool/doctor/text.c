/* SPDX-License-Identifier: MIT */
/* The findings as lines: status, name, what is so, and below it what to do. */
#include <stdio.h>

#include "doctor.h"
#include "lib/message.h"
#include "lib/visible.h"

enum { NAME_WIDTH = 18, INDENT = 6 + NAME_WIDTH + 1 };

static const char *colour_of(enum finding_status status)
{
	static const char *const colours[] = {
		[FINDING_PASS] = "\033[32m",
		[FINDING_WARN] = "\033[33m",
		[FINDING_FAIL] = "\033[31m",
		[FINDING_SKIP] = "\033[2m",
	};

	return colours[status];
}

static void print_finding(const struct finding *finding, bool colour)
{
	printf("%s%s%s  %-*s ", colour ? colour_of(finding->status) : "",
	       finding_status_name(finding->status), colour ? "\033[0m" : "", NAME_WIDTH,
	       finding->name);
	print_visible(stdout, finding->what);
	putchar('\n');
	if (*finding->advice)
		printf("%*s-> %s\n", INDENT, "", finding->advice);
}

/* Where it cannot be told, the command says so on stderr. */
static void print_verdict(const struct vpmu_kvm_host *host)
{
	enum vpmu_obstacle obstacle = vpmu_kvm_obstacle(host);
	enum vpmu_known verdict = vpmu_obstacle_verdict(obstacle);
	char model[160];

	if (verdict == VPMU_NO)
		printf("\nA guest here gets no PMU: %s.\n", vpmu_obstacle_text(obstacle));
	if (verdict != VPMU_YES)
		return;
	doctor_describe_model(&host->model, model, sizeof(model));
	printf("\nA guest here gets a PMU: %s.\n", model);
}

void doctor_print(const struct vpmu_kvm_host *host, const struct finding *findings, size_t count)
{
	bool colour = colour_wanted(stdout);

	for (size_t i = 0; i < count; i++)
		print_finding(&findings[i], colour);
	print_verdict(host);
}
