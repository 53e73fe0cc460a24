/* SPDX-License-Identifier: MIT */
/*
 * What the files of `vpmu doctor` share: the probe's facts, and what a person is told about them.
 */
#ifndef TOOL_DOCTOR_H
#define TOOL_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include <vpmu/kvm.h>

enum finding_status { FINDING_PASS, FINDING_WARN, FINDING_FAIL, FINDING_SKIP };

/* One thing that was looked at. */
struct finding {
	const char *name; /* static storage */
	enum finding_status status;
	char what[240];   /* what is so */
	char advice[240]; /* what to do about it; "": nothing */
};

enum { FINDINGS = 16 };

/* "PASS", …; static storage. */
const char *finding_status_name(enum finding_status status);

/* Looks at the facts: fills findings[FINDINGS] and returns their number. Calls nothing of the host.
 */
size_t doctor_examine(const struct vpmu_kvm_host *host, struct finding *findings);

/* "Intel, version 2: 8 counters of 48 bits, 3 fixed of 48, full-width". */
void doctor_describe_model(const struct vpmu_model *model, char *text, size_t bytes);

/* Prints the findings and the verdict to stdout. */
void doctor_print(const struct vpmu_kvm_host *host, const struct finding *findings, size_t count);

/* Prints the document to stdout. Returns TOOL_HOLDS or TOOL_LACKS. */
int doctor_print_json(const struct vpmu_kvm_host *host, const struct finding *findings,
                      size_t count);

#endif
