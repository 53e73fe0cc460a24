/* SPDX-License-Identifier: MIT */
/* Writes trace events as they happen ("Trace Event Format": phases i, C and M). */
#include "timeline.h"

#include <inttypes.h>
#include <string.h>

#include "lib/message.h"

/* About 200 MB; a guest that writes registers for ever must not fill the disk. */
enum { EVENTS_MAX = 1000000 };

static const char *const tracks[] = {
	[MACHINE_EVENT_MSR_WRITE] = "PMU register writes",
	[MACHINE_EVENT_PMI] = "PMIs",
	[MACHINE_EVENT_INTERRUPT] = "interrupts",
	[MACHINE_EVENT_OVERFLOW] = "overflows",
};

enum { TRACKS = sizeof(tracks) / sizeof(tracks[0]) };

/* A name from the command line, inside a JSON string; beyond ASCII it must be UTF-8 to be valid, so
 * other bytes are shown as '?'. */
static void put_text(FILE *stream, const char *text)
{
	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte < 0x20 || byte >= 0x7f)
			fputc('?', stream);
		else
			fprintf(stream, byte == '"' || byte == '\\' ? "\\%c" : "%c", byte);
	}
}

static void put_head(const struct timeline *timeline, const char *guest)
{
	FILE *stream = timeline->output.stream;

	fprintf(stream,
	        "{\"otherData\":{\"tool\":\"vpmu %s\",\"time\":\"1 us is 1 instruction\","
	        "\"model\":\"%s\",\"guest\":\"",
	        vpmu_version(), vpmu_pmu_model(timeline->pmu)->name);
	put_text(stream, guest);
	fprintf(stream, "\"},\n\"traceEvents\":[\n"
	                "{\"ph\":\"M\",\"pid\":1,\"tid\":0,\"name\":\"process_name\","
	                "\"args\":{\"name\":\"guest\"}}");
	for (unsigned i = 0; i < TRACKS; i++)
		fprintf(stream,
		        ",\n{\"ph\":\"M\",\"pid\":1,\"tid\":%u,\"name\":\"thread_name\","
		        "\"args\":{\"name\":\"%s\"}}",
		        i + 1, tracks[i]);
}

bool timeline_open(struct timeline *timeline, const char *path)
{
	memset(timeline, 0, sizeof(*timeline));
	return output_open(&timeline->output, path);
}

void timeline_begin(struct timeline *timeline, const char *guest, const struct vpmu_pmu *pmu)
{
	timeline->pmu = pmu;
	timeline->register_count = vpmu_model_registers(vpmu_pmu_model(pmu), timeline->registers);
	put_head(timeline, guest);
}

/* One event more, unless there are too many. */
static bool take_event(struct timeline *timeline)
{
	if (timeline->events == EVENTS_MAX) {
		timeline->dropped++;
		return false;
	}
	timeline->events++;
	return true;
}

static const char *register_name(const struct timeline *timeline, uint32_t msr)
{
	for (size_t i = 0; i < timeline->register_count; i++)
		if (timeline->registers[i].msr == msr)
			return timeline->registers[i].name;
	return "MSR";
}

static void put_name(const struct timeline *timeline, const struct machine_event *event)
{
	FILE *stream = timeline->output.stream;

	switch (event->kind) {
	case MACHINE_EVENT_MSR_WRITE:
		fputs(register_name(timeline, event->msr), stream);
		break;
	case MACHINE_EVENT_PMI:
		fputs("PMI", stream);
		break;
	case MACHINE_EVENT_INTERRUPT:
		fprintf(stream, event->value == 2 ? "NMI" : "vector 0x%" PRIx64, event->value);
		break;
	case MACHINE_EVENT_OVERFLOW:
		fprintf(stream, "overflow 0x%" PRIx64, event->value);
		break;
	case MACHINE_EVENT_ENTRY:
		break; /* nothing to show */
	}
}

static bool is_counter(const struct vpmu_register *reg)
{
	return reg->kind == VPMU_KIND_COUNTER || reg->kind == VPMU_KIND_FIXED_COUNTER;
}

/* A point on the track of each counter that has moved. */
static void put_counters(struct timeline *timeline, uint64_t instruction)
{
	for (size_t i = 0; i < timeline->register_count; i++) {
		const struct vpmu_register *reg = &timeline->registers[i];
		uint64_t value;

		if (!is_counter(reg) || vpmu_pmu_host_read(timeline->pmu, reg->msr, &value) ||
		    value == timeline->shown[i] || !take_event(timeline))
			continue;
		timeline->shown[i] = value;
		fprintf(timeline->output.stream,
		        ",\n{\"ph\":\"C\",\"pid\":1,\"ts\":%" PRIu64 ",\"name\":\"%s\","
		        "\"args\":{\"value\":%" PRIu64 "}}",
		        instruction, reg->name, value);
	}
}

void timeline_add(struct timeline *timeline, const struct machine_event *event)
{
	FILE *stream = timeline->output.stream;

	put_counters(timeline, event->instruction);
	if (!take_event(timeline))
		return;
	fprintf(stream,
	        ",\n{\"ph\":\"i\",\"s\":\"t\",\"pid\":1,\"tid\":%u,\"ts\":%" PRIu64 ",\"name\":\"",
	        (unsigned)event->kind + 1, event->instruction);
	put_name(timeline, event);
	fprintf(stream, "\",\"args\":{\"rip\":\"0x%" PRIx64 "\",\"value\":\"0x%" PRIx64 "\"",
	        event->rip, event->value);
	if (event->kind == MACHINE_EVENT_MSR_WRITE)
		fprintf(stream, ",\"msr\":\"0x%" PRIx32 "\"", event->msr);
	fputs("}}", stream);
}

bool timeline_close(struct timeline *timeline, uint64_t instruction)
{
	put_counters(timeline, instruction);
	if (timeline->dropped)
		message("timeline cut after %d events: %s (%" PRIu64 " are missing)", EVENTS_MAX,
		        timeline->output.path, timeline->dropped);
	fprintf(timeline->output.stream, "\n],\"displayTimeUnit\":\"ns\"}\n");
	return output_commit(&timeline->output);
}

void timeline_abandon(struct timeline *timeline)
{
	output_abandon(&timeline->output);
}
