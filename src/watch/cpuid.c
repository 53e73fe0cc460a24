/* SPDX-License-Identifier: MIT */
/*
 * The CPUID instruction names the host's vendor, whatever KVM says. Where the processor can fault
 * it (arch_prctl(2), ARCH_SET_CPUID), the VMM gets the emulated model's vendor, and for everything
 * else what the processor answered at the start. The fault is a SIGSEGV: our handler comes first,
 * and the handler that the VMM installs is kept behind it. A thread that blocks SIGSEGV and
 * executes CPUID is killed by the kernel.
 */
#include <asm/prctl.h>
#include <cpuid.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "room_int.h"

#define SHOWN __attribute__((visibility("default")))

/* --- What the processor says ----------------------------------------------------------------- */

enum {
	ANSWERS = 1024,
	SUBLEAVES = 32, /* all higher subleaves get the answer to the last one */
	ANY_SUBLEAF = -1,
	NO_LEAF = 0x20000000,        /* answered like any leaf that does not exist */
	HYPERVISOR = (int)(1u << 31) /* ECX of leaf 1: there are leaves from 0x40000000 */
};

struct answer {
	uint32_t leaf;
	int subleaf;
	uint32_t eax, ebx, ecx, edx;
};

static struct answer answers[ANSWERS];
static unsigned answer_count;

static struct answer ask(uint32_t leaf, int subleaf)
{
	struct answer answer = {.leaf = leaf, .subleaf = subleaf};

	__cpuid_count(leaf, subleaf, answer.eax, answer.ebx, answer.ecx, answer.edx);
	return answer;
}

static bool says_the_same(const struct answer *a, const struct answer *b)
{
	return a->eax == b->eax && a->ebx == b->ebx && a->ecx == b->ecx && a->edx == b->edx;
}

static void note(const struct answer *answer)
{
	if (answer_count < ANSWERS)
		answers[answer_count++] = *answer;
}

/* Stores the subleaves that differ from the last one before it. */
static void learn_leaf(uint32_t leaf)
{
	struct answer last = ask(leaf, SUBLEAVES - 1);

	for (int subleaf = 0; subleaf < SUBLEAVES - 1; subleaf++) {
		struct answer answer = ask(leaf, subleaf);

		if (!says_the_same(&answer, &last))
			note(&answer);
	}
	last.subleaf = ANY_SUBLEAF;
	note(&last);
}

/* Learns the leaves from `first` on, as many as it announces; no range has as many as 256. */
static void learn_range(uint32_t first)
{
	uint32_t last = ask(first, 0).eax;

	for (uint32_t leaf = first; leaf <= last && leaf - first < 256; leaf++)
		learn_leaf(leaf);
}

static const struct answer *find(uint32_t leaf, uint32_t subleaf)
{
	for (unsigned i = 0; i < answer_count; i++)
		if (answers[i].leaf == leaf &&
		    (answers[i].subleaf == ANY_SUBLEAF || (uint32_t)answers[i].subleaf == subleaf))
			return &answers[i];
	return leaf == NO_LEAF ? NULL : find(NO_LEAF, 0);
}

/* Puts the vendor's name into the first leaf of both ranges. */
static void name_vendor(const struct vpmu_cpuid *model)
{
	for (unsigned i = 0; i < answer_count; i++) {
		if (answers[i].leaf != 0 && answers[i].leaf != 0x80000000)
			continue;
		answers[i].ebx = model->ebx;
		answers[i].ecx = model->ecx;
		answers[i].edx = model->edx;
	}
}

static void learn(void)
{
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];

	learn_range(0);
	if (ask(1, 0).ecx & (uint32_t)HYPERVISOR)
		learn_range(0x40000000);
	learn_range(0x80000000);
	learn_leaf(NO_LEAF);
	if (vpmu_model_to_cpuid(emulated_model(), leaves))
		name_vendor(&leaves[0]);
}

/* --- The instruction ------------------------------------------------------------------------- */

/* The bytes can be read, since the processor has fetched them. */
static bool is_cpuid(const uint8_t *at)
{
	return at[0] == 0x0f && at[1] == 0xa2;
}

/* A general protection fault comes without an address, as SI_KERNEL. */
static bool answer_cpuid(const siginfo_t *info, ucontext_t *context)
{
	greg_t *reg = context->uc_mcontext.gregs;
	const struct answer *answer;

	if (info->si_code != SI_KERNEL || !is_cpuid((const uint8_t *)reg[REG_RIP]))
		return false;
	answer = find((uint32_t)reg[REG_RAX], (uint32_t)reg[REG_RCX]);
	reg[REG_RAX] = answer->eax;
	reg[REG_RBX] = answer->ebx;
	reg[REG_RCX] = answer->ecx;
	reg[REG_RDX] = answer->edx;
	reg[REG_RIP] += 2;
	return true;
}

/* --- The VMM's own handler ------------------------------------------------------------------- */

/* Two copies, of which last_asked is valid: a fault may come while the other is written. */
static struct sigaction asked[2];
static _Atomic unsigned last_asked;
static _Atomic bool answering;

static void keep(const struct sigaction *action)
{
	unsigned next = !atomic_load(&last_asked);

	asked[next] = *action;
	atomic_store(&last_asked, next);
}

/* Dies as without a handler: the instruction faults again, or the signal that was sent comes
 * again. */
static void die(const siginfo_t *info)
{
	struct sigaction none = {.sa_handler = SIG_DFL};

	real()->sigaction(SIGSEGV, &none, NULL);
	if (info->si_code <= 0)
		raise(SIGSEGV);
}

static void pass_on(int number, siginfo_t *info, void *context)
{
	struct sigaction action = asked[atomic_load(&last_asked)];

	if (action.sa_flags & SA_RESETHAND)
		keep(&(struct sigaction){.sa_handler = SIG_DFL});
	if (action.sa_flags & SA_SIGINFO)
		action.sa_sigaction(number, info, context);
	else if (action.sa_handler == SIG_DFL ||
	         (action.sa_handler == SIG_IGN && info->si_code > 0))
		die(info);
	else if (action.sa_handler != SIG_IGN)
		action.sa_handler(number);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	int error = errno;

	if (answer_cpuid(info, context)) {
		errno = error;
		return;
	}
	pass_on(number, info, context);
}

/* Installs our handler, with the flags and mask that the VMM's handler asks for. */
static int put_before(const struct sigaction *theirs)
{
	bool handles = theirs->sa_flags & SA_SIGINFO ||
	               (theirs->sa_handler != SIG_DFL && theirs->sa_handler != SIG_IGN);
	struct sigaction ours = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	if (handles) {
		ours.sa_mask = theirs->sa_mask;
		ours.sa_flags |= theirs->sa_flags & ~SA_RESETHAND;
	}
	return real()->sigaction(SIGSEGV, &ours, NULL);
}

/* Not in a vfork() child: it has its own handlers, but shares its parent's memory. */
static bool is_kept(int number)
{
	return number == SIGSEGV && atomic_load(&answering) && !entry_in_vfork();
}

SHOWN int sigaction(int number, const struct sigaction *action, struct sigaction *before)
{
	struct sigaction theirs = asked[atomic_load(&last_asked)], new;

	if (!is_kept(number))
		return real()->sigaction(number, action, before);
	if (action) {
		new = *action;
		keep(&new);
		if (put_before(&new))
			return -1;
	}
	if (before)
		*before = theirs;
	return 0;
}

/* Like signal(2) in Linux's C libraries: the handler stays installed, and system calls restart. */
SHOWN sighandler_t signal(int number, sighandler_t handler)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART}, before;

	if (!is_kept(number))
		return real()->signal(number, handler);
	sigaddset(&action.sa_mask, number);
	return sigaction(number, &action, &before) ? SIG_ERR : before.sa_handler;
}

/* --- The start ------------------------------------------------------------------------------- */

static bool begin(void)
{
	struct sigaction theirs;

	if (real()->sigaction(SIGSEGV, NULL, &theirs))
		return false;
	keep(&theirs);
	if (put_before(&theirs))
		return false;
	if (!real()->syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0))
		return true;
	real()->sigaction(SIGSEGV, &theirs, NULL);
	return false;
}

void cpuid_start(void)
{
	if (!atomic_load(&shared->answers_cpuid))
		return;
	learn();
	if (begin())
		atomic_store(&answering, true);
	else
		atomic_store(&shared->answers_cpuid, false);
}
