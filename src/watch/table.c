/* SPDX-License-Identifier: MIT */
/*
 * Which descriptor is what. Descriptors lead to objects. Both tables have their addresses from the
 * start, and get memory when it is first touched: growing takes no system call, which a VMM's
 * seccomp filter might forbid. Everything is done with atomic operations, so a signal handler or a
 * crashing thread can call close() at any moment.
 *
 * An object lives as long as it has uses: descriptors, calls in progress, vCPUs of the VM. Objects
 * are reused and never unmapped, so a stale pointer still points to an object; table_get() makes
 * sure that it is the right one.
 */
#include <sys/mman.h>

#include "room_int.h"

enum {
	FDS = 1 << 20,     /* /proc/sys/fs/nr_open, where nobody has raised it */
	OBJECTS = 1 << 20, /* each has a descriptor */
	LEAST = 1 << 12,
};

static struct object *_Atomic *fds;
static struct object *objects;
static char *machines;
/* Where a descriptor leads while it is being closed: to no object, but it is no stray either. */
static struct object closing;
static unsigned fd_count, object_count;
static _Atomic unsigned fd_end; /* no descriptor from here on leads anywhere */
/* A hint: where the search for a free object begins. If it finds none, it starts again from 0. */
static _Atomic unsigned first_free;
static _Atomic unsigned object_end; /* none from here on was ever used */

/* --- Memory -------------------------------------------------------------------------------- */

/* Reserves addresses for as many entries as this process may have; *count 0: for none. */
void *table_reserve(size_t bytes, unsigned most, unsigned *count)
{
	void *at;

	for (*count = most; *count >= LEAST; *count /= 2) {
		at = mmap(NULL, bytes * *count, PROT_READ | PROT_WRITE,
		          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (at != MAP_FAILED)
			return at;
	}
	*count = 0;
	return NULL;
}

void table_start(bool with_machines)
{
	unsigned machine_count = 0;

	fds = table_reserve(sizeof(*fds), FDS, &fd_count);
	objects = table_reserve(sizeof(*objects), OBJECTS, &object_count);
	if (!with_machines)
		return;
	machines = table_reserve(VPMU_PMU_BYTES, OBJECTS, &machine_count);
	if (machine_count < object_count)
		object_count = machine_count;
}

unsigned table_number(const struct object *object)
{
	return (unsigned)(object - objects);
}

void *table_machine(const struct object *object)
{
	return machines + (size_t)(object - objects) * VPMU_PMU_BYTES;
}

static struct object *_Atomic *entry(int fd)
{
	return fd >= 0 && (unsigned)fd < fd_count ? &fds[fd] : NULL;
}

/* --- Objects ------------------------------------------------------------------------------- */

void table_raise(_Atomic unsigned *end, unsigned to)
{
	unsigned is = atomic_load(end);

	while (is < to && !atomic_compare_exchange_weak(end, &is, to))
		;
}

static struct object *take_between(unsigned from, unsigned to, enum object_kind kind)
{
	for (unsigned i = from; i < to; i++) {
		uint32_t is = OBJECT_FREE;

		if (atomic_load_explicit(&objects[i].kind, memory_order_relaxed) != OBJECT_FREE ||
		    !atomic_compare_exchange_strong(&objects[i].kind, &is, kind))
			continue;
		atomic_store(&first_free, i + 1);
		table_raise(&object_end, i + 1);
		return &objects[i];
	}
	return NULL;
}

static struct object *take(enum object_kind kind)
{
	unsigned from = atomic_load(&first_free);
	struct object *object = take_between(from, object_count, kind);

	return object ? object : take_between(0, from < object_count ? from : object_count, kind);
}

static void give_back(struct object *object)
{
	unsigned at = (unsigned)(object - objects), first = atomic_load(&first_free);

	atomic_store(&object->kind, OBJECT_FREE);
	while (at < first && !atomic_compare_exchange_weak(&first_free, &first, at))
		;
}

static uint32_t next_serial(enum object_kind kind)
{
	if (!shared || kind == OBJECT_SYSTEM)
		return WATCH_NONE;
	return atomic_fetch_add(kind == OBJECT_VM ? &shared->vms : &shared->vcpus, 1);
}

/* The caller gets a use of it. */
static struct object *make(enum object_kind kind, struct object *vm, uint32_t vcpu_id)
{
	struct object *object = take(kind);
	bool counted;

	if (!object)
		return NULL;
	object->serial = next_serial(kind);
	object->vcpu_id = vcpu_id;
	object->vm = vm;
	object->inherited = false;
	atomic_store(&object->pmu_off, false);
	if (vm)
		atomic_fetch_add(&vm->uses, 1);
	counted = shared && kind == OBJECT_VCPU && object->serial < WATCH_RUNS;
	object->runs = counted ? &shared->runs[object->serial] : &object->own_runs;
	atomic_store(&object->own_runs, 0);
	emulate_new_object(object);
	/* From here on table_get() finds it. */
	atomic_store(&object->uses, 1);
	return object;
}

void table_put(struct object *object)
{
	struct object *vm = object->vm;
	struct watch_head head;

	if (atomic_fetch_sub(&object->uses, 1) != 1)
		return;
	if (object->kind != OBJECT_SYSTEM && !object->inherited) {
		head = record_head(object, WATCH_CLOSE);
		ring_write(&head, NULL, 0);
	}
	give_back(object);
	if (vm)
		table_put(vm);
}

void table_count_run(struct object *vcpu)
{
	atomic_fetch_add_explicit(vcpu->runs, 1, memory_order_relaxed);
	if (vcpu->runs == &vcpu->own_runs && shared)
		atomic_fetch_add_explicit(&shared->more_runs, 1, memory_order_relaxed);
}

/* --- Descriptors --------------------------------------------------------------------------- */

/* The descriptor leads to the object from now on, or to NULL: nowhere that is known. */
static void set(int fd, struct object *object)
{
	struct object *_Atomic *at = entry(fd);
	struct object *old;

	if (!at)
		return;
	if (object && object != &closing) {
		atomic_fetch_add(&object->uses, 1);
		table_raise(&fd_end, (unsigned)fd + 1);
	}
	old = atomic_exchange(at, object);
	if (old && old != &closing)
		table_put(old);
}

bool table_count_on(_Atomic uint32_t *uses)
{
	uint32_t is = atomic_load(uses);

	while (is)
		if (atomic_compare_exchange_weak(uses, &is, is + 1))
			return true;
	return false;
}

static bool leads_somewhere(int fd)
{
	struct object *_Atomic *at = entry(fd);

	return at && atomic_load_explicit(at, memory_order_relaxed);
}

struct object *table_get(int fd)
{
	struct object *_Atomic *at = entry(fd);
	struct object *object;

	while (at && (object = atomic_load(at)) && object != &closing) {
		if (!table_count_on(&object->uses))
			continue;
		if (atomic_load(at) == object)
			return object;
		table_put(object);
	}
	return NULL;
}

struct object *table_add(int fd, enum object_kind kind, struct object *vm, uint32_t vcpu_id)
{
	struct object *object = entry(fd) ? make(kind, vm, vcpu_id) : NULL;

	set(fd, object);
	return object;
}

/*
 * A child of vfork() runs in its parent's memory with descriptors of its own: what it closes is
 * still open in the parent.
 */
static bool is_ours(void)
{
	return !entry_in_vfork();
}

void table_copy(int from, int to)
{
	struct object *object;

	if (from == to || !is_ours() || !(leads_somewhere(from) || leads_somewhere(to)))
		return;
	object = table_get(from);
	set(to, object);
	if (object)
		table_put(object);
}

void table_drop(int fd)
{
	if (leads_somewhere(fd) && is_ours())
		set(fd, NULL);
}

void table_close(int fd)
{
	if (leads_somewhere(fd) && is_ours())
		set(fd, &closing);
}

void table_closed(int fd)
{
	struct object *_Atomic *at = entry(fd);
	struct object *is = &closing;

	/* The descriptor may lead to something new by now: clear it only if not. */
	if (at)
		atomic_compare_exchange_strong(at, &is, NULL);
}

bool table_is_closing(int fd)
{
	struct object *_Atomic *at = entry(fd);

	return at && atomic_load(at) == &closing;
}

void table_each(unsigned first, unsigned last, void (*what)(int fd))
{
	for (unsigned fd = first; fd < atomic_load(&fd_end) && fd <= last; fd++)
		what((int)fd);
}

/* In this process nobody holds what another thread of the parent held. */
void table_forked(void)
{
	process = 0;
	for (unsigned i = 0; i < atomic_load(&object_end); i++) {
		objects[i].inherited = true;
		if (objects[i].kind == OBJECT_VCPU)
			atomic_store(&objects[i].as_vcpu.holder, NULL);
	}
}
