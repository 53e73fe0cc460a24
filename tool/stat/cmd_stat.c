/* SPDX-License-Identifier: MIT */
/* vpmu stat: run a program in a throw-away Linux guest that has a PMU, and print what it counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "input/file.h"
#include "json/json.h"
#include "lib/message.h"
#include "stat.h"

struct stat_typed {
	struct option_list events, limit;
	const char *model, *profile, *timing, *kernel, *modules, *qemu, *output;
	uint64_t memory, cpus, timeout;
	bool json;
};

#define ROW(name_, value_, about_, kind_, member)                                                  \
	.name = (name_), .value = (value_), .about = (about_), .kind = (kind_),                    \
	.offset = offsetof(struct stat_typed, member)
#define TEXT(name_, value_, about_, member) ROW(name_, value_, about_, OPTION_TEXT, member)
#define LIST(name_, value_, about_, member) ROW(name_, value_, about_, OPTION_LIST, member)

static const struct option_row rows[] = {
	{LIST("events", "LIST", "perf's names, as instructions:u,branches:u,r01c0:k", events),
         .letter = 'e'},
	{LIST("limit", "EVENT=N,...", "fail when an event counts more than that", limit)},
	{TEXT("output", "FILE", "write the counts there; stderr is the default", output),
         .letter = 'o'},
	ARGS_JSON(struct stat_typed, "write them as JSON"),
	{TEXT("model", "NAME", "the PMU (vpmu models); skylake is the default", model)},
	{TEXT("profile", "NAME", "whose behaviour it shows; hardware is the default", profile)},
	{TEXT("timing", "none|cache", "what cycles, caches and branch misses are estimated by",
              timing)},
	{ROW("memory", "SIZE", "the guest's memory; 1G is the default", OPTION_SIZE, memory),
         .min = 128 << 20, .max = UINT64_C(1) << 40},
	{ROW("cpus", "N", "its vCPUs; 1 is the default", OPTION_COUNT, cpus), .min = 1, .max = 64},
	{ROW("timeout", "SECONDS", "end it after that time, boot included; none is the default",
             OPTION_SECONDS, timeout),
         .min = 1, .max = UINT64_C(1) << 40},
	{TEXT("kernel", "FILE", "the guest's kernel; the host's is the default", kernel)},
	{TEXT("modules", "FOLDER", "its modules; /lib/modules/VERSION is the default", modules)},
	{TEXT("qemu", "PROGRAM", "the QEMU, 11.1; qemu-system-x86_64 is the default", qemu)},
};

enum { KILLED = 128 };

/* A preset, as the plugin takes it. */
static int read_model(const struct stat_typed *typed, struct vpmu_model *model)
{
	char why[200] = "";

	if (vpmu_model_parse(model, typed->model, why, sizeof(why)) == VPMU_OK)
		return TOOL_HOLDS;
	message("%s", why);
	return TOOL_BAD;
}

static int read_events(const struct stat_typed *typed, struct stat_events *events)
{
	static struct vpmu_model model;
	int status = read_model(typed, &model);

	events->model = &model;
	events->timed = typed->timing && !strcmp(typed->timing, "cache");
	if (!status && !typed->events.count)
		status = stat_events_add(events, "instructions:u,branches:u,page-faults");
	for (unsigned i = 0; !status && i < typed->events.count; i++)
		status = stat_events_add(events, typed->events.of[i]);
	for (unsigned i = 0; !status && i < typed->limit.count; i++)
		status = stat_limits_add(events, typed->limit.of[i]);
	return status;
}

/* A file for the guest's first files. It has no name: it goes with the tool and with QEMU, however
 * they end. NULL after a message. */
static FILE *make_temporary(void)
{
	const char *folder = getenv("TMPDIR");
	char path[PATH_MAX];
	FILE *file;
	int fd;

	snprintf(path, PATH_MAX, "%s/vpmu-stat-XXXXXX", folder && *folder ? folder : "/tmp");
	fd = mkostemp(path, O_CLOEXEC);
	file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file)
		message("cannot write: %s: %s", path, strerror(errno));
	if (fd >= 0)
		unlink(path);
	return file;
}

static int run_guest(const struct stat_typed *typed, const struct stat_kernel *kernel,
                     const struct stat_events *events, char *const *words,
                     struct stat_result *result)
{
	struct stat_guest guest = {
		.qemu = typed->qemu,
		.model = typed->model,
		.profile = typed->profile,
		.timing = typed->timing,
		.kernel = kernel,
		.memory = typed->memory,
		.vcpus = typed->cpus,
		.timeout = typed->timeout,
	};
	FILE *file = make_temporary();
	int status;

	if (!file)
		return TOOL_LACKS;
	status = stat_image_write(file, kernel, events, words);
	guest.initrd = fileno(file);
	if (!status)
		status = stat_guest_run(&guest, result);
	fclose(file);
	return status;
}

static bool print(const struct stat_typed *typed, FILE *to, const struct stat_about *about,
                  const struct stat_events *events, const struct stat_result *result)
{
	if (typed->json)
		return stat_print_json(to, about, events, result);
	stat_print_text(to, about, events, result);
	return true;
}

/* The program's own status, unless ours has more to say. */
static int conclude(const struct stat_typed *typed, struct output *output,
                    const struct stat_about *about, const struct stat_events *events,
                    const struct stat_result *result)
{
	FILE *to = typed->output ? output->stream : stderr;
	int limits;

	if (!print(typed, to, about, events, result))
		return TOOL_LACKS;
	if (typed->output && !output_commit(output))
		return TOOL_LACKS;
	if (result->signalled)
		return KILLED + result->status;
	limits = stat_judge_limits(events, result);
	return result->status ? result->status : limits;
}

static int go(const struct stat_typed *typed, char *const *words)
{
	static struct stat_events events;
	static struct stat_kernel kernel;
	static struct stat_result result;
	static struct output output;
	struct stat_about about = {.words = words, .model = typed->model};
	int status = read_events(typed, &events);

	if (!status)
		status = stat_kernel_find(&kernel, typed->kernel, typed->modules);
	if (!status && typed->output && !output_open(&output, typed->output))
		status = TOOL_LACKS;
	if (!status)
		status = run_guest(typed, &kernel, &events, words, &result);
	about.kernel = kernel.version;
	if (!status)
		status = conclude(typed, &output, &about, &events, &result);
	output_abandon(&output);
	stat_kernel_free(&kernel);
	return status;
}

/* Everything behind "--" is the program's. */
static int run(const struct command *self, int argc, char **argv)
{
	struct stat_typed typed = {
		.model = "skylake",
		.qemu = "qemu-system-x86_64",
		.memory = UINT64_C(1) << 30,
		.cpus = 1,
		.timeout = UINT64_MAX,
	};
	int status = args_parse_before(self, &argc, &argv, &typed);

	return status == ARGS_GO ? go(&typed, argv) : status;
}

const struct command cmd_stat = {
	.name = "stat",
	.operands = "-- PROGRAM ARG...",
	.about = "Count what a program does, exactly, on a machine that has no PMU",
	.notes = "The program runs in a Linux guest of its own, under QEMU (TCG) with the plugin.\n"
		 "It sees the host's files, read-only, and an empty /tmp. Needs QEMU 11.1 and a\n"
		 "Linux kernel.\n"
		 "\n"
		 "Exit status: the program's own, or 128 and its signal; 1 when a limit does not\n"
		 "hold, 124 after --timeout; 2 for a wrong argument, 3 for what this host lacks,\n"
		 "or a limit that cannot be judged.\n",
	.options = rows,
	.option_count = sizeof(rows) / sizeof(rows[0]),
	.run = run,
};
