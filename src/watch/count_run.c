/* SPDX-License-Identifier: MIT */
/*
 * Counting: KVM_RUN while the emulated PMU's counters count. While one runs, KVM enters the guest
 * for one instruction at a time (KVM_GUESTDBG_SINGLESTEP); else at full speed, with a breakpoint
 * where an RDPMC would end up. The VMM sees the same exits as without.
 */
#include <string.h>

#include "count.h"

enum {
	OWN_EXIT = 0x80,      /* immediate_exit: ours. What the VMM's signal handler writes stays */
	BREAKPOINT_0 = 1,     /* DR6.B0 */
	DR7_ENABLE_0 = 0x402, /* with the bit that is always 1; on execution */
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
 * Each time: the trap flag is lost where KVM emulates an instruction or sets RFLAGS. Behind STI no
 * interrupt may come before the next instruction, and KVM drops that shadow when it steps.
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
 * The guest's own breakpoints go before ours. Looked after when the guest has accessed its PMU, and
 * when it has been stepped: who is about to execute RDPMC has done so.
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

/* A trap of the guest's own, which the breakpoint has brought here: it goes back. */
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

/* KVM_EXIT_DEBUG, which is always ours: the VMM does not debug. */
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

/* A WRMSR that the machine takes retires before it: what it stops still counts it. */
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
 * What the last exit left to do is done without an instruction more (KVM_CAP_IMMEDIATE_EXIT).
 * True: it has come to another exit, for the VMM.
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
 * The instruction that comes, unless it is one that is answered here. False: it has been. Without
 * the registers, nothing counts.
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

/* The result of an entry. True: the VMM gets it. */
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
 * One entry. True: the VMM gets the result. What the guest's last access has changed may take
 * effect by the entry only; where then nothing counts, the kernel completes the last exit by
 * itself.
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

/* The descriptor must lead to the vCPU still: see run_answered(). */
static bool leads_here(const struct counting *c)
{
	struct object *there = table_get(c->fd);

	if (there)
		table_put(there);
	return there == c->object;
}

/*
 * The VMM wants no entry; but what is completed may end in a trap of the stepping. Without it, the
 * page is as the exit before has left it.
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
