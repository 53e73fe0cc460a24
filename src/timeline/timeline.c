/* SPDX-License-Identifier: MIT */
/* Writes trace events as they happen ("Trace Event Format": phases i, C, B, E and M). */
#include "room_int.h"

#include <inttypes.h>

#include <arch/room.h>
#include <vpmu/simulate.h>
#include <vpmu/vpmu.h>

static const char *const tracks[TIMELINE_COUNTING] = {
	[TIMELINE_MSR_WRITE] = "PMU register writes",
	[TIMELINE_PMI] = "PMIs",
	[TIMELINE_INTERRUPT] = "interrupts",
	[TIMELINE_OVERFLOW] = "overflows",
	[TIMELINE_ENTRY] = "entries",
	[TIMELINE_RINGS] = "rings",
	[TIMELINE_HANDLING] = "overflows until cleared",
};

/* Writes a name from the command line into a JSON string. Bytes beyond ASCII would have to be valid
 * UTF-8, so they are shown as '?'. */
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

void put_comma(struct timeline_file *file)
{
	if (file->begun)
		fputs(",\n", file->stream);
	file->begun = true;
}

void timeline_head(struct timeline_file *file, FILE *stream, const struct vpmu_model *model,
                   const char *guest)
{
	*file = (struct timeline_file){.stream = stream};
	fprintf(stream,
	        "{\"otherData\":{\"tool\":\"vpmu %s\",\"time\":\"1 us is 1 instruction\","
	        "\"model\":\"%s\",\"guest\":\"",
	        vpmu_version(), model->name);
	put_text(stream, guest);
	fprintf(stream, "\"},\n\"traceEvents\":[\n");
}

static bool is_counter(const struct vpmu_register *reg)
{
	return reg->kind == VPMU_KIND_COUNTER || reg->kind == VPMU_KIND_FIXED_COUNTER;
}

static void put_track(struct timeline_file *file, const struct timeline_vcpu *vcpu, unsigned track,
                      const char *name, const char *more)
{
	put_comma(file);
	fprintf(file->stream,
	        "{\"ph\":\"M\",\"pid\":%u,\"tid\":%u,\"name\":\"thread_name\","
	        "\"args\":{\"name\":\"%s%s\"}}",
	        vcpu->process, track + 1, name, more);
}

void timeline_vcpu(struct timeline_file *file, struct timeline_vcpu *vcpu, unsigned process,
                   const char *name, const struct vpmu_pmu *pmu)
{
	*vcpu = (struct timeline_vcpu){.process = process, .pmu = pmu, .ring = TIMELINE_NO_RING};
	vcpu->register_count = vpmu_model_registers(vpmu_pmu_model(pmu), vcpu->registers);
	put_comma(file);
	fprintf(file->stream,
	        "{\"ph\":\"M\",\"pid\":%u,\"tid\":0,\"name\":\"process_name\","
	        "\"args\":{\"name\":\"%s\"}}",
	        process, name);
	for (unsigned i = 0; i < TIMELINE_COUNTING; i++)
		put_track(file, vcpu, i, tracks[i], "");
	for (unsigned i = 0; i < vcpu->register_count; i++)
		if (is_counter(&vcpu->registers[i]))
			put_track(file, vcpu, TIMELINE_COUNTING + i, vcpu->registers[i].name,
			          " counts");
}

bool take_event(struct timeline_file *file)
{
	if (file->events == TIMELINE_EVENTS_MAX) {
		file->dropped++;
		return false;
	}
	file->events++;
	return true;
}

static const char *register_name(const struct timeline_vcpu *vcpu, uint32_t msr)
{
	for (size_t i = 0; i < vcpu->register_count; i++)
		if (vcpu->registers[i].msr == msr)
			return vcpu->registers[i].name;
	return "MSR";
}

/* The name of the counter with this bit in the global registers; NULL: the bit is not a
 * counter's. */
static const char *counter_name(const struct timeline_vcpu *vcpu, unsigned bit)
{
	bool fixed = bit >= GLOBAL_FIXED_BIT;
	unsigned index = fixed ? bit - GLOBAL_FIXED_BIT : bit;

	for (size_t i = 0; i < vcpu->register_count; i++)
		if (is_counter(&vcpu->registers[i]) && vcpu->registers[i].index == index &&
		    fixed == (vcpu->registers[i].kind == VPMU_KIND_FIXED_COUNTER))
			return vcpu->registers[i].name;
	return NULL;
}

void put_overflow(FILE *stream, const struct timeline_vcpu *vcpu, uint64_t bits)
{
	fputs("overflow", stream);
	for (unsigned bit = 0; bit < 64; bit++) {
		const char *name = bits >> bit & 1 ? counter_name(vcpu, bit) : NULL;

		if (name)
			fprintf(stream, " %s", name);
		else if (bits >> bit & 1)
			fprintf(stream, " bit %u", bit);
	}
}

static void put_name(FILE *stream, const struct timeline_vcpu *vcpu,
                     const struct timeline_event *event)
{
	switch (event->kind) {
	case TIMELINE_MSR_WRITE:
		fputs(register_name(vcpu, event->msr), stream);
		break;
	case TIMELINE_PMI:
		fputs("PMI", stream);
		break;
	case TIMELINE_INTERRUPT:
		fprintf(stream, event->value == 2 ? "NMI" : "vector 0x%" PRIx64, event->value);
		break;
	case TIMELINE_OVERFLOW:
		put_overflow(stream, vcpu, event->value);
		break;
	case TIMELINE_ENTRY:
		fputs("entry", stream);
		break;
	case TIMELINE_KINDS:
	case TIMELINE_HANDLING:
	case TIMELINE_COUNTING:
		break;
	}
}

static void put_value(struct timeline_file *file, const struct timeline_vcpu *vcpu,
                      const struct vpmu_register *reg, uint64_t value, uint64_t instruction)
{
	const struct vpmu_model *model = vpmu_pmu_model(vcpu->pmu);
	unsigned width = reg->kind == VPMU_KIND_COUNTER ? model->gp_width : model->fixed_width;

	put_comma(file);
	fprintf(file->stream,
	        "{\"ph\":\"C\",\"pid\":%u,\"ts\":%" PRIu64 ",\"name\":\"%s\","
	        "\"args\":{\"value\":%" PRIu64 ",\"to overflow\":%" PRIu64 "}}",
	        vcpu->process, instruction, reg->name, value, (UINT64_C(2) << (width - 1)) - value);
}

/* Writes a point on the track of each counter whose value has changed. */
static void put_counters(struct timeline_file *file, struct timeline_vcpu *vcpu,
                         uint64_t instruction)
{
	for (size_t i = 0; i < vcpu->register_count; i++) {
		const struct vpmu_register *reg = &vcpu->registers[i];
		uint64_t value;

		if (!is_counter(reg) || vpmu_pmu_host_read(vcpu->pmu, reg->msr, &value) ||
		    value == vcpu->shown[i] || !take_event(file))
			continue;
		vcpu->shown[i] = value;
		put_value(file, vcpu, reg, value, instruction);
	}
}

/* --- Slices ---------------------------------------------------------------------------------- */

/* What a slice shows: a ring, by its number; or what a counter counts, as its class and the rings
 * in which it counts. */
enum { WHAT_KERNEL = 1 << 8, WHAT_USER = 1 << 9, WHAT_SHIFT = 10 };

static void put_slice_name(FILE *stream, unsigned track, uint32_t what)
{
	const char *ring = what & WHAT_KERNEL ? ":k" : ":u";

	if (track == TIMELINE_RINGS)
		fprintf(stream, "ring %u", (unsigned)(what >> WHAT_SHIFT));
	else
		fprintf(stream, "%s%s", vpmu_class_name((enum vpmu_class)(what >> WHAT_SHIFT)),
		        what & WHAT_KERNEL && what & WHAT_USER ? "" : ring);
}

static void put_edge(struct timeline_file *file, const struct timeline_vcpu *vcpu, unsigned track,
                     uint32_t what, uint64_t instruction, char phase)
{
	put_comma(file);
	fprintf(file->stream, "{\"ph\":\"%c\",\"pid\":%u,\"tid\":%u,\"ts\":%" PRIu64 ",\"name\":\"",
	        phase, vcpu->process, track + 1, instruction);
	put_slice_name(file->stream, track, what);
	fputs("\"}", file->stream);
}

/* Ends the open slice, and begins another unless `what` is 0. A slice that was begun is always
 * ended, even beyond the limit of events. */
static void change_slice(struct timeline_file *file, const struct timeline_vcpu *vcpu,
                         unsigned track, uint32_t *open, uint32_t what, uint64_t instruction)
{
	if (what == *open)
		return;
	if (*open)
		put_edge(file, vcpu, track, *open, instruction, 'E');
	*open = what && take_event(file) ? what : 0;
	if (*open)
		put_edge(file, vcpu, track, *open, instruction, 'B');
}

static uint32_t counting_of(const struct timeline_vcpu *vcpu, const struct vpmu_register *reg)
{
	struct vpmu_counting now;

	if (!is_counter(reg) || !vpmu_pmu_counting(vcpu->pmu, reg->msr, &now))
		return 0;
	return (uint32_t)now.class_ << WHAT_SHIFT | (now.kernel ? WHAT_KERNEL : 0) |
	       (now.user ? WHAT_USER : 0);
}

static uint32_t ring_of(const struct timeline_vcpu *vcpu)
{
	if (vcpu->ring == TIMELINE_NO_RING || !vpmu_pmu_wanted(vcpu->pmu))
		return 0;
	return vcpu->ring << WHAT_SHIFT | WHAT_USER;
}

static void put_slices(struct timeline_file *file, struct timeline_vcpu *vcpu, uint64_t instruction)
{
	change_slice(file, vcpu, TIMELINE_RINGS, &vcpu->in_ring, ring_of(vcpu), instruction);
	for (unsigned i = 0; i < vcpu->register_count; i++)
		change_slice(file, vcpu, TIMELINE_COUNTING + i, &vcpu->counting[i],
		             counting_of(vcpu, &vcpu->registers[i]), instruction);
}

void timeline_ring(struct timeline_file *file, struct timeline_vcpu *vcpu, unsigned ring,
                   uint64_t instruction)
{
	vcpu->ring = ring;
	change_slice(file, vcpu, TIMELINE_RINGS, &vcpu->in_ring, ring_of(vcpu), instruction);
}

void timeline_vcpu_end(struct timeline_file *file, struct timeline_vcpu *vcpu, uint64_t instruction)
{
	put_counters(file, vcpu, instruction);
	overflow_end(file, vcpu, instruction);
	change_slice(file, vcpu, TIMELINE_RINGS, &vcpu->in_ring, 0, instruction);
	for (unsigned i = 0; i < vcpu->register_count; i++)
		change_slice(file, vcpu, TIMELINE_COUNTING + i, &vcpu->counting[i], 0, instruction);
}

/* --- Events ----------------------------------------------------------------------------------- */

static void put_instant(struct timeline_file *file, const struct timeline_vcpu *vcpu,
                        const struct timeline_event *event)
{
	FILE *stream = file->stream;

	put_comma(file);
	fprintf(stream,
	        "{\"ph\":\"i\",\"s\":\"t\",\"pid\":%u,\"tid\":%u,\"ts\":%" PRIu64 ",\"name\":\"",
	        vcpu->process, (unsigned)event->kind + 1,
	        event->kind == TIMELINE_OVERFLOW ? event->since : event->instruction);
	put_name(stream, vcpu, event);
	fprintf(stream, "\",\"args\":{\"rip\":\"0x%" PRIx64 "\"", event->rip);
	if (event->kind != TIMELINE_ENTRY)
		fprintf(stream, ",\"value\":\"0x%" PRIx64 "\"", event->value);
	if (event->kind == TIMELINE_MSR_WRITE)
		fprintf(stream, ",\"msr\":\"0x%" PRIx32 "\"", event->msr);
	fputs("}}", stream);
}

void timeline_event(struct timeline_file *file, struct timeline_vcpu *vcpu,
                    const struct timeline_event *event)
{
	put_counters(file, vcpu, event->instruction);
	put_slices(file, vcpu, event->instruction);
	overflow_follow(file, vcpu, event);
	if (take_event(file))
		put_instant(file, vcpu, event);
}

void timeline_tail(struct timeline_file *file)
{
	fprintf(file->stream, "\n],\"displayTimeUnit\":\"ns\"}\n");
}
