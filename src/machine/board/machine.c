/* SPDX-License-Identifier: MIT */
/*
 * The machine's life: create, load, run, destroy. A run lets the CPU go on until it stops, and
 * decides what the stop means.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "room.h"

__attribute__((format(printf, 3, 4))) static void say(char *why, size_t bytes, const char *format,
                                                      ...)
{
	va_list arguments;

	if (!why || !bytes)
		return;
	va_start(arguments, format);
	vsnprintf(why, bytes, format, arguments);
	va_end(arguments);
}

static bool check_config(const struct machine_config *config, char *why, size_t why_bytes)
{
	uint64_t bytes = config->memory_bytes;

	if (config->max_instructions && !config->cpu->counts) {
		say(why, why_bytes, "this CPU counts no instructions, so there can be no limit");
		return false;
	}
	if (bytes % MIB || bytes < 2 * MIB || bytes > 4096 * MIB) {
		say(why, why_bytes, "memory of %llu bytes: give 2 MiB to 4 GiB, in whole MiB",
		    (unsigned long long)bytes);
		return false;
	}
	return vpmu_model_check(&config->model, why, why_bytes) == VPMU_OK;
}

/* The PMU on the host, or on the default one. False: the profile has no PMU on it. */
static bool init_pmu(struct machine *machine)
{
	struct machine_config *config = &machine->config;
	struct vpmu_host usual;

	vpmu_host_init(&usual, (enum vpmu_vendor)config->model.vendor);
	machine->pmu =
		vpmu_pmu_init_on(machine->pmu_memory, sizeof(machine->pmu_memory), &config->model,
	                         config->profile, config->host ? config->host : &usual);
	config->host = vpmu_pmu_host(machine->pmu);
	return machine->pmu;
}

/* The MSR that shows which counters have overflowed; 0: the model has none. */
static uint32_t find_status(const struct vpmu_model *model)
{
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	size_t count = vpmu_model_registers(model, registers);

	for (size_t i = 0; i < count; i++)
		if (registers[i].kind == VPMU_KIND_GLOBAL_STATUS)
			return registers[i].msr;
	return 0;
}

/* Everything that needs no host resource. */
static bool init_board(struct machine *machine, const struct machine_config *config, char *why,
                       size_t why_bytes)
{
	machine->config = *config;
	if (!config->profile)
		machine->config.profile = vpmu_profile_find("hardware");
	machine->ops = config->cpu;
	machine->memory.fd = -1;
	machine->waited_at = machine->pause_at = UINT64_MAX;
	machine->append = strdup(config->append ? config->append : "");
	if (!machine->append) {
		say(why, why_bytes, "out of memory");
		return false;
	}
	if (!init_pmu(machine)) {
		say(why, why_bytes, "the profile has no PMU of this model on this host");
		return false;
	}
	vpmu_pmu_see_cycles(machine->pmu, true);
	vpmu_pmu_take_pebs(machine->pmu, config->cpu->counts);
	apic_init(&machine->apic, machine->pmu);
	machine->ports.serial = config->serial;
	machine->ports.context = config->context;
	/* Under a Linux profile the guest sees what KVM makes of the model. */
	cpuid_make(&machine->cpuid, vpmu_pmu_model(machine->pmu));
	msr_reset(machine);
	machine->status_msr = find_status(vpmu_pmu_model(machine->pmu));
	return true;
}

static bool init_cpu(struct machine *machine, char *why, size_t why_bytes)
{
	struct cpu_config config = {
		.pmu = machine->pmu,
		.memory = machine->memory.base,
		.memory_fd = machine->memory.fd,
		.memory_bytes = machine->memory.bytes,
		.device_base = DEVICE_BASE,
		.device_bytes = DEVICE_BYTES,
	};

	machine->cpu =
		machine->ops->create(&config, &board_calls, machine, why, (unsigned)why_bytes);
	return machine->cpu;
}

struct machine *machine_create(const struct machine_config *config, char *why, size_t why_bytes)
{
	struct machine *machine;

	if (!check_config(config, why, why_bytes))
		return NULL;
	machine = aligned_alloc(_Alignof(struct machine), sizeof(*machine));
	if (!machine) {
		say(why, why_bytes, "out of memory");
		return NULL;
	}
	memset(machine, 0, sizeof(*machine));
	if (!init_board(machine, config, why, why_bytes))
		goto fail;
	if (memory_make(&machine->memory, config->memory_bytes)) {
		say(why, why_bytes, "no memory for the guest: %s", strerror(errno));
		goto fail;
	}
	machine->ports.ram_bytes = machine->memory.bytes;
	if (init_cpu(machine, why, why_bytes))
		return machine;
fail:
	machine_destroy(machine);
	return NULL;
}

enum vpmu_status machine_load(struct machine *machine, const uint8_t *image, size_t bytes,
                              char *why, size_t why_bytes)
{
	char nowhere[1];
	struct image file = {.data = image, .bytes = bytes};
	struct cpu_entry entry;
	enum vpmu_status status;

	file.why = why && why_bytes ? text_in(why, why_bytes) : text_in(nowhere, sizeof(nowhere));
	if (machine->loaded)
		return refuse(&file, VPMU_BAD_ARGUMENT, "a guest has been loaded before");
	status = loader_load(&machine->memory, &file, machine->append, &entry);
	if (status)
		return status;
	machine->loaded = true;
	machine->ops->enter_at(machine->cpu, &entry);
	return VPMU_OK;
}

/*
 * For a halted CPU: lets time pass until the timer fires. False if that cannot wake it: there is no
 * timer, or it has fired since the halt and was not taken (interrupts are off, or the priority is
 * too high), which only an instruction could change.
 */
static bool wait_for_timer(struct machine *machine)
{
	uint64_t now = board_now(machine), event;

	apic_advance(&machine->apic, now);
	event = apic_next_event(&machine->apic);
	if (event == APIC_NEVER || machine->waited_at == machine->interrupts)
		return false;
	machine->waited_at = machine->interrupts;
	if (event > MACHINE_TICKS_MOST)
		event = MACHINE_TICKS_MOST;
	machine->idle += event - now;
	apic_advance(&machine->apic, event);
	return true;
}

static bool is_at(const struct machine *machine, uint64_t instruction)
{
	return instruction && machine->ops->retired(machine->cpu) >= instruction;
}

/* Whether the run is over, and why. */
static bool is_over(const struct machine *machine, enum machine_end *end)
{
	if (machine->ports.exited)
		*end = MACHINE_END_EXIT;
	else if (machine->stop_asked)
		*end = MACHINE_END_STOPPED;
	else if (is_at(machine, machine->config.max_instructions))
		*end = MACHINE_END_INSTRUCTIONS;
	else if (machine->ops->retired(machine->cpu) >= machine->pause_at)
		*end = MACHINE_END_PAUSED;
	else if (board_now(machine) >= MACHINE_TICKS_MOST)
		*end = MACHINE_END_TIME;
	else
		return false;
	return true;
}

static enum machine_end run(struct machine *machine)
{
	enum machine_end end;

	while (!is_over(machine, &end)) {
		switch (machine->ops->run(machine->cpu)) {
		case CPU_STOP_HALTED:
			if (!is_over(machine, &end) && !wait_for_timer(machine))
				return MACHINE_END_DEADLOCK;
			break;
		case CPU_STOP_TRIPLE_FAULT:
			return MACHINE_END_TRIPLE_FAULT;
		case CPU_STOP_UNSUPPORTED:
			return MACHINE_END_UNSUPPORTED;
		case CPU_STOP_NO_MEMORY:
			return MACHINE_END_NO_MEMORY;
		case CPU_STOP_DEADLINE:
		case CPU_STOP_REQUESTED:
			break;
		}
	}
	return end;
}

/* Fetches the PMU's registers from a CPU that has a PMU of its own. */
static void fetch_pmu(struct machine *machine, struct machine_result *result)
{
	const struct cpu_ops *ops = machine->ops;

	result->pmu_is_known = !ops->fetch_pmu || ops->fetch_pmu(machine->cpu, result->pmu_why,
	                                                         sizeof(result->pmu_why));
}

static void describe(const struct machine *machine, struct machine_result *result)
{
	unsigned long long rip = result->rip, limit = machine->config.max_instructions;
	char *why = result->why;

	switch (result->end) {
	case MACHINE_END_EXIT:
		break;
	case MACHINE_END_INSTRUCTIONS:
		say(why, sizeof(result->why), "%llu instructions have retired: at 0x%llx", limit,
		    rip);
		break;
	case MACHINE_END_TIME:
		say(why, sizeof(result->why), "2^59 ticks have passed: at 0x%llx", rip);
		break;
	case MACHINE_END_PAUSED:
		break;
	case MACHINE_END_STOPPED:
		say(why, sizeof(result->why), "stopped: at 0x%llx", rip);
		break;
	case MACHINE_END_DEADLOCK:
		say(why, sizeof(result->why), "halted with nothing that could wake it: at 0x%llx",
		    rip);
		break;
	case MACHINE_END_TRIPLE_FAULT:
	case MACHINE_END_UNSUPPORTED:
	case MACHINE_END_NO_MEMORY:
		say(why, sizeof(result->why), "%s", machine->ops->why(machine->cpu));
		break;
	}
}

void machine_run(struct machine *machine, struct machine_result *result)
{
	*result = (struct machine_result){.end = MACHINE_END_UNSUPPORTED};
	if (!machine->loaded) {
		say(result->why, sizeof(result->why), "no guest has been loaded");
		return;
	}
	if (!machine->entered) /* going on after a pause is no entry: it must not be seen */
		board_enter(machine);
	result->end = run(machine);
	if (result->end == MACHINE_END_STOPPED)
		machine->stop_asked = 0;
	if (result->end != MACHINE_END_PAUSED)
		board_look_at_status(machine); /* a pause must not change what is told */
	result->exit_value = machine->ports.exit_value;
	result->rip = machine->ops->rip(machine->cpu);
	machine->ops->totals(machine->cpu, &result->totals);
	fetch_pmu(machine, result);
	describe(machine, result);
}

void machine_pause_at(struct machine *machine, uint64_t instruction)
{
	machine->pause_at = instruction;
}

uint64_t machine_retired(const struct machine *machine)
{
	return machine->ops->retired(machine->cpu);
}

bool machine_counts(const struct machine *machine)
{
	return machine->ops->counts;
}

const struct machine_config *machine_config(const struct machine *machine)
{
	return &machine->config;
}

const char *machine_profile_name(const struct machine *machine)
{
	const char *name;

	for (size_t i = 0; (name = vpmu_profile_name(i)); i++)
		if (vpmu_profile_find(name) == machine->config.profile)
			return name;
	return vpmu_profile_name(0);
}

void machine_stop_soon(struct machine *machine)
{
	machine->stop_asked = 1;
	machine->ops->stop_soon(machine->cpu);
}

struct vpmu_pmu *machine_pmu(struct machine *machine)
{
	return machine->pmu;
}

void machine_destroy(struct machine *machine)
{
	if (!machine)
		return;
	if (machine->cpu)
		machine->ops->destroy(machine->cpu);
	memory_unmake(&machine->memory);
	free(machine->append);
	free(machine);
}
