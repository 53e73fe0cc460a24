/* SPDX-License-Identifier: MIT */
/*
 * Which descriptor is what. Descriptors lead to objects; both tables grow by whole chunks, which
 * are never given back, and everything is done with atomic operations, so that a signal handler or
 * a crashing thread can call close() at any moment.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "room_int.h"

enum {
	FDS_A_CHUNK = 1024,
	FD_CHUNKS = 1024, /* a million descriptors */
	OBJECTS_A_CHUNK = 16,
	OBJECT_CHUNKS = 4096,
};

struct fd_chunk {
	struct object *_Atomic at[FDS_A_CHUNK];
};
struct object_chunk {
	struct object at[OBJECTS_A_CHUNK];
};

static struct fd_chunk *_Atomic fd_chunks[FD_CHUNKS];
static struct object_chunk *_Atomic object_chunks[OBJECT_CHUNKS];

/* --- Memory -------------------------------------------------------------------------------- */

/* The chunk behind the pointer, made if need be; NULL without memory. */
static void *chunk(void *_Atomic *pointer, size_t bytes)
{
	void *there = atomic_load(pointer), *made;

	if (there)
		return there;
	made = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (made == MAP_FAILED)
		return NULL;
	if (atomic_compare_exchange_strong(pointer, &there, made))
		return made;
	munmap(made, bytes);
	return there;
}

static struct object *_Atomic *entry(int fd, bool make)
{
	struct fd_chunk *_Atomic *pointer;
	struct fd_chunk *at;

	if (fd < 0 || fd >= FDS_A_CHUNK * FD_CHUNKS)
		return NULL;
	pointer = &fd_chunks[fd / FDS_A_CHUNK];
	at = make ? chunk((void *_Atomic *)pointer, sizeof(*at)) : atomic_load(pointer);
	return at ? &at->at[fd % FDS_A_CHUNK] : NULL;
}

/* --- Objects ------------------------------------------------------------------------------- */

/* Takes a free object; its old contents are still in it. */
static struct object *take(enum object_kind kind)
{
	for (unsigned i = 0; i < OBJECT_CHUNKS; i++) {
		struct object_chunk *at = chunk((void *_Atomic *)&object_chunks[i], sizeof(*at));

		for (unsigned j = 0; at && j < OBJECTS_A_CHUNK; j++) {
			uint32_t is = OBJECT_FREE;

			if (atomic_compare_exchange_strong(&at->at[j].kind, &is, kind))
				return &at->at[j];
		}
		if (!at)
			return NULL;
	}
	return NULL;
}

static uint32_t next_serial(enum object_kind kind)
{
	if (!shared || kind == OBJECT_SYSTEM)
		return WATCH_NONE;
	return atomic_fetch_add(kind == OBJECT_VM ? &shared->vms : &shared->vcpus, 1);
}

static struct object *make(enum object_kind kind, struct object *vm, uint32_t vcpu_id)
{
	struct object *object = take(kind);
	bool counted;

	if (!object)
		return NULL;
	memset(&object->uses, 0, sizeof(*object) - offsetof(struct object, uses));
	object->serial = next_serial(kind);
	object->vcpu_id = vcpu_id;
	object->vm = vm;
	if (vm)
		atomic_fetch_add(&vm->uses, 1);
	counted = shared && kind == OBJECT_VCPU && object->serial < WATCH_RUNS;
	object->runs = counted ? &shared->runs[object->serial] : &object->own_runs;
	return object;
}

static void let_go(struct object *object)
{
	struct object *vm = object->vm;
	struct watch_head head;

	if (atomic_fetch_sub(&object->uses, 1) != 1)
		return;
	if (object->kind != OBJECT_SYSTEM) {
		head = record_head(object, WATCH_CLOSE);
		ring_write(&head, NULL, 0);
	}
	if (object->kind == OBJECT_VCPU)
		emulate_end_vcpu(object);
	atomic_store(&object->kind, OBJECT_FREE);
	if (vm)
		let_go(vm);
}

/* --- Descriptors --------------------------------------------------------------------------- */

/* The descriptor leads to the object from now on, or to NULL: nowhere that is known. */
static void set(int fd, struct object *object)
{
	struct object *_Atomic *at = entry(fd, object != NULL);
	struct object *old;

	if (!at)
		return;
	if (object)
		atomic_fetch_add(&object->uses, 1);
	old = atomic_exchange(at, object);
	if (old)
		let_go(old);
}

struct object *table_find(int fd)
{
	struct object *_Atomic *at = entry(fd, false);

	return at ? atomic_load_explicit(at, memory_order_relaxed) : NULL;
}

struct object *table_add(int fd, enum object_kind kind, struct object *vm, uint32_t vcpu_id)
{
	struct object *object = entry(fd, true) ? make(kind, vm, vcpu_id) : NULL;

	set(fd, object);
	return object;
}

/*
 * A child of vfork() runs in its parent's memory with descriptors of its own: what it closes is
 * still open in the parent. A process that is not the table's leaves the table alone.
 */
static bool is_ours(void)
{
	return getpid() == process;
}

void table_copy(int from, int to)
{
	struct object *object = table_find(from);

	if ((object || table_find(to)) && from != to && is_ours())
		set(to, object);
}

void table_drop(int fd)
{
	if (table_find(fd) && is_ours())
		set(fd, NULL);
}

void table_drop_range(unsigned first, unsigned last)
{
	for (unsigned i = first / FDS_A_CHUNK; i < FD_CHUNKS && i <= last / FDS_A_CHUNK; i++) {
		if (!atomic_load(&fd_chunks[i]))
			continue;
		for (unsigned j = 0; j < FDS_A_CHUNK; j++) {
			unsigned fd = i * FDS_A_CHUNK + j;

			if (fd >= first && fd <= last)
				table_drop((int)fd);
		}
	}
}

void table_forked(void)
{
	process = getpid();
}

/* --- Descriptors that came another way ------------------------------------------------------ */

/*
 * By SCM_RIGHTS, by a system call of the VMM's own, or by a function that is not followed: /proc
 * tells what it is. "anon_inode:kvm-vm", "anon_inode:kvm-vcpu:3".
 */
struct object *table_learn(int fd)
{
	static const char vm[] = "anon_inode:kvm-vm", vcpu[] = "anon_inode:kvm-vcpu:";
	struct object *object = table_find(fd);
	char path[32], is[64];
	ssize_t length;

	if (object)
		return object;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, is, sizeof(is) - 1);
	is[length > 0 ? length : 0] = '\0';
	if (!strcmp(is, "/dev/kvm"))
		return table_add(fd, OBJECT_SYSTEM, NULL, 0);
	if (!strcmp(is, vm))
		return table_add(fd, OBJECT_VM, NULL, 0);
	if (!strncmp(is, vcpu, sizeof(vcpu) - 1))
		return table_add(fd, OBJECT_VCPU, NULL,
		                 (uint32_t)strtoul(is + sizeof(vcpu) - 1, NULL, 10));
	return NULL;
}
