/* SPDX-License-Identifier: MIT */
/* The ways a run ends: exit status, name and message, one row each. */
#include "run.h"

#include <signal.h>

#include "command.h"
#include "lib/message.h"
#include "lib/number.h"
#include "stop.h"

struct end {
	const char *name;
	const char *text; /* NULL: the guest ended it, nothing to say */
	int status;
};

static const struct end ends[] = {
	[MACHINE_END_EXIT] = {"exit", NULL, 0},
	[MACHINE_END_INSTRUCTIONS] = {"instructions", "--max-instructions reached",
                                      RUN_INSTRUCTIONS},
	[MACHINE_END_TIME] = {"time", "the guest's time is over", RUN_INSTRUCTIONS},
	[MACHINE_END_STOPPED] = {"interrupted", "interrupted", RUN_INTERRUPTED},
	[MACHINE_END_PAUSED] = {"interrupted", "interrupted", RUN_INTERRUPTED},
	[MACHINE_END_DEADLOCK] = {"deadlock", "guest halted for ever", RUN_DEADLOCK},
	[MACHINE_END_TRIPLE_FAULT] = {"triple-fault", "guest died of a triple fault",
                                      RUN_TRIPLE_FAULT},
	[MACHINE_END_UNSUPPORTED] = {"unsupported", "guest needs what this machine does not have",
                                     RUN_UNSUPPORTED},
	[MACHINE_END_NO_MEMORY] = {"no-memory", "out of memory", TOOL_LACKS},
};

static const struct end timeout = {"timeout", "--timeout reached", RUN_TIMEOUT};
static const struct end fates[] = {
	[FATE_SAVED] = {"saved", "saved", 0},
	[FATE_MOVED] = {"migrated", "the destination runs the guest", 0},
};
static const struct end output_failed = {"output-failed", "standard output takes no more",
                                         RUN_OUTPUT_FAILED};

static const struct end *end_of(const struct run *run)
{
	if (run->output_failed)
		return &output_failed;
	if (run->fate != FATE_RAN)
		return &fates[run->fate];
	if (run->result.end == MACHINE_END_STOPPED && *stop_flag() == SIGALRM)
		return &timeout;
	return &ends[run->result.end];
}

int run_end_status(const struct run *run)
{
	const struct end *end = end_of(run);

	/* As QEMU's isa-debug-exit; a process has 8 bits for it. */
	return end->text ? end->status : (int)((run->result.exit_value << 1 | 1) & 0xff);
}

const char *run_end_name(const struct run *run)
{
	return end_of(run)->name;
}

void run_end_message(const struct run *run)
{
	const struct end *end = end_of(run);
	const char *why = run->result.why; /* "": there is nothing to add, as when it was saved */
	char text[NUMBER_GROUPED_BYTES];

	if (!run->result.pmu_is_known && run->fate == FATE_RAN)
		message("the counters could not be read: %s: %s", run->guest, run->result.pmu_why);
	if (end->text && !run->cpu->by_instruction)
		message("%s: %s%s%s%s", end->text, run->guest, *why ? " (" : "", why,
		        *why ? ")" : "");
	else if (end->text)
		message("%s: %s (%s%s%s instructions)", end->text, run->guest, why,
		        *why ? "; " : "",
		        number_grouped(run->result.totals.of[VPMU_INSTRUCTIONS], text));
}
