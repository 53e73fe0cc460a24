/* SPDX-License-Identifier: MIT */
/* Writes trace events as they happen ("Trace Event Format": phases i, C and M). */
#include <timeline/room.h>

#include <inttypes.h>

#include <vpmu/vpmu.h>

static const char *const tracks[TIMELINE_KINDS] = {
	[TIMELINE_MSR_WRITE] = "PMU register writes",
	[TIMELINE_PMI] = "PMIs",
	[TIMELINE_INTERRUPT] = "interrupts",
	[TIMELINE_OVERFLOW] = "overflows",
};

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

/* Before each event of the list. */
static void put_comma(struct timeline_file *file)
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

void timeline_vcpu(struct timeline_file *file, struct timeline_vcpu *vcpu, unsigned process,
                   const char *name, const struct vpmu_pmu *pmu)
{
	*vcpu = (struct timeline_vcpu){.process = process, .pmu = pmu};
	vcpu->register_count = vpmu_model_registers(vpmu_pmu_model(pmu), vcpu->registers);
	put_comma(file);
	fprintf(file->stream,
	        "{\"ph\":\"M\",\"pid\":%u,\"tid\":0,\"name\":\"process_name\","
	        "\"args\":{\"name\":\"%s\"}}",
	        process, name);
	for (unsigned i = 0; i < TIMELINE_KINDS; i++) {
		put_comma(file);
		fprintf(file->stream,
		        "{\"ph\":\"M\",\"pid\":%u,\"tid\":%u,\"name\":\"thread_name\","
		        "\"args\":{\"name\":\"%s\"}}",
		        process, i + 1, tracks[i]);
	}
}

/* One event more, unless there are too many. */
static bool take_event(struct timeline_file *file)
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
		fprintf(stream, "overflow 0x%" PRIx64, event->value);
		break;
	case TIMELINE_KINDS:
		break;
	}
}

static bool is_counter(const struct vpmu_register *reg)
{
	return reg->kind == VPMU_KIND_COUNTER || reg->kind == VPMU_KIND_FIXED_COUNTER;
}

void timeline_counters(struct timeline_file *file, struct timeline_vcpu *vcpu, uint64_t instruction)
{
	for (size_t i = 0; i < vcpu->register_count; i++) {
		const struct vpmu_register *reg = &vcpu->registers[i];
		uint64_t value;

		if (!is_counter(reg) || vpmu_pmu_host_read(vcpu->pmu, reg->msr, &value) ||
		    value == vcpu->shown[i] || !take_event(file))
			continue;
		vcpu->shown[i] = value;
		put_comma(file);
		fprintf(file->stream,
		        "{\"ph\":\"C\",\"pid\":%u,\"ts\":%" PRIu64 ",\"name\":\"%s\","
		        "\"args\":{\"value\":%" PRIu64 "}}",
		        vcpu->process, instruction, reg->name, value);
	}
}

void timeline_event(struct timeline_file *file, struct timeline_vcpu *vcpu,
                    const struct timeline_event *event)
{
	FILE *stream = file->stream;

	timeline_counters(file, vcpu, event->instruction);
	if (!take_event(file))
		return;
	put_comma(file);
	fprintf(stream,
	        "{\"ph\":\"i\",\"s\":\"t\",\"pid\":%u,\"tid\":%u,\"ts\":%" PRIu64 ",\"name\":\"",
	        vcpu->process, (unsigned)event->kind + 1, event->instruction);
	put_name(stream, vcpu, event);
	fprintf(stream, "\",\"args\":{\"rip\":\"0x%" PRIx64 "\",\"value\":\"0x%" PRIx64 "\"",
	        event->rip, event->value);
	if (event->kind == TIMELINE_MSR_WRITE)
		fprintf(stream, ",\"msr\":\"0x%" PRIx32 "\"", event->msr);
	fputs("}}", stream);
}

void timeline_tail(struct timeline_file *file)
{
	fprintf(file->stream, "\n],\"displayTimeUnit\":\"ns\"}\n");
}
