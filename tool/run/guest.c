/* SPDX-License-Identifier: MIT */
/* One run of a guest: the machine is made, loaded, run until something ends it, and reported on. */
#include "run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "input/file.h"
#include "lib/message.h"
#include "stop.h"

enum { WHY_BYTES = 512, NUDGE_US = 100000 };

/* --- Stops from outside ----------------------------------------------------------------------- */

static void on_nudge(int number)
{
}

/*
 * KVM does not report HLT while it has the APIC. So a signal makes KVM_RUN return now and then, and
 * the machine checks whether anything can still wake the guest.
 */
static bool nudge(timer_t *timer)
{
	struct sigaction action = {.sa_handler = on_nudge, .sa_flags = SA_RESTART};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGURG};
	const struct itimerspec often = {
		.it_value = {.tv_nsec = NUDGE_US * 1000},
		.it_interval = {.tv_nsec = NUDGE_US * 1000},
	};

	sigaction(SIGURG, &action, NULL);
	return !timer_create(CLOCK_MONOTONIC, &event, timer) &&
	       !timer_settime(*timer, 0, &often, NULL);
}

/* --- What the machine tells ------------------------------------------------------------------- */

static void on_serial(void *context, uint8_t byte)
{
	serial_put(context, byte);
}

/* What is counted changes only at events, so up to here it was as at the last look. */
void run_look_at_counted(struct run *run, uint64_t instruction)
{
	for (unsigned i = 0; i < VPMU_CLASSES; i++)
		if (run->counted >> i & 1)
			run->over[i] += instruction - run->looked_at;
	run->looked_at = instruction;
	run->counted = vpmu_pmu_wanted(machine_pmu(run->machine));
}

/* On profile hardware an entry changes nothing. */
static bool is_shown(const struct run *run, const struct machine_event *event)
{
	return event->kind != MACHINE_EVENT_ENTRY ||
	       vpmu_profile_facts(machine_config(run->machine)->profile) & VPMU_FACT_KVM;
}

static void on_event(void *context, const struct machine_event *event)
{
	struct run *run = context;

	struct machine_event shown = *event;

	run_look_at_counted(run, event->instruction);
	if (event->kind != MACHINE_EVENT_ENTRY)
		run->happened[event->kind]++;
	if (event->kind == MACHINE_EVENT_MSR_WRITE)
		run_note_uncounted(run, event->msr, event->value);
	shown.instruction += run->before_reset;
	if (run->timeline.output.stream && is_shown(run, event))
		timeline_add(&run->timeline, &shown);
}

/* --- One run ---------------------------------------------------------------------------------- */

static bool is_watched(const struct run_options *options)
{
	return options->stat || options->interval || options->json || options->timeline;
}

struct machine_config run_config(struct run *run)
{
	const struct run_options *options = run->options;

	return (struct machine_config){
		.cpu = run->cpu->ops,
		.model = run->model,
		.profile = run->profile,
		.host = options->host ? &run->host : NULL,
		.memory_bytes = options->memory,
		.append = options->append,
		.max_instructions = options->max_instructions,
		.serial = on_serial,
		.event = is_watched(options) ? on_event : NULL,
		.context = run,
	};
}

void run_replace_machine(struct run *run, struct machine *machine)
{
	struct machine *old = run->machine;

	run->machine = machine;
	stop_machine(machine);
	timeline_follow(&run->timeline, machine_pmu(machine));
	machine_destroy(old);
}

static int create(struct run *run)
{
	char why[WHY_BYTES] = "";
	struct machine_config config = run_config(run);

	run->machine = machine_create(&config, why, sizeof(why));
	if (run->machine)
		return TOOL_HOLDS;
	message("cannot make the machine: %s", why);
	return TOOL_LACKS;
}

int run_load(struct run *run)
{
	char why[WHY_BYTES] = "";
	uint8_t *bytes = NULL;
	size_t count = 0;
	int status =
		file_read(run->guest, run->options->memory, "the guest's memory", &bytes, &count);

	if (status)
		return status;
	if (machine_load(run->machine, bytes, count, why, sizeof(why))) {
		message("cannot load the guest: %s: %s", run->guest, why);
		status = TOOL_BAD;
	}
	free(bytes);
	return status;
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void execute(struct run *run)
{
	double started = seconds_now();
	timer_t timer;
	bool nudges;

	run->serial.at_once = isatty(STDOUT_FILENO);
	stop_machine(run->machine);
	nudges = !run->cpu->by_instruction && nudge(&timer);
	life_run(run);
	if (nudges)
		timer_delete(timer);
	stop_machine(NULL);
	run_look_at_counted(run, run->result.totals.of[VPMU_INSTRUCTIONS]);
	run->seconds = seconds_now() - started;
	serial_flush(run);
}

static int report(struct run *run)
{
	int status;

	if (run->fate == FATE_FAILED)
		return run->failure;
	status = run_end_status(run);
	run_end_message(run);
	interval_end(run);
	if (run->options->stat && run->options->csv)
		run_print_csv(run);
	else if (run->options->stat)
		run_print_stat(run);
	if (run->timeline.output.stream &&
	    !timeline_close(&run->timeline,
	                    run->before_reset + run->result.totals.of[VPMU_INSTRUCTIONS]))
		status = RUN_OUTPUT_FAILED;
	return run->options->json && run_print_json(run) ? TOOL_LACKS : status;
}

static int load_and_run(struct run *run)
{
	int status;

	if (life_brings_machine(run->options)) {
		status = life_fetch(run);
	} else {
		status = create(run);
		if (!status)
			status = run_load(run);
	}
	if (status)
		return status;
	if (run->options->timeline)
		timeline_begin(&run->timeline, run->guest, machine_pmu(run->machine));
	execute(run);
	return report(run);
}

int run_guest(const struct run_options *options, const char *guest)
{
	static struct run run; /* with the timeline's registers, some 10 KiB */
	int status;

	stop_begin(options);
	run.options = options;
	run.guest = guest;
	run.cpu = run_cpu_find(options);
	status = run.cpu->choose_pmu(&run);
	if (!status)
		status = life_begin(&run);
	if (!status && options->timeline && !timeline_open(&run.timeline, options->timeline))
		status = run_output_status(&run.timeline.output);
	if (!status)
		status = load_and_run(&run);
	life_end(&run);
	timeline_abandon(&run.timeline);
	/* The machine is not destroyed: Unicorn needs memory to free its memory, and the process
	 * ends anyway. */
	free(run.serial.bytes);
	return status;
}
