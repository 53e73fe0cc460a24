/* SPDX-License-Identifier: MIT */
/* A counterexample as a script for `vpmu replay`, and as a story for people. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "room_int.h"

/* A text buffer that cuts what does not fit, but counts the full length. */
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
	*telling = (struct telling){{text, bytes, 0}, trace, subject, {.value_count = 0}};
	check_layout(&telling->layout, subject);
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

static bool names_register(const struct check_step *step)
{
	return replay_rows[step->action.verb].arguments[MSR_INDEX].kind == ARGUMENT_MSR;
}

static const char *register_of(const struct telling *telling, const struct check_step *step,
                               char number[16])
{
	return register_name(telling, (uint32_t)step->action.argument[MSR_INDEX].number, number);
}

/* Whether the step is on the vCPU that was read from. What no order can save is shown on a new
 * vCPU. */
static bool is_elsewhere(const struct telling *telling, const struct check_step *step)
{
	return telling->trace->property == CHECK_IN_A_REGISTER && step->part == CHECK_PART_LIFE;
}

static void put_line(struct telling *telling, const struct check_step *step)
{
	const struct replay_command command = {.action = step->action};
	struct paper *paper = &telling->paper;
	struct replay_answer line = {.length = 0}, answer = {.length = 0};
	char number[16];

	if (is_elsewhere(telling, step))
		put(paper, "#   ");
	replay_print(&command, &line);
	if (step->expects) {
		replay_print_reply((enum replay_verb)step->action.verb, &step->expected, &answer);
		put(paper, "expect %s = %s", line.text, answer.text);
	} else {
		put(paper, "%s", line.text);
	}
	if (names_register(step))
		put(paper, "  # %s", register_of(telling, step, number));
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

static void put_violation(struct telling *telling)
{
	const struct check_trace *trace = telling->trace;
	struct paper *paper = &telling->paper;

	if (trace->property < CHECK_PROPERTIES)
		put(paper, "# Violated: %s: %s.\n", check_properties[trace->property].name,
		    check_properties[trace->property].about);
	else
		put(paper,
		    "# Prior life %s, state %s at level %s, order %s: the last line does not "
		    "return.\n",
		    check_lives[telling->subject->life].name, trace->state,
		    vpmu_level_name(trace->level), order_name(telling->subject));
}

size_t check_trace_replay(const struct check_trace *trace, const struct check_subject *subject,
                          char *text, size_t bytes)
{
	struct telling telling;
	unsigned part = CHECK_PARTS;

	begin(&telling, trace, subject, text, bytes);
	put_violation(&telling);
	put(&telling.paper, "model %s\nprofile %s\n", subject->model_name, subject->profile_name);
	if (subject->host_text)
		put(&telling.paper, "host %s\n", subject->host_text);
	for (size_t i = 0; i < trace->count; i++) {
		if (trace->steps[i].part != part && trace->property < CHECK_PROPERTIES) {
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

/* One $word of a sentence. */
static void tell_word(struct telling *telling, const struct check_step *step, const char *word)
{
	const union replay_value *argument = step->action.argument;
	struct paper *paper = &telling->paper;
	char number[16];

	if (!strncmp(word, "register", 8))
		put(paper, "%s", register_of(telling, step, number));
	else if (!strncmp(word, "value", 5))
		put(paper, "0x%" PRIx64, argument[MSR_VALUE].number);
	else if (!strncmp(word, "count", 5))
		put(paper, "%" PRIu64, argument[0].number);
	else if (!strncmp(word, "got", 3))
		put(paper, "0x%" PRIx64, step->got.value);
	else if (!strncmp(word, "live", 4))
		put(paper, "%u", step->got.events.live);
	else
		tell_outcome(paper, &step->got.outcome);
}

static void tell_step(struct telling *telling, const struct check_step *step)
{
	const struct replay_row *row = &replay_rows[step->action.verb];
	bool other = row->told_by && !(step->action.argument[0].number & row->told_by);

	for (const char *at = other ? row->told_else : row->told; *at;) {
		size_t plain = strcspn(at, "$");

		put(&telling->paper, "%.*s", (int)plain, at);
		at += plain;
		if (!*at)
			break;
		tell_word(telling, step, ++at);
		at += strspn(at, "abcdefghijklmnopqrstuvwxyz");
	}
}

/* Adds the right answer after a semicolon. */
static void tell_wrong(struct telling *telling, const struct check_step *step)
{
	struct paper *paper = &telling->paper;

	put(paper, "; it should be ");
	switch (replay_rows[step->action.verb].answers) {
	case ANSWERS_VALUE:
		put(paper, "0x%" PRIx64, step->expected.value);
		break;
	case ANSWERS_EVENTS:
		put(paper, "%u", step->expected.events.live);
		break;
	case ANSWERS_PMIS:
		tell_outcome(paper, &step->expected.outcome);
		break;
	default:
		put(paper, "taken, and is refused");
		break;
	}
	if (step->same_as)
		put(paper, " (it has the value of %s)",
		    telling->layout.registers[step->same_as - 1].name);
}

static bool changes_nothing(const struct check_step *step)
{
	return step->has_value && !step->expects;
}

/* Writes of LVTPC between runs are left out of the story. */
static bool is_told(const struct check_trace *trace, size_t i)
{
	const struct check_step *step = &trace->steps[i];

	return step->action.verb != REPLAY_LVTPC || (i && trace->steps[i - 1].part != step->part);
}

/* Says where the story changes to the second vCPU. */
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
		tell_step(&telling, &trace->steps[i]);
		if (trace->steps[i].expects)
			tell_wrong(&telling, &trace->steps[i]);
		put(&telling.paper, "\n");
	}
	return telling.paper.used;
}
