/* SPDX-License-Identifier: MIT */
/*
 * A guest on the kernel's code as functions, for a test program that loads libkernel-VERSION.so
 * (subject.c). There is one guest at a time: making one ends the last.
 */
#ifndef KERNEL_SUBJECT_H
#define KERNEL_SUBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include <vpmu/types.h>

struct kernel_subject {
	/* Of a preset's name and overrides, "intel-v2,gp=8". False: there is no such model. */
	bool (*make)(const char *model);
	/* False: #GP for the guest, a failure for the host. */
	bool (*guest_write)(uint32_t msr, uint64_t value);
	bool (*host_write)(uint32_t msr, uint64_t value);
	bool (*host_read)(uint32_t msr, uint64_t *value);
	/* The PMIs since the last entry or run, delivered and masked. */
	unsigned (*enter)(void);
	unsigned (*run)(const uint64_t amounts[VPMU_CLASSES]);
	void (*emulate)(void);
	void (*schedule)(void);
	void (*fail_creations)(uint32_t count);
	void (*set_lvtpc)(uint32_t value);
	unsigned (*live_events)(void);
};

/* Exported as "kernel_subject". */
typedef const struct kernel_subject *kernel_subject_fn(void);

#endif
