/* SPDX-License-Identifier: MIT */
/*
 * Our own mappings of vCPUs, in which we read the guest's exits. The VMM's mapping will not do,
 * since another of its threads may unmap it. Ours is made when the VMM makes its own, and unmapped
 * when that is, so that both are system calls that the VMM has just made itself. One that a KVM_RUN
 * still uses is unmapped at the VMM's next munmap().
 */
#include <sys/mman.h>

#include <watch/room_int.h>

enum { MAPS = 1 << 20 };

enum map_state {
	MAP_FREE,
	MAP_LIVE,
	MAP_OVER, /* no longer used, to be unmapped */
	MAP_MOVING,
};

struct run_map {
	_Atomic uint32_t state; /* enum map_state */
	_Atomic uint32_t users; /* the VMM's mapping, and threads in KVM_RUN */
	struct kvm_run *run;
	size_t bytes;
	_Atomic uintptr_t theirs; /* 0: gone */
	uint32_t serial;          /* of the vCPU */
};

static struct run_map *maps;
static unsigned map_count;
static _Atomic unsigned map_end; /* no entry from here on was ever used */

void emulate_start(void)
{
	if (counts())
		count_start();
	emulate_learn_registers();
	cpuid_start();
	maps = table_reserve(sizeof(*maps), MAPS, &map_count);
}

static struct run_map *take(void)
{
	for (unsigned i = 0; i < map_count; i++) {
		uint32_t is = MAP_FREE;

		if (!atomic_compare_exchange_strong(&maps[i].state, &is, MAP_MOVING))
			continue;
		table_raise(&map_end, i + 1);
		return &maps[i];
	}
	return NULL;
}

static void map_too(struct object *vcpu, int fd, void *at, size_t bytes, int prot, int flags)
{
	struct run_map *map = take();
	void *run;

	if (!map)
		return;
	run = real()->mmap(NULL, bytes, prot, flags & ~MAP_FIXED, fd, 0);
	if (run == MAP_FAILED) {
		atomic_store(&map->state, MAP_FREE);
		return;
	}
	map->run = run;
	map->bytes = bytes;
	map->serial = vcpu->serial;
	atomic_store(&map->theirs, (uintptr_t)at);
	atomic_store(&map->state, MAP_LIVE);
	atomic_store(&map->users, 1);
	atomic_store(&vcpu->as_vcpu.map, map);
}

void emulate_mapped(int fd, void *at, size_t bytes, int prot, int flags)
{
	struct object *vcpu = table_get(fd);
	int error = errno;
	struct kvm_run *has;

	if (!vcpu)
		return;
	if (vcpu->kind == OBJECT_VCPU && bytes >= sizeof(struct kvm_run) && (prot & PROT_READ) &&
	    (prot & PROT_WRITE)) {
		has = emulate_map_get(vcpu);
		if (has)
			emulate_map_put(vcpu);
		else
			map_too(vcpu, fd, at, bytes, prot, flags);
	}
	table_put(vcpu);
	errno = error;
}

static void let_go(struct run_map *map)
{
	if (atomic_fetch_sub(&map->users, 1) == 1)
		atomic_store(&map->state, MAP_OVER);
}

struct kvm_run *emulate_map_get(struct object *vcpu)
{
	struct run_map *map = atomic_load(&vcpu->as_vcpu.map);

	if (!map || !table_count_on(&map->users))
		return NULL;
	if (map->serial == vcpu->serial)
		return map->run;
	let_go(map);
	return NULL;
}

/* The vCPU's mapping stays the same while it is in use. */
void emulate_map_put(struct object *vcpu)
{
	let_go(atomic_load(&vcpu->as_vcpu.map));
}

void emulate_unmapped(const void *at, size_t bytes)
{
	uintptr_t first = (uintptr_t)at;
	int error = errno;

	for (unsigned i = 0; i < atomic_load(&map_end); i++) {
		struct run_map *map = &maps[i];
		uintptr_t theirs = atomic_load(&map->theirs);
		uint32_t is = MAP_OVER;

		if (theirs >= first && theirs - first < bytes && theirs &&
		    atomic_compare_exchange_strong(&map->theirs, &theirs, 0))
			let_go(map);
		if (!atomic_compare_exchange_strong(&map->state, &is, MAP_MOVING))
			continue;
		real()->munmap(map->run, map->bytes);
		atomic_store(&map->state, MAP_FREE);
	}
	errno = error;
}
