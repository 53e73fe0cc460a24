/* SPDX-License-Identifier: MIT */
/*
 * What the files of the preload library share. The library lives in somebody else's process: it
 * takes no lock in following, allocates no memory but whole pages, keeps errno, and leaves alone
 * what it does not know.
 */
#ifndef WATCH_ROOM_INT_H
#define WATCH_ROOM_INT_H

#include <errno.h>
#include <signal.h>
#include <stdalign.h>
#include <stddef.h>
#include <sys/types.h>

#include <vpmu/pmu.h>
#include <vpmu/state.h>

#include "arch/room.h"
#include "base/room.h"
#include "kvm/room.h"
#include "kvm_abi.h"
#include "room.h"

/* --- real.c: the functions that stand behind ours ------------------------------------------ */

struct real {
	int (*open)(const char *path, int flags, ...);
	int (*openat)(int directory, const char *path, int flags, ...);
	int (*ioctl)(int fd, unsigned long request, ...);
	int (*close)(int fd);
	int (*close_range)(unsigned first, unsigned last, int flags);
	void (*closefrom)(int first);
	int (*dup)(int fd);
	int (*dup2)(int fd, int wanted);
	int (*dup3)(int fd, int wanted, int flags);
	int (*fcntl)(int fd, int command, ...);
	long (*syscall)(long number, ...);
};

/* Found at the first call; a function that this system lacks is NULL. */
const struct real *real(void);

/* --- ring.c: records ----------------------------------------------------------------------- */

/* The file that is shared with the tool, or NULL when this process is not watched. */
extern struct watch_shared *shared;

/* Maps the file that the environment names. */
void ring_attach(void);

/* Writes a record; head: all but ready, slots and process; time 0 is now. Never waits. */
void ring_write(struct watch_head *head, const void *payload, size_t bytes);

/* CLOCK_MONOTONIC in ns. */
uint64_t now(void);

/* This process's number, as of the start or the last fork(). */
extern pid_t process;

/* --- table.c: which descriptor is what ----------------------------------------------------- */

enum object_kind {
	OBJECT_FREE,
	OBJECT_SYSTEM, /* /dev/kvm */
	OBJECT_VM,
	OBJECT_VCPU,
};

/* What the emulation keeps of a VM and of a vCPU. */
struct emulated_vm {
	_Atomic bool off;       /* KVM_PMU_CAP_DISABLE */
	_Atomic uint32_t vcpus; /* made so far */
	uint64_t exits;         /* the VMM's own flags of KVM_CAP_X86_USER_SPACE_MSR */
	bool filters;           /* our MSR filter is in place */
};

struct emulated_vcpu {
	_Atomic int busy;
	struct kvm_run *run; /* our own mapping of the vCPU */
	size_t run_bytes;
	struct vpmu_pmu *pmu; /* in memory[]; NULL before the first CPUID */
	alignas(VPMU_PMU_ALIGN) char memory[VPMU_PMU_BYTES];
};

/*
 * One per object, however many descriptors lead to it. Objects are reused and never unmapped, so
 * that a thread which lost a race against close() finds an object, if an old one.
 */
struct object {
	_Atomic uint32_t kind; /* enum object_kind */
	_Atomic uint32_t uses; /* descriptors, and for a VM its vCPUs */
	uint32_t serial;       /* of VMs, and of vCPUs; WATCH_NONE */
	uint32_t vcpu_id;
	struct object *vm; /* a vCPU's; NULL: unknown */
	_Atomic uint64_t *runs;
	_Atomic uint64_t own_runs; /* where there is no room in the shared file */
	union {
		struct emulated_vm as_vm;
		struct emulated_vcpu as_vcpu;
	};
};

/* The object behind a descriptor; NULL: none that is known. Costs two loads. */
struct object *table_find(int fd);

/* The same; looks at what the descriptor is when it is not known. For KVM's requests only. */
struct object *table_learn(int fd);

/* Enters what a call returned: a new object; NULL when there is no room. */
struct object *table_add(int fd, enum object_kind kind, struct object *vm, uint32_t vcpu_id);

/* The descriptor `to` leads where `from` does, or nowhere that is known. */
void table_copy(int from, int to);

/* The descriptor is about to be closed; or has come to lead somewhere else. */
void table_drop(int fd);
void table_drop_range(unsigned first, unsigned last);

/* This process is a copy of another, and its table is its own. */
void table_forked(void);

/* --- memory.c: the VMM's memory, which need not be there ------------------------------------ */

/* False (EFAULT) when it cannot be read or written. */
bool memory_read(void *into, const void *from, size_t bytes);
bool memory_write(void *into, const void *from, size_t bytes);

/* --- follow.c ------------------------------------------------------------------------------ */

/* A KVM request on a known object: carried out, written down. */
int follow_ioctl(struct object *object, int fd, unsigned long request, void *argument);

/* The head of a record on an object. */
struct watch_head record_head(const struct object *object, enum watch_kind kind);

/* --- model.c: what the VMM's CPUID makes --------------------------------------------------- */

/*
 * The PMU that KVM gives a vCPU with these leaves. limit: what this KVM can give, NULL: the host's
 * own. False: they contradict each other.
 */
bool model_of_cpuid(struct vpmu_model *model, const struct kvm_cpuid2 *cpuid,
                    const struct vpmu_model *limit);

/* --- emulate*.c: a KVM with another PMU ---------------------------------------------------- */

/* Each carries out a request as a KVM with the emulated PMU would; like ioctl(). */
int emulate_ioctl(struct object *object, int fd, unsigned long request, void *argument);
bool emulates(void);

void emulate_new_vm(struct object *vm, int fd);
void emulate_new_vcpu(struct object *vcpu, int kvm_fd, int fd);
void emulate_end_vcpu(struct object *vcpu);

int emulate_supported_cpuid(int fd, struct kvm_cpuid2 *argument);
int emulate_set_cpuid(struct object *vcpu, int fd, struct kvm_cpuid2 *argument);
int emulate_index_list(int fd, unsigned long request, struct kvm_msr_list *argument);
int emulate_get_msrs(struct object *object, int fd, struct kvm_msrs *argument);
int emulate_set_msrs(struct object *vcpu, int fd, struct kvm_msrs *argument);
int emulate_msr_filter(struct object *vm, int fd, struct kvm_msr_filter *argument);
int emulate_run(struct object *vcpu, int fd, void *argument);

/* The profile's version of the emulated model: what this KVM has. */
const struct vpmu_model *emulated_model(void);
const struct vpmu_profile *emulated_profile(void);

/* Whether the register is one that the emulated vendor's PMU may have; or any vendor's. */
bool emulated_msr(uint32_t msr);
bool pmu_msr(uint32_t msr);

/* The i-th run of neighbours among the emulated vendor's registers; false past the last. */
struct msr_run {
	uint32_t base, count;
};
enum { MSR_RUNS = 32 };
size_t emulated_runs(struct msr_run runs[MSR_RUNS]);

/* One access by the VMM: VPMU_NO_REGISTER leaves it to this host's KVM. */
enum vpmu_status emulated_read(struct emulated_vcpu *vcpu, uint32_t msr, uint64_t *value);
enum vpmu_status emulated_write(struct emulated_vcpu *vcpu, uint32_t msr, uint64_t value);

/* Keeps other threads and signal handlers away from a vCPU's machine. */
struct vcpu_hold {
	struct emulated_vcpu *vcpu;
	sigset_t signals;
};
struct vcpu_hold vcpu_hold(struct object *vcpu);
void vcpu_release(struct vcpu_hold *hold);

/* -1, with errno. */
static inline int fails(int error)
{
	errno = error;
	return -1;
}

#endif
