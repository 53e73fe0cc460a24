/* SPDX-License-Identifier: MIT */
/*
 * Following: each request that matters is a row, which says what of it goes into the record. The
 * argument is read only when the call has succeeded, for then the kernel has found it to be there.
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

/* The head is begun before the call; what the object is now is filled in after it. */
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
			emulate_new_vcpu(vcpu, call->fd, call->result);
		call->head.vcpu = vcpu ? vcpu->serial : WATCH_NONE;
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
	write_record(call, list->indices, bytes);
}

static void record_set_cpuid(struct call *call)
{
	const struct kvm_cpuid2 *cpuid = call->argument;
	struct vpmu_model model;
	bool known = false;

	if (call->result >= 0) {
		call->head.count = cpuid->nent;
		known = model_of_cpuid(&model, cpuid, emulates() ? emulated_model() : NULL);
	}
	write_record(call, &model, known ? sizeof(model) : 0);
}

static void record_set_regs(struct call *call)
{
	const struct kvm_regs *regs = call->argument;

	if (call->result >= 0)
		call->head.argument = regs->rip;
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

/* The requests that are written down, and on what they are made. */
static const struct row {
	unsigned long request;
	uint32_t on; /* bits 1 << enum object_kind */
	enum watch_kind kind;
	recorder *record;
} rows[] = {
#define ON(kind) (1u << OBJECT_##kind)
	{KVM_SET_MSRS, ON(VCPU), WATCH_SET_MSRS, record_msrs},
	{KVM_GET_MSRS, ON(VCPU) | ON(SYSTEM), WATCH_GET_MSRS, record_msrs},
	{KVM_SET_REGS, ON(VCPU), WATCH_SET_REGS, record_set_regs},
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

/* KVM looks at 32 bits of a request, and so must we: int was the type once. */
static int carry_out(struct object *object, int fd, unsigned long request, void *argument)
{
	if (emulates())
		return emulate_ioctl(object, fd, request, argument);
	if (request == KVM_RUN && object->kind == OBJECT_VCPU)
		atomic_fetch_add_explicit(object->runs, 1, memory_order_relaxed);
	return real()->ioctl(fd, request, argument);
}

int follow_ioctl(struct object *object, int fd, unsigned long request, void *argument)
{
	const struct row *row;
	struct call call;
	uint64_t start;
	int error;

	request = (uint32_t)request;
	row = find_row(object, request);
	if (!row)
		return carry_out(object, fd, request, argument);
	start = now();
	call = (struct call){.object = object, .fd = fd, .argument = argument};
	call.result = carry_out(object, fd, request, argument);
	error = errno;
	call.head = record_head(object, row->kind);
	call.head.time = now();
	call.head.spent = call.head.time - start;
	call.head.result = call.result;
	call.head.error = call.result < 0 ? (uint32_t)error : 0;
	row->record(&call);
	errno = error;
	return call.result;
}
