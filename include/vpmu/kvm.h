/* SPDX-License-Identifier: MIT */
/*
 * Linux KVM: a vCPU's file descriptor as a target, the probe of what PMU this host's KVM can give a
 * guest, and the policy "PMU off". docs/kvm.md gives the reasons. In libvpmu on x86 Linux only.
 *
 * Everything is plain memory that the caller gives and owns. Nothing here prints, or keeps memory,
 * a file descriptor or a global: what belongs to one vCPU is in that vCPU's structure, so a VM may
 * mix vCPUs with and without a PMU. Threads: as for the file descriptors.
 */
#ifndef VPMU_KVM_H
#define VPMU_KVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpmu/model.h>
#include <vpmu/state.h>
#include <vpmu/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kvm_cpuid2; /* of <linux/kvm.h> */

/* --- Calls: every access to the host, so that a substitute can take its place ----------------- */

/* Where a function below takes calls, NULL means the kernel's own. Each call returns what the
 * system call returns, or a negative errno. */
struct vpmu_kvm_calls {
	int (*open)(void *context, const char *path); /* opens for reading and writing */
	void (*close)(void *context, int fd);
	int (*ioctl)(void *context, int fd, unsigned long request, void *argument);
	/* The host's CPUID; leaves beyond its highest are zeros. */
	void (*cpuid)(void *context, struct vpmu_cpuid *leaf);
	/* Opens and closes a perf event that counts cycles in hardware. Returns 0 or a negative
	 * errno. */
	int (*count_cycles)(void *context);
	void *context;
	void *reserved[2]; /* NULL */
};

/* --- A vCPU as a target -------------------------------------------------------------------- */

enum { VPMU_KVM_BATCH = 255 }; /* KVM_GET_MSRS and KVM_SET_MSRS take no more at a time */

struct vpmu_kvm_vcpu {
	const struct vpmu_kvm_calls *calls;
	int fd; /* the vCPU's */
};

/*
 * The vCPU as a target; *vcpu must live as long. The calls' buffer is on the stack (some 4 KiB).
 * Only the thread that runs the vCPU should use the target, with the vCPU stopped. If vcpu is NULL
 * the target has no functions, and a put or get returns VPMU_BAD_ARGUMENT.
 */
VPMU_API struct vpmu_target vpmu_target_kvm(struct vpmu_kvm_vcpu *vcpu);

/*
 * Reads any number of MSRs, VPMU_KVM_BATCH at a time, with the semantics of struct vpmu_target's
 * functions: returns how many were read before the first that is refused, or a negative errno if
 * the call failed (-EINVAL: a NULL). If a later batch fails as a whole, the number read before it
 * is returned; call again from there to learn whether the next MSR is refused (0) or the call
 * fails.
 */
VPMU_API int vpmu_kvm_read(struct vpmu_kvm_vcpu *vcpu, struct vpmu_msr *msrs, unsigned count);

/* Writes any number of MSRs; otherwise as vpmu_kvm_read(). */
VPMU_API int vpmu_kvm_write(struct vpmu_kvm_vcpu *vcpu, const struct vpmu_msr *msrs,
                            unsigned count);

/* --- The probe: what is known of a host ---------------------------------------------------- */

enum vpmu_known {
	VPMU_UNKNOWN, /* it does not exist on this host, or cannot be read */
	VPMU_NO,
	VPMU_YES,
};

/* The result of making a virtual CPU only to try its PMU. It never runs. */
enum vpmu_trial {
	VPMU_TRIAL_NONE,    /* none was made */
	VPMU_TRIAL_FAILED,  /* none could be made */
	VPMU_TRIAL_NOTHING, /* its first counter does not keep a value: there is no PMU behind it */
	VPMU_TRIAL_WORKS,
};

enum {
	VPMU_HOST_TEXT = 64,
	VPMU_HOST_MSRS = 512,
};

struct vpmu_kvm_host {
	/* The kernel. */
	char release[VPMU_HOST_TEXT]; /* "6.12.117-amd64"; "": unknown */
	unsigned kernel;              /* 0x60c for 6.12; 0: unknown */

	/* The CPU, by its own CPUID. */
	char vendor_string[13];
	uint32_t signature;  /* CPUID.1 EAX */
	bool is_virtual;     /* the host is itself a virtual machine */
	bool has_extensions; /* VMX or SVM */
	bool is_hybrid;      /* cores with different PMUs */

	/* perf. */
	uint8_t counters;   /* enum vpmu_known: whether there are hardware counters */
	int counters_error; /* errno of opening a cycles event; 0: it opened */
	uint8_t watchdog;   /* enum vpmu_known: the NMI watchdog holds a counter */

	/* The modules. */
	bool has_module;                    /* kvm */
	char vendor_module[VPMU_HOST_TEXT]; /* "kvm_intel"; "": none */
	uint8_t enable_pmu;                 /* enum vpmu_known: kvm's parameter enable_pmu */
	uint8_t mediated;                   /* enum vpmu_known: enable_mediated_pmu */
	uint8_t ignore_msrs;                /* enum vpmu_known: refusals are hidden */

	/* The device. */
	int open_error;         /* errno of opening it; 0: open */
	int api_version;        /* KVM_GET_API_VERSION, or a negative errno */
	bool has_off_switch;    /* KVM_CAP_PMU_CAPABILITY with KVM_PMU_CAP_DISABLE */
	bool has_filter;        /* KVM_CAP_PMU_EVENT_FILTER */
	bool has_masked_events; /* KVM_CAP_PMU_EVENT_MASKED_EVENTS */

	/* KVM_GET_MSR_INDEX_LIST, cut to the size of the array. */
	uint16_t msr_count;
	uint32_t msrs[VPMU_HOST_MSRS];

	/* KVM_GET_SUPPORTED_CPUID: the leaves that concern a PMU, and the model that they
	 * describe. */
	uint8_t leaf_count;
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	bool has_model;
	struct vpmu_model model; /* its signature is the host's */
	char model_why[128];     /* why there is no model */

	/* A VM with one vCPU of that model. */
	uint8_t trial;          /* enum vpmu_trial */
	const char *trial_step; /* VPMU_TRIAL_FAILED: the call that failed; static storage */
	int trial_error;        /* VPMU_TRIAL_FAILED: its errno */
	uint8_t refused_count;  /* registers of the model that the vCPU refuses to read */
	uint32_t refused[VPMU_MAX_STATE];
	uint32_t reserved[32];
};

/*
 * Examines this host and fills *host. Makes a VM with one vCPU, which never runs, and destroys it.
 * root: a prefix for /sys, /proc and /dev/kvm; "" or NULL for this system's own. There are no
 * errors: members whose value cannot be found out say so.
 */
VPMU_API void vpmu_kvm_probe(struct vpmu_kvm_host *host, const char *root,
                             const struct vpmu_kvm_calls *calls);

/* Whether a guest gets a PMU on a host, or the first obstacle. */
enum vpmu_obstacle {
	VPMU_OBSTACLE_NONE,          /* a guest gets host->model */
	VPMU_OBSTACLE_HYBRID,        /* KVM has switched its PMU off because the CPU is hybrid */
	VPMU_OBSTACLE_NO_COUNTERS,   /* the host itself has no hardware counters */
	VPMU_OBSTACLE_SWITCHED_OFF,  /* enable_pmu=N */
	VPMU_OBSTACLE_NO_MODULE,     /* KVM is not loaded */
	VPMU_OBSTACLE_NO_DEVICE,     /* no /dev/kvm, or it cannot be opened */
	VPMU_OBSTACLE_NO_PERMISSION, /* no permission to open /dev/kvm */
	VPMU_OBSTACLE_NOT_KVM,       /* it does not answer as KVM does */
	VPMU_OBSTACLE_NO_MODEL,      /* KVM's CPUID describes no possible model */
	VPMU_OBSTACLE_NO_PMU,        /* KVM's CPUID has no PMU */
	VPMU_OBSTACLE_NO_TRIAL,      /* no vCPU could be made */
	VPMU_OBSTACLE_NOTHING,       /* a vCPU's counters do not keep values */
	VPMU_OBSTACLES
};

/* The first obstacle to a guest's PMU on the probed host; VPMU_OBSTACLE_NO_DEVICE if host is
 * NULL. */
VPMU_API enum vpmu_obstacle vpmu_kvm_obstacle(const struct vpmu_kvm_host *host);

/* What the obstacle means. VPMU_YES: guests get a PMU; VPMU_NO: they do not; VPMU_UNKNOWN: it
 * cannot be told on this host, or the value is not an obstacle. */
VPMU_API enum vpmu_known vpmu_obstacle_verdict(enum vpmu_obstacle obstacle);

/* One line on an obstacle, "KVM's PMU is switched off (enable_pmu=N)"; "unknown" if the value is
 * not an obstacle. Static storage. */
VPMU_API const char *vpmu_obstacle_text(enum vpmu_obstacle obstacle);

/* --- PMU on -------------------------------------------------------------------------------- */

/*
 * Edits the CPUID of one vCPU so that it describes the model's PMU; give it to KVM_SET_CPUID2
 * afterwards. Sets leaf 0xA, PDCM, PERFCORE and leaf 0x80000022, and, if the leaves are another
 * vendor's, the vendor string and the model's signature. All other bits stay. room: for how many
 * entries *cpuid has memory; at most two are added. To learn whether this KVM can give the model,
 * call vpmu_compat_judge() with the probe's model; for a model without a PMU use
 * vpmu_kvm_pmu_off(). VPMU_BAD_ARGUMENT: the model fails vpmu_model_check(), `room` is too small,
 * or a NULL; do not use the leaves then.
 */
VPMU_API enum vpmu_status vpmu_kvm_show_pmu(struct kvm_cpuid2 *cpuid, size_t room,
                                            const struct vpmu_model *model);

/* --- PMU off ------------------------------------------------------------------------------- */

/*
 * Clears every PMU bit in the CPUID leaves of one vCPU; give them to KVM_SET_CPUID2 afterwards.
 * Clears leaf 0xA, PDCM, PERFCORE, leaf 0x80000022, and what needs a PMU (docs/kvm.md has the
 * list). VPMU_OK: a guest with these leaves sees no PMU. VPMU_INCOMPATIBLE: the bits are cleared
 * but the guest still sees a PMU, since its vendor has no CPUID bit for that (AMD), or the leaves
 * name no known vendor; why (may be NULL) says which. VPMU_BAD_ARGUMENT: a NULL.
 */
VPMU_API enum vpmu_status vpmu_cpuid_hide_pmu(struct vpmu_cpuid *leaves, size_t count, char *why,
                                              size_t why_bytes);

/* vpmu_cpuid_hide_pmu() on KVM_SET_CPUID2's argument. */
VPMU_API enum vpmu_status vpmu_kvm_hide_pmu(struct kvm_cpuid2 *cpuid, char *why, size_t why_bytes);

/* What keeps the PMU from the guest. */
enum vpmu_off_by {
	VPMU_OFF_NOT,       /* nothing: the guest has a PMU */
	VPMU_OFF_BY_VM,     /* KVM_PMU_CAP_DISABLE, for all vCPUs of the VM */
	VPMU_OFF_BY_MODULE, /* KVM has no PMU for any VM here */
	VPMU_OFF_BY_CPUID,  /* the vCPU's CPUID alone */
};

struct vpmu_off {
	uint8_t status; /* enum vpmu_status */
	uint8_t by;     /* enum vpmu_off_by */
	uint8_t reserved[10];
	int host_error; /* VPMU_HOST, VPMU_REFUSED: the errno of the call that failed */
	char why[192];  /* one line on what was done, or what could not be */
};

/*
 * The whole policy "PMU off": KVM_PMU_CAP_DISABLE on the VM, before its first vCPU is made, and
 * vpmu_kvm_hide_pmu() on the CPUID for its vCPUs. If vCPUs get different CPUIDs, call
 * vpmu_kvm_hide_pmu() on the others. VPMU_OK: no vCPU of this VM has a PMU. VPMU_INCOMPATIBLE: this
 * kernel cannot hide the PMU from this guest (an AMD PMU before Linux 5.18). VPMU_REFUSED: a vCPU
 * exists already. VPMU_HOST: a call failed. The CPUID is edited in every case. *off has the
 * details, including the status.
 */
VPMU_API enum vpmu_status vpmu_kvm_pmu_off(struct vpmu_off *off, const struct vpmu_kvm_host *host,
                                           const struct vpmu_kvm_calls *calls, int vm_fd,
                                           struct kvm_cpuid2 *cpuid);

#ifdef __cplusplus
}
#endif

#endif
