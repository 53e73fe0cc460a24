/* SPDX-License-Identifier: MIT */
/*
 * Does what lines on the serial port say, and answers each as `vpmu replay` answers it: a script of
 * lvtpc, wrmsr, rdmsr, enter and run has the same answers from the guest of a VMM and from a
 * profile. A run is in ring 3, and has conditional branches alone; none of the guest's own are in
 * that ring.
 */
#include "apic.h"
#include "cpu.h"
#include "guest.h"
#include "print.h"
#include "trap.h"

enum { LINE_BYTES = 256, WORDS = 8 };
enum { LINE_STATUS = 5, HAS_BYTE = 1 };

static volatile unsigned pmis;

static const struct msr_write *on_pmi(struct trap_frame *frame)
{
	(void)frame;
	pmis++;
	return NULL;
}

/* --- Lines ------------------------------------------------------------------------------------ */

static char get(void)
{
	while (!(in8(PORT_SERIAL + LINE_STATUS) & HAS_BYTE))
		;
	return (char)in8(PORT_SERIAL);
}

/* Splits the next line into words; what has no room is dropped. */
static unsigned read_words(const char *words[WORDS])
{
	static char line[LINE_BYTES];
	unsigned count = 0, length = 0;
	bool inside = false;

	for (char c = get(); c != '\n' && length < LINE_BYTES - 1; c = get()) {
		line[length] = c == ' ' ? '\0' : c;
		if (c != ' ' && !inside && count < WORDS)
			words[count++] = &line[length];
		inside = c != ' ';
		length++;
	}
	line[length] = '\0';
	return count;
}

/* What follows the name in a word; NULL: the word does not begin with it. */
static const char *behind(const char *word, const char *name)
{
	while (*name && *word == *name)
		word++, name++;
	return *name ? NULL : word;
}

static bool is_word(const char *word, const char *name)
{
	const char *rest = behind(word, name);

	return rest && !*rest;
}

/* Hexadecimal behind 0x, else decimal. */
static uint64_t number(const char *text)
{
	const char *digits = behind(text, "0x");
	uint64_t value = 0, base = digits ? 16 : 10;

	for (digits = digits ? digits : text; *digits; digits++)
		value = value * base +
		        (uint64_t)(*digits >= 'a' ? *digits - 'a' + 10 : *digits - '0');
	return value;
}

/* --- Commands: what they are called with, and do ------------------------------------------------
 */

static void do_wrmsr(const char *const *words, unsigned count)
{
	(void)count;
	print(try_wrmsr((uint32_t)number(words[1]), number(words[2])) ? "gp\n" : "ok\n");
}

static void do_rdmsr(const char *const *words, unsigned count)
{
	uint64_t value;

	(void)count;
	if (try_rdmsr((uint32_t)number(words[1]), &value))
		print("gp\n");
	else
		print("0x%lx\n", value);
}

static void do_lvtpc(const char *const *words, unsigned count)
{
	(void)count;
	apic_set_lvtpc((uint32_t)number(words[1]));
	print("ok\n");
}

/* In ring 3. */
static void branch(void *times)
{
	uint64_t left = (uint64_t)times;

	asm volatile("1: dec %0\n\tjnz 1b" : "+r"(left) : : "cc");
}

static void do_run(const char *const *words, unsigned count)
{
	for (unsigned i = 1; i < count; i++) {
		const char *amount = behind(words[i], "conditional-branches=");

		if (amount && number(amount))
			call_user(branch, (void *)number(amount));
	}
	print("pmi=%u masked=0\n", pmis);
	pmis = 0;
}

static const struct command {
	const char *word;
	unsigned count; /* of words, at least */
	void (*act)(const char *const *words, unsigned count);
} commands[] = {
	{"wrmsr", 3, do_wrmsr}, {"rdmsr", 2, do_rdmsr}, {"lvtpc", 2, do_lvtpc},
	{"enter", 1, do_run},   {"run", 1, do_run},
};

static void answer(const char *const *words, unsigned count)
{
	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (count >= commands[i].count && is_word(words[0], commands[i].word)) {
			commands[i].act(words, count);
			return;
		}
	print("no such command\n");
}

enum guest_exit guest_main(const struct pmu *pmu)
{
	(void)pmu;
	apic_start();
	trap_handle(VECTOR_NMI, on_pmi);
	print("ready\n");
	for (;;) {
		const char *words[WORDS];

		answer(words, read_words(words));
	}
}
