/* SPDX-License-Identifier: MIT */
/*
 * What counting keeps of each VM and vCPU, which thread holds it, and what the VMM does to it
 * between two entries.
 */
#include <string.h>

#include <watch/count.h>

enum { OBJECTS = 1 << 16 };

static union counted *all;
static unsigned all_count;

void count_start(void)
{
	all = table_reserve(sizeof(*all), OBJECTS, &all_count);
}

static union counted *counted(const struct object *object)
{
	unsigned at = table_number(object);

	return at < all_count ? &all[at] : NULL;
}

struct counted_vm *counted_vm(const struct object *vm)
{
	union counted *found = vm && counts() ? counted(vm) : NULL;

	return found ? &found->vm : NULL;
}

struct counted_vcpu *counted_vcpu(const struct object *vcpu)
{
	union counted *found = counts() ? counted(vcpu) : NULL;

	return found ? &found->vcpu : NULL;
}

/* Objects are reused, and so is what counting keeps of them: clear it. */
void count_new_object(const struct object *object)
{
	union counted *is = counts() ? counted(object) : NULL;

	if (is && object->kind == OBJECT_VM)
		memset(&is->vm, 0, sizeof(is->vm));
	else if (is && object->kind == OBJECT_VCPU)
		memset(&is->vcpu, 0, sizeof(is->vcpu));
}

/* --- Who works on it ------------------------------------------------------------------------- */

static __thread char self __attribute__((tls_model("initial-exec")));

bool count_hold(const void *_Atomic *holder)
{
	const void *nobody = NULL;

	while (!atomic_compare_exchange_weak(holder, &nobody, &self)) {
		if (nobody == &self)
			return false;
		nobody = NULL;
		__builtin_ia32_pause();
	}
	return true;
}

void count_release(const void *_Atomic *holder)
{
	atomic_store(holder, NULL);
}

bool count_take(const void *_Atomic *holder)
{
	const void *nobody = NULL;

	return atomic_compare_exchange_strong(holder, &nobody, &self) || nobody == &self;
}

void count_lacks(struct counting *c, enum watch_lack what)
{
	struct watch_head head = record_head(c->object, WATCH_LACK);

	if (c->state->is_told)
		return;
	c->state->is_told = true;
	head.argument = what;
	ring_write(&head, NULL, 0);
}

/* --- What the VMM does to it ----------------------------------------------------------------- */

/* The VMM has set the general registers: the instruction in flight is abandoned. */
void count_note_regs(const struct object *vcpu)
{
	struct counted_vcpu *state = counted_vcpu(vcpu);

	if (state)
		atomic_store(&state->in_flight, false);
}

void count_note_debug(const struct object *vcpu, const struct kvm_guest_debug *debug)
{
	struct counted_vcpu *state = counted_vcpu(vcpu);
	struct kvm_guest_debug copy;

	if (state && memory_read(&copy, debug, sizeof(copy)))
		atomic_store(&state->debugged, copy.control & KVM_GUESTDBG_ENABLE);
	if (state)
		atomic_store(&state->is_armed, false);
}

void count_note_filter(const struct object *object, const struct vpmu_filter *filter)
{
	struct counted_vm *vm = counted_vm(object);

	if (!vm || !count_hold(&vm->holder))
		return;
	vm->filter = *filter;
	atomic_fetch_add(&vm->filter_number, 1);
	count_release(&vm->holder);
}

void count_follow_filter(struct counting *c)
{
	struct counted_vcpu *state = c->state;

	if (!c->object->as_vcpu.has_run)
		state->filter_number = 0; /* the register machine may be a new one */
	if (!c->vm || atomic_load(&c->vm->filter_number) == state->filter_number ||
	    !count_hold(&c->vm->holder))
		return;
	state->filter = c->vm->filter;
	state->filter_number = atomic_load(&c->vm->filter_number);
	count_release(&c->vm->holder);
	if (!vcpu_hold(c->object))
		return;
	vpmu_pmu_set_filter(c->object->as_vcpu.pmu, NULL);
	vpmu_pmu_set_filter(c->object->as_vcpu.pmu, &state->filter);
	vcpu_release(c->object);
}
