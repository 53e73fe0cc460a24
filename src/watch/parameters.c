/* SPDX-License-Identifier: MIT */
/*
 * KVM's module parameters that say whether it has a PMU. Opening one opens the tool's file with the
 * answer instead, by the same system call. Where that file may not be opened, the host's own
 * parameter is.
 */
#include <fcntl.h>
#include <string.h>

#include "room_int.h"

static const struct parameter {
	const char *path;
	bool mediated; /* whether it says that the PMU is a mediated one */
} parameters[] = {
	{"/sys/module/kvm/parameters/enable_pmu", false},
	{"/sys/module/kvm/parameters/enable_mediated_pmu", true},
	{"/sys/module/kvm_intel/parameters/enable_mediated_pmu", true},
	{"/sys/module/kvm_amd/parameters/enable_mediated_pmu", true},
};

/* Only KVM since 7.0, and what follows it, has the second. */
static bool is_mediated(void)
{
	return vpmu_profile_facts(emulated_profile()) & VPMU_FACT_MEDIATED;
}

/* The kernel must refuse a bad path, so it must not be read before. */
static bool can_be_read(const char *path)
{
	char first;

	return memory_read(&first, path, sizeof(first));
}

const char *parameter_file(const char *path, int flags)
{
	if (!emulates() || (flags & O_ACCMODE) != O_RDONLY || !can_be_read(path))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++)
		if (!strcmp(parameters[i].path, path))
			return shared->answers[!parameters[i].mediated || is_mediated()];
	return NULL;
}
