/* SPDX-License-Identifier: MIT */
/* The fake's machine: its start and end, and how it stands still. */
#include "fake_inside.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

extern int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc,
                               char **argv);

/* --- Standing still --------------------------------------------------------------------------- */

void fake_idle(void)
{
	inside.running = QEMU_CB_R_REGS;
	inside.on.idle(0, NULL);
}

void fake_resume(void)
{
	inside.running = QEMU_CB_R_REGS;
	inside.on.resume(0, NULL);
}

void fake_flush(void)
{
	inside.on.flush(NULL);
}

static void *load(void *unused)
{
	inside.on.flush(NULL);
	return NULL;
}

void fake_load(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, load, NULL) || pthread_join(thread, NULL))
		abort();
}

/* --- Beginning -------------------------------------------------------------------------------- */

void fake_write(uint64_t address, const void *code, unsigned bytes)
{
	memcpy(fake.memory + address, code, bytes);
}

static void write_gate(unsigned vector, uint64_t handler)
{
	uint64_t gate = handler & 0xffff;

	fake_write(FAKE_IDT + 16 * vector, &gate, sizeof(gate));
}

int fake_begin(int argc, char **argv)
{
	const struct qemu_info info = {
		.target_name = "x86_64", .system_emulation = true, .smp_vcpus = 1};
	int status;

	memset(&fake, 0, sizeof(fake));
	memset(&inside.on, 0, sizeof(inside.on));
	inside.reset = NULL;
	inside.rep_entry = 0;
	inside.alone = inside.stop_soon = false;
	fake.reg[FAKE_RSP] = FAKE_STACK;
	fake.reg[FAKE_CS] = 8;
	fake.reg[FAKE_SS] = 16;
	fake.reg[FAKE_CR0] = 1;
	fake.reg[FAKE_CR4] = 0x100;
	fake.reg[FAKE_EFER] = 0xd00;
	fake.lvtpc = 0x400;
	write_gate(6, FAKE_HANDLER_UD);
	write_gate(13, FAKE_HANDLER_GP);
	write_gate(14, FAKE_HANDLER_PF);
	memset(fake.memory + FAKE_HANDLER_UD, 0xf4, 0x500); /* handlers halt */
	fake_write(FAKE_HANDLER_TIMER, "\x90\xcf", 2);
	status = qemu_plugin_install(1, &info, argc, argv);
	if (!status)
		inside.on.vcpu(0, NULL);
	return status;
}

void fake_end(void)
{
	inside.on.flush(NULL);
	inside.on.exit(NULL);
}
