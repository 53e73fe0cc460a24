/* SPDX-License-Identifier: MIT */
/*
 * While the VMM runs: takes its records and passes signals on. A VMM can leave its first process,
 * as with QEMU's -daemonize: the remaining processes become children of this one, and the watch
 * goes on with the one that has the VM.
 */
#include "watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/message.h"

enum {
	DRAIN_MS = 10,
	/* For a process in the background to make its VM. */
	PATIENCE_NS = 2000000000,
};

/* What is passed on. SIGKILL and SIGSTOP cannot be, job control is the terminal's. */
static const int forwarded[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM};

int watch_signals(sigset_t *before)
{
	sigset_t signals;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
		sigaddset(&signals, forwarded[i]);
	sigprocmask(SIG_BLOCK, &signals, before);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* To every child: after the first process has gone, to what it has left. */
static void tell_children(int number)
{
	FILE *file = fopen("/proc/thread-self/children", "re");
	int process;

	while (file && fscanf(file, "%d", &process) == 1)
		kill(process, number);
	if (file)
		fclose(file);
}

/* What the terminal sends, it sends to a VMM in the foreground too. */
static void forward_signals(int fd, pid_t vmm)
{
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		if (!vmm)
			tell_children((int)info.ssi_signo);
		else if (info.ssi_code <= 0)
			kill(vmm, (int)info.ssi_signo);
	}
}

bool watch_flush_log(struct watch_session *session)
{
	if (fflush(session->log) && !session->log_error)
		session->log_error = errno;
	return !session->log_error;
}

/* Takes the children that have ended; *ended: how the process did, or with 0 the last of them all.
 * True when there is nothing more to wait for. */
static bool has_ended(pid_t process, int *ended)
{
	bool is_over = false;
	pid_t got;
	int how;

	while ((got = waitpid(-1, &how, WNOHANG)) > 0 || (got < 0 && errno == EINTR)) {
		if (got < 0 || (process && got != process))
			continue;
		*ended = how;
		is_over = process;
	}
	return is_over || got < 0;
}

/* Until the process has ended, or with 0 every child; how it ended. */
static int follow(struct watch_session *session, pid_t process, int signals)
{
	struct pollfd wait = {.fd = signals, .events = POLLIN};
	int ended = 0;

	while (!has_ended(process, &ended)) {
		watch_session_drain(session, false);
		watch_flush_log(session);
		poll(&wait, 1, DRAIN_MS);
		forward_signals(signals, process);
	}
	watch_session_drain(session, false);
	return ended;
}

static bool has_children(void)
{
	siginfo_t info;

	return !waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
}

/* Whether what the first process has left has a VM. A process that was forked does not know its
 * number: it may make no system call for it. */
static bool has_gone_on(struct watch_session *session, pid_t first)
{
	uint64_t begin = watch_now();

	for (; has_children(); poll(NULL, 0, DRAIN_MS)) {
		watch_session_drain(session, false);
		if (session->tally.vms)
			return session->vm_process != (uint32_t)first;
		if (watch_now() - begin > PATIENCE_NS) {
			message("goes on unwatched: what the VMM has left in the background (it "
			        "has "
			        "made no VM)");
			return false;
		}
	}
	return false;
}

int watch_follow(struct watch_session *session, pid_t vmm, int signals)
{
	int ended = follow(session, vmm, signals);

	if (WIFEXITED(ended) && !WEXITSTATUS(ended) && has_gone_on(session, vmm)) {
		message("the VM goes on in the background, and so does the watch: until the last "
		        "process that the VMM has left ends");
		ended = follow(session, 0, signals);
	}
	watch_session_drain(session, true);
	return ended;
}
