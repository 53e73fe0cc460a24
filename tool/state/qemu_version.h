/* SPDX-License-Identifier: MIT */
/*
 * What QEMU's versions and machine types do to a guest's PMU: which one they give it, and what a
 * migration from one to another leaves behind. docs/state.md has the table and its sources.
 */
#ifndef TOOL_STATE_QEMU_VERSION_H
#define TOOL_STATE_QEMU_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpmu/vpmu.h>

/* 10.1.2 is QEMU_VERSION(10, 1, 2); "10.1" is 10.1.0. 0: not told, and then nothing is known. */
#define QEMU_VERSION(major, minor, micro)                                                          \
	((uint32_t)(major) << 16 | (uint32_t)(minor) << 8 | (uint32_t)(micro))

enum { QEMU_VERSION_TEXT = 16 };

/* "10.1.2", "10.1". False: it is none. */
bool qemu_version_parse(const char *text, uint32_t *version);
/* A machine type: a version, behind a name or not: "pc-q35-10.0". False: it is none. */
bool qemu_machine_type_parse(const char *text, uint32_t *version);
void qemu_version_text(uint32_t version, char text[QEMU_VERSION_TEXT]);

struct qemu_vm {
	uint32_t version;
	uint32_t machine; /* the machine type's version */
	bool pmu_off;
};

/* Makes of what KVM could give a guest what QEMU lets it have. */
void qemu_guest(const struct qemu_vm *vm, struct vpmu_model *model);

struct qemu_loss {
	enum vpmu_take take;
	const char *text; /* static storage */
};

enum { QEMU_LOSSES = 8 };

/*
 * What a migration adds to what the models and registers come to. cpu: the source's; guest: what
 * the guest has there. Returns how many losses there are.
 */
size_t qemu_move(const struct vpmu_model *cpu, const struct vpmu_model *guest,
                 const struct qemu_vm *from, const struct qemu_vm *to,
                 struct qemu_loss losses[QEMU_LOSSES]);

#endif
