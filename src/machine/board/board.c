/* SPDX-License-Identifier: MIT */
/*
 * The board's answers to the CPU (struct cpu_board): passes each question to the part that can
 * answer it, keeps the time, and reports events to an observer.
 */
#include "room.h"

uint64_t board_now(const struct machine *machine)
{
	return machine->ops->retired(machine->cpu) + machine->idle;
}

void board_tell(struct machine *machine, enum machine_event_kind kind, uint32_t msr, uint64_t value)
{
	struct machine_event event = {.kind = kind, .msr = msr, .value = value};

	if (!machine->config.event)
		return;
	event.instruction = machine->ops->retired(machine->cpu);
	event.rip = machine->ops->rip(machine->cpu);
	machine->config.event(machine->config.context, &event);
}

void board_look_at_status(struct machine *machine)
{
	uint64_t status, news;

	if (!machine->config.event || !machine->status_msr ||
	    vpmu_pmu_host_read(machine->pmu, machine->status_msr, &status))
		return;
	news = status & ~machine->status_seen;
	machine->status_seen = status;
	if (news)
		board_tell(machine, MACHINE_EVENT_OVERFLOW, machine->status_msr, news);
}

static void deliver_pmi(void *board)
{
	struct machine *machine = board;
	uint8_t vector;

	board_look_at_status(machine);
	vector = apic_pmi(&machine->apic);
	board_tell(machine, MACHINE_EVENT_PMI, 0, vector);
}

void board_pmis(struct machine *machine, struct vpmu_outcome outcome)
{
	for (uint32_t i = 0; i < outcome.pmi; i++)
		deliver_pmi(machine);
}

void board_enter(struct machine *machine)
{
	machine->entered = true;
	board_pmis(machine, vpmu_pmu_enter(machine->pmu));
	board_tell(machine, MACHINE_EVENT_ENTRY, 0, 0);
}

static uint32_t port_read(void *board, uint16_t port, unsigned size)
{
	struct machine *machine = board;

	return ports_read(&machine->ports, port, size);
}

static void port_write(void *board, uint16_t port, unsigned size, uint32_t value)
{
	struct machine *machine = board;

	ports_write(&machine->ports, port, size, value);
	if (machine->ports.exited)
		machine->ops->stop_soon(machine->cpu);
}

static uint64_t device_read(void *board, uint64_t address, unsigned size)
{
	struct machine *machine = board;

	return apic_mmio_read(&machine->apic, board_now(machine), address, size);
}

static void device_write(void *board, uint64_t address, unsigned size, uint64_t value)
{
	struct machine *machine = board;

	apic_mmio_write(&machine->apic, board_now(machine), address, size, value);
}

static enum vpmu_status read_msr(void *board, uint32_t msr, uint64_t *value)
{
	struct machine *machine = board;
	enum vpmu_status status = VPMU_NO_REGISTER;

	if (!msr_is_shared(msr))
		status = vpmu_pmu_guest_read(machine->pmu, msr, value);
	return status == VPMU_NO_REGISTER ? msr_read(machine, msr, value) : status;
}

/* A write to the PMU is a VM exit, as under KVM: the next entry follows at once. */
static enum vpmu_status write_msr(void *board, uint32_t msr, uint64_t value)
{
	struct machine *machine = board;
	enum vpmu_status status = VPMU_NO_REGISTER;

	board_look_at_status(machine);
	if (!msr_is_shared(msr))
		status = vpmu_pmu_guest_write(machine->pmu, msr, value);
	if (status == VPMU_NO_REGISTER)
		return msr_write(machine, msr, value);
	if (status == VPMU_OK) {
		board_tell(machine, MACHINE_EVENT_MSR_WRITE, msr, value);
		board_enter(machine);
		board_look_at_status(machine);
	}
	return status;
}

/* SDM vol. 3A 11.4.3: CPUID.1 EDX[9] is clear while IA32_APIC_BASE has the APIC off. */
static void cpuid(void *board, uint32_t leaf, uint32_t subleaf, uint32_t regs[4])
{
	const uint32_t has_apic = 1 << 9;
	struct machine *machine = board;
	const struct vpmu_cpuid *found = cpuid_find(&machine->cpuid, leaf, subleaf);
	static const struct vpmu_cpuid nothing;

	if (!found)
		found = &nothing;
	regs[0] = found->eax;
	regs[1] = found->ebx;
	regs[2] = found->ecx;
	regs[3] = found->edx;
	if (leaf == 1 && !apic_enabled(&machine->apic))
		regs[3] &= ~has_apic;
}

static bool take_interrupt(void *board, bool if_flag, bool nmi_blocked, uint8_t *vector)
{
	struct machine *machine = board;

	apic_advance(&machine->apic, board_now(machine));
	if (!apic_take(&machine->apic, if_flag, nmi_blocked, vector))
		return false;
	machine->interrupts++;
	board_tell(machine, MACHINE_EVENT_INTERRUPT, 0, *vector);
	return true;
}

static void write_cr8(void *board, uint64_t value)
{
	struct machine *machine = board;

	apic_write_cr8(&machine->apic, value);
}

static uint64_t read_cr8(void *board)
{
	struct machine *machine = board;

	return apic_read_cr8(&machine->apic);
}

/* From ticks to retired instructions: subtracts the idle ticks, which have passed already. */
static uint64_t deadline(void *board)
{
	struct machine *machine = board;
	uint64_t limit = machine_limit(machine), event;

	apic_advance(&machine->apic, board_now(machine));
	event = apic_next_event(&machine->apic);
	if (event != APIC_NEVER)
		event -= machine->idle;
	return event < limit ? event : limit;
}

/*
 * The one hypercall of KVM's that test kernels rely on without asking CPUID for it (Linux
 * Documentation/virt/kvm/x86/hypercalls.rst): 10 sends an IPI to the APIC IDs in a bitmap of 128
 * bits that starts at an ID. This CPU's is 0. Returns how many got it, or a negative number.
 */
static uint64_t hypercall(void *board, uint64_t number, const uint64_t arguments[4])
{
	enum { SEND_IPI = 10, KVM_ENOSYS = 1000, KVM_EINVAL = 22 };
	const uint64_t destination_bits = 0xc0800; /* of the ICR: the bitmap says it */
	struct machine *machine = board;
	uint64_t low = arguments[0], first = arguments[2], icr = arguments[3];

	if (number != SEND_IPI)
		return (uint64_t)-KVM_ENOSYS;
	if (icr & destination_bits)
		return (uint64_t)-KVM_EINVAL;
	if (first != 0 || !(low & 1))
		return 0;
	apic_send_ipi(&machine->apic, (uint32_t)icr, 0);
	return 1;
}

const struct cpu_board board_calls = {
	.port_read = port_read,
	.port_write = port_write,
	.device_read = device_read,
	.device_write = device_write,
	.read_msr = read_msr,
	.write_msr = write_msr,
	.cpuid = cpuid,
	.take_interrupt = take_interrupt,
	.write_cr8 = write_cr8,
	.read_cr8 = read_cr8,
	.pmi = deliver_pmi,
	.deadline = deadline,
	.hypercall = hypercall,
};
