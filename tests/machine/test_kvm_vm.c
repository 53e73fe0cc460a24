/* SPDX-License-Identifier: MIT */
/* A VM with one virtual CPU on this host's KVM: what its guest finds, and why the guest is left. */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include <machine/kvm/room.h>

#include "../kvm/real.h"
#include "guest_bytes.h"

enum { MEMORY = 2 << 20, CODE = 0x10000, RESULTS = 0x20000, STACK = 0x30000, TABLES = 0x1000 };

/* A VM whose model has no PMU: any KVM can give that. */
struct place {
	struct kvm_vm vm;
	uint8_t *memory;
	uint64_t *results;
};

/* --- Making it -------------------------------------------------------------------------------- */

/* The first GiB, one to one, in a page of 1 GiB would need a feature: 2 MiB are enough. */
static void make_tables(uint8_t *memory)
{
	const uint64_t present = 3, large = 0x83;

	*(uint64_t *)(memory + TABLES) = (TABLES + 0x1000) | present;
	*(uint64_t *)(memory + TABLES + 0x1000) = (TABLES + 0x2000) | present;
	for (uint64_t i = 0; i < 512; i++)
		((uint64_t *)(memory + TABLES + 0x2000))[i] = i << 21 | large;
}

static struct kvm_vm_config config_of(const struct vpmu_kvm_host *host, void *memory)
{
	static struct vpmu_model model;

	assert_int_equal(vpmu_model_parse(&model, "intel-v2,pmu=off", NULL, 0), VPMU_OK);
	return (struct kvm_vm_config){host, &model, memory, MEMORY};
}

static int setup(void **context)
{
	struct place *place = calloc(1, sizeof(*place));
	struct vpmu_kvm_host host;
	struct kvm_vm_config config;
	char why[160] = "";

	vpmu_kvm_probe(&host, "", NULL);
	place->memory =
		mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	place->results = (uint64_t *)(place->memory + RESULTS);
	make_tables(place->memory);
	config = config_of(&host, place->memory);
	if (!kvm_vm_make(&place->vm, &config, why, sizeof(why)))
		print_error("%s\n", why);
	*context = place;
	return place->vm.run ? 0 : -1;
}

static int teardown(void **context)
{
	struct place *place = *context;

	kvm_vm_unmake(&place->vm);
	munmap(place->memory, MEMORY);
	free(place);
	return 0;
}

static void enter(struct place *place, const uint8_t *code, const uint8_t *end)
{
	struct kvm_vm_entry entry = {
		.long_mode = true,
		.rip = CODE,
		.rsp = STACK,
		.rdi = RESULTS,
		.cr0 = 0x80010033,
		.cr3 = TABLES,
		.cr4 = 0x620,
		.efer = 0x500,
		.code = 8,
		.data = 16,
	};

	memcpy(place->memory + CODE, code, (size_t)(end - code));
	assert_int_equal(kvm_vm_enter_at(&place->vm, &entry), 0);
}

#define ENTER(place, name) enter(place, guest_##name, guest_##name##_end)

/* Runs to the next exit, which must be this one. */
static struct kvm_vm_access run_to(struct place *place, enum kvm_vm_left expected)
{
	struct kvm_vm_access access = {0};
	char why[160] = "";
	enum kvm_vm_left left = kvm_vm_run(&place->vm, &access, why, sizeof(why));

	if (left != expected)
		fail_msg("left for %d, not %d: %s", left, expected, why);
	return access;
}

/* --- Exits ------------------------------------------------------------------------------------ */

GUEST(ports, "mov $0x1234, %dx\n mov $0xa5, %al\n out %al, %dx\n"
             "in %dx, %ax\n mov %ax, (%rdi)\n"
             "lea text(%rip), %rsi\n mov $3, %ecx\n rep outsb\n hlt\n text: .ascii \"abc\"");

static void test_out_tells_port_size_and_value(void **context)
{
	struct kvm_vm_access access;

	ENTER(*context, ports);
	access = run_to(*context, KVM_VM_PORT);
	assert_true(access.is_write);
	assert_int_equal(access.address, 0x1234);
	assert_int_equal(access.size, 1);
	assert_int_equal(access.count, 1);
	assert_int_equal(access.data[0], 0xa5);
}

static void test_in_gets_what_is_filled_in(void **context)
{
	struct place *place = *context;
	struct kvm_vm_access access;

	ENTER(place, ports);
	run_to(place, KVM_VM_PORT);
	access = run_to(place, KVM_VM_PORT);
	assert_false(access.is_write);
	assert_int_equal(access.size, 2);
	memcpy(access.data, "\x34\x12", 2);
	run_to(place, KVM_VM_PORT);
	assert_int_equal(place->results[0], 0x1234);
}

/* KVM may tell of a repeated OUTS at once or of each byte alone. */
static void test_repeated_out_tells_all_values(void **context)
{
	struct place *place = *context;
	char text[4] = "";
	unsigned used = 0;

	ENTER(place, ports);
	run_to(place, KVM_VM_PORT);
	run_to(place, KVM_VM_PORT);
	while (used < 3) {
		struct kvm_vm_access access = run_to(place, KVM_VM_PORT);

		assert_true(access.is_write);
		assert_in_range(access.count, 1, 3 - used);
		memcpy(text + used, access.data, access.count);
		used += access.count;
	}
	assert_string_equal(text, "abc");
}

GUEST(memory, "mov $0x3f000000, %ebx\n movl $0x11223344, (%rbx)\n mov 4(%rbx), %ax\n"
              "mov %ax, (%rdi)\n mov $1, %dx\n out %al, %dx");

static void test_memory_that_is_not_there_is_an_exit(void **context)
{
	struct place *place = *context;
	struct kvm_vm_access access;

	ENTER(place, memory);
	access = run_to(place, KVM_VM_MEMORY);
	assert_true(access.is_write);
	assert_int_equal(access.address, 0x3f000000);
	assert_memory_equal(access.data, "\x44\x33\x22\x11", 4);
	access = run_to(place, KVM_VM_MEMORY);
	assert_false(access.is_write);
	assert_int_equal(access.address, 0x3f000004);
	assert_int_equal(access.size, 2);
	memcpy(access.data, "\xfe\xca", 2);
	run_to(place, KVM_VM_PORT);
	assert_int_equal(place->results[0], 0xcafe);
}

GUEST(fault, "ud2");

static void test_triple_fault_is_a_shutdown(void **context)
{
	ENTER(*context, fault);
	run_to(*context, KVM_VM_SHUTDOWN);
}

/* --- Stopping --------------------------------------------------------------------------------- */

GUEST(loop, "jmp .");

static void test_stop_before_a_run_ends_it_at_once(void **context)
{
	struct place *place = *context;

	ENTER(place, loop);
	kvm_vm_stop_soon(&place->vm);
	run_to(place, KVM_VM_SIGNAL);
	run_to(place, KVM_VM_SIGNAL);
}

static void test_run_goes_on_after_a_stop(void **context)
{
	struct place *place = *context;

	ENTER(place, ports);
	kvm_vm_stop_soon(&place->vm);
	run_to(place, KVM_VM_SIGNAL);
	kvm_vm_go_on(&place->vm);
	run_to(place, KVM_VM_PORT);
}

static void test_stop_completes_the_instruction(void **context)
{
	struct place *place = *context;
	uint64_t before;

	ENTER(place, ports);
	run_to(place, KVM_VM_PORT);
	before = kvm_vm_rip(&place->vm);
	kvm_vm_stop_soon(&place->vm);
	run_to(place, KVM_VM_SIGNAL);
	assert_in_range(kvm_vm_rip(&place->vm), before, CODE + 7);
	assert_int_equal(kvm_vm_rip(&place->vm), CODE + 7);
}

static struct kvm_vm *stopped_by_signal;

static void on_alarm(int number)
{
	kvm_vm_stop_soon(stopped_by_signal);
}

/* Again and again, for the first may come before the guest runs. */
static void alarm_often(bool on)
{
	static timer_t timer;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	const struct itimerspec often = {{0, 20000000}, {0, 20000000}};

	signal(SIGALRM, on_alarm);
	if (!on)
		timer_delete(timer);
	else if (timer_create(CLOCK_MONOTONIC, &event, &timer) ||
	         timer_settime(timer, 0, &often, NULL))
		fail_msg("no timer");
}

static void test_signal_ends_a_guest_that_never_leaves(void **context)
{
	struct place *place = *context;

	stopped_by_signal = &place->vm;
	ENTER(place, loop);
	alarm_often(true);
	run_to(place, KVM_VM_SIGNAL);
	alarm_often(false);
	assert_int_equal(kvm_vm_rip(&place->vm), CODE);
}

/* --- Sleeping --------------------------------------------------------------------------------- */

GUEST(sleep, "cli\n hlt");
/* The APIC on by x2APIC; its timer, one shot, masked or not, counts for minutes. */
GUEST(sleep_with_timer, "mov $0x1b, %ecx\n rdmsr\n or $0xc00, %eax\n wrmsr\n"
                        "mov $0x80f, %ecx\n mov $0x1ff, %eax\n xor %edx, %edx\n wrmsr\n"
                        "mov $0x832, %ecx\n mov $0x40, %eax\n wrmsr\n"
                        "mov $0x83e, %ecx\n mov $0xa, %eax\n wrmsr\n"
                        "mov $0x838, %ecx\n mov $0xffffffff, %eax\n wrmsr\n"
                        "cli\n hlt");

static bool sleeps(struct place *place)
{
	stopped_by_signal = &place->vm;
	alarm_often(true);
	run_to(place, KVM_VM_SIGNAL);
	alarm_often(false);
	return kvm_vm_sleeps_for_good(&place->vm);
}

static void test_halt_without_a_timer_is_for_good(void **context)
{
	ENTER(*context, sleep);
	assert_true(sleeps(*context));
}

static void test_halt_with_a_timer_is_not(void **context)
{
	ENTER(*context, sleep_with_timer);
	assert_false(sleeps(*context));
}

static void test_loop_is_no_sleep(void **context)
{
	ENTER(*context, loop);
	assert_false(sleeps(*context));
}

/* --- What the guest finds --------------------------------------------------------------------- */

GUEST(cpuid, "mov %rdi, %r8\n mov $1, %eax\n xor %ecx, %ecx\n cpuid\n"
             "mov %ebx, (%r8)\n mov %ecx, 4(%r8)\n"
             "mov $0xa, %eax\n xor %ecx, %ecx\n cpuid\n mov %eax, 8(%r8)\n"
             "mov $0xb, %eax\n xor %ecx, %ecx\n cpuid\n mov %edx, 12(%r8)\n"
             "mov $1, %dx\n out %al, %dx");

static void test_guest_is_alone_and_has_no_pmu(void **context)
{
	struct place *place = *context;
	const uint32_t *leaves = (const uint32_t *)place->results;
	const uint32_t pdcm = 1u << 15;

	ENTER(place, cpuid);
	run_to(place, KVM_VM_PORT);
	assert_int_equal(leaves[0] >> 16, 1); /* APIC ID 0, one processor */
	assert_int_equal(leaves[1] & pdcm, 0);
	assert_int_equal(leaves[2], 0);
	assert_int_equal(leaves[3], 0);
}

/* KVM leaves this bit to the VMM: its own APIC has the timer. */
static void test_guest_has_the_deadline_timer_that_kvm_has(void **context)
{
	struct place *place = *context;
	const uint32_t *leaves = (const uint32_t *)place->results;
	int has = kvm_call_number(calls_or_kernel(NULL), place->vm.device, KVM_CHECK_EXTENSION,
	                          KVM_CAP_TSC_DEADLINE_TIMER);

	ENTER(place, cpuid);
	run_to(place, KVM_VM_PORT);
	assert_int_equal(leaves[1] >> 24 & 1, has > 0);
}

GUEST(state, "mov %cr0, %rax\n mov %rax, (%rdi)\n mov %cr4, %rax\n mov %rax, 8(%rdi)\n"
             "pushf\n pop %rax\n mov %rax, 16(%rdi)\n mov %rsp, 24(%rdi)\n"
             "movaps %xmm0, %xmm1\n mov %cs, 32(%rdi)\n mov %ss, 34(%rdi)\n"
             "mov $0xc0000080, %ecx\n rdmsr\n mov %eax, 40(%rdi)\n mov $1, %dx\n out %al, %dx");

static void test_guest_begins_as_the_entry_says(void **context)
{
	struct place *place = *context;

	ENTER(place, state);
	run_to(place, KVM_VM_PORT);
	assert_int_equal(place->results[0], 0x80010033);
	assert_int_equal(place->results[1], 0x620);
	assert_int_equal(place->results[2], 2);
	assert_int_equal(place->results[3], STACK);
	assert_int_equal(place->results[4] & 0xffffffff, 16 << 16 | 8);
	assert_int_equal(place->results[5], 0x500);
}

/* --- Making it: bad input --------------------------------------------------------------------- */

static void test_memory_that_is_no_memory_is_named(void **context)
{
	struct vpmu_kvm_host host;
	struct kvm_vm_config config;
	struct kvm_vm vm;
	char why[160] = "";

	vpmu_kvm_probe(&host, "", NULL);
	config = config_of(&host, (void *)1);
	assert_false(kvm_vm_make(&vm, &config, why, sizeof(why)));
	assert_non_null(strstr(why, "KVM_SET_USER_MEMORY_REGION"));
	assert_int_equal(vm.fd, -1);
}

#define ON_VM(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_VM(test_out_tells_port_size_and_value),
		ON_VM(test_in_gets_what_is_filled_in),
		ON_VM(test_repeated_out_tells_all_values),
		ON_VM(test_memory_that_is_not_there_is_an_exit),
		ON_VM(test_triple_fault_is_a_shutdown),
		ON_VM(test_stop_before_a_run_ends_it_at_once),
		ON_VM(test_run_goes_on_after_a_stop),
		ON_VM(test_stop_completes_the_instruction),
		ON_VM(test_signal_ends_a_guest_that_never_leaves),
		ON_VM(test_halt_without_a_timer_is_for_good),
		ON_VM(test_halt_with_a_timer_is_not),
		ON_VM(test_loop_is_no_sleep),
		ON_VM(test_guest_is_alone_and_has_no_pmu),
		ON_VM(test_guest_has_the_deadline_timer_that_kvm_has),
		ON_VM(test_guest_begins_as_the_entry_says),
		cmocka_unit_test(test_memory_that_is_no_memory_is_named),
	};
	int skipped = real_lacks(NEED_KVM);

	return skipped ? skipped : cmocka_run_group_tests(tests, NULL, NULL);
}
