/* SPDX-License-Identifier: MIT */
/*
 * A guest of one vCPU on the simulated host, and everything that a replay command can do to it.
 * Only one exists at a time, since KVM's module variables (which say what the host is) are global.
 */
#ifndef GUEST_H
#define GUEST_H

#include "host.h"

struct guest {
	struct model model; /* as created; KVM_SET_CPUID2 does not change it */
	struct kvm kvm;
	struct kvm_vcpu vcpu;
	struct kvm_lapic apic;
	struct task_struct task;
};

/* PMIs of one command. */
struct pmis {
	unsigned int delivered, masked;
};

/* How much of each class a guest does in one run. */
struct amounts {
	u64 of[PERF_CLASSES];
};

/*
 * Loads KVM for the host's vendor, creates the vCPU and gives it the model's CPUID and feature
 * MSRs. pmu_disabled: KVM_PMU_CAP_DISABLE came first. Destroy it with guest_destroy().
 */
struct guest *guest_create(const struct model *model, const struct host *host, bool pmu_disabled);
void guest_destroy(struct guest *guest);

/* KVM_SET_CPUID2; false: refused. */
bool guest_set_cpuid(struct guest *guest, const struct model *model);

/* A vCPU entry, and (run.c) an entry after which the guest does these amounts at one privilege
 * level. */
struct pmis guest_enter(struct guest *guest);
struct pmis guest_run(struct guest *guest, const struct amounts *amounts, unsigned int cpl);

/* The host does these amounts, which count in events without exclude_host. Requests wait for the
 * next entry. */
void guest_host_run(struct guest *guest, const struct amounts *amounts);

/* What enters the guest after that. */
void guest_run_vcpu(struct guest *guest);

/* Handles raised requests in vcpu_enter_guest's order. */
void guest_handle_requests(struct guest *guest);

/* The PMIs since the last call. */
struct pmis guest_take_pmis(struct guest *guest);

/* RDMSR, WRMSR and RDPMC of the guest; false: #GP. */
bool guest_read(struct guest *guest, u32 msr, u64 *value);
bool guest_write(struct guest *guest, u32 msr, u64 value);
bool guest_rdpmc(struct guest *guest, u32 ecx, unsigned int cpl, bool pce, u64 *value);
void guest_set_lvtpc(struct guest *guest, u32 value);
void guest_emulate(struct guest *guest, bool branch, unsigned int cpl);
/* Sets EFER.SVME, as WRMSR does, and whether a second-level guest runs, as VMRUN and #VMEXIT do. */
void guest_set_svm(struct guest *guest, bool enabled, bool in_guest_mode);
void guest_schedule(struct guest *guest);
void guest_reset(struct guest *guest);

/* KVM_SET_PMU_EVENT_FILTER; false: refused. */
bool guest_filter(struct guest *guest, u32 action, u32 flags, u32 fixed, const u64 *events,
                  u32 count);

/* The model's CPUID, in CPUID_ENTRIES leaves. */
void cpuid_build(const struct model *model, struct kvm_cpuid_entry2 *leaves);

#endif
