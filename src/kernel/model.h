/* SPDX-License-Identifier: MIT */
/*
 * A model: the PMU that a guest's CPUID will show, from a preset's name and overrides. What the
 * guest really gets is up to KVM, which has the last word on versions, counts and widths.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include <vpmu/model.h>

enum vendor { VENDOR_INTEL, VENDOR_ZHAOXIN, VENDOR_AMD };

struct model {
	enum vendor vendor;
	bool is_p6;       /* CPUID ends before 0AH */
	uint32_t pmu;     /* 0: CPUID has none, whatever the rest says */
	uint32_t version; /* CPUID.0AH EAX[7:0]; 0: no leaf */
	uint32_t gp, fixed, width;
	uint32_t unavailable;        /* CPUID.0AH EBX: events that do not exist */
	uint32_t mask_length;        /* CPUID.0AH EAX[31:24]: how many bits of EBX are valid */
	uint32_t pdcm;               /* CPUID.1 ECX[15] */
	uint32_t full_width;         /* IA32_PERF_CAPABILITIES[13]; implies PDCM */
	uint32_t lbr_format;         /* IA32_PERF_CAPABILITIES[5:0]; its key sets PDCM, too */
	uint32_t pebs;               /* IA32_PERF_CAPABILITIES[11:8]; the same */
	uint32_t perfctr_core;       /* CPUID 0x80000001 ECX[23] */
	uint32_t perfmon_v2;         /* CPUID 0x80000022 EAX[0] */
	uint32_t svm;                /* CPUID 0x80000001 ECX[2]; the host's decides */
	struct vpmu_model processor; /* the preset, as vpmu has it: for the processor's events */
};

/* The host: what the processor and its KVM have. */
struct host {
	enum vendor vendor; /* the processor's, whatever the guest's CPUID says */
	uint32_t gp, fixed, width;
	uint32_t tsx, pdcm, perfmon_v2;
	uint32_t enable_pmu; /* KVM's parameters */
	uint32_t svm, lbrv;  /* kvm_amd's: nested, lbrv */
	uint32_t lbr_format; /* IA32_PERF_CAPABILITIES[5:0], of Intel's processors */
	uint32_t pebs;       /* x86_pmu.pebs_ept, the same */
	uint32_t mediated;   /* enable_mediated_pmu: by a script's profile */
};

struct host host_usual(enum vendor vendor);

/* Changes one property, "key=value"; "vendor=" replaces the host by that vendor's usual one. False:
 * no such key, or the value is out of range. */
bool host_override(struct host *host, const char *text);

/* The preset of that name into *model. False: there is none. */
bool model_preset(struct model *model, const char *name);

/* Changes one property, "key=value". False: no such key, or the value is out of range. */
bool model_override(struct model *model, const char *text);

#endif
