/* SPDX-License-Identifier: MIT */
/*
 * Some instructions make Unicorn 2.0 abort() (a far CALL or JMP through a register, for one), or
 * fault in its own or its generated code. A guest may execute anything, so this must not take the
 * process down. While Unicorn runs in a thread, that thread's SIGABRT, and a SIGSEGV in Unicorn,
 * end the run instead. All other signals go to whoever handled them before.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#include "room_int.h"
#include "guard.h"

/* The address at which Unicorn stops: none, since this one is not canonical. */
#define NEVER_EXECUTED UINT64_C(0x8000000000000000)

/* The run that this thread is in. */
static _Thread_local sigjmp_buf *volatile rescue;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction previous;

/* Whether the fault is in libunicorn or in code that it has generated (which belongs to no shared
 * object), as opposed to the board's code that is called from there. */
static bool in_unicorn(const void *context)
{
	const ucontext_t *at = context;
	Dl_info here, unicorn;

	if (!dladdr((void *)(uintptr_t)at->uc_mcontext.gregs[REG_RIP], &here))
		return true;
	return dladdr((void *)(uintptr_t)uc_emu_start, &unicorn) &&
	       here.dli_fbase == unicorn.dli_fbase;
}

void guard_fault(const void *context)
{
	if (rescue && in_unicorn(context))
		siglongjmp(*rescue, 1);
}

static void on_abort(int signal, siginfo_t *info, void *context)
{
	if (rescue)
		siglongjmp(*rescue, 1);
	if (previous.sa_flags & SA_SIGINFO)
		previous.sa_sigaction(signal, info, context);
	else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN)
		previous.sa_handler(signal);
	/* Returning lets abort() end the process. */
}

bool guard_begin(void)
{
	struct sigaction action = {.sa_sigaction = on_abort, .sa_flags = SA_SIGINFO | SA_NODEFER};
	struct sigaction now;
	bool ok;

	sigemptyset(&action.sa_mask);
	pthread_mutex_lock(&lock);
	ok = !sigaction(SIGABRT, NULL, &now);
	if (ok && (!(now.sa_flags & SA_SIGINFO) || now.sa_sigaction != on_abort))
		ok = !sigaction(SIGABRT, &action, &previous);
	pthread_mutex_unlock(&lock);
	return ok;
}

uc_err guarded_start(struct cpu *cpu, uint64_t rip)
{
	sigjmp_buf here;
	uc_err error;

	if (sigsetjmp(here, 0)) {
		rescue = NULL;
		cpu->broken = true;
		return UC_ERR_EXCEPTION;
	}
	/* Unicorn may have probed a page since then, and left a page fault noted here. */
	*cpu->places.old_exception = -1;
	rescue = &here;
	error = uc_emu_start(cpu->uc, rip, NEVER_EXECUTED, 0, 0);
	rescue = NULL;
	return error;
}

void guarded_close(struct cpu *cpu)
{
	sigjmp_buf here;

	if (!sigsetjmp(here, 0)) {
		rescue = &here;
		uc_close(cpu->uc);
	}
	rescue = NULL;
}
