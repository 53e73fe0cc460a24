/* SPDX-License-Identifier: MIT */
/* A run's timeline: what happens in the machine, given to the writer. */
#include "timeline.h"

#include <inttypes.h>
#include <string.h>

#include "lib/message.h"

bool timeline_open(struct timeline *timeline, const char *path)
{
	memset(timeline, 0, sizeof(*timeline));
	return output_open(&timeline->output, path);
}

void timeline_begin(struct timeline *timeline, const char *guest, const struct vpmu_pmu *pmu)
{
	timeline_head(&timeline->file, timeline->output.stream, vpmu_pmu_model(pmu), guest);
	timeline_vcpu(&timeline->file, &timeline->vcpu, 1, "guest", pmu);
}

void timeline_follow(struct timeline *timeline, const struct vpmu_pmu *pmu)
{
	timeline->vcpu.pmu = pmu;
}

void timeline_add(struct timeline *timeline, const struct machine_event *event)
{
	static const enum timeline_kind kinds[] = {
		[MACHINE_EVENT_MSR_WRITE] = TIMELINE_MSR_WRITE,
		[MACHINE_EVENT_PMI] = TIMELINE_PMI,
		[MACHINE_EVENT_INTERRUPT] = TIMELINE_INTERRUPT,
		[MACHINE_EVENT_OVERFLOW] = TIMELINE_OVERFLOW,
		[MACHINE_EVENT_ENTRY] = TIMELINE_ENTRY,
	};
	const struct timeline_event shown = {
		.kind = kinds[event->kind],
		.instruction = event->instruction,
		.since = event->instruction,
		.rip = event->rip,
		.value = event->value,
		.msr = event->msr,
	};

	timeline_event(&timeline->file, &timeline->vcpu, &shown);
}

bool timeline_close(struct timeline *timeline, uint64_t instruction)
{
	timeline_vcpu_end(&timeline->file, &timeline->vcpu, instruction);
	if (timeline->file.dropped)
		message("timeline cut after %d events: %s (%" PRIu64 " are missing)",
		        TIMELINE_EVENTS_MAX, timeline->output.path, timeline->file.dropped);
	timeline_tail(&timeline->file);
	return output_commit(&timeline->output);
}

void timeline_abandon(struct timeline *timeline)
{
	output_abandon(&timeline->output);
}
