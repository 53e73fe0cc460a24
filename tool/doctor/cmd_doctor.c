/* SPDX-License-Identifier: MIT */
/* vpmu doctor: what PMU this host can give a guest, and why. */
#include <stdio.h>
#include <sys/stat.h>

#include "command.h"
#include "doctor.h"
#include "lib/message.h"

struct doctor_options {
	bool json;
	const char *root;
};

static const struct option_row rows[] = {
	ARGS_JSON(struct doctor_options, "print JSON (docs/json.md)"),
	{.name = "root",
         .value = "DIR",
         .about = "look for /sys, /proc and /dev/kvm under DIR",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct doctor_options, root)},
};

#if HAVE_KVM

static int status_of(enum vpmu_known verdict)
{
	static const int statuses[] = {
		[VPMU_UNKNOWN] = TOOL_LACKS,
		[VPMU_NO] = TOOL_FAILS,
		[VPMU_YES] = TOOL_HOLDS,
	};

	return statuses[verdict];
}

/* The exit status, with a message where there is no verdict. */
static int end(enum vpmu_obstacle obstacle)
{
	enum vpmu_known verdict = vpmu_obstacle_verdict(obstacle);

	if (verdict == VPMU_UNKNOWN)
		message("cannot tell whether a guest here gets a PMU: %s",
		        vpmu_obstacle_text(obstacle));
	return status_of(verdict);
}

static int examine(const struct doctor_options *options)
{
	static struct vpmu_kvm_host host;
	struct finding findings[FINDINGS];
	size_t count;

	vpmu_kvm_probe(&host, options->root ? options->root : "", NULL);
	count = doctor_examine(&host, findings);
	if (options->json && doctor_print_json(&host, findings, count))
		return TOOL_LACKS;
	if (!options->json)
		doctor_print(&host, findings, count);
	return end(vpmu_kvm_obstacle(&host));
}

#else

static int examine(const struct doctor_options *options)
{
	message("no KVM to look at: this build is not for Linux on x86");
	return TOOL_LACKS;
}

#endif

static bool is_directory(const char *path)
{
	struct stat status;

	return !stat(path, &status) && S_ISDIR(status.st_mode);
}

static int run(const struct command *self, int argc, char **argv)
{
	struct doctor_options options = {0};
	const char *operands[ARGS_OPERANDS];
	int status = args_parse(self, argc, argv, &options, operands);

	if (status != ARGS_GO)
		return status;
	if (options.root && !is_directory(options.root)) {
		message("no such directory: --root %s", options.root);
		return TOOL_BAD;
	}
	return examine(&options);
}

const struct command cmd_doctor = {
	.name = "doctor",
	.operands = "",
	.about = "Tell what PMU this host can give a guest, and why",
	.notes = "Exit status: 0 guests get a PMU; 1 they do not; 3 it cannot be told from here.",
	.options = rows,
	.option_count = sizeof(rows) / sizeof(rows[0]),
	.run = run,
};
