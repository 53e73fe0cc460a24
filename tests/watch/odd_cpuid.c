/* SPDX-License-Identifier: MIT */
/*
 * A VMM that asks the CPUID instruction, on a processor that need not be able to fault it: a filter
 * makes arch_prctl(ARCH_SET_CPUID) a success without an effect, and the fault is a SIGSEGV that the
 * program sends itself, as the kernel sends it, right before the instruction.
 */
#include <asm/prctl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "odd_vmm.h"

/* Runs a program for which ARCH_SET_CPUID ends with that errno, or with success. */
int faulting(char **argv, int error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_arch_prctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH_SET_CPUID, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return 77;
	execvp(argv[0], argv);
	return 3;
}

struct regs {
	uint32_t eax, ebx, ecx, edx;
};

static struct regs wanted;

/*
 * It interrupts at the instruction, gives it its operands, and leaves a fault behind that comes
 * when this ends: the registers are then what the processor's fault would find.
 */
static void on_user(int number, siginfo_t *info, void *context)
{
	greg_t *reg = ((ucontext_t *)context)->uc_mcontext.gregs;
	siginfo_t fault = {.si_code = SI_KERNEL};

	reg[REG_RAX] = wanted.eax;
	reg[REG_RCX] = wanted.ecx;
	syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGSEGV, &fault);
}

static struct regs faulting_cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct sigaction action = {.sa_sigaction = on_user, .sa_flags = SA_SIGINFO};
	struct regs regs;

	wanted = (struct regs){.eax = leaf, .ecx = subleaf};
	sigaddset(&action.sa_mask, SIGSEGV);
	sigaction(SIGUSR1, &action, NULL);
	__asm__ volatile("syscall\n"
	                 "	cpuid"
	                 : "=a"(regs.eax), "=b"(regs.ebx), "=c"(regs.ecx), "=d"(regs.edx)
	                 : "a"(SYS_tgkill), "D"(getpid()), "S"(syscall(SYS_gettid)), "d"(SIGUSR1)
	                 : "r11", "memory");
	return regs;
}

/* --- What a VMM hears ------------------------------------------------------------------------ */

static void say_vendor(uint32_t leaf)
{
	struct regs regs = faulting_cpuid(leaf, 0);

	printf("%08x: %.4s%.4s%.4s\n", leaf, (const char *)&regs.ebx, (const char *)&regs.edx,
	       (const char *)&regs.ecx);
	fflush(stdout);
}

static void on_fault(int number)
{
	static const char text[] = "the VMM's own handler\n";

	if (write(1, text, sizeof(text) - 1) < 0)
		_exit(3);
}

static void on_fault_once(int number, siginfo_t *info, void *context)
{
	on_fault(number);
	_exit(info->si_signo == SIGSEGV ? 0 : 1);
}

/* Ends by the signal, or as the handler says. */
static void child(void (*sets)(void))
{
	char *volatile nowhere = (char *)16;
	pid_t pid = fork();
	int status;

	if (!pid) {
		sets();
		*nowhere = 0;
		_exit(1);
	}
	waitpid(pid, &status, 0);
	printf("ended %s %d\n", WIFSIGNALED(status) ? "by signal" : "with",
	       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	fflush(stdout);
}

static void set_nothing(void)
{
}

static void set_handler(void)
{
	struct sigaction action = {.sa_sigaction = on_fault_once, .sa_flags = SA_SIGINFO};

	sigaction(SIGSEGV, &action, NULL);
	say_vendor(0);
}

static void set_ignored(void)
{
	signal(SIGSEGV, SIG_IGN);
	say_vendor(0x80000000);
}

static void say_handlers(void)
{
	struct sigaction before;

	signal(SIGSEGV, on_fault);
	printf("asked for: %d\n", signal(SIGSEGV, on_fault) == on_fault);
	sigaction(SIGSEGV, NULL, &before);
	printf("kept: %d\n", before.sa_handler == on_fault);
	fflush(stdout);
	raise(SIGSEGV);
	say_vendor(0);
	signal(SIGSEGV, SIG_DFL);
}

/* Other leaves are the processor's. */
static int same_otherwise(uint32_t leaf, uint32_t subleaf)
{
	struct regs heard = faulting_cpuid(leaf, subleaf), real;

	__asm__("cpuid"
	        : "=a"(real.eax), "=b"(real.ebx), "=c"(real.ecx), "=d"(real.edx)
	        : "a"(leaf), "c"(subleaf));
	return heard.eax == real.eax && heard.ecx == real.ecx && heard.edx == real.edx;
}

int vendor(void)
{
	say_vendor(0);
	say_vendor(0x80000000);
	printf("others: %d%d%d%d\n", same_otherwise(7, 0), same_otherwise(0xd, 1),
	       same_otherwise(0x80000001, 0), same_otherwise(0x30000000, 0));
	fflush(stdout);
	say_handlers();
	child(set_nothing);
	child(set_handler);
	child(set_ignored);
	return 0;
}
