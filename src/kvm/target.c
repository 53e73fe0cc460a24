/* SPDX-License-Identifier: MIT */
/* A vCPU's MSRs, through KVM_GET_MSRS and KVM_SET_MSRS. */
#include <errno.h>
#include <string.h>

#include "room_int.h"

/* The argument of both calls. */
union msr_batch {
	struct kvm_msrs head;
	char bytes[sizeof(struct kvm_msrs) + VPMU_KVM_BATCH * sizeof(struct kvm_msr_entry)];
};

_Static_assert(sizeof(struct vpmu_msr) == sizeof(struct kvm_msr_entry) &&
                       offsetof(struct vpmu_msr, index) == offsetof(struct kvm_msr_entry, index) &&
                       offsetof(struct vpmu_msr, value) == offsetof(struct kvm_msr_entry, data),
               "struct vpmu_msr is laid out as struct kvm_msr_entry");

/* One call; how many were done, or a negative errno. */
static int one_batch(const struct vpmu_kvm_vcpu *vcpu, unsigned long request,
                     const struct vpmu_msr *msrs, unsigned count, union msr_batch *batch)
{
	int done;

	memset(&batch->head, 0, sizeof(batch->head));
	batch->head.nmsrs = count;
	memcpy(batch->head.entries, msrs, count * sizeof(*msrs));
	done = kvm_call(calls_or_kernel(vcpu->calls), vcpu->fd, request, batch);
	return done > (int)count ? (int)count : done;
}

/* What to return when a batch fails after `done` MSRs: a count, for those are done. */
static int failed_after(unsigned done, int error)
{
	return done ? (int)done : error;
}

static unsigned next_batch(unsigned left)
{
	return left < VPMU_KVM_BATCH ? left : VPMU_KVM_BATCH;
}

int vpmu_kvm_read(struct vpmu_kvm_vcpu *vcpu, struct vpmu_msr *msrs, unsigned count)
{
	union msr_batch batch;
	unsigned done = 0;

	if (!vcpu || (!msrs && count))
		return -EINVAL;
	while (done < count) {
		unsigned wanted = next_batch(count - done);
		int result = one_batch(vcpu, KVM_GET_MSRS, msrs + done, wanted, &batch);

		if (result < 0)
			return failed_after(done, result);
		/* The kernel fills in no more than it has read. */
		memcpy(msrs + done, batch.head.entries, (unsigned)result * sizeof(*msrs));
		done += (unsigned)result;
		if ((unsigned)result < wanted)
			break;
	}
	return (int)done;
}

int vpmu_kvm_write(struct vpmu_kvm_vcpu *vcpu, const struct vpmu_msr *msrs, unsigned count)
{
	union msr_batch batch;
	unsigned done = 0;

	if (!vcpu || (!msrs && count))
		return -EINVAL;
	while (done < count) {
		unsigned wanted = next_batch(count - done);
		int result = one_batch(vcpu, KVM_SET_MSRS, msrs + done, wanted, &batch);

		if (result < 0)
			return failed_after(done, result);
		done += (unsigned)result;
		if ((unsigned)result < wanted)
			break;
	}
	return (int)done;
}

static int target_read(void *context, struct vpmu_msr *msrs, unsigned count)
{
	return vpmu_kvm_read(context, msrs, count);
}

static int target_write(void *context, const struct vpmu_msr *msrs, unsigned count)
{
	return vpmu_kvm_write(context, msrs, count);
}

struct vpmu_target vpmu_target_kvm(struct vpmu_kvm_vcpu *vcpu)
{
	if (!vcpu)
		return (struct vpmu_target){0};
	return (struct vpmu_target){
		.read = target_read,
		.write = target_write,
		.context = vcpu,
		.batch = VPMU_KVM_BATCH,
	};
}
