/* SPDX-License-Identifier: MIT */
/* A counterexample as a script for `vpmu replay`, and as a story for people. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "room_int.h"

/* A text that is cut where it does not fit, and knows its length. */
struct paper {
	char *text;
	size_t bytes, used;
};

static void put(struct paper *paper, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct paper *paper, const char *format, ...)
{
	size_t left = paper->used < paper->bytes ? paper->bytes - paper->used : 0;
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(left ? paper->text + paper->used : NULL, left, format, list);
	va_end(list);
	paper->used += length > 0 ? (size_t)length : 0;
}

struct telling {
	struct paper paper;
	const struct check_trace *trace;
	const struct check_subject *subject;
	struct vpmu_layout layout;
};

static void begin(struct telling *telling, const struct check_trace *trace,
                  const struct check_subject *subject, char *text, size_t bytes)
{
	struct vpmu_model model = subject->model;

	*telling = (struct telling){{text, bytes, 0}, trace, subject, {.value_count = 0}};
	vpmu_profile_adapt(subject->profile, &model);
	vpmu_layout_init(&telling->layout, &model);
	if (bytes)
		*text = '\0';
}

static const char *order_name(const struct check_subject *subject)
{
	return subject->order ? subject->order->name : "plan";
}

static const char *register_name(const struct telling *telling, uint32_t msr, char number[16])
{
	int place = vpmu_layout_find_msr(&telling->layout, msr);

	snprintf(number, 16, "MSR 0x%" PRIx32, msr);
	return place < 0 ? number : telling->layout.registers[place].name;
}

/* --- The script --- */

static void put_command(struct paper *paper, const struct check_step *step)
{
	switch ((enum check_verb)step->verb) {
	case CHECK_DO_WRITE:
	case CHECK_DO_HOST_WRITE:
		put(paper, "%s 0x%" PRIx32 " 0x%" PRIx64,
		    step->verb == CHECK_DO_WRITE ? "wrmsr" : "host-wrmsr", step->msr, step->value);
		break;
	case CHECK_DO_READ:
		put(paper, "host-rdmsr 0x%" PRIx32, step->msr);
		break;
	case CHECK_DO_LVTPC:
		put(paper, "lvtpc 0x%" PRIx64, step->value);
		break;
	case CHECK_DO_ENTER:
		put(paper, "enter");
		break;
	case CHECK_DO_RUN:
		put(paper, "run instructions=%" PRIu64, step->value);
		break;
	case CHECK_DO_EMULATE:
		put(paper, "emulate");
		break;
	case CHECK_DO_SCHEDULE:
		put(paper, "schedule");
		break;
	case CHECK_DO_FAIL_CREATE:
		put(paper, "fail-create %" PRIu64, step->value);
		break;
	case CHECK_DO_EVENTS:
		put(paper, "events");
		break;
	case CHECK_DO_HOST_RUN:
		put(paper, "# the host runs %" PRIu64 " instructions: no replay command",
		    step->value);
		break;
	case CHECK_DO_COUNT_HOST:
		put(paper, "# exclude_host is off: no replay command");
		break;
	}
}

static void put_answer(struct paper *paper, const struct check_step *step,
                       const struct check_answer *answer)
{
	const struct vpmu_event_counts *events = &answer->events;

	switch ((enum check_verb)step->verb) {
	case CHECK_DO_READ:
		put(paper, "0x%" PRIx64, answer->value);
		break;
	case CHECK_DO_ENTER:
	case CHECK_DO_RUN:
		put(paper, "pmi=%u masked=%u", answer->outcome.pmi, answer->outcome.masked);
		break;
	case CHECK_DO_EVENTS:
		put(paper, "live=%u created=%u released=%u enabled=%u paused=%u", events->live,
		    events->created, events->released, events->enabled, events->paused);
		break;
	default:
		put(paper, "%s", answer->status ? "fail" : "ok");
		break;
	}
}

static bool names_register(const struct check_step *step)
{
	return step->verb == CHECK_DO_WRITE || step->verb == CHECK_DO_HOST_WRITE ||
	       step->verb == CHECK_DO_READ;
}

/* What no order can save is shown on a new vCPU, beside the one that was read. */
static bool is_elsewhere(const struct telling *telling, const struct check_step *step)
{
	return telling->trace->property == CHECK_IN_A_REGISTER && step->part == CHECK_PART_LIFE;
}

static void put_line(struct telling *telling, const struct check_step *step)
{
	struct paper *paper = &telling->paper;
	char number[16];

	if (is_elsewhere(telling, step))
		put(paper, "#   ");
	if (step->expects)
		put(paper, "expect ");
	put_command(paper, step);
	if (step->expects) {
		put(paper, " = ");
		put_answer(paper, step, &step->expected);
	}
	if (names_register(step))
		put(paper, "  # %s", register_name(telling, step->msr, number));
	put(paper, "\n");
}

static void put_heading(struct telling *telling, enum check_part part)
{
	struct paper *paper = &telling->paper;
	const struct check_subject *subject = telling->subject;

	switch (part) {
	case CHECK_PART_LIFE:
		put(paper, "# The prior life, %s: %s.\n", check_lives[subject->life].name,
		    check_lives[subject->life].about);
		break;
	case CHECK_PART_PUT:
		if (telling->trace->property == CHECK_IN_A_REGISTER)
			put(paper, "# A new vCPU gets what a get reads of that one.\n");
		else
			put(paper, "# The put of state %s at level %s, order %s.\n",
			    telling->trace->state, vpmu_level_name(telling->trace->level),
			    order_name(subject));
		break;
	default:
		put(paper, "# What is there then, and how the guest runs on.\n");
		break;
	}
}

bool check_trace_replays(const struct check_trace *trace)
{
	for (size_t i = 0; i < trace->count; i++)
		if (trace->steps[i].verb == CHECK_DO_HOST_RUN)
			return false;
	return true;
}

size_t check_trace_replay(const struct check_trace *trace, const struct check_subject *subject,
                          char *text, size_t bytes)
{
	const struct check_property_row *property = &check_properties[trace->property];
	struct telling telling;
	unsigned part = CHECK_PARTS;

	begin(&telling, trace, subject, text, bytes);
	put(&telling.paper, "# Violated: %s: %s.\n", property->name, property->about);
	put(&telling.paper, "model %s\nprofile %s\n", subject->model_name, subject->profile_name);
	for (size_t i = 0; i < trace->count; i++) {
		if (trace->steps[i].part != part) {
			part = trace->steps[i].part;
			put_heading(&telling, (enum check_part)part);
		}
		put_line(&telling, &trace->steps[i]);
	}
	return telling.paper.used;
}

/* --- The story --- */

static void tell_outcome(struct paper *paper, const struct vpmu_outcome *outcome)
{
	unsigned raised = outcome->pmi + outcome->masked;

	if (!raised)
		put(paper, "no PMI");
	else
		put(paper, "%u PMI%s%s", raised, raised > 1 ? "s" : "",
		    outcome->pmi ? "" : ", dropped by LVTPC's mask");
}

static void tell_deed(struct telling *telling, const struct check_step *step)
{
	struct paper *paper = &telling->paper;
	char number[16];

	switch ((enum check_verb)step->verb) {
	case CHECK_DO_WRITE:
	case CHECK_DO_HOST_WRITE:
		put(paper, "%s writes %s = 0x%" PRIx64,
		    step->verb == CHECK_DO_WRITE ? "the guest" : "the VMM",
		    register_name(telling, step->msr, number), step->value);
		break;
	case CHECK_DO_READ:
		put(paper, "%s reads 0x%" PRIx64, register_name(telling, step->msr, number),
		    step->got.value);
		break;
	case CHECK_DO_LVTPC:
		put(paper, "LVTPC is %s",
		    step->value & VPMU_LVTPC_MASKED ? "masked, as after a reset" : "unmasked");
		break;
	case CHECK_DO_ENTER:
		put(paper, "the vCPU enters the guest: ");
		tell_outcome(paper, &step->got.outcome);
		break;
	case CHECK_DO_RUN:
		put(paper, "the guest runs %" PRIu64 " instructions: ", step->value);
		tell_outcome(paper, &step->got.outcome);
		break;
	case CHECK_DO_EMULATE:
		put(paper, "the hypervisor emulates an instruction");
		break;
	case CHECK_DO_SCHEDULE:
		put(paper, "the vCPU's thread is scheduled out and in");
		break;
	case CHECK_DO_FAIL_CREATE:
		put(paper, step->value ? "the host has no counter to give: the next creation of an "
		                         "event will fail"
		                       : "the host has counters again");
		break;
	case CHECK_DO_EVENTS:
		put(paper, "%u events live", step->got.events.live);
		break;
	case CHECK_DO_HOST_RUN:
		put(paper, "the host runs %" PRIu64 " instructions", step->value);
		break;
	case CHECK_DO_COUNT_HOST:
		put(paper, "events count the host, too (exclude_host is off)");
		break;
	}
}

/* What should have been, after a semicolon. */
static void tell_wrong(struct telling *telling, const struct check_step *step)
{
	struct paper *paper = &telling->paper;

	put(paper, "; it should be ");
	if (step->verb == CHECK_DO_READ)
		put(paper, "0x%" PRIx64, step->expected.value);
	else if (step->verb == CHECK_DO_EVENTS)
		put(paper, "%u", step->expected.events.live);
	else if (step->verb == CHECK_DO_HOST_WRITE)
		put(paper, "taken, and is refused");
	else
		tell_outcome(paper, &step->expected.outcome);
	if (step->same_as)
		put(paper, " (it has the value of %s)",
		    telling->layout.registers[step->same_as - 1].name);
}

static bool changes_nothing(const struct check_step *step)
{
	return step->verb == CHECK_DO_HOST_WRITE && step->has_value && !step->expects;
}

/* LVTPC between runs is not told of. */
static bool is_told(const struct check_trace *trace, size_t i)
{
	const struct check_step *step = &trace->steps[i];

	return step->verb != CHECK_DO_LVTPC || (i && trace->steps[i - 1].part != step->part);
}

/* What no order can save shows on another vCPU. */
static void tell_turn(struct telling *telling, size_t i)
{
	const struct check_trace *trace = telling->trace;

	if (trace->property == CHECK_IN_A_REGISTER && i && trace->steps[i].part == CHECK_PART_PUT &&
	    trace->steps[i - 1].part == CHECK_PART_LIFE)
		put(&telling->paper, "     a get reads it, and a new vCPU gets the same:\n");
}

size_t check_trace_story(const struct check_trace *trace, const struct check_subject *subject,
                         char *text, size_t bytes)
{
	struct telling telling;
	unsigned number = 0;

	begin(&telling, trace, subject, text, bytes);
	put(&telling.paper, "order %s, %s on %s, prior life %s, state %s at level %s\n",
	    order_name(subject), subject->model_name, subject->profile_name,
	    check_lives[subject->life].name, trace->state, vpmu_level_name(trace->level));
	for (size_t i = 0; i < trace->count; i++) {
		unsigned same = 0;

		if (!is_told(trace, i))
			continue;
		tell_turn(&telling, i);
		for (; i < trace->count && changes_nothing(&trace->steps[i]); i++)
			same++;
		if (same) {
			put(&telling.paper,
			    "%3u. the VMM writes %u register%s with the value%s "
			    "that %s already\n",
			    ++number, same, same > 1 ? "s" : "", same > 1 ? "s" : "",
			    same > 1 ? "they have" : "it has");
			i--;
			continue;
		}
		put(&telling.paper, "%3u. ", ++number);
		tell_deed(&telling, &trace->steps[i]);
		if (trace->steps[i].expects)
			tell_wrong(&telling, &trace->steps[i]);
		put(&telling.paper, "\n");
	}
	return telling.paper.used;
}
