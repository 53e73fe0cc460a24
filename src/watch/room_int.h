/* SPDX-License-Identifier: MIT */
/*
 * What the files of the preload library share. The library lives in somebody else's process. While
 * following it takes no locks, allocates no memory, preserves errno, and leaves alone what it does
 * not know. After its constructor it makes no system call except those that the VMM asks for (the
 * table is in entry.c): a seccomp filter may kill the VMM for any other.
 */
#ifndef WATCH_ROOM_INT_H
#define WATCH_ROOM_INT_H

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/types.h>

#include <vpmu/pmu.h>
#include <vpmu/simulate.h>
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
	void *(*mmap)(void *at, size_t bytes, int prot, int flags, int fd, off_t offset);
	int (*munmap)(void *at, size_t bytes);
	long (*syscall)(long number, ...);
	int (*sigaction)(int number, const struct sigaction *action, struct sigaction *before);
	sighandler_t (*signal)(int number, sighandler_t handler);
};

/* Found at the first call; a function that this system lacks is NULL. */
const struct real *real(void);

/* --- ring.c: records ----------------------------------------------------------------------- */

/* The file that is shared with the tool, or NULL when this process is not watched. */
extern struct watch_shared *shared;

/* Maps the file that the environment names. */
void ring_attach(void);

/* Writes a record. The caller fills in the head except ready, slots and process; time 0 stands for
 * now. Waits no longer than WATCH_WAIT_MS. */
void ring_write(struct watch_head *head, const void *payload, size_t bytes);

/* CLOCK_MONOTONIC in ns; 0 where that would take a system call. */
uint64_t now(void);

/* This process's ID, read at the start; 0 after a fork(). */
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
	_Atomic uint32_t vcpus; /* created so far */
	uint64_t exits;         /* the VMM's own flags of KVM_CAP_X86_USER_SPACE_MSR */
	bool filters;           /* our MSR filter is in place */
};

struct emulated_vcpu {
	const void *_Atomic holder;  /* the thread that works on this, or NULL */
	struct run_map *_Atomic map; /* may be that of an earlier vCPU */
	bool has_run;
	struct vpmu_pmu *pmu; /* in table_machine(); NULL before the first CPUID */
};

/* One per object, however many descriptors lead to it. */
struct object {
	_Atomic uint32_t kind; /* enum object_kind */
	_Atomic uint32_t uses; /* descriptors, calls that are being made, and for a VM its vCPUs */
	uint32_t serial;       /* of VMs, and of vCPUs; WATCH_NONE */
	uint32_t vcpu_id;
	struct object *vm; /* a vCPU's; NULL: unknown */
	bool inherited; /* by fork(): what its last descriptor here closes lives on in the parent */
	_Atomic bool pmu_off; /* of a VM: KVM_PMU_CAP_DISABLE */
	_Atomic uint64_t *runs;
	_Atomic uint64_t own_runs; /* where there is no room in the shared file */
	union {
		struct emulated_vm as_vm;
		struct emulated_vcpu as_vcpu;
	};
};

/* Reserves addresses, without memory, for as many entries as this process may have. At the start
 * only. */
void *table_reserve(size_t bytes, unsigned most, unsigned *count);

/* Adds a use, unless there are none: then the object is being freed, or not yet made. */
bool table_count_on(_Atomic uint32_t *uses);

/* Raises the end of the entries ever used. */
void table_raise(_Atomic unsigned *end, unsigned to);

/* Reserves the tables' addresses. */
void table_start(bool with_machines);

/* An object's place in the table. */
unsigned table_number(const struct object *object);

/* Where a vCPU's register machine is: VPMU_PMU_BYTES. */
void *table_machine(const struct object *object);

/* The object behind a descriptor; it lives until table_put(). NULL: unknown descriptor. */
struct object *table_get(int fd);
void table_put(struct object *object);

/* Enters a descriptor that a call returned, with a new object, to be released by table_put(); NULL
 * when there is no room. */
struct object *table_add(int fd, enum object_kind kind, struct object *vm, uint32_t vcpu_id);

/* Makes the descriptor `to` lead where `from` leads, which may be nowhere known. */
void table_copy(int from, int to);

/* The descriptor now leads to something else. */
void table_drop(int fd);

/* The descriptor is about to be closed; it has been closed. In between it is not taken for a
 * stray. */
void table_close(int fd);
void table_closed(int fd);
bool table_is_closing(int fd);

/* Calls `what` for all descriptors in use within the range. */
void table_each(unsigned first, unsigned last, void (*what)(int fd));

/* Counts a KVM_RUN on the vCPU. */
void table_count_run(struct object *vcpu);

/* After a fork(): this process has its own copy of the table. */
void table_forked(void);

/* --- vfork.c ------------------------------------------------------------------------------- */

/* Whether this is the child of a vfork(). */
bool entry_in_vfork(void);

/* --- memory.c: the VMM's memory, which need not be there ------------------------------------ */

/* False (EFAULT) when it cannot be read or written. */
bool memory_read(void *into, const void *from, size_t bytes);
bool memory_write(void *into, const void *from, size_t bytes);

/* --- follow.c ------------------------------------------------------------------------------ */

/* Carries out a KVM request on a known object, and records it. */
int follow_ioctl(struct object *object, int fd, unsigned long request, void *argument);

/* The same on an unknown descriptor; the request tells what it is. */
int follow_unknown(int fd, unsigned long request, void *argument);

/* The head of a record on an object. */
struct watch_head record_head(const struct object *object, enum watch_kind kind);

/* --- model.c: what the VMM's CPUID makes --------------------------------------------------- */

/*
 * The PMU that KVM gives a vCPU with these leaves. limit: what this KVM can give, NULL: the host's
 * own. False: they contradict each other. leaves: those that were looked at.
 */
struct cpuid_leaves {
	size_t count;
	struct vpmu_cpuid at[VPMU_CPUID_LEAVES];
};
bool model_of_cpuid(struct vpmu_model *model, const struct kvm_cpuid2 *cpuid,
                    const struct vpmu_model *limit, struct cpuid_leaves *leaves);

/* --- emulate*.c: a KVM with another PMU ---------------------------------------------------- */

/* Each carries out a request as a KVM with the emulated PMU would; like ioctl(). */
int emulate_ioctl(struct object *object, int fd, unsigned long request, void *argument);
bool emulates(void);

void emulate_new_vm(struct object *vm, int fd);
void emulate_new_vcpu(struct object *vcpu);
void emulate_new_object(struct object *object);

/* The VMM has mapped a descriptor's memory; it is about to unmap memory. */
void emulate_mapped(int fd, void *at, size_t bytes, int prot, int flags);
void emulate_unmapped(const void *at, size_t bytes);
void emulate_start(void);

/* Our mapping, which stays until emulate_map_put(); NULL: the VMM has none, or none any more. */
struct kvm_run *emulate_map_get(struct object *vcpu);
void emulate_map_put(struct object *vcpu);

int emulate_supported_cpuid(int fd, struct kvm_cpuid2 *argument);
int emulate_set_cpuid(struct object *vcpu, int fd, struct kvm_cpuid2 *argument);
int emulate_index_list(int fd, unsigned long request, struct kvm_msr_list *argument);
int emulate_get_msrs(struct object *object, int fd, struct kvm_msrs *argument);
int emulate_one_reg(struct object *vcpu, int fd, unsigned long request,
                    struct kvm_one_reg *argument);
int emulate_set_msrs(struct object *vcpu, int fd, struct kvm_msrs *argument);
int emulate_msr_filter(struct object *vm, int fd, struct kvm_msr_filter *argument);
int emulate_run(struct object *vcpu, int fd, void *argument);

/* An entry into the guest, as the machine sees it. False: this thread is at work on it already. */
bool emulate_enter(struct object *vcpu, struct vpmu_outcome *outcome);

/* Answers an exit if it is an access to one of our MSRs. */
bool emulate_answer(struct object *vcpu, struct kvm_run *run);

/* The profile's version of the emulated model: what this KVM has. */
const struct vpmu_model *emulated_model(void);
const struct vpmu_profile *emulated_profile(void);

/* At the start, once: how many registers each vendor's PMU may have. */
void emulate_learn_registers(void);

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

/*
 * Keeps other threads away from a vCPU's machine. False when this thread itself holds it: then a
 * signal handler has interrupted the holder, and cannot wait for it.
 */
bool vcpu_hold(struct object *vcpu);
void vcpu_release(struct object *vcpu);

/* The file to open in place of a parameter of KVM's modules; NULL: path itself. */
const char *parameter_file(const char *path, int flags);

/* --- cpuid.c: the CPUID instruction ---------------------------------------------------------- */

/* At the start, emulating. */
void cpuid_start(void);

/* --- count*.c: the emulated PMU counts ------------------------------------------------------- */

bool counts(void);
void count_start(void);
void count_new_object(const struct object *object);

/* KVM_RUN; false: this vCPU does not count, and is run like any other. */
bool count_run(struct object *vcpu, int fd, void *argument, struct kvm_run *page, int *result);

/* Actions of the VMM that counting must know of. */
void count_note_memory(struct object *vm, uint32_t slot, uint64_t guest, uint64_t bytes,
                       uint64_t host);
void count_note_regs(const struct object *vcpu);
void count_note_debug(const struct object *vcpu, const struct kvm_guest_debug *debug);
void count_note_filter(const struct object *vm, const struct vpmu_filter *filter);

/* -1, with errno. */
static inline int fails(int error)
{
	errno = error;
	return -1;
}

#endif
