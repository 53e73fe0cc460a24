/* SPDX-License-Identifier: MIT */
/*
 * JSON of other programs, by what is in it: the CPUID and MSRs of vCPUs in snapshots (Cloud
 * Hypervisor's state.json, Firecracker's vCPU states and CPU templates: lists of kvm_cpuid_entry2
 * and kvm_msr_entry), and QMP's answers to query-cpu-model-expansion.
 */
#ifndef TOOL_FOREIGN_JSON_H
#define TOOL_FOREIGN_JSON_H

#include "lib/msr_table.h"

struct json_cpu {
	uint32_t number;
	struct foreign_leaves leaves;
};

struct foreign_json {
	const char *format;
	struct msr_table msrs; /* sorted */
	struct json_cpu *cpus; /* those with CPUID */
	size_t cpu_count, cpu_room;
	bool has_traits;
	struct foreign_traits traits; /* of QMP */
};

/*
 * VPMU_NO_REGISTER: JSON without any of these; VPMU_BAD_DATA: not JSON, or damaged; VPMU_HOST: no
 * memory; VPMU_INTERNAL: this build has no JSON, and a message has said so. why: STATE_WHY_BYTES.
 * *json is then empty.
 */
enum vpmu_status foreign_json_read(const char *text, size_t bytes, struct foreign_json *json,
                                   char *why);
void foreign_json_free(struct foreign_json *json);

/* Of what lscpu --json prints the lines that it prints without; the caller frees them. NULL: it is
 * something else, or there is no memory (memory_ran_out()). */
char *foreign_json_lscpu(const char *text, size_t bytes, size_t *count);

#endif
