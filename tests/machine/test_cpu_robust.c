/* SPDX-License-Identifier: MIT */
/*
 * A guest may do anything and the host lives on: random bytes as code, random instructions of the
 * kinds that the CPU executes itself, wild page tables, loops without end. Prints its seed; SEED
 * and ROUNDS in the environment change it.
 */
#include "cpu_fixture.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>

static unsigned from_environment(const char *name, unsigned otherwise)
{
	const char *text = getenv(name);

	return text ? (unsigned)strtoul(text, NULL, 0) : otherwise;
}

static uint64_t random_state;

static uint32_t random_32(void)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(random_state >> 32);
}

static void start_random(unsigned seed)
{
	print_message("SEED=%u\n", seed);
	random_state = seed;
}

static struct cpu *stopping;

static void on_alarm(int signal)
{
	cpu_unicorn.stop_soon(stopping);
}

static void stop_in(struct fixture *f, unsigned milliseconds)
{
	const struct itimerval soon = {.it_value = {.tv_usec = milliseconds * 1000}};

	stopping = f->cpu;
	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &soon, NULL);
}

/* Runs for so many instructions at most; returns how it ended. One REP may take very long. */
static enum cpu_stop run_some(struct fixture *f, uint64_t instructions)
{
	enum cpu_stop stop;

	f->deadline = cpu_unicorn.retired(f->cpu) + instructions;
	stop_in(f, 200);
	stop = cpu_unicorn.run(f->cpu);
	stop_in(f, 0);
	assert_non_null(cpu_unicorn.why(f->cpu));
	if (stop == CPU_STOP_TRIPLE_FAULT || stop == CPU_STOP_UNSUPPORTED)
		assert_true(strlen(cpu_unicorn.why(f->cpu)) > 0);
	return stop;
}

GUEST(handler, "iretq");
GUEST(pop_handler, "add $8, %rsp\n addq $1, (%rsp)\n iretq");
GUEST(next_handler, "addq $1, (%rsp)\n iretq");
GUEST(nothing, "1: jmp 1b");

/* Handlers that go on with the next byte. */
static void handle_everything(struct fixture *f)
{
	for (unsigned vector = 0; vector < 256; vector++) {
		bool error = vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;

		if (error)
			FIX_HANDLER(f, vector, pop_handler);
		else if (vector < 32 && vector != 2)
			FIX_HANDLER(f, vector, next_handler);
		else
			FIX_HANDLER(f, vector, handler);
	}
}

static void random_bytes(void **state)
{
	unsigned rounds = from_environment("ROUNDS", 60), seed = from_environment("SEED", 1);

	start_random(seed);
	for (unsigned round = 0; round < rounds; round++) {
		struct fixture *f = fix_make(round & 1 ? "intel-v5" : "amd-perfmon-v2");

		handle_everything(f);
		FIX_LOAD(f, nothing);
		for (unsigned i = 0; i < 4096; i += 4) {
			uint32_t value = random_32();

			memcpy(f->memory + FIX_CODE + i, &value, 4);
		}
		run_some(f, 3000);
		fix_unmake(f);
	}
}

/* Instructions with a meaning of their own for a machine, with operands that do not matter. */
static const struct snippet {
	uint8_t length;
	uint8_t code[10];
} snippets[] = {
	{2, {0x0f, 0x30}},
	{2, {0x0f, 0x32}},
	{2, {0x0f, 0x33}},
	{2, {0x0f, 0x31}},
	{3, {0x0f, 0x01, 0xf9}},
	{2, {0x0f, 0xa2}},
	{2, {0x0f, 0x0b}},
	{5, {0x0f, 0x0b, 'k', 'v', 'm'}},
	{1, {0xf4}},
	{1, {0xfb}},
	{1, {0xfa}},
	{1, {0x9c}},
	{1, {0x9d}},
	{1, {0xcc}},
	{2, {0xcd, 0x80}},
	{2, {0x48, 0xcf}},
	{2, {0x0f, 0x05}},
	{3, {0x48, 0x0f, 0x07}},
	{2, {0x0f, 0x34}},
	{2, {0x0f, 0x35}},
	{3, {0x0f, 0x20, 0xc0}},
	{3, {0x0f, 0x22, 0xc0}},
	{3, {0x0f, 0x22, 0xd8}},
	{3, {0x0f, 0x22, 0xe0}},
	{4, {0x44, 0x0f, 0x22, 0xc0}},
	{3, {0x0f, 0x01, 0x38}},
	{2, {0xf3, 0xaa}},
	{2, {0xf3, 0xa4}},
	{2, {0xf3, 0x6e}},
	{2, {0xf3, 0x6c}},
	{2, {0x8e, 0xd0}},
	{2, {0x8e, 0xd8}},
	{3, {0x0f, 0x00, 0xd8}},
	{3, {0x0f, 0x00, 0xd0}},
	{3, {0x0f, 0x01, 0x10}},
	{3, {0x0f, 0x01, 0x18}},
	{3, {0x0f, 0x01, 0xf8}},
	{3, {0x0f, 0x01, 0xc1}},
	{3, {0x0f, 0x01, 0xd9}},
	{2, {0x0f, 0x09}},
	{2, {0x0f, 0x08}},
	{2, {0x48, 0xcb}},
	{1, {0xc3}},
	{2, {0xe2, 0xfe}},
	{2, {0xeb, 0xf0}},
	{2, {0xec, 0x90}},
	{2, {0xef, 0x90}},
	{3, {0x48, 0x89, 0x00}},
	{3, {0x48, 0x8b, 0x00}},
	{4, {0xf0, 0x48, 0x87, 0x00}},
	{10, {0x48, 0xb8, 0, 0, 0, 0, 0, 0x80, 0xff, 0xff}},
	{5, {0xb8, 0, 0, 0xe0, 0xfe}},
	{5, {0xb9, 0x80, 0, 0, 0xc0}},
	{5, {0xb9, 0x8f, 3, 0, 0}},
	{5, {0xb8, 0, 0, 0x10, 0}},
	{2, {0x31, 0xc0}},
	{2, {0x31, 0xd2}},
	{3, {0x48, 0xff, 0xc8}},
	{5, {0x68, 0x00, 0x03, 0x00, 0x00}},
	{1, {0x50}},
	{1, {0x5c}},
	{2, {0xff, 0xe0}},
	{2, {0x0f, 0xae}},
	{3, {0x0f, 0x23, 0xf8}},
};

static void fill_with_snippets(struct fixture *f)
{
	unsigned at = FIX_CODE;

	while (at < FIX_CODE + 2048) {
		const struct snippet *s =
			&snippets[random_32() % (sizeof(snippets) / sizeof(snippets[0]))];

		memcpy(f->memory + at, s->code, s->length);
		at += s->length;
	}
	for (unsigned i = 0; i < 8; i++)
		f->memory[FIX_CODE + random_32() % 2048] = (uint8_t)random_32();
}

static void random_system_instructions(void **state)
{
	unsigned rounds = from_environment("ROUNDS", 150), seed = from_environment("SEED", 1);

	start_random(seed);
	for (unsigned round = 0; round < rounds; round++) {
		struct fixture *f = fix_make(round & 1 ? "intel-v4" : "amd-k7");

		handle_everything(f);
		FIX_LOAD(f, nothing);
		fill_with_snippets(f);
		if (round & 2)
			f->nmi_pending = true;
		for (unsigned part = 0; part < 4; part++) {
			enum cpu_stop stop = run_some(f, 500);

			if (stop == CPU_STOP_TRIPLE_FAULT || stop == CPU_STOP_UNSUPPORTED)
				break;
		}
		fix_unmake(f);
	}
}

static void random_page_tables(void **state)
{
	unsigned rounds = from_environment("ROUNDS", 40), seed = from_environment("SEED", 1);

	start_random(seed);
	for (unsigned round = 0; round < rounds; round++) {
		struct fixture *f = fix_make("intel-v2");

		handle_everything(f);
		FIX_LOAD(f, nothing);
		fill_with_snippets(f);
		for (unsigned i = 0; i < 200; i++) {
			uint64_t value = random_32() | (uint64_t)random_32() << 32;
			uint64_t at = FIX_TABLES + 8 * (random_32() % 2048);

			if (random_32() & 1)
				value &= 0xffffff | 7;
			memcpy(f->memory + at, &value, 8);
		}
		run_some(f, 2000);
		fix_unmake(f);
	}
}

GUEST(for_ever, "1: jmp 1b");
GUEST(for_ever_long,
      "2: mov $0x7fffffff, %edi\n1: imul $3, %rax\n add $1, %rax\n dec %edi\n jnz 1b\n"
      "jmp 2b");
GUEST(for_ever_rep, "1: mov $0x400000, %edi\n mov $0x100000, %ecx\n rep stosb\n jmp 1b");
GUEST(for_ever_fault, "1: ud2");
GUEST(for_ever_halt, "1: sti\n hlt\n jmp 1b");
GUEST(back, "iretq");

static void stop_from_a_signal(const uint8_t *code, const uint8_t *end)
{
	struct fixture *f = fix_make("intel-v2");
	enum cpu_stop stop;

	FIX_HANDLER(f, 6, back);
	fix_load(f, code, end);
	stop_in(f, 50);
	do
		stop = cpu_unicorn.run(f->cpu);
	while (stop == CPU_STOP_HALTED);
	assert_int_equal(stop, CPU_STOP_REQUESTED);
	fix_unmake(f);
}

static void a_signal_stops_any_loop(void **state)
{
	stop_from_a_signal(guest_for_ever, guest_for_ever_end);
	stop_from_a_signal(guest_for_ever_long, guest_for_ever_long_end);
	stop_from_a_signal(guest_for_ever_rep, guest_for_ever_rep_end);
	stop_from_a_signal(guest_for_ever_fault, guest_for_ever_fault_end);
	stop_from_a_signal(guest_for_ever_halt, guest_for_ever_halt_end);
}

GUEST(all_msrs,
      "xor %ecx, %ecx\n1: xor %eax, %eax\n xor %edx, %edx\n rdmsr\n wrmsr\n not %eax\n not %edx\n"
      "wrmsr\n mov $1, %eax\n xor %edx, %edx\n wrmsr\n inc %ecx\n cmp $0x1000, %ecx\n jb 1b\n"
      "cmp $0x2000, %ecx\n ja 2f\n mov $0xc0000000, %ecx\n"
      "2: cmp $0xc0001000, %ecx\n jb 1b" EXIT);
GUEST(skip_msr, "add $8, %rsp\n addq $2, (%rsp)\n iretq");
static void every_msr_with_every_kind_of_value(void **state)
{
	struct fixture *f = fix_make("intel-v5");

	FIX_HANDLER(f, 13, skip_msr);
	FIX_LOAD(f, all_msrs);
	f->deadline = cpu_unicorn.retired(f->cpu) + 1000000;
	cpu_unicorn.run(f->cpu);
	fix_unmake(f);
}

static void *elsewhere;
static sigjmp_buf out;

static void on_other_fault(int signal, siginfo_t *info, void *context)
{
	elsewhere = info->si_addr;
	siglongjmp(out, 1);
}

static void other_faults_go_to_who_handled_them_before(void **state)
{
	struct sigaction mine = {.sa_sigaction = on_other_fault, .sa_flags = SA_SIGINFO};
	struct sigaction before;
	struct fixture *f;
	volatile uint8_t *hole = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	sigaction(SIGSEGV, &mine, &before);
	f = fix_make("intel-v2");
	if (!sigsetjmp(out, 1))
		*hole = 1;
	assert_ptr_equal(elsewhere, (const void *)(uintptr_t)hole);
	FIX_LOAD(f, all_msrs);
	fix_unmake(f);
	sigaction(SIGSEGV, &before, NULL);
	munmap((void *)(uintptr_t)hole, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_bytes),
		cmocka_unit_test(random_system_instructions),
		cmocka_unit_test(random_page_tables),
		cmocka_unit_test(a_signal_stops_any_loop),
		cmocka_unit_test(every_msr_with_every_kind_of_value),
		cmocka_unit_test(other_faults_go_to_who_handled_them_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
