/* SPDX-License-Identifier: MIT */
/*
 * The guest's RDMSR and WRMSR. KVM's MSR filter turns each access to a PMU register into an exit,
 * which is answered here; the VMM does not see it.
 */
#include <string.h>

#include <watch/room_int.h>

/* --- The filter ---------------------------------------------------------------------------- */

/* A bitmap without a bit set: it denies every access. Large enough for the longest run of
 * registers. */
static __u8 denied[64];

static size_t our_ranges(struct kvm_msr_filter *filter)
{
	struct msr_run runs[MSR_RUNS];
	size_t count = emulated_runs(runs);

	for (size_t i = 0; i < count && i < KVM_MSR_FILTER_MAX_RANGES; i++)
		filter->ranges[i] = (struct kvm_msr_filter_range){
			.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
			.nmsrs = runs[i].count,
			.base = runs[i].base,
			.bitmap = denied,
		};
	return count;
}

static void lack(const struct object *vm, enum watch_lack what)
{
	struct watch_head head = record_head(vm, WATCH_LACK);

	head.argument = what;
	ring_write(&head, NULL, 0);
}

/* Then the guest's RDPMC gets #GP from this host's KVM, which count/rdpmc.c catches. */
static void switch_off_pmu(int fd)
{
	struct kvm_enable_cap off = {
		.cap = KVM_CAP_PMU_CAPABILITY,
		.args = {KVM_PMU_CAP_DISABLE},
	};

	real()->ioctl(fd, KVM_ENABLE_CAP, &off);
}

void emulate_new_vm(struct object *vm, int fd)
{
	struct kvm_enable_cap exits = {
		.cap = KVM_CAP_X86_USER_SPACE_MSR,
		.args = {KVM_MSR_EXIT_REASON_FILTER},
	};
	struct kvm_msr_filter filter = {.flags = KVM_MSR_FILTER_DEFAULT_ALLOW};
	int error = errno;

	our_ranges(&filter);
	if (counts())
		switch_off_pmu(fd);
	vm->as_vm.filters = !real()->ioctl(fd, KVM_ENABLE_CAP, &exits) &&
	                    !real()->ioctl(fd, KVM_X86_SET_MSR_FILTER, &filter);
	if (!vm->as_vm.filters)
		lack(vm, WATCH_LACK_EXITS);
	errno = error;
}

/*
 * The VMM sets a filter of its own: ours goes first, since the first range with the MSR decides
 * (kvm_msr_allowed). If there is no room for both, only the VMM's is set.
 */
int emulate_msr_filter(struct object *vm, int fd, struct kvm_msr_filter *argument)
{
	struct kvm_msr_filter theirs, both = {0};
	size_t count = our_ranges(&both);
	int result;

	if (!vm->as_vm.filters || !memory_read(&theirs, argument, sizeof(theirs)))
		return real()->ioctl(fd, KVM_X86_SET_MSR_FILTER, argument);
	both.flags = theirs.flags;
	for (size_t i = 0; i < KVM_MSR_FILTER_MAX_RANGES; i++) {
		if (!theirs.ranges[i].nmsrs)
			continue;
		if (count == KVM_MSR_FILTER_MAX_RANGES) {
			vm->as_vm.filters = false;
			lack(vm, WATCH_LACK_FILTER);
			return real()->ioctl(fd, KVM_X86_SET_MSR_FILTER, argument);
		}
		both.ranges[count++] = theirs.ranges[i];
	}
	result = real()->ioctl(fd, KVM_X86_SET_MSR_FILTER, &both);
	return result;
}

/* --- Exits --------------------------------------------------------------------------------- */

static bool is_access(const struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_X86_RDMSR || run->exit_reason == KVM_EXIT_X86_WRMSR;
}

/* Raises #GP for what the machine refuses, and for a vCPU without a PMU. */
static enum vpmu_status guest_access(struct emulated_vcpu *vcpu, struct kvm_run *run, bool writes)
{
	uint64_t value = run->msr.data;
	enum vpmu_status status;

	if (!vcpu->pmu)
		return VPMU_GP;
	if (writes)
		return vpmu_pmu_guest_write(vcpu->pmu, run->msr.index, value);
	status = vpmu_pmu_guest_read(vcpu->pmu, run->msr.index, &value);
	if (!status)
		run->msr.data = value;
	return status;
}

/*
 * An MSR that the VMM's own filter denies, where the VMM has not asked for exits: KVM would raise
 * #GP. The exit came only because we asked for exits.
 */
static bool deny(const struct object *vcpu, struct kvm_run *run)
{
	if (!vcpu->vm || !vcpu->vm->as_vm.filters || run->msr.reason & vcpu->vm->as_vm.exits)
		return false;
	run->msr.error = 1;
	return true;
}

/* Answers an access to one of our MSRs, and records the result. */
static void answer_ours(struct object *vcpu, struct kvm_run *run, struct watch_head *head,
                        struct watch_msr *entry)
{
	bool writes = run->exit_reason == KVM_EXIT_X86_WRMSR;

	run->msr.error = guest_access(&vcpu->as_vcpu, run, writes) != VPMU_OK;
	*head = record_head(vcpu, writes ? WATCH_GUEST_WRITE : WATCH_GUEST_READ);
	head->result = run->msr.error;
	head->count = 1;
	*entry = (struct watch_msr){.index = run->msr.index, .value = run->msr.data};
}

/* Answers the exit if it is one of ours. The page is touched only while the vCPU is held: another
 * thread may be in a KVM_RUN of the same vCPU. */
bool emulate_answer(struct object *vcpu, struct kvm_run *run)
{
	struct watch_head head;
	struct watch_msr entry;
	bool is_ours, answered = true;

	if (!is_access(run) || !vcpu_hold(vcpu))
		return false;
	is_ours = emulated_msr(run->msr.index);
	if (is_ours)
		answer_ours(vcpu, run, &head, &entry);
	else
		answered = deny(vcpu, run);
	vcpu_release(vcpu);
	if (is_ours)
		ring_write(&head, &entry, sizeof(entry));
	return answered;
}

bool emulate_enter(struct object *vcpu, struct vpmu_outcome *outcome)
{
	if (!vcpu_hold(vcpu))
		return false;
	vcpu->as_vcpu.has_run = true;
	*outcome = (struct vpmu_outcome){0};
	if (vcpu->as_vcpu.pmu)
		*outcome = vpmu_pmu_enter(vcpu->as_vcpu.pmu);
	vcpu_release(vcpu);
	return true;
}

/*
 * Runs the vCPU, and answers our exits. The next KVM_RUN completes the access before it checks for
 * a signal or immediate_exit, so the VMM is not kept waiting. By then the descriptor may be another
 * object's. An answered exit must be completed on the vCPU that it came from: the caller keeps a
 * use of the object, and the descriptor must still lead to it.
 */
static int run_answered(struct object *vcpu, int fd, void *argument, struct kvm_run *run)
{
	struct vpmu_outcome outcome;
	struct object *there;
	int result;

	do {
		table_count_run(vcpu);
		if (!emulate_enter(vcpu, &outcome))
			return fails(EINTR);
		result = real()->ioctl(fd, KVM_RUN, argument);
		if (result || !run || !emulate_answer(vcpu, run))
			return result;
		there = table_get(fd);
		if (there)
			table_put(there);
	} while (there == vcpu);
	return fails(EINTR);
}

int emulate_run(struct object *vcpu, int fd, void *argument)
{
	struct kvm_run *run = emulate_map_get(vcpu);
	int result, error;

	if (!counts() || !count_run(vcpu, fd, argument, run, &result))
		result = run_answered(vcpu, fd, argument, run);
	error = errno;
	if (run)
		emulate_map_put(vcpu);
	errno = error;
	return result;
}
