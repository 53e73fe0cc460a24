/* SPDX-License-Identifier: MIT */
/* The I/O ports: serial, the exit port, fw_cfg, and all that is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <machine/board/room.h>

static struct ports ports;
static char output[64];
static size_t sent;

static void serial(void *context, uint8_t byte)
{
	assert_ptr_equal(context, output);
	if (sent < sizeof(output))
		output[sent++] = (char)byte;
}

static int setup(void **state)
{
	ports = (struct ports){.serial = serial, .context = output, .ram_bytes = 512 * MIB};
	sent = 0;
	return 0;
}

static void assert_output(const char *text)
{
	assert_int_equal(sent, strlen(text));
	assert_memory_equal(output, text, sent);
}

static void byte_to_the_data_register_is_output(void **state)
{
	ports_write(&ports, 0x3f8, 1, 'o');
	ports_write(&ports, 0x3f8, 1, 'k');
	assert_output("ok");
}

static void transmitter_is_always_ready(void **state)
{
	assert_int_equal(ports_read(&ports, 0x3fd, 1), 0x60);
	ports_write(&ports, 0x3fd, 1, 0);
	assert_int_equal(ports_read(&ports, 0x3fd, 1), 0x60);
}

static void divisor_latch_is_not_output(void **state)
{
	ports_write(&ports, 0x3fb, 1, 0x80);
	ports_write(&ports, 0x3f8, 1, 1);
	ports_write(&ports, 0x3f9, 1, 0);
	ports_write(&ports, 0x3fb, 1, 0x03);
	assert_int_equal(ports_read(&ports, 0x3fb, 1), 3);
	assert_output("");
	ports_write(&ports, 0x3f8, 1, 'x');
	assert_output("x");
}

static void wide_write_to_the_serial_port_is_bytes_side_by_side(void **state)
{
	ports_write(&ports, 0x3f8, 2, 'a' | 0x0500);
	assert_output("a");
	assert_int_equal(ports_read(&ports, 0x3f9, 1), 5);
	ports_write(&ports, 0x3ff, 4, 0x11223344);
	assert_int_equal(ports_read(&ports, 0x3ff, 4), 0xffffff44);
}

static void nobody_listening_is_fine(void **state)
{
	ports.serial = NULL;
	ports_write(&ports, 0x3f8, 1, 'x');
}

static void exit_port_keeps_the_first_value(void **state)
{
	assert_false(ports.exited);
	ports_write(&ports, 0xf4, 4, 0x12345);
	ports_write(&ports, 0xf4, 1, 7);
	assert_true(ports.exited);
	assert_int_equal(ports.exit_value, 0x12345);
}

static uint64_t fw(uint16_t key, unsigned bytes)
{
	uint64_t value = 0;

	ports_write(&ports, 0x510, 2, key);
	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)ports_read(&ports, 0x511, 1) << (8 * i);
	return value;
}

static void fw_cfg_says_one_cpu(void **state)
{
	assert_int_equal(fw(5, 2), 1);
	assert_int_equal(fw(15, 2), 1);
}

static void fw_cfg_says_signature_and_memory(void **state)
{
	assert_int_equal(fw(0, 4), 0x554d4551);
	assert_int_equal(fw(3, 8), 512 * MIB);
}

static void fw_cfg_reads_zeros_beyond_an_item_and_for_unknown_ones(void **state)
{
	fw(3, 8);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(ports_read(&ports, 0x511, 1), 0);
	assert_int_equal(fw(0x1234, 8), 0);
}

/* Every other port, and the sizes that a known one has no use for. */
static void all_other_ports_read_all_ones_and_swallow_writes(void **state)
{
	static const uint32_t ones[] = {[1] = 0xff, [2] = 0xffff, [4] = 0xffffffff};

	for (uint32_t port = 0; port < 0x10000; port++) {
		if ((port >= 0x3f8 && port <= 0x3ff) || port == 0xf4 || port == 0x510 ||
		    port == 0x511)
			continue;
		for (unsigned size = 1; size <= 4; size *= 2) {
			ports_write(&ports, (uint16_t)port, size, 0x5a5a5a5a);
			assert_int_equal(ports_read(&ports, (uint16_t)port, size), ones[size]);
		}
	}
	assert_false(ports.exited);
	assert_output("");
	assert_int_equal(ports_read(&ports, 0xf4, 1), 0xff);
	assert_int_equal(ports_read(&ports, 0x511, 4), UINT32_MAX);
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(byte_to_the_data_register_is_output),
		T(transmitter_is_always_ready),
		T(divisor_latch_is_not_output),
		T(wide_write_to_the_serial_port_is_bytes_side_by_side),
		T(nobody_listening_is_fine),
		T(exit_port_keeps_the_first_value),
		T(fw_cfg_says_one_cpu),
		T(fw_cfg_says_signature_and_memory),
		T(fw_cfg_reads_zeros_beyond_an_item_and_for_unknown_ones),
		T(all_other_ports_read_all_ones_and_swallow_writes),
	};

	return cmocka_run_group_tests_name("ports", tests, NULL, NULL);
}
