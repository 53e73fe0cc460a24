/* SPDX-License-Identifier: MIT */
/* timeline=FILE: a trace of all vCPUs. A file that takes no more is given up; the guest goes on. */
#include <pthread.h>

#include "room_int.h"

static struct timeline_file file;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void fail(void)
{
	fprintf(stderr, "vpmu: the timeline cannot be written: %s\n", plugin.options.timeline);
	file.stream = NULL;
}

void trace_begin(FILE *stream)
{
	file.stream = stream;
	if (stream)
		timeline_head(&file, stream, &plugin.options.model, "QEMU");
}

void trace_vcpu(struct cpu *cpu)
{
	char name[20];

	if (!file.stream)
		return;
	snprintf(name, sizeof(name), "vCPU %u", cpu->index);
	pthread_mutex_lock(&lock);
	if (file.stream)
		timeline_vcpu(&file, &cpu->trace, cpu->index + 1, name, cpu->pmu);
	pthread_mutex_unlock(&lock);
}

static uint64_t instruction_of(const struct cpu *cpu)
{
	return count_retired(cpu, RING_KERNEL) + count_retired(cpu, RING_USER);
}

static void add(struct cpu *cpu, enum timeline_kind kind, uint64_t rip, uint64_t value,
                uint32_t msr)
{
	const struct timeline_event event = {
		.kind = kind,
		.instruction = instruction_of(cpu),
		.rip = rip,
		.value = value,
		.msr = msr,
		.since = cpu->overflowed_at,
	};

	pthread_mutex_lock(&lock);
	if (file.stream)
		timeline_event(&file, &cpu->trace, &event);
	if (file.stream && ferror(file.stream))
		fail();
	pthread_mutex_unlock(&lock);
}

bool trace_is_on(void)
{
	return plugin.timeline;
}

void at_other_ring(unsigned vcpu, void *data)
{
	struct cpu *cpu = plugin.cpu[vcpu];
	const struct block *block = data;

	hot_of(cpu)->traced_ring = RING_TRACED(block->ring);
	pthread_mutex_lock(&lock);
	if (file.stream)
		timeline_ring(&file, &cpu->trace, block->ring == RING_USER ? 3 : 0,
		              instruction_of(cpu));
	pthread_mutex_unlock(&lock);
}

static void add_overflows(struct cpu *cpu, uint64_t rip)
{
	uint64_t bits = cpu->overflowed;

	cpu->overflowed = 0;
	if (bits)
		add(cpu, TIMELINE_OVERFLOW, rip, bits, 0);
}

void trace_overflow(struct cpu *cpu, uint64_t bits)
{
	if (bits && !cpu->overflowed)
		cpu->overflowed_at = instruction_of(cpu);
	cpu->overflowed |= bits;
}

/* In the middle of a block QEMU shows an earlier RIP, in the same page. */
static uint64_t rip_of(const struct site *site)
{
	uint64_t rip = reg_get(REG_RIP);

	return rip + ((site->physical - rip) & 0xfff);
}

void trace_write(struct cpu *cpu, const struct site *site, uint32_t msr, uint64_t value)
{
	uint64_t rip;

	if (!file.stream)
		return;
	rip = rip_of(site);
	add_overflows(cpu, rip);
	add(cpu, TIMELINE_MSR_WRITE, rip, value, msr);
}

void trace_entry(struct cpu *cpu, const struct site *site)
{
	uint64_t rip;

	if (!file.stream || !(vpmu_profile_facts(plugin.options.profile) & VPMU_FACT_KVM))
		return;
	rip = rip_of(site);
	add_overflows(cpu, rip);
	add(cpu, TIMELINE_ENTRY, rip, 0, 0);
}

void trace_interrupt(struct cpu *cpu, uint64_t rip)
{
	uint32_t message = cpu->pmi_taken;

	cpu->pmi_taken = 0;
	if (!file.stream || !message)
		return;
	add_overflows(cpu, rip);
	add(cpu, TIMELINE_PMI, rip, message, 0);
}

void trace_end(void)
{
	if (!file.stream)
		return;
	for (unsigned i = 0; i < MAX_VCPUS; i++)
		if (plugin.cpu[i])
			timeline_vcpu_end(&file, &plugin.cpu[i]->trace,
			                  instruction_of(plugin.cpu[i]));
	timeline_tail(&file);
	if (file.dropped)
		fprintf(stderr, "vpmu: timeline cut after %d events: %s\n", TIMELINE_EVENTS_MAX,
		        plugin.options.timeline);
	if (fflush(file.stream))
		fail();
}
