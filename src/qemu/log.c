/* SPDX-License-Identifier: MIT */
/* Writes log= and stat=. If a write fails, that file is given up; the guest goes on. */
#include <inttypes.h>

#include "room_int.h"

/* A line is one stdio call, and stdio locks the stream, so lines of several vCPUs do not mix. */
static void written(int result)
{
	if (result >= 0)
		return;
	plugin.log = NULL;
	fprintf(stderr, "vpmu: the log cannot be written: %s\n", plugin.options.log);
}

void log_access(struct cpu *cpu, const char *what, uint32_t number, uint64_t value, bool refused)
{
	if (!plugin.log)
		return;
	if (refused)
		written(fprintf(plugin.log, "%u %s 0x%x gp\n", cpu->index, what, number));
	else
		written(fprintf(plugin.log, "%u %s 0x%x 0x%" PRIx64 "\n", cpu->index, what, number,
		                value));
}

void log_event(struct cpu *cpu, const char *what, uint64_t value)
{
	if (plugin.log)
		written(fprintf(plugin.log, "%u %s 0x%" PRIx64 "\n", cpu->index, what, value));
}

static uint64_t branched(const struct cpu *cpu, unsigned ring)
{
	uint64_t sum = cpu->branched[ring];

	for (unsigned i = 0; i < QEMU_BRANCHES; i++)
		sum += hot_of(cpu)->branches[ring][i];
	return sum;
}

static bool write_cpu(FILE *file, const struct cpu *cpu)
{
	static const char *const rings[RINGS] = {":k", ":u"};
	const struct cpu_stat *stat = &cpu->stat;
	int result = 0;

	for (unsigned ring = 0; ring < RINGS; ring++)
		result |= fprintf(file,
		                  "vcpu %u  %20" PRIu64 "  instructions%s\n"
		                  "vcpu %u  %20" PRIu64 "  branches%s\n",
		                  cpu->index, count_retired(cpu, ring), rings[ring], cpu->index,
		                  branched(cpu, ring), rings[ring]);
	result |= fprintf(file,
	                  "vcpu %u  %20" PRIu64 "  PMIs (%" PRIu64 " late, %" PRIu64 " masked)\n",
	                  cpu->index, stat->pmis, stat->skids, stat->masked);
	return result >= 0;
}

void stat_write(void)
{
	bool fine = true;

	if (!plugin.stat)
		return;
	for (unsigned i = 0; i < MAX_VCPUS; i++)
		if (plugin.cpu[i])
			fine &= write_cpu(plugin.stat, plugin.cpu[i]);
	if (fflush(plugin.stat) || !fine)
		fprintf(stderr, "vpmu: the counts cannot be written: %s\n", plugin.options.stat);
}
