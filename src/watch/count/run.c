/* SPDX-License-Identifier: MIT */
/*
 * KVM_RUN while the emulated PMU counts. While a counter runs, KVM enters the guest for one
 * instruction at a time (KVM_GUESTDBG_SINGLESTEP). Otherwise the guest runs at full speed, with a
 * breakpoint where an RDPMC would end up. The VMM sees the same exits as without counting.
 */
#include <string.h>

#include <watch/count.h>

enum {
	OWN_EXIT = 0x80,  /* immediate_exit as set by us; a VMM's signal handler writes another */
	BREAKPOINT_0 = 1, /* DR6.B0: breakpoint 0 was hit */
	DR7_ENABLE_0 = 0x402, /* breakpoint 0, on execution; and the bit that is always 1 */
	DR7_ENABLED = 0xff,
};

/* --- How KVM is to enter --------------------------------------------------------------------- */

static bool set_debug(struct counting *c, uint32_t control, uint64_t breakpoint)
{
	struct kvm_guest_debug debug = {.control = control};

	if (control & KVM_GUESTDBG_USE_HW_BP) {
		debug.arch.debugreg[0] = breakpoint;
		debug.arch.debugreg[7] = DR7_ENABLE_0 | 1;
	}
	return !real()->ioctl(c->fd, KVM_SET_GUEST_DEBUG, &debug);
}

/*
 * Sets single-stepping anew before each entry: KVM loses the trap flag when it emulates an
 * instruction or sets RFLAGS. After STI no interrupt may come before the next instruction, but KVM
 * drops that shadow when it steps.
 */
static bool set_step(struct counting *c)
{
	uint32_t control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;

	atomic_store(&c->state->is_armed, false);
	if (c->state->was_sti && set_debug(c, control | KVM_GUESTDBG_BLOCKIRQ, 0))
		return true;
	return set_debug(c, control, 0);
}

/*
 * The guest's own breakpoints take precedence over ours. Ours is checked again when the guest has
 * accessed its PMU or has been stepped: a guest that is about to execute RDPMC has done one of
 * these.
 */
static void set_breakpoint(struct counting *c)
{
	struct kvm_debugregs own;
	uint64_t at;

	if (atomic_exchange(&c->state->is_armed, true))
		return;
	if (!count_look(c) || !count_find_handler(c, &at) ||
	    real()->ioctl(c->fd, KVM_GET_DEBUGREGS, &own) || own.dr7 & DR7_ENABLED)
		set_debug(c, 0, 0);
	else
		set_debug(c, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, at);
}

static int run_guest(struct counting *c)
{
	c->is_fresh = false;
	return real()->ioctl(c->fd, KVM_RUN, c->argument);
}

/* --- Exits ----------------------------------------------------------------------------------- */

static bool wants_steps(struct counting *c)
{
	struct vpmu_pmu *pmu;
	bool wants;

	if (!vcpu_hold(c->object))
		return false;
	pmu = c->object->as_vcpu.pmu;
	wants = pmu && vpmu_pmu_wanted(pmu);
	vcpu_release(c->object);
	return wants;
}

/* A trap of the guest's own, which reached us only because of our breakpoint: gives it back. */
static void give_trap(struct counting *c)
{
	struct kvm_debugregs registers;

	if (!real()->ioctl(c->fd, KVM_GET_DEBUGREGS, &registers)) {
		registers.dr6 = c->run->debug.arch.dr6;
		real()->ioctl(c->fd, KVM_SET_DEBUGREGS, &registers);
	}
	atomic_store(&c->state->is_armed, false);
	set_debug(c, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_INJECT_DB, 0);
}

/* Handles KVM_EXIT_DEBUG, which is always ours, since the VMM does not debug. */
static void answer_debug(struct counting *c, bool stepped)
{
	if (stepped) {
		c->state->steps_over = false;
		if (count_look(c))
			count_settle(c, true);
		return;
	}
	if (!(c->run->debug.arch.dr6 & BREAKPOINT_0))
		give_trap(c);
	else if (!count_look(c) || !count_answer_fault(c))
		c->state->steps_over = true;
}

/* A WRMSR that the machine accepts retires before it takes effect: a counter that it stops still
 * counts it. */
static void before_write(struct counting *c)
{
	enum vpmu_status status = VPMU_GP;

	if (c->run->exit_reason != KVM_EXIT_X86_WRMSR || !emulated_msr(c->run->msr.index) ||
	    !vcpu_hold(c->object))
		return;
	if (c->object->as_vcpu.pmu)
		status = vpmu_pmu_guest_can_write(c->object->as_vcpu.pmu, c->run->msr.index,
		                                  c->run->msr.data);
	vcpu_release(c->object);
	if (!status)
		count_settle_write(c);
}

/*
 * Has KVM complete the last exit without executing another instruction (KVM_CAP_IMMEDIATE_EXIT).
 * True: that has led to another exit, for the VMM.
 */
static bool complete(struct counting *c, int *result)
{
	uint8_t ours = OWN_EXIT, none = 0;
	_Atomic uint8_t *exits = (_Atomic uint8_t *)&c->run->immediate_exit;
	bool is_over;

	if (!atomic_exchange(&c->state->is_pending, false) ||
	    !atomic_compare_exchange_strong(exits, &none, OWN_EXIT))
		return false;
	*result = run_guest(c);
	atomic_compare_exchange_strong(exits, &ours, 0);
	is_over = *result ? errno != EINTR : c->run->exit_reason != KVM_EXIT_DEBUG;
	if (is_over)
		atomic_store(&c->state->is_pending, true);
	return is_over;
}

static bool enter(struct counting *c)
{
	struct vpmu_outcome outcome;

	if (!emulate_enter(c->object, &outcome))
		return false;
	count_deliver(c, outcome);
	return true;
}

/*
 * Begins the next instruction. False: it was one that is answered here. If the registers cannot be
 * read, nothing counts.
 */
static bool begin(struct counting *c)
{
	count_begin(c);
	if (c->state->insn.kind != GUEST_RDPMC || !count_rdpmc(c, &c->state->insn))
		return true;
	atomic_store(&c->state->in_flight, false);
	return false;
}

static void set_entry(struct counting *c, bool steps)
{
	if (!steps && !c->state->steps_over)
		set_breakpoint(c);
	else if (!set_step(c))
		count_lacks(c, WATCH_LACK_STEPS);
}

/* Handles the result of an entry. True: the VMM gets it. */
static bool answer(struct counting *c, bool steps, int result)
{
	if (!result && c->run->exit_reason == KVM_EXIT_DEBUG) {
		answer_debug(c, steps);
		return false;
	}
	atomic_store(&c->state->is_pending, true);
	if (result)
		return true;
	before_write(c);
	if (!emulate_answer(c->object, c->run))
		return true;
	atomic_store(&c->state->is_armed, false);
	return false;
}

/*
 * One entry. True: the VMM gets the result. A change by the guest's last access may take effect
 * only at the entry. If nothing counts any more then, the kernel completes the last exit by itself.
 */
static bool step(struct counting *c, int *result)
{
	bool steps;

	if (!enter(c)) {
		*result = fails(EINTR);
		return true;
	}
	if ((wants_steps(c) || atomic_load(&c->state->in_flight)) && complete(c, result))
		return *result || !emulate_answer(c->object, c->run);
	if (atomic_load(&c->state->in_flight) && count_look(c))
		count_settle(c, false);
	steps = wants_steps(c) && count_look(c);
	if (steps && !begin(c))
		return false;
	set_entry(c, steps);
	*result = run_guest(c);
	return answer(c, steps || c->state->steps_over, *result);
}

/* Whether the descriptor still leads to the vCPU: see run_answered(). */
static bool leads_here(const struct counting *c)
{
	struct object *there = table_get(c->fd);

	if (there)
		table_put(there);
	return there == c->object;
}

/*
 * The VMM wants no entry, but completing the last exit may end in our single-step trap. If it does,
 * the page is put back to what the exit before left.
 */
static int leave(struct counting *c)
{
	struct kvm_run before = *c->run;
	int result = real()->ioctl(c->fd, KVM_RUN, c->argument);

	atomic_store(&c->state->is_pending, true);
	if (result || c->run->exit_reason != KVM_EXIT_DEBUG)
		return result;
	c->run->exit_reason = before.exit_reason;
	memcpy(c->run->padding, before.padding, sizeof(before.padding));
	return fails(EINTR);
}

static int run(struct counting *c)
{
	int result = 0;

	table_count_run(c->object);
	count_follow_filter(c);
	while (!step(c, &result))
		if (!leads_here(c))
			return fails(EINTR);
	return result;
}

bool count_run(struct object *vcpu, int fd, void *argument, struct kvm_run *page, int *result)
{
	struct counting c = {
		.object = vcpu,
		.state = counted_vcpu(vcpu),
		.vm = counted_vm(vcpu->vm),
		.fd = fd,
		.argument = argument,
		.run = page,
	};
	int error;

	if (!c.state || !page)
		return false;
	if (atomic_load(&c.state->debugged))
		count_lacks(&c, WATCH_LACK_DEBUGGED);
	if (atomic_load(&c.state->debugged) || !count_take(&c.state->holder))
		return false;
	*result = page->immediate_exit ? leave(&c) : run(&c);
	error = errno;
	count_release(&c.state->holder);
	errno = error;
	return true;
}
