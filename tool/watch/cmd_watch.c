/* SPDX-License-Identifier: MIT */
/* vpmu watch: follow the PMU registers of a real VMM, or give it a PMU where there is none. */
#include <asm/prctl.h>
#include <cpuid.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vpmu/kvm.h>

#include "command.h"
#include "input/file.h"
#include "input/input.h"
#include "json/json.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "lib/model_arg.h"
#include "watch.h"

enum { EXPECT_BYTES = 64 << 20, WHY_BYTES = 128 };

struct watch_options {
	const char *emulate, *profile, *log, *plan, *state, *expect;
	bool count, json;
};

static const struct option_row rows[] = {
	{.name = "emulate",
         .value = "NAME",
         .about = "give the VMM a KVM with this PMU (vpmu models)",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct watch_options, emulate)},
	{.name = "profile",
         .value = "NAME",
         .about = "whose behaviour that KVM shows; " WATCH_PROFILE " is the default",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct watch_options, profile)},
	{.name = "count",
         .about = "let the emulated PMU count, by single-stepping the guest",
         .kind = OPTION_FLAG,
         .offset = offsetof(struct watch_options, count)},
	{.name = "log",
         .value = "FILE",
         .about = "write the lines to FILE, not to stderr",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct watch_options, log)},
	{.name = "plan",
         .value = "FILE",
         .about = "write the last put to FILE, for 'vpmu check --plan'",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct watch_options, plan)},
	{.name = "state",
         .value = "FILE",
         .about = "write what was saved of each vCPU to FILE, for --expect",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct watch_options, state)},
	{.name = "expect",
         .value = "FILE",
         .about = "compare what is put with FILE, of another process's --state",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct watch_options, expect)},
	ARGS_JSON(struct watch_options, "write JSON lines (docs/json.md)"),
};

/* --- Options ------------------------------------------------------------------------------- */

static int choose_emulated(const struct watch_options *options, struct vpmu_model *model,
                           const char **profile_name)
{
	const struct vpmu_profile *profile;
	int status;

	*profile_name = options->profile ? options->profile : WATCH_PROFILE;
	if (!options->emulate) {
		if (options->profile)
			message("--profile says how an emulated PMU behaves: --emulate is missing");
		else if (options->count)
			message("--count lets an emulated PMU count: --emulate is missing");
		return options->profile || options->count ? TOOL_BAD : TOOL_HOLDS;
	}
	status = model_from_text(options->emulate, model);
	if (!status)
		status = profile_from_text(*profile_name, &profile);
	if (!status && vpmu_profile_adapt(profile, model)) {
		message("no such PMU under profile %s: %s", *profile_name, options->emulate);
		status = TOOL_BAD;
	}
	return status;
}

static int open_log(const struct watch_options *options, struct watch_session *session)
{
	session->writer = options->json ? &watch_json : &watch_text;
	session->log = options->log ? fopen(options->log, "we") : stderr;
	if (session->log)
		return TOOL_HOLDS;
	message("cannot write: --log %s: %s", options->log, strerror(errno));
	return TOOL_LACKS;
}

static int read_expected(const char *path, struct watch_expected *expected)
{
	char why[WHY_BYTES];
	enum vpmu_status parsed;
	uint8_t *text;
	size_t bytes;
	int status;

	if (!path)
		return TOOL_HOLDS;
	status = input_read_text(path, EXPECT_BYTES, "a file of --state", &text, &bytes);
	if (status)
		return status;
	parsed = watch_state_parse((const char *)text, bytes, expected, why, sizeof(why));
	free(text);
	if (parsed)
		message("%s: --expect %s (vpmu watch --state FILE makes such a file)", why, path);
	return !parsed ? TOOL_HOLDS : parsed == VPMU_HOST ? TOOL_LACKS : TOOL_BAD;
}

/* Opens the files that are written at the end. */
static int open_outputs(const struct watch_options *options, struct watch_session *session)
{
	if (options->plan && !output_open(&session->plan, options->plan))
		return TOOL_LACKS;
	if (options->state && !output_open(&session->state, options->state))
		return TOOL_LACKS;
	return TOOL_HOLDS;
}

static void abandon_outputs(struct watch_session *session)
{
	output_abandon(&session->plan);
	output_abandon(&session->state);
}

/* Whether a vCPU can have a PMU at all: without one, no register of it can be left alone. */
static bool kvm_has_pmu(const struct watch_options *options)
{
	static struct vpmu_kvm_host host;

	if (options->emulate)
		return true;
	vpmu_kvm_probe(&host, "", NULL);
	return vpmu_kvm_obstacle(&host) == VPMU_OBSTACLE_NONE;
}

/*
 * The processor's vendor, if it is not that of the emulated model. The CPUID instruction shows it
 * to the VMM, whatever KVM says.
 */
static void find_vendor(const struct vpmu_model *model, char *host, size_t bytes)
{
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	unsigned eax = 0, name[3] = {0};

	if (!vpmu_model_to_cpuid(model, leaves) ||
	    !__get_cpuid(0, &eax, &name[0], &name[2], &name[1]))
		return;
	if (leaves[0].ebx != name[0] || leaves[0].edx != name[1] || leaves[0].ecx != name[2])
		snprintf(host, bytes, "%.12s", (const char *)name);
}

/* Whether the processor can fault the CPUID instruction, so that the library answers it. */
static bool can_fault_cpuid(void)
{
	return !syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0) &&
	       !syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1);
}

static void note_vendor(struct watch_session *session, const struct vpmu_model *model)
{
	find_vendor(model, session->vendor, sizeof(session->vendor));
	if (*session->vendor && can_fault_cpuid())
		atomic_store(&session->ring.shared->answers_cpuid, true);
}

/* If the library could not answer the instruction, the VMM has seen the processor's vendor. */
static void settle_vendor(struct watch_session *session)
{
	if (!atomic_load(&session->ring.shared->answers_cpuid))
		memcpy(session->tally.host_vendor, session->vendor, sizeof(session->vendor));
}

/* --- The end ------------------------------------------------------------------------------- */

/* True when all of the log is where it belongs. */
static bool end_log(const struct watch_options *options, struct watch_session *session)
{
	bool built, fine;

	session->writer->summary(session->log, &session->tally);
	built = !memory_ran_out() && !json_was_incomplete();
	fine = watch_flush_log(session) && !ferror(session->log) && built;
	if (options->log) {
		fine = !fclose(session->log) && fine;
		watch_text.summary(stderr, &session->tally);
	}
	if (!fine)
		message("the log is not complete: %s: %s",
		        options->log ? options->log : "standard error",
		        strerror(built ? session->log_error : ENOMEM));
	return fine;
}

static bool end_plan(const struct watch_options *options, struct watch_session *session)
{
	if (!options->plan)
		return true;
	if (session->has_put && !memory_ran_out())
		return watch_write_plan(session, options->emulate,
		                        options->profile ? options->profile : WATCH_PROFILE);
	output_abandon(&session->plan);
	if (memory_ran_out()) /* the last put that was seen may not be the last */
		return false;
	message("no plan written: %s: the VMM put no PMU register", options->plan);
	return false;
}

static bool end_state(const struct watch_options *options, struct watch_session *session)
{
	if (!options->state)
		return true;
	if (watch_state_write(session->state.stream, &session->vcpus) && !memory_ran_out())
		return output_commit(&session->state);
	output_abandon(&session->state);
	if (!memory_ran_out())
		message("no state written: %s: the VMM got no PMU register together with "
		        "KVM_GET_REGS",
		        options->state);
	return false;
}

/* The same end as the VMM's, without a second core file. */
static void end_by_signal(int number)
{
	const struct rlimit no_core = {0, 0};
	sigset_t only;

	setrlimit(RLIMIT_CORE, &no_core);
	signal(number, SIG_DFL);
	sigemptyset(&only);
	sigaddset(&only, number);
	sigprocmask(SIG_UNBLOCK, &only, NULL);
	raise(number);
}

/* The VMM's failure takes precedence over ours, and a finding over an incomplete log. */
static int end(const struct watch_options *options, struct watch_session *session, int ended)
{
	static const int statuses[] = {
		[WATCH_HOLDS] = TOOL_HOLDS,
		[WATCH_FAILS] = TOOL_FAILS,
		[WATCH_UNKNOWN] = TOOL_LACKS,
	};
	int status;
	bool complete;

	settle_vendor(session);
	status = statuses[watch_judge(&session->tally)];
	complete = end_log(options, session);
	complete &= end_plan(options, session);
	complete &= end_state(options, session);
	/* A VMM that failed may have done so before it could load anything. */
	if (session->tally.unseen && WIFEXITED(ended) && !WEXITSTATUS(ended))
		message("nothing was seen: the VMM did not load the library (does it drop "
		        "LD_PRELOAD, or "
		        "run in another process namespace?)");
	if (WIFSIGNALED(ended)) {
		end_by_signal(WTERMSIG(ended));
		return 128 + WTERMSIG(ended);
	}
	if (WEXITSTATUS(ended))
		return WEXITSTATUS(ended);
	return status || complete ? status : TOOL_LACKS;
}

static int watch(const struct watch_options *options, struct watch_session *session, char **argv,
                 const char *path, const char *library)
{
	sigset_t before;
	int signals = watch_signals(&before), ended;
	pid_t vmm = watch_start(argv, path, library, session->ring.fd, &before);

	if (vmm < 0)
		return TOOL_LACKS;
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	session->start = watch_now();
	ended = watch_follow(session, vmm, signals);
	close(signals);
	return end(options, session, ended);
}

static int start(const struct watch_options *options, char **argv)
{
	static struct watch_session session;
	char path[PATH_MAX], library[PATH_MAX];
	struct vpmu_model model;
	const char *profile;
	int status = choose_emulated(options, &model, &profile);

	if (!status)
		status = watch_judge_command(argv[0], path);
	if (!status)
		status = watch_find_library(library);
	if (!status)
		status = open_log(options, &session);
	if (!status)
		status = read_expected(options->expect, &session.expected);
	if (!status)
		status = open_outputs(options, &session);
	if (!status && !watch_ring_make(&session.ring, options->emulate ? &model : NULL, profile,
	                                options->count))
		status = TOOL_LACKS;
	if (!status) {
		session.has_pmu = kvm_has_pmu(options);
		if (options->emulate)
			note_vendor(&session, &model);
		status = watch(options, &session, argv, path, library);
	}
	abandon_outputs(&session);
	watch_session_free(&session);
	return status;
}

/* Everything behind "--" is the VMM's. */
static int run(const struct command *self, int argc, char **argv)
{
	struct watch_options options = {0};
	int status;

	if (argc > 1 && !strcmp(argv[1], "diff")) /* a VMM is behind "--" */
		return watch_diff.run(&watch_diff, argc - 1, argv + 1);
	status = args_parse_before(self, &argc, &argv, &options);

	return status == ARGS_GO ? start(&options, argv) : status;
}

const struct command cmd_watch = {
	.name = "watch",
	.operands = "-- VMM ARG...",
	.about = "Follow the PMU registers that a VMM moves, or give it a PMU",
	.notes =
		"'vpmu watch diff BEFORE AFTER' compares two logs of --json.\n"
		"\n"
		"The VMM must be dynamically linked. With --emulate, what the VMM saves, resets "
		"and\n"
		"restores is as with a PMU of that model; guests count and RDPMC only with "
		"--count,\n"
		"which steps a guest while it counts, and is slow.\n"
		"\n"
		"Exit status: the VMM's own, unless it is 0: then 1 if registers were left alone,\n"
		"never saved, refused or put with another value than they were got, and 3 if not "
		"all was seen or written.\n",
	.options = rows,
	.option_count = sizeof(rows) / sizeof(rows[0]),
	.run = run,
};
