/* SPDX-License-Identifier: MIT */
/*
 * Reads and writes the guest's memory: the instructions that it is about to execute, and the frames
 * of its exceptions. KVM walks the page tables; the memory is accessed through the VMM's own
 * mapping, which it has told KVM.
 */
#include <string.h>

#include <watch/count.h>

enum { PAGE = 4096 };

static struct counted_slot *find_slot(struct counted_vm *vm, uint32_t id)
{
	struct counted_slot *unused = NULL;

	for (unsigned i = 0; i < COUNT_SLOTS; i++) {
		struct counted_slot *slot = &vm->slots[i];

		if (slot->bytes && slot->id == id)
			return slot;
		if (!slot->bytes && !unused)
			unused = slot;
	}
	return unused;
}

void count_note_memory(struct object *object, uint32_t id, uint64_t guest, uint64_t bytes,
                       uint64_t host)
{
	struct counted_vm *vm = counted_vm(object);
	struct counted_slot *slot;

	if (!vm || !count_hold(&vm->holder))
		return;
	slot = find_slot(vm, id);
	if (slot)
		*slot = (struct counted_slot){id, guest, bytes, (char *)(uintptr_t)host};
	count_release(&vm->holder);
}

/* The VMM's address of a guest-physical one; NULL: there is none. SMM has memory of its own. */
static char *find_host(struct counted_vm *vm, uint64_t physical, bool smm)
{
	char *found = NULL;

	if (!count_hold(&vm->holder))
		return NULL;
	for (unsigned i = 0; i < COUNT_SLOTS && !found; i++) {
		const struct counted_slot *slot = &vm->slots[i];

		if (physical - slot->guest < slot->bytes && slot->id >> 16 == smm)
			found = slot->host + (physical - slot->guest);
	}
	count_release(&vm->holder);
	return found;
}

static char *translate(struct counting *c, uint64_t linear)
{
	struct kvm_translation at = {.linear_address = linear};

	if (!c->vm || real()->ioctl(c->fd, KVM_TRANSLATE, &at) || !at.valid)
		return NULL;
	return find_host(c->vm, at.physical_address, c->run->flags & KVM_RUN_X86_SMM);
}

size_t count_read(struct counting *c, uint64_t linear, void *into, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		uint64_t at = linear + done;
		size_t part = PAGE - at % PAGE;
		const char *from = translate(c, at);

		if (!from)
			break;
		part = part < bytes - done ? part : bytes - done;
		memcpy((char *)into + done, from, part);
		done += part;
	}
	return done;
}

bool count_write(struct counting *c, uint64_t linear, const void *from, size_t bytes)
{
	char *to = linear % PAGE + bytes <= PAGE ? translate(c, linear) : NULL;

	if (to)
		memcpy(to, from, bytes);
	return to;
}
