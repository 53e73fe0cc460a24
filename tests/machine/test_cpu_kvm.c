/* SPDX-License-Identifier: MIT */
/* A machine on this host's KVM, without a PMU: what it does as on any CPU, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <kvm/room.h>
#include <machine/room.h>

#include "guest_bytes.h"
#include "guest_image.h"

enum { MEMORY = 4 << 20, SKIPPED = 77 };

static char serial[64];
static size_t serial_used;

static void on_serial(void *context, uint8_t byte)
{
	if (serial_used < sizeof(serial) - 1)
		serial[serial_used++] = (char)byte;
}

static struct machine_config some_config(void)
{
	struct machine_config config = {
		.cpu = &cpu_kvm, .memory_bytes = MEMORY, .serial = on_serial};

	assert_int_equal(vpmu_model_parse(&config.model, "intel-v2,pmu=off", NULL, 0), VPMU_OK);
	memset(serial, 0, sizeof(serial));
	serial_used = 0;
	return config;
}

/* A machine with the guest loaded, entered in long mode. */
static struct machine *make(const uint8_t *code, const uint8_t *end)
{
	struct machine_config config = some_config();
	struct made_elf elf = made_elf_default(64);
	static struct made_image image;
	char why[160] = "";
	struct machine *machine = machine_create(&config, why, sizeof(why));

	if (!machine)
		fail_msg("%s", why);
	made_elf(&image, &elf);
	memcpy(image.data + IMAGE_CODE, code, (size_t)(end - code));
	if (machine_load(machine, image.data, image.bytes, why, sizeof(why)))
		fail_msg("%s", why);
	return machine;
}

#define MAKE(name) make(guest_##name, guest_##name##_end)

/* Runs the guest to its end, which must be this one. */
static struct machine_result run(struct machine *machine, enum machine_end end)
{
	struct machine_result result;

	machine_run(machine, &result);
	if (result.end != end)
		fail_msg("ended by %d, not %d: %s", result.end, end, result.why);
	machine_destroy(machine);
	return result;
}

GUEST(says_hello,
      "lea text(%rip), %rsi\n mov $5, %ecx\n mov $0x3f8, %dx\n rep outsb\n"
      "mov $0x15, %al\n mov $0xf4, %dx\n out %al, %dx\n jmp .\n text: .ascii \"hello\"");

static void guest_ends_by_the_exit_port(void **state)
{
	struct machine_result result = run(MAKE(says_hello), MACHINE_END_EXIT);

	assert_int_equal(result.exit_value, 0x15);
	assert_string_equal(serial, "hello");
	assert_true(result.pmu_is_known);
}

GUEST(looks_around, "mov $0xfed00000, %ebx\n cmpl $-1, (%rbx)\n jne 1f\n"
                    "mov $0x1234, %dx\n in %dx, %eax\n cmp $-1, %eax\n jne 1f\n"
                    "mov $0x7000000, %ebx\n cmpl $-1, (%rbx)\n jne 1f\n"
                    "movl $0, (%rbx)\n cmpl $-1, (%rbx)\n jne 1f\n"
                    "xor %eax, %eax\n mov $0xf4, %dx\n out %al, %dx\n 1: ud2");

static void what_is_not_there_reads_all_ones(void **state)
{
	assert_int_equal(run(MAKE(looks_around), MACHINE_END_EXIT).exit_value, 0);
}

GUEST(dies, "ud2");

static void triple_fault_ends_the_run(void **state)
{
	assert_true(*run(MAKE(dies), MACHINE_END_TRIPLE_FAULT).why);
}

GUEST(loops, "jmp .");

static void stop_that_was_asked_for_before_ends_the_run(void **state)
{
	struct machine *machine = MAKE(loops);

	machine_stop_soon(machine);
	run(machine, MACHINE_END_STOPPED);
}

/* --- What only a CPU that counts can do ------------------------------------------------------- */

static void limit_of_instructions_is_refused(void **state)
{
	struct machine_config config = some_config();
	char why[160] = "";

	config.max_instructions = 1;
	assert_null(machine_create(&config, why, sizeof(why)));
	assert_non_null(strstr(why, "counts no instructions"));
}

static bool drop(void *context, const void *bytes, size_t count)
{
	return true;
}

static void save_and_reset_are_refused(void **state)
{
	const struct machine_sink sink = {.write = drop};
	const struct machine_notes notes = {0};
	struct machine *machine = MAKE(loops);
	char why[160] = "";

	assert_false(machine_counts(machine));
	assert_int_equal(machine_save(machine, &notes, &sink, why, sizeof(why)), VPMU_BAD_ARGUMENT);
	assert_non_null(strstr(why, "no instruction is known"));
	*why = '\0';
	assert_int_equal(machine_reset(machine, vpmu_order_find("safe"), why, sizeof(why)),
	                 VPMU_BAD_ARGUMENT);
	assert_non_null(strstr(why, "no instruction is known"));
	machine_destroy(machine);
}

static void model_that_this_kvm_cannot_give_is_refused(void **state)
{
	struct machine_config config = some_config();
	struct vpmu_kvm_host host;
	char why[160] = "";

	vpmu_kvm_probe(&host, "", NULL);
	if (host.trial == VPMU_TRIAL_WORKS)
		skip();
	assert_int_equal(vpmu_model_parse(&config.model, "intel-v2", NULL, 0), VPMU_OK);
	assert_null(machine_create(&config, why, sizeof(why)));
	assert_true(*why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guest_ends_by_the_exit_port),
		cmocka_unit_test(what_is_not_there_reads_all_ones),
		cmocka_unit_test(triple_fault_ends_the_run),
		cmocka_unit_test(stop_that_was_asked_for_before_ends_the_run),
		cmocka_unit_test(limit_of_instructions_is_refused),
		cmocka_unit_test(save_and_reset_are_refused),
		cmocka_unit_test(model_that_this_kvm_cannot_give_is_refused),
	};
	struct vpmu_kvm_host host;

	vpmu_kvm_probe(&host, "", NULL);
	if (host.open_error) {
		printf("skipped: this host's KVM: %s\n", strerror(host.open_error));
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
