/* SPDX-License-Identifier: MIT */
/*
 * KVM_GET_MSRS and KVM_SET_MSRS, answered by the register machine for the PMU's registers and by
 * this host's KVM for all others. As in the kernel, entries are done one after the other, the first
 * one refused ends the call, and the return value is how many were done (msr_io() and __msr_io() in
 * Linux arch/x86/kvm/x86.c). Neighbouring entries for KVM go in one call.
 */
#include <string.h>

#include <watch/room_int.h>

struct batch {
	struct object *object;
	int fd;
	unsigned long request;
	union msrs_room *room;
	union msrs_room *part; /* what one call to this host's KVM takes */
};

/* IA32_PERF_CAPABILITIES is also a feature MSR of the system descriptor: the model's value. */
static enum vpmu_status feature(uint32_t msr, uint64_t *value)
{
	if (msr != VPMU_MSR_PERF_CAPABILITIES || !emulated_msr(msr))
		return VPMU_NO_REGISTER;
	*value = emulated_model()->perf_capabilities;
	return VPMU_OK;
}

static enum vpmu_status emulated(struct batch *batch, struct kvm_msr_entry *entry)
{
	enum vpmu_status status;
	uint64_t value = entry->data;

	if (batch->object->kind == OBJECT_SYSTEM)
		status = feature(entry->index, &value);
	else if (!pmu_msr(entry->index))
		return VPMU_NO_REGISTER;
	else {
		if (!vcpu_hold(batch->object))
			return VPMU_HOST;
		status = batch->request == KVM_SET_MSRS
		                 ? emulated_write(&batch->object->as_vcpu, entry->index, value)
		                 : emulated_read(&batch->object->as_vcpu, entry->index, &value);
		vcpu_release(batch->object);
	}
	if (!status)
		entry->data = value;
	return status;
}

/* Passes a write of IA32_MISC_ENABLE on to this host's KVM, which goes by some of its bits; its
 * answer is ignored. */
static void tell_host(struct batch *batch, const struct kvm_msr_entry *entry)
{
	struct kvm_msrs *part = &batch->part->msrs;

	if (batch->request != KVM_SET_MSRS || entry->index != MSR_MISC_ENABLE)
		return;
	part->nmsrs = 1;
	part->pad = 0;
	part->entries[0] = *entry;
	real()->ioctl(batch->fd, batch->request, part);
}

/* Whether the entry is for this host's KVM: not a PMU register, or one that only the host has. */
static bool is_for_host(struct batch *batch, const struct kvm_msr_entry *entry)
{
	struct kvm_msr_entry copy = *entry;

	if (batch->object->kind == OBJECT_SYSTEM)
		return feature(copy.index, &(uint64_t){0}) == VPMU_NO_REGISTER;
	return !pmu_msr(copy.index);
}

/* Passes on the entries from `first` up to the machine's next one, in one call. Returns how many
 * were done, or -1; *asked: how many there were. */
static int pass_on(struct batch *batch, unsigned first, unsigned *asked)
{
	struct kvm_msrs *msrs = &batch->room->msrs, *part = &batch->part->msrs;
	unsigned count = 1;
	int done;

	while (first + count < msrs->nmsrs && is_for_host(batch, &msrs->entries[first + count]))
		count++;
	*asked = count;
	part->nmsrs = count;
	part->pad = 0;
	memcpy(part->entries, &msrs->entries[first], count * sizeof(part->entries[0]));
	done = real()->ioctl(batch->fd, batch->request, part);
	if (done > 0)
		memcpy(&msrs->entries[first], part->entries,
		       (unsigned)done * sizeof(part->entries[0]));
	return done;
}

/* Returns how many entries were done; -1 when the first call to the host's KVM failed as a whole.
 */
static int do_batch(struct batch *batch)
{
	struct kvm_msrs *msrs = &batch->room->msrs;
	unsigned done = 0;

	while (done < msrs->nmsrs) {
		enum vpmu_status status = emulated(batch, &msrs->entries[done]);
		unsigned asked = 1;
		int passed;

		if (!status) {
			tell_host(batch, &msrs->entries[done]);
			done++;
			continue;
		}
		/* A signal handler has interrupted its own thread's work on this vCPU. */
		if (status == VPMU_HOST && !done)
			return fails(EINTR);
		if (status != VPMU_NO_REGISTER)
			break;
		passed = pass_on(batch, done, &asked);
		if (passed < 0)
			return done ? (int)done : passed;
		done += (unsigned)passed;
		if ((unsigned)passed < asked)
			break;
	}
	return (int)done;
}

static int read_batch(struct batch *batch, const struct kvm_msrs *argument)
{
	struct kvm_msrs *msrs = &batch->room->msrs;

	if (!memory_read(msrs, argument, sizeof(*msrs)))
		return fails(EFAULT);
	if (msrs->nmsrs > MAX_MSRS)
		return fails(E2BIG);
	if (!memory_read(msrs->entries, argument->entries, msrs->nmsrs * sizeof(msrs->entries[0])))
		return fails(EFAULT);
	return 0;
}

int emulate_set_msrs(struct object *vcpu, int fd, struct kvm_msrs *argument)
{
	union msrs_room room, part;
	struct batch batch = {vcpu, fd, KVM_SET_MSRS, &room, &part};

	return read_batch(&batch, argument) ? -1 : do_batch(&batch);
}

/* The kernel writes back all entries; those after the refused one are unchanged. */
int emulate_get_msrs(struct object *object, int fd, struct kvm_msrs *argument)
{
	union msrs_room room, part;
	struct batch batch = {object, fd, KVM_GET_MSRS, &room, &part};
	int done;

	if (read_batch(&batch, argument))
		return -1;
	done = do_batch(&batch);
	if (done >= 0 && !memory_write(argument->entries, room.msrs.entries,
	                               room.msrs.nmsrs * sizeof(argument->entries[0])))
		return fails(EFAULT);
	return done;
}

/* A register of the machine is handled as a batch of one. kvm_get_set_one_reg() has no error but
 * EINVAL. */
int emulate_one_reg(struct object *vcpu, int fd, unsigned long request,
                    struct kvm_one_reg *argument)
{
	union msrs_room room = {.msrs.nmsrs = 1}, part;
	struct batch batch = {vcpu, fd, request == KVM_SET_ONE_REG ? KVM_SET_MSRS : KVM_GET_MSRS,
	                      &room, &part};
	struct kvm_msr_entry *entry = room.msrs.entries;
	struct kvm_one_reg reg;
	__u64 *value;

	if (!memory_read(&reg, argument, sizeof(reg)) || !is_one_msr(&reg) ||
	    !pmu_msr((uint32_t)reg.id))
		return real()->ioctl(fd, request, argument);
	value = (__u64 *)(uintptr_t)reg.addr;
	entry->index = (uint32_t)reg.id;
	entry->reserved = 0;
	if (!memory_read(&entry->data, value, sizeof(*value)))
		return fails(EFAULT);
	if (do_batch(&batch) != 1)
		return fails(EINVAL);
	if (request == KVM_GET_ONE_REG)
		memory_write(value, &entry->data, sizeof(*value));
	return 0;
}
