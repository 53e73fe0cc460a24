/* SPDX-License-Identifier: MIT */
/*
 * What the preload library and the tool share: a file in memory that the tool creates and the
 * library maps. It says what to emulate, and holds the ring of records that the library writes and
 * the tool reads. It contains no pointers. When the ring is full, the library waits for the tool a
 * moment; a record that does not fit even then is dropped and counted, and the verdict becomes
 * unknown.
 */
#ifndef WATCH_ROOM_H
#define WATCH_ROOM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <vpmu/model.h>

/* Where the library finds the file: "/proc/PID/fd/N". */
#define WATCH_ENVIRONMENT "VPMU_WATCH"

enum {
	WATCH_MAGIC = 0x77504d55, /* "UMPw"; magic and version must be this build's */
	WATCH_VERSION = 5,
	WATCH_RING = 1 << 20, /* slots: 16 MiB */
	WATCH_RUNS = 1 << 18, /* vCPUs with an entry counter each; all others share one */
	WATCH_PATH = 64,
	WATCH_WAIT_MS = 1000, /* for a full ring; only once until the tool reads on */
};

enum watch_kind {
	WATCH_OPEN,      /* /dev/kvm */
	WATCH_VM,        /* KVM_CREATE_VM */
	WATCH_VCPU,      /* KVM_CREATE_VCPU */
	WATCH_CLOSE,     /* the last descriptor of a vCPU or VM */
	WATCH_CHECK,     /* KVM_CHECK_EXTENSION; argument: the capability */
	WATCH_CAP,       /* KVM_ENABLE_CAP; argument: the capability; payload: args[0] as a value */
	WATCH_SUPPORTED, /* KVM_GET_SUPPORTED_CPUID; count: the leaves */
	WATCH_INDEX_LIST,  /* KVM_GET_MSR_INDEX_LIST; count: the MSRs; payload: their numbers */
	WATCH_SET_CPUID,   /* KVM_SET_CPUID2; argument: enum watch_cpuid; payload: the model that it
	                      makes, or the leaves that make none */
	WATCH_SET_REGS,    /* KVM_SET_REGS; argument: RIP; general: all of them */
	WATCH_GET_REGS,    /* KVM_GET_REGS; the same */
	WATCH_GET_MSRS,    /* count: asked for; result: done; payload: the entries */
	WATCH_SET_MSRS,    /* the same */
	WATCH_FILTER,      /* KVM_SET_PMU_EVENT_FILTER; argument: action; count: events */
	WATCH_MSR_FILTER,  /* KVM_X86_SET_MSR_FILTER by the VMM; result -1: it is in the way of ours
	                    */
	WATCH_GUEST_READ,  /* emulated RDMSR; result: 0, or 1 for #GP; payload: the entry */
	WATCH_GUEST_WRITE, /* emulated WRMSR; the same */
	WATCH_STRAY,       /* a descriptor that nobody saw come; argument: 0 for a vCPU */
	WATCH_LACK,        /* emulation lacks something; argument: enum watch_lack */
	WATCH_KINDS
};

/* Which clock can be read without a system call. */
enum watch_clock {
	WATCH_CLOCK_NONE,   /* no vDSO */
	WATCH_CLOCK_COARSE, /* by the tick */
	WATCH_CLOCK_FINE,
};

/* Facts about a vCPU when its CPUID is set; bits. */
enum watch_cpuid {
	WATCH_PMU_OFF = 1 << 0, /* its VM's PMU is switched off (KVM_CAP_PMU_CAPABILITY) */
	WATCH_NO_MODEL = 1 << 1,
};

/* What cannot be emulated here. */
enum watch_lack {
	WATCH_LACK_EXITS,    /* KVM has no MSR filter with exits to user space */
	WATCH_LACK_FILTER,   /* the VMM's own MSR filter left no room for ours */
	WATCH_LACK_MODEL,    /* the VMM's CPUID makes no model */
	WATCH_LACK_STEPS,    /* KVM does not step a guest */
	WATCH_LACK_DEBUGGED, /* the VMM debugs the guest itself */
	WATCH_LACK_APIC,     /* a PMI has come, and KVM has no APIC for it */
	WATCH_LACKS
};

enum { WATCH_NONE = UINT32_MAX }; /* no such VM or vCPU */

/* The head of a record, before its payload; a whole number of slots. */
struct watch_head {
	_Atomic uint64_t ready; /* the record's place in the ring + 1: all of it is written */
	uint16_t kind;          /* enum watch_kind */
	uint16_t slots;         /* of the whole record */
	uint32_t process;
	uint64_t time;     /* CLOCK_MONOTONIC at the end of the call, ns; 0: not known */
	uint64_t spent;    /* in the call, ns */
	uint32_t vm, vcpu; /* serial numbers in this file, or WATCH_NONE */
	uint32_t vcpu_id;  /* as given to KVM_CREATE_VCPU */
	int32_t result;    /* of the call */
	uint32_t error;    /* errno, when the result is -1 */
	uint32_t count;
	uint64_t argument;
	uint64_t runs;    /* KVM_RUNs of this vCPU so far */
	uint64_t general; /* a digest of the general registers, never 0 where there are some */
};

/* A slot of the ring. Also an MSR entry in KVM's layout. */
struct watch_msr {
	uint32_t index, reserved;
	uint64_t value;
};

enum { WATCH_HEAD_SLOTS = sizeof(struct watch_head) / sizeof(struct watch_msr) };
_Static_assert(sizeof(struct watch_head) % sizeof(struct watch_msr) == 0, "whole slots");

/* The most payload: KVM_SET_MSRS takes no more than 255 entries. */
enum { WATCH_PAYLOAD = 256 };
_Static_assert(sizeof(struct vpmu_model) <= WATCH_PAYLOAD * sizeof(struct watch_msr), "fits");

struct watch_shared {
	uint32_t magic, version;
	uint32_t emulates; /* the model and the profile below are valid */
	uint32_t clock;    /* enum watch_clock */
	uint32_t counts;   /* the emulated PMU counts */
	/* The CPUID instruction shall name the model's vendor; the library clears this where it
	 * cannot. */
	_Atomic uint32_t answers_cpuid;
	struct vpmu_model model;
	char profile[VPMU_NAME_BYTES];
	char answers[2][WATCH_PATH]; /* files that read "N\n" and "Y\n"; emulating */

	_Atomic uint32_t attached;   /* processes that have mapped this file */
	_Atomic uint32_t vms, vcpus; /* serial numbers given */
	_Atomic uint64_t head, tail; /* slots written and read since the start */
	_Atomic uint64_t lost;       /* records that did not fit */
	_Atomic uint64_t more_runs;  /* of the vCPUs beyond runs[] */
	_Atomic uint64_t full_at;    /* the tail that a writer has waited for in vain, + 1 */
	_Atomic uint64_t runs[WATCH_RUNS];
	struct watch_msr ring[WATCH_RING];
};

#endif
