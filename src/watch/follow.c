/* SPDX-License-Identifier: MIT */
/*
 * Follows KVM requests. Each request that matters is a row, which says what goes into its record.
 * The argument is read only after the call has succeeded: then the kernel has found it readable.
 */
#include <string.h>

#include "room_int.h"

/* A call that has been made. */
struct call {
	struct object *object;
	int fd;
	void *argument;
	int result;
	struct watch_head head;
};

/* Completes call->head and writes the record. */
typedef void recorder(struct call *call);

struct watch_head record_head(const struct object *object, enum watch_kind kind)
{
	const struct object *vm = object->kind == OBJECT_VCPU ? object->vm : object;
	bool is_vcpu = object->kind == OBJECT_VCPU;

	return (struct watch_head){
		.kind = (uint16_t)kind,
		.vm = vm && object->kind != OBJECT_SYSTEM ? vm->serial : WATCH_NONE,
		.vcpu = is_vcpu ? object->serial : WATCH_NONE,
		.vcpu_id = object->vcpu_id,
		.runs = is_vcpu ? atomic_load(object->runs) : 0,
	};
}

static void write_record(struct call *call, const void *payload, size_t bytes)
{
	ring_write(&call->head, payload, bytes);
}

/* --- What goes into a record ---------------------------------------------------------------- */

static void record_number(struct call *call)
{
	call->head.argument = (uintptr_t)call->argument;
	write_record(call, NULL, 0);
}

static void record_vm(struct call *call)
{
	struct object *vm;

	if (call->result >= 0) {
		vm = table_add(call->result, OBJECT_VM, NULL, 0);
		if (vm && emulates())
			emulate_new_vm(vm, call->result);
		call->head.vm = vm ? vm->serial : WATCH_NONE;
		if (vm)
			table_put(vm);
		else
			atomic_fetch_add(&shared->lost, 1);
	}
	write_record(call, NULL, 0);
}

static void record_vcpu(struct call *call)
{
	uint32_t id = (uint32_t)(uintptr_t)call->argument;
	struct object *vcpu;

	call->head.vcpu_id = id;
	if (call->result >= 0) {
		vcpu = table_add(call->result, OBJECT_VCPU, call->object, id);
		if (vcpu && emulates())
			emulate_new_vcpu(vcpu);
		call->head.vcpu = vcpu ? vcpu->serial : WATCH_NONE;
		if (vcpu)
			table_put(vcpu);
		else
			atomic_fetch_add(&shared->lost, 1);
	}
	write_record(call, NULL, 0);
}

static void record_cap(struct call *call)
{
	const struct kvm_enable_cap *cap = call->argument;
	struct watch_msr value = {0};

	if (call->result >= 0) {
		call->head.argument = cap->cap;
		value.value = cap->args[0];
		if (cap->cap == KVM_CAP_PMU_CAPABILITY && call->object->kind == OBJECT_VM)
			atomic_store(&call->object->pmu_off, cap->args[0] & KVM_PMU_CAP_DISABLE);
	}
	write_record(call, &value, sizeof(value));
}

static void record_supported(struct call *call)
{
	const struct kvm_cpuid2 *cpuid = call->argument;

	if (call->result >= 0)
		call->head.count = cpuid->nent;
	write_record(call, NULL, 0);
}

static void record_index_list(struct call *call)
{
	const struct kvm_msr_list *list = call->argument;
	uint32_t bytes = 0;

	if (call->result >= 0) {
		call->head.count = list->nmsrs;
		bytes = list->nmsrs * (uint32_t)sizeof(list->indices[0]);
	}
	if (bytes > WATCH_PAYLOAD * sizeof(struct watch_msr))
		bytes = WATCH_PAYLOAD * sizeof(struct watch_msr);
	write_record(call, list->indices, bytes);
}

static void record_set_cpuid(struct call *call)
{
	const struct kvm_cpuid2 *cpuid = call->argument;
	struct cpuid_leaves leaves;
	struct vpmu_model model;
	bool known = false;

	if (call->result >= 0) {
		call->head.count = cpuid->nent;
		known = model_of_cpuid(&model, cpuid, emulates() ? emulated_model() : NULL,
		                       &leaves);
		if (call->object->vm && atomic_load(&call->object->vm->pmu_off))
			call->head.argument |= WATCH_PMU_OFF;
		call->head.argument |= known ? 0 : WATCH_NO_MODEL;
	}
	if (known)
		write_record(call, &model, sizeof(model));
	else
		write_record(call, leaves.at,
		             call->result >= 0 ? leaves.count * sizeof(leaves.at[0]) : 0);
}

/* A digest of the general registers, which distinguishes one moment of a guest from another. */
static uint64_t digest(const struct kvm_regs *regs)
{
	const uint64_t *words = (const uint64_t *)regs;
	uint64_t hash = 0;

	for (size_t i = 0; i < sizeof(*regs) / sizeof(*words); i++)
		hash = hash_mix(hash, words[i]);
	return hash ? hash : 1;
}

static void record_regs(struct call *call)
{
	const struct kvm_regs *regs = call->argument;

	if (call->result >= 0) {
		call->head.argument = regs->rip;
		call->head.general = digest(regs);
	}
	write_record(call, NULL, 0);
}

static void record_msrs(struct call *call)
{
	const struct kvm_msrs *msrs = call->argument;
	size_t bytes = 0;

	if (call->result >= 0) {
		call->head.count = msrs->nmsrs;
		bytes = (msrs->nmsrs <= MAX_MSRS ? msrs->nmsrs : MAX_MSRS) *
		        sizeof(msrs->entries[0]);
	}
	write_record(call, msrs->entries, bytes);
}

/* Records an MSR as a batch of one: done, or refused (EINVAL). Other registers are not recorded. */
static void record_one_reg(struct call *call)
{
	struct watch_msr entry = {0};
	struct kvm_one_reg reg;

	if (call->result < 0 && call->head.error != EINVAL)
		return;
	if (!memory_read(&reg, call->argument, sizeof(reg)) || !is_one_msr(&reg) ||
	    !memory_read(&entry.value, (void *)(uintptr_t)reg.addr, sizeof(entry.value)))
		return;
	entry.index = (uint32_t)reg.id;
	call->head.count = 1;
	call->head.result = call->result >= 0;
	call->head.error = 0;
	write_record(call, &entry, sizeof(entry));
}

static void record_filter(struct call *call)
{
	const struct kvm_pmu_event_filter *filter = call->argument;

	if (call->result >= 0) {
		call->head.argument = filter->action;
		call->head.count = filter->nevents;
	}
	write_record(call, NULL, 0);
}

static void record_nothing(struct call *call)
{
	write_record(call, NULL, 0);
}

/* The requests that are recorded, and the kinds of object that take them. */
static const struct row {
	unsigned long request;
	uint32_t on; /* bits 1 << enum object_kind */
	enum watch_kind kind;
	recorder *record;
} rows[] = {
#define ON(kind) (1u << OBJECT_##kind)
	{KVM_SET_MSRS, ON(VCPU), WATCH_SET_MSRS, record_msrs},
	{KVM_GET_MSRS, ON(VCPU) | ON(SYSTEM), WATCH_GET_MSRS, record_msrs},
	{KVM_SET_ONE_REG, ON(VCPU), WATCH_SET_MSRS, record_one_reg},
	{KVM_GET_ONE_REG, ON(VCPU), WATCH_GET_MSRS, record_one_reg},
	{KVM_SET_REGS, ON(VCPU), WATCH_SET_REGS, record_regs},
	{KVM_GET_REGS, ON(VCPU), WATCH_GET_REGS, record_regs},
	{KVM_SET_CPUID2, ON(VCPU), WATCH_SET_CPUID, record_set_cpuid},
	{KVM_CREATE_VM, ON(SYSTEM), WATCH_VM, record_vm},
	{KVM_CREATE_VCPU, ON(VM), WATCH_VCPU, record_vcpu},
	{KVM_CHECK_EXTENSION, ON(SYSTEM) | ON(VM), WATCH_CHECK, record_number},
	{KVM_ENABLE_CAP, ON(VM) | ON(VCPU), WATCH_CAP, record_cap},
	{KVM_GET_SUPPORTED_CPUID, ON(SYSTEM), WATCH_SUPPORTED, record_supported},
	{KVM_GET_MSR_INDEX_LIST, ON(SYSTEM), WATCH_INDEX_LIST, record_index_list},
	{KVM_SET_PMU_EVENT_FILTER, ON(VM), WATCH_FILTER, record_filter},
	{KVM_X86_SET_MSR_FILTER, ON(VM), WATCH_MSR_FILTER, record_nothing},
#undef ON
};

static const struct row *find_row(const struct object *object, unsigned long request)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].request == request)
			return rows[i].on >> object->kind & 1 ? &rows[i] : NULL;
	return NULL;
}

/* KVM looks at only 32 bits of a request, so we must, too: its type was int once. */
static int carry_out(struct object *object, int fd, unsigned long request, void *argument)
{
	if (emulates())
		return emulate_ioctl(object, fd, request, argument);
	if (request == KVM_RUN && object->kind == OBJECT_VCPU)
		table_count_run(object);
	return real()->ioctl(fd, request, argument);
}

/* Writes down a call that has been made. */
static void write_down(const struct row *row, struct call *call, uint64_t start)
{
	int error = errno;

	call->head = record_head(call->object, row->kind);
	call->head.time = now();
	call->head.spent = call->head.time - start;
	call->head.result = call->result;
	call->head.error = call->result < 0 ? (uint32_t)error : 0;
	row->record(call);
	errno = error;
}

int follow_ioctl(struct object *object, int fd, unsigned long request, void *argument)
{
	struct call call = {.object = object, .fd = fd, .argument = argument};
	const struct row *row;
	uint64_t start;

	request = (uint32_t)request;
	row = find_row(object, request);
	if (!row)
		return carry_out(object, fd, request, argument);
	start = now();
	call.result = carry_out(object, fd, request, argument);
	write_down(row, &call, start);
	return call.result;
}

/* --- Descriptors that came another way ------------------------------------------------------ */

/*
 * Descriptors that came by SCM_RIGHTS, by a system call of the VMM's own, or by a function that is
 * not followed. Asking what such a descriptor is would take a system call that the VMM has not
 * made, but a request that succeeds tells. It does not tell which VM or vCPU it is: perhaps one
 * that is known by another descriptor. So the descriptor is entered as a stray, and anything done
 * through it makes the verdict unknown.
 */
static const struct {
	unsigned long request;
	enum object_kind kind;
} tells[] = {
	{KVM_GET_API_VERSION, OBJECT_SYSTEM},
	{KVM_CREATE_VM, OBJECT_SYSTEM},
	{KVM_GET_VCPU_MMAP_SIZE, OBJECT_SYSTEM},
	{KVM_GET_SUPPORTED_CPUID, OBJECT_SYSTEM},
	{KVM_GET_MSR_INDEX_LIST, OBJECT_SYSTEM},
	{KVM_CREATE_VCPU, OBJECT_VM},
	{KVM_SET_USER_MEMORY_REGION, OBJECT_VM},
	{KVM_SET_PMU_EVENT_FILTER, OBJECT_VM},
	{KVM_X86_SET_MSR_FILTER, OBJECT_VM},
	{KVM_RUN, OBJECT_VCPU},
	{KVM_GET_REGS, OBJECT_VCPU},
	{KVM_SET_REGS, OBJECT_VCPU},
	{KVM_GET_SREGS, OBJECT_VCPU},
	{KVM_SET_SREGS, OBJECT_VCPU},
	{KVM_SET_CPUID2, OBJECT_VCPU},
	/* Also a question about features on /dev/kvm; but whoever asks that has made another
         * request before. */
	{KVM_GET_MSRS, OBJECT_VCPU},
	{KVM_SET_MSRS, OBJECT_VCPU},
};

static enum object_kind told_by(unsigned long request)
{
	for (size_t i = 0; i < ARRAY_SIZE(tells); i++)
		if (tells[i].request == request)
			return tells[i].kind;
	return OBJECT_FREE;
}

/* Whether the object is to be recorded as a stray: a vCPU always. A vCPU that is made through an
 * unseen VM is known. But under --emulate, an unseen VM may lack the emulated PMU, and an unseen
 * /dev/kvm has given this host's own answers. */
static bool is_stray(enum object_kind kind, unsigned long request)
{
	if (kind == OBJECT_VCPU || !emulates())
		return kind == OBJECT_VCPU;
	return kind == OBJECT_VM || request == KVM_GET_SUPPORTED_CPUID ||
	       request == KVM_GET_MSR_INDEX_LIST;
}

static void note_stray(const struct object *object)
{
	struct watch_head head = record_head(object, WATCH_STRAY);

	head.argument = object->kind != OBJECT_VCPU;
	ring_write(&head, NULL, 0);
}

int follow_unknown(int fd, unsigned long request, void *argument)
{
	uint64_t start = now();
	struct call call = {.fd = fd, .argument = argument};
	enum object_kind kind = told_by(request = (uint32_t)request);
	const struct row *row;
	int error;

	call.result = real()->ioctl(fd, request, argument);
	if (call.result < 0 || kind == OBJECT_FREE)
		return call.result;
	error = errno;
	call.object = table_add(fd, kind, NULL, WATCH_NONE);
	if (!call.object) {
		atomic_fetch_add(&shared->lost, 1);
		errno = error;
		return call.result;
	}
	if (is_stray(kind, request))
		note_stray(call.object);
	row = find_row(call.object, request);
	if (row)
		write_down(row, &call, start);
	else if (request == KVM_RUN)
		table_count_run(call.object);
	table_put(call.object);
	errno = error;
	return call.result;
}
