/* SPDX-License-Identifier: MIT */
/*
 * The simulated perf core. For each event it keeps the count and two distances, as
 * arch/x86/events/core.c does: period_left, to the end of the sample period, and left, to the wrap
 * of the hardware counter. The counter is programmed with period_left, but with at least 2 and at
 * most half the counter's range.
 */
#include "perf.h"

#include <arch/room.h>

#define IN_TX (1ull << 32) /* HSW_IN_TX: counts only in transactions, of which there are none */

enum { BRANCH_RECORDS = 0x1b00 }; /* INTEL_FIXED_VLBR_EVENT: has a guest's last branches */
enum { REF_CYCLES = 0x0300 };     /* perf's own code for Intel's fixed counter 2 */

/* The processor's events are taken from vpmu's tables. */
static unsigned int class_of(const struct perf_context *perf, u64 config)
{
	enum vpmu_class class = event_code_class(perf->processor, config);

	_Static_assert((int)PERF_CLASSES == (int)VPMU_MAX_CLASSES, "perf.h");
	if (!perf->amd && (config & 0xffff) == REF_CYCLES)
		return VPMU_REF_CYCLES;
	return class == VPMU_NO_CLASS ? PERF_CLASSES : class;
}

/* x86_perf_event_set_period: programs the hardware counter. True at the end of a sample period. */
static bool set_period(struct hw_perf_event *hw)
{
	s64 max = current->perf.max_period;
	bool ended = hw->period_left <= 0;

	if (hw->period_left <= -hw->sample_period)
		hw->period_left = hw->sample_period;
	else if (ended)
		hw->period_left += hw->sample_period;

	hw->left = hw->period_left < 2 ? 2 : hw->period_left;
	if (hw->left > max)
		hw->left = max;
	return ended;
}

/* Keeps the events sorted by owner, so that the order of creation has no effect: the hardware's
 * status is handled in an order of its own. */
static void add_event(struct perf_context *perf, struct perf_event *event)
{
	unsigned int at = perf->live++;

	for (; at && (char *)perf->events[at - 1]->overflow_handler_context >
	                     (char *)event->overflow_handler_context;
	     at--)
		perf->events[at] = perf->events[at - 1];
	perf->events[at] = event;
}

struct perf_event *perf_event_create_kernel_counter(struct perf_event_attr *attr, int cpu,
                                                    struct task_struct *task,
                                                    perf_overflow_handler_t handler, void *context)
{
	struct perf_context *perf = &task->perf;
	struct perf_event *event;

	(void)cpu;
	if (perf->failures) {
		perf->failures--;
		return ERR_PTR(-EBUSY);
	}
	event = memory_get(sizeof(*event));
	if (!event || perf->live == PERF_MAX_EVENTS)
		abort();
	event->attr = *attr;
	event->overflow_handler = handler;
	event->overflow_handler_context = context;
	event->class = class_of(perf, attr->config);
	if (!perf->amd && attr->config & IN_TX)
		event->class = PERF_CLASSES;
	if (attr->config == BRANCH_RECORDS)
		branches_reset(&task->silicon.branches);
	event->hw.idx = -1;
	event->hw.sample_period = attr->sample_period ? (s64)attr->sample_period : perf->max_period;
	event->hw.period_left = event->hw.sample_period;
	event->state = PERF_EVENT_STATE_ACTIVE;
	set_period(&event->hw);
	add_event(perf, event);
	perf->calls.created++;
	return event;
}

int perf_event_release_kernel(struct perf_event *event)
{
	struct perf_context *perf = &current->perf;
	unsigned int i = 0;

	while (perf->events[i] != event)
		i++;
	perf->live--;
	memmove(&perf->events[i], &perf->events[i + 1], (perf->live - i) * sizeof(perf->events[0]));
	perf->calls.released++;
	memory_put(event);
	return 0;
}

void perf_event_enable(struct perf_event *event)
{
	current->perf.calls.enabled++;
	if (event->state == PERF_EVENT_STATE_ACTIVE)
		return;
	event->state = PERF_EVENT_STATE_ACTIVE;
	set_period(&event->hw);
}

u64 perf_event_pause(struct perf_event *event, bool reset)
{
	u64 count = event->count;

	current->perf.calls.paused++;
	event->state = PERF_EVENT_STATE_OFF;
	if (reset)
		event->count = 0;
	return count;
}

/* _perf_event_period, __perf_event_period: a new period starts from here. */
int perf_event_period(struct perf_event *event, u64 value)
{
	if (!is_sampling_event(event) || !value || value >> 63)
		return -EINVAL;
	event->attr.sample_period = value;
	event->hw.sample_period = (s64)value;
	event->hw.period_left = 0;
	if (event->state == PERF_EVENT_STATE_ACTIVE)
		set_period(&event->hw);
	return 0;
}

u64 perf_event_read_value(struct perf_event *event, u64 *enabled, u64 *running)
{
	*enabled = *running = 0;
	return event->count;
}

bool perf_event_counts(const struct perf_event *event, unsigned int cpl)
{
	return event->state == PERF_EVENT_STATE_ACTIVE && event->class != PERF_CLASSES &&
	       !(cpl ? event->attr.exclude_user : event->attr.exclude_kernel);
}

void perf_event_advance(struct perf_event *event, u64 count)
{
	event->count += count;
	event->hw.period_left -= (s64)count;
	event->hw.left -= (s64)count;
}

void perf_event_interrupt(struct perf_event *event)
{
	struct pt_regs regs = {0};

	if (event->state != PERF_EVENT_STATE_ACTIVE || event->hw.left)
		return;
	if (set_period(&event->hw) && is_sampling_event(event))
		event->overflow_handler(event, NULL, &regs);
}
