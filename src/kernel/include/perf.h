/* SPDX-License-Identifier: MIT */
/*
 * A simulated perf core: what the kernel's PMU files see of kernel/events/core.c and
 * arch/x86/events/, and what run.c needs to make events happen in a guest. A hardware counter is
 * always free. An event counts only while the guest runs if KVM has set exclude_host, which it does
 * on each; otherwise always.
 */
#ifndef PERF_H
#define PERF_H

#include "kernel.h"
#include "silicon.h"
#include <uapi/linux/perf_event.h>

/* What a guest does, in vpmu's event classes. A perf event counts one of them, or none:
 * PERF_CLASSES. */
enum { PERF_CLASSES = 64 };

enum { PERF_EVENT_STATE_OFF = -1, PERF_EVENT_STATE_ACTIVE = 1 };

struct vpmu_model;
struct perf_event;
struct perf_sample_data;
struct pt_regs {
	int unused;
};

typedef void (*perf_overflow_handler_t)(struct perf_event *event, struct perf_sample_data *data,
                                        struct pt_regs *regs);

struct hw_perf_event {
	int idx;
	s64 sample_period;
	s64 period_left; /* events until the sample period has passed */
	s64 left;        /* events until the hardware counter wraps */
};

struct perf_event {
	struct perf_event_attr attr;
	struct hw_perf_event hw;
	int state;
	unsigned int class;
	u64 count;
	perf_overflow_handler_t overflow_handler;
	void *overflow_handler_context;
};

enum { PERF_MAX_EVENTS = 32 };

/* What the perf core has been asked to do. */
struct perf_calls {
	u64 created, released, enabled, paused;
};

/* The vCPU thread's events. */
struct perf_context {
	struct perf_event *events[PERF_MAX_EVENTS]; /* no holes; sorted by owner */
	unsigned int live;
	u64 failures; /* how many more creations fail */
	struct perf_calls calls;
	bool amd;
	const struct vpmu_model *processor; /* whose event codes count */
	s64 max_period;                     /* x86_pmu.max_period */
	bool counts_host;                   /* exclude_host is off */
};

struct task_struct {
	struct perf_context perf;
	struct silicon silicon; /* of the CPU that it runs on */
};
extern struct task_struct *current;

#define is_sampling_event(event) ((event)->attr.sample_period != 0)

struct perf_event *perf_event_create_kernel_counter(struct perf_event_attr *attr, int cpu,
                                                    struct task_struct *task,
                                                    perf_overflow_handler_t handler, void *context);
int perf_event_release_kernel(struct perf_event *event);
void perf_event_enable(struct perf_event *event);
u64 perf_event_pause(struct perf_event *event, bool reset);
int perf_event_period(struct perf_event *event, u64 value);
u64 perf_event_read_value(struct perf_event *event, u64 *enabled, u64 *running);

/* Whether the event counts what the guest does at this privilege level. */
bool perf_event_counts(const struct perf_event *event, unsigned int cpl);

/* The guest has done `count` more of the event's class; count is at most event->hw.left. */
void perf_event_advance(struct perf_event *event, u64 count);

/* Tells the event's owner of an overflow if the hardware counter has just wrapped. */
void perf_event_interrupt(struct perf_event *event);

#endif
