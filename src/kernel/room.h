/* SPDX-License-Identifier: MIT */
/*
 * A guest on the kernel's code, as functions, for users of libkernel-VERSION.so (subject.c): vpmu
 * check --kernel, and test programs. There is one guest at a time: making one ends the last. All of
 * the code's memory can be saved and loaded again, as a register machine can be copied.
 */
#ifndef KERNEL_ROOM_H
#define KERNEL_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpmu/types.h>

enum { SUBJECT_VERSION = 3 /* version of struct kernel_subject; raise it with any change */ };

/* The PMIs since the last entry or run, and those that LVTPC's mask has dropped. */
struct subject_pmis {
	unsigned delivered, masked;
};

/* Of perf events: how many live, and the calls since the guest was made. */
struct subject_events {
	uint32_t live, created, released, enabled, paused;
};

struct kernel_subject {
	uint32_t version; /* SUBJECT_VERSION */
	/* Makes a guest of a preset's name and overrides ("intel-v2,gp=8"), with its PMU on perf
	 * events or mediated, on the default host with overrides ("gp=4,tsx=on"; NULL: none).
	 * False: there is no such model or host, or the kernel has no mediated vPMU. */
	bool (*make)(const char *model, const char *host, bool mediated);
	/* False: #GP for the guest, a failure for the host. */
	bool (*guest_write)(uint32_t msr, uint64_t value);
	bool (*host_write)(uint32_t msr, uint64_t value);
	bool (*host_read)(uint32_t msr, uint64_t *value);
	struct subject_pmis (*enter)(void);
	struct subject_pmis (*run)(const uint64_t amounts[VPMU_CLASSES]);
	void (*emulate)(void);
	void (*schedule)(void);
	void (*exclude_host)(bool exclude);
	void (*host_run)(const uint64_t amounts[VPMU_CLASSES]);
	bool (*fail_creations)(uint32_t count); /* false: mediated, no events */
	void (*set_lvtpc)(uint32_t value);
	struct subject_events (*events)(void);
	/* The most that save() writes. The buffer must be aligned for any type. */
	size_t (*snapshot_bytes)(void);
	void (*save)(void *snapshot);
	void (*load)(const void *snapshot);
	/* A hash of everything that decides how the guest goes on; equal hashes mean that two
	 * guests behave alike. Valid in this process only. */
	uint64_t (*fingerprint)(void);
};

/* Exported as "kernel_subject". */
typedef const struct kernel_subject *kernel_subject_fn(void);

#endif
