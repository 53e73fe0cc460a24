/* SPDX-License-Identifier: MIT */
/*
 * The emulated board (APIC, timer, ports, MSRs, CPUID) of any model and profile, asked anything by
 * its CPU, in any sequence: what it answers is possible, time does not stand still, and the machine
 * can be saved, restored and saved again as the same.
 * The bytes are the profile, the model, then the questions.
 */
#include <string.h>

#include <machine/board/room.h>

#include "../tests/machine/fake_cpu.h"
#include "../tests/machine/guest_image.h"
#include "fuzz.h"
#include "input.h"
#include "saved.h"

enum { MOST_QUESTIONS = 300 };

/* --- Questions: of the CPU that asks, on the board behind it ---------------------------------- */

static uint32_t take_msr(struct input *input)
{
	static const uint32_t bases[] = {0,     0x10,       0x1b,       0x800,      0x830,
	                                 0x200, 0x250,      0x6e0,      0x186,      0x300,
	                                 0x380, 0xc0000100, 0xc0010000, 0xc0010200, 0xc0000300};
	uint32_t base = bases[take_byte(input) % (sizeof(bases) / sizeof(bases[0]))];

	return base + take_byte(input);
}

static void read_msr(struct cpu *cpu, struct input *input)
{
	uint64_t value = 0;
	enum vpmu_status status = cpu->calls->read_msr(cpu->board, take_msr(input), &value);

	MUST(status == VPMU_OK || status == VPMU_GP || status == VPMU_NO_REGISTER);
}

/* A counter that is to overflow at once has the guest count for ever: retire() lets time pass. */
static void write_msr(struct cpu *cpu, struct input *input)
{
	uint32_t msr = take_msr(input);

	cpu->calls->write_msr(cpu->board, msr, take_value(input));
}

static unsigned take_size(struct input *input)
{
	return 1u << take_byte(input) % 3;
}

static uint16_t take_port(struct input *input)
{
	static const uint16_t bases[] = {0x3f8, 0x510, 0x60, 0x20, 0xa0, 0x40, 0x70, 0xcf8};

	if (take_byte(input) % 8 == 0)
		return (uint16_t)take_number(input, 2);
	return (uint16_t)(bases[take_byte(input) % 8] + take_byte(input) % 8);
}

static void read_port(struct cpu *cpu, struct input *input)
{
	uint16_t port = take_port(input);

	cpu->calls->port_read(cpu->board, port, take_size(input));
}

/* But 0xf4, which ends the guest. */
static void write_port(struct cpu *cpu, struct input *input)
{
	uint16_t port = take_port(input);
	unsigned size = take_size(input);

	if (port > 0xf4 || port + size <= 0xf4)
		cpu->calls->port_write(cpu->board, port, size, (uint32_t)take_value(input));
}

static uint64_t take_address(struct input *input)
{
	uint64_t page = take_byte(input) % 16 ? APIC_DEFAULT_BASE : DEVICE_BASE;

	return page + take_number(input, 1) * 16 + (take_byte(input) % 8 ? 0 : take_byte(input));
}

static unsigned take_width(struct input *input)
{
	return 1u << (take_byte(input) % 8 ? 2 : take_byte(input) % 4);
}

static void read_device(struct cpu *cpu, struct input *input)
{
	uint64_t address = take_address(input);

	cpu->calls->device_read(cpu->board, address, take_width(input));
}

static void write_device(struct cpu *cpu, struct input *input)
{
	uint64_t address = take_address(input);
	unsigned width = take_width(input);

	cpu->calls->device_write(cpu->board, address, width, take_value(input));
}

static void ask_cpuid(struct cpu *cpu, struct input *input)
{
	uint32_t regs[4], leaf = (uint32_t)take_value(input);

	cpu->calls->cpuid(cpu->board, leaf, take_byte(input) % 4, regs);
}

static void take_interrupt(struct cpu *cpu, struct input *input)
{
	unsigned how = take_byte(input);
	uint8_t vector = 0;

	if (!cpu->calls->take_interrupt(cpu->board, how & 1, how & 2, &vector))
		return;
	MUST(vector == 2 || vector >= 16);
	MUST(vector == 2 ? !(how & 2) : how & 1);
}

static void task_priority(struct cpu *cpu, struct input *input)
{
	uint64_t value = take_byte(input) & 15;

	cpu->calls->write_cr8(cpu->board, value);
	MUST(cpu->calls->read_cr8(cpu->board) == value);
}

static void pmi(struct cpu *cpu, struct input *input)
{
	cpu->calls->pmi(cpu->board);
}

static void hypercall(struct cpu *cpu, struct input *input)
{
	uint64_t arguments[4], number = take_byte(input) % 4 ? 10 : take_value(input);

	for (unsigned i = 0; i < 4; i++)
		arguments[i] = take_byte(input) % 2 ? take_value(input) : i == 0;
	cpu->calls->hypercall(cpu->board, number, arguments);
}

/* As a CPU does: asks for the deadline, goes no further, and asks again. */
static void retire(struct cpu *cpu, struct input *input)
{
	uint64_t before = cpu->retired, until = cpu->calls->deadline(cpu->board);

	MUST(until > before);
	fake_retire(cpu, take_value(input) & UINT32_MAX);
	MUST(cpu->retired >= before && cpu->retired <= until);
}

static void (*const questions[])(struct cpu *cpu, struct input *input) = {
	read_msr,      write_msr, read_port,    write_port, read_device,
	write_device,  write_msr, write_device, ask_cpuid,  take_interrupt,
	task_priority, pmi,       hypercall,    retire,
};

/* --- Saved, restored, saved again ------------------------------------------------------------- */

static void live_twice(struct machine *machine)
{
	static struct saved first, second;
	enum vpmu_status status;
	struct machine *again;
	char why[400] = "";

	saved_make(&first, machine);
	again = saved_restore(&first, &fake_cpu_ops, &status, why, sizeof(why));
	if (!again) {
		fprintf(stderr, "not restored: %s\n", why);
		MUST(!"what was saved can be restored");
	}
	saved_make(&second, again);
	MUST(first.used == second.used && !memcmp(first.bytes, second.bytes, first.used));
	machine_destroy(again);
}

static enum cpu_stop stop_at_once(struct cpu *cpu)
{
	return CPU_STOP_REQUESTED;
}

static struct machine *begin(struct input *input)
{
	struct machine_config config = {.cpu = &fake_cpu_ops, .memory_bytes = 2 * MIB};
	struct made_elf elf = made_elf_default(64);
	struct made_image image;
	struct machine *machine;
	char why[400];

	config.profile = take_profile(input);
	take_model(input, &config.model);
	if (vpmu_model_check(&config.model, NULL, 0))
		return NULL;
	machine = machine_create(&config, why, sizeof(why));
	if (!machine)
		return NULL;
	made_elf(&image, &elf);
	MUST(!machine_load(machine, image.data, image.bytes, why, sizeof(why)));
	return machine;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct machine *machine;

	fake_program = stop_at_once;
	machine = begin(&input);
	if (!machine)
		return 0;
	for (unsigned i = 0; i < MOST_QUESTIONS && input.size; i++)
		questions[take_byte(&input) % (sizeof(questions) / sizeof(questions[0]))](
			machine->cpu, &input);
	live_twice(machine);
	machine_destroy(machine);
	return 0;
}
