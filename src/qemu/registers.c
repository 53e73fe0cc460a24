/* SPDX-License-Identifier: MIT */
/* Registers and memory of the guest, through QEMU's byte arrays. */
#include <string.h>

#include "room_int.h"

static const char *const names[REGS] = {
	[REG_RAX] = "rax",       [REG_RBX] = "rbx",   [REG_RCX] = "rcx", [REG_RDX] = "rdx",
	[REG_RSP] = "rsp",       [REG_RIP] = "rip",   [REG_CS] = "cs",   [REG_SS] = "ss",
	[REG_EFLAGS] = "eflags", [REG_CR0] = "cr0",   [REG_CR2] = "cr2", [REG_CR4] = "cr4",
	[REG_CR3] = "cr3",       [REG_EFER] = "efer",
};

/* The same for every vCPU. */
static struct qemu_plugin_register *handles[REGS];

/* QEMU's arrays belong to a thread: vCPUs run in several. */
static GByteArray *bytes_here(void)
{
	static _Thread_local GByteArray *bytes;

	if (!bytes)
		bytes = g_byte_array_new();
	return bytes;
}

bool registers_find(void)
{
	GArray *list = qemu_plugin_get_registers();
	const struct qemu_reg_descriptor *found = (void *)list->data;
	bool all = true;

	for (unsigned i = 0; i < list->len; i++)
		for (unsigned name = 0; name < REGS; name++)
			if (!strcmp(found[i].name, names[name]) && !handles[name])
				handles[name] = found[i].handle;
	g_array_free(list, true);
	for (unsigned name = 0; name < REGS; name++)
		all &= handles[name] != NULL;
	return all;
}

uint64_t reg_get(enum reg_name name)
{
	uint64_t value = 0;

	g_byte_array_set_size(bytes_here(), 0);
	if (qemu_plugin_read_register(handles[name], bytes_here()))
		memcpy(&value, bytes_here()->data,
		       bytes_here()->len < sizeof(value) ? bytes_here()->len : sizeof(value));
	return value;
}

/* QEMU reads only as many bytes as the register has. */
void reg_set(enum reg_name name, uint64_t value)
{
	g_byte_array_set_size(bytes_here(), sizeof(value));
	memcpy(bytes_here()->data, &value, sizeof(value));
	qemu_plugin_write_register(handles[name], bytes_here());
}

static bool take(void *to, unsigned bytes)
{
	if (bytes_here()->len < bytes)
		return false;
	memcpy(to, bytes_here()->data, bytes);
	return true;
}

static void give(const void *from, unsigned bytes)
{
	g_byte_array_set_size(bytes_here(), bytes);
	memcpy(bytes_here()->data, from, bytes);
}

bool linear_get(uint64_t address, void *to, unsigned bytes)
{
	g_byte_array_set_size(bytes_here(), 0);
	return qemu_plugin_read_memory_vaddr(address, bytes_here(), bytes) && take(to, bytes);
}

bool linear_set(uint64_t address, const void *from, unsigned bytes)
{
	give(from, bytes);
	return qemu_plugin_write_memory_vaddr(address, bytes_here());
}

bool physical_get(uint64_t address, void *to, unsigned bytes)
{
	g_byte_array_set_size(bytes_here(), 0);
	return qemu_plugin_read_memory_hwaddr(address, bytes_here(), bytes) == QEMU_HWADDR_OK &&
	       take(to, bytes);
}

bool physical_set(uint64_t address, const void *from, unsigned bytes)
{
	give(from, bytes);
	return qemu_plugin_write_memory_hwaddr(address, bytes_here()) == QEMU_HWADDR_OK;
}

enum ring ring_now(void)
{
	bool protected = reg_get(REG_CR0) & 1;

	if (!protected)
		return RING_KERNEL;
	if (reg_get(REG_EFLAGS) >> 17 & 1) /* virtual-8086 mode */
		return RING_USER;
	return reg_get(REG_CS) & 3 ? RING_USER : RING_KERNEL;
}
