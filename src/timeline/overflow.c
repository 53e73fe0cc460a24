/* SPDX-License-Identifier: MIT */
/*
 * How long an overflow waits: an outer slice lasts until the guest has cleared it; inside are the
 * time until its PMI, and the time from there on. Slices are written when they have ended ("Trace
 * Event Format": phase X).
 */
#include "room_int.h"

#include <inttypes.h>

#include <arch/room.h>
#include <vpmu/vpmu.h>

/* The register in which overflows stay until they are cleared; NULL: this PMU has none. */
static const struct vpmu_register *status_register(const struct timeline_vcpu *vcpu)
{
	for (size_t i = 0; i < vcpu->register_count; i++)
		if (vcpu->registers[i].kind == VPMU_KIND_GLOBAL_STATUS)
			return &vcpu->registers[i];
	return NULL;
}

/* The status bit of the counter with this MSR; 0: the MSR is not a counter. */
static uint64_t counter_bit(const struct timeline_vcpu *vcpu, uint32_t msr)
{
	for (size_t i = 0; i < vcpu->register_count; i++) {
		const struct vpmu_register *reg = &vcpu->registers[i];

		if (reg->msr != msr)
			continue;
		if (reg->kind == VPMU_KIND_FIXED_COUNTER)
			return BIT64(GLOBAL_FIXED_BIT + reg->index);
		return reg->kind == VPMU_KIND_COUNTER ? BIT64(reg->index) : 0;
	}
	return 0;
}

/* The overflows left after a write: those in the status register, or, without one, those of
 * counters that were not written. */
static uint64_t left_after(const struct timeline_vcpu *vcpu, const struct timeline_event *event)
{
	const struct vpmu_register *status = status_register(vcpu);
	uint64_t value;

	if (status && !vpmu_pmu_host_read(vcpu->pmu, status->msr, &value))
		return vcpu->overflow.bits & value;
	return vcpu->overflow.bits & ~counter_bit(vcpu, event->msr);
}

static void put_slice(struct timeline_file *file, const struct timeline_vcpu *vcpu, uint64_t from,
                      uint64_t to)
{
	put_comma(file);
	fprintf(file->stream,
	        "{\"ph\":\"X\",\"pid\":%u,\"tid\":%u,\"ts\":%" PRIu64 ",\"dur\":%" PRIu64
	        ",\"name\":\"",
	        vcpu->process, TIMELINE_HANDLING + 1, from, to - from);
}

static void put_part(struct timeline_file *file, const struct timeline_vcpu *vcpu, const char *name,
                     uint64_t from, uint64_t to)
{
	if (from == to || !take_event(file))
		return;
	put_slice(file, vcpu, from, to);
	fprintf(file->stream, "%s\"}", name);
}

/* The outer slice comes first: of two slices that begin at the same time, Perfetto takes the first
 * as the outer one. */
static void put_slices(struct timeline_file *file, const struct timeline_vcpu *vcpu, uint64_t end)
{
	const struct timeline_overflow *of = &vcpu->overflow;
	uint64_t handled = of->is_taken ? of->taken : of->pmi;

	if (!take_event(file))
		return;
	put_slice(file, vcpu, of->since, end);
	put_overflow(file->stream, vcpu, of->all);
	fputs("\",\"args\":{", file->stream);
	if (of->has_pmi)
		fprintf(file->stream, "\"until the PMI\":%" PRIu64, handled - of->since);
	if (!of->bits)
		fprintf(file->stream, "%s\"until cleared\":%" PRIu64, of->has_pmi ? "," : "",
		        end - of->since);
	fputs("}}", file->stream);
	if (!of->has_pmi)
		return;
	put_part(file, vcpu, "until the PMI", of->since, handled);
	put_part(file, vcpu, "from the PMI on", handled, end);
}

static void begin(struct timeline_overflow *of, const struct timeline_event *event)
{
	if (!of->bits)
		*of = (struct timeline_overflow){.since = event->since};
	of->bits |= event->value;
	of->all |= event->value;
}

static void deliver(struct timeline_overflow *of, const struct timeline_event *event)
{
	if (!of->bits || of->has_pmi)
		return;
	of->has_pmi = true;
	of->pmi = event->instruction;
	of->vector = event->value;
}

static void take(struct timeline_overflow *of, const struct timeline_event *event)
{
	if (!of->bits || !of->has_pmi || of->is_taken || of->vector != event->value)
		return;
	of->is_taken = true;
	of->taken = event->instruction;
}

void overflow_follow(struct timeline_file *file, struct timeline_vcpu *vcpu,
                     const struct timeline_event *event)
{
	switch (event->kind) {
	case TIMELINE_OVERFLOW:
		begin(&vcpu->overflow, event);
		break;
	case TIMELINE_PMI:
		deliver(&vcpu->overflow, event);
		break;
	case TIMELINE_INTERRUPT:
		take(&vcpu->overflow, event);
		break;
	case TIMELINE_MSR_WRITE:
		if (!vcpu->overflow.bits)
			break;
		vcpu->overflow.bits = left_after(vcpu, event);
		if (!vcpu->overflow.bits)
			put_slices(file, vcpu, event->instruction);
		break;
	default:
		break;
	}
}

void overflow_end(struct timeline_file *file, struct timeline_vcpu *vcpu, uint64_t instruction)
{
	if (vcpu->overflow.bits)
		put_slices(file, vcpu, instruction);
	vcpu->overflow.bits = 0;
}
