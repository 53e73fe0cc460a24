/* SPDX-License-Identifier: MIT */
/*
 * The guest's QEMU, started through `vpmu qemu`, and what goes in and out: five socket pairs, each
 * behind a port of the guest. The program's streams are passed on, the report is read, and the end
 * of the console is kept to show it when the guest never gets to the program.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "lib/message.h"
#include "stat.h"

enum channel_name { REPORT, CONSOLE, IN, OUT, ERR, CHANNELS };

static const char *const names[CHANNELS] = {"report", "console", "stdin", "stdout", "stderr"};

/* Descriptors from THEIRS on are QEMU's: scripts that start QEMU use those below 10. */
enum {
	BYTES = 1 << 16,
	WORDS = 80,
	WORD = 2 * PATH_MAX,
	TIMED_OUT = 124,
	THEIRS = 100,
	SECOND_US = 1000000
};

/* What has been read and not yet passed on. */
struct channel {
	int from, to; /* -1: closed; -1: nowhere */
	size_t begin, end;
	char bytes[BYTES];
};

struct run {
	const struct stat_guest *guest;
	struct stat_result *result;
	struct channel channels[CHANNELS];
	int theirs[CHANNELS]; /* QEMU's ends */
	FILE *said; /* what QEMU and `vpmu qemu` write to stderr: of interest when they fail */
	pid_t child;
	bool timed_out;
};

/* --- QEMU's command --------------------------------------------------------------------------- */

struct words {
	char *list[WORDS];
	unsigned count;
};

static __attribute__((format(printf, 2, 3))) void add(struct words *words, const char *format, ...)
{
	static char texts[WORDS][WORD];
	va_list list;

	va_start(list, format);
	vsnprintf(texts[words->count], WORD, format, list);
	va_end(list);
	words->list[words->count] = texts[words->count];
	words->count++;
}

static void add_fixed(struct words *words, const char *const *fixed)
{
	for (; *fixed; fixed++)
		add(words, "%s", *fixed);
}

static void add_ports(struct words *words, const struct run *run)
{
	for (unsigned i = 0; i < CHANNELS; i++) {
		add(words, "-chardev");
		add(words, "socket,id=%s,fd=%d", names[i], run->theirs[i]);
		if (i == CONSOLE) {
			add(words, "-serial");
			add(words, "chardev:%s", names[i]);
			continue;
		}
		add(words, "-device");
		add(words, "virtserialport,chardev=%s,name=vpmu.%s", names[i], names[i]);
	}
}

static void make_command(struct words *words, const struct run *run)
{
	static const char *const machine[] = {
		"-M",
		"q35",
		"-nodefaults",
		"-display",
		"none",
		"-no-reboot",
		"-fsdev",
		"local,id=host,path=/,security_model=none,readonly=on,multidevs=remap",
		"-device",
		"virtio-9p-pci,fsdev=host,mount_tag=host",
		"-device",
		"virtio-serial-pci",
		NULL};
	const struct stat_guest *guest = run->guest;

	add(words, "vpmu");
	add(words, "qemu");
	add(words, "--model=%s", guest->model);
	if (guest->profile)
		add(words, "--profile=%s", guest->profile);
	if (guest->timing)
		add(words, "--timing=%s", guest->timing);
	add(words, "--");
	add(words, "%s", guest->qemu);
	add_fixed(words, machine);
	add(words, "-m");
	add(words, "%lluM", (unsigned long long)(guest->memory >> 20));
	add(words, "-smp");
	add(words, "%llu", (unsigned long long)guest->vcpus);
	add(words, "-kernel");
	add(words, "%s", guest->kernel->path);
	add(words, "-initrd");
	add(words, "/proc/self/fd/%d", fcntl(guest->initrd, F_DUPFD, THEIRS));
	add(words, "-append");
	/* The watchdog would take a counter; the check of the timer panics where the host is
	 * loaded; the second line only saves time. */
	add(words, "console=ttyS0 quiet panic=-1 nmi_watchdog=0 no_timer_check norandmaps "
	           "mitigations=off nokaslr cryptomgr.notests initcall_blacklist=jent_mod_init");
	add_ports(words, run);
}

/* --- Starting --------------------------------------------------------------------------------- */

static bool make_channels(struct run *run)
{
	for (unsigned i = 0; i < CHANNELS; i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
			return false;
		run->theirs[i] = fcntl(pair[1], F_DUPFD, THEIRS);
		close(pair[1]);
		if (run->theirs[i] < 0)
			return false;
		run->channels[i].from = i == IN ? STDIN_FILENO : pair[0];
		run->channels[i].to = i == IN    ? pair[0]
		                      : i == OUT ? STDOUT_FILENO
		                      : i == ERR ? STDERR_FILENO
		                                 : -1;
	}
	return true;
}

static _Noreturn void become_qemu(const struct run *run)
{
	struct words words = {0};

	for (unsigned i = 0; i < CHANNELS; i++)
		close(i == IN ? run->channels[i].to : run->channels[i].from);
	dup2(fileno(run->said), STDERR_FILENO);
	/* A stopped, killed or interrupted tool leaves no guest behind. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	make_command(&words, run);
	execv("/proc/self/exe", words.list);
	message("cannot start: vpmu qemu: %s", strerror(errno));
	_exit(TOOL_LACKS);
}

static bool start(struct run *run)
{
	fflush(NULL);
	run->said = tmpfile();
	if (run->said && make_channels(run))
		run->child = fork();
	if (!run->child)
		become_qemu(run);
	for (unsigned i = 0; i < CHANNELS; i++)
		close(run->theirs[i]);
	if (run->child > 0)
		return true;
	message("cannot start a process: %s", strerror(errno));
	return false;
}

/* --- What goes in and out --------------------------------------------------------------------- */

/* QEMU drops what it has not yet read of a socket that is closed, but not of one that is shut. */
static void close_from(struct run *run, struct channel *channel)
{
	if (channel == &run->channels[IN])
		shutdown(channel->to, SHUT_WR);
	else
		close(channel->from);
	channel->from = -1;
}

/* Whole lines are seen; one that is longer than there is room for is none of ours. */
static void see_lines(struct run *run, struct channel *channel)
{
	char *end;

	channel->bytes[channel->end] = '\0';
	while ((end = strchr(channel->bytes + channel->begin, '\n'))) {
		*end = '\0';
		stat_report_line(run->result, channel->bytes + channel->begin);
		channel->begin = (size_t)(end - channel->bytes) + 1;
	}
	memmove(channel->bytes, channel->bytes + channel->begin, channel->end - channel->begin);
	channel->end -= channel->begin;
	channel->begin = 0;
	if (channel->end == BYTES - 1)
		channel->end = 0;
}

/* Only the last half of what has been said is of interest. */
static void keep_end(struct channel *channel)
{
	size_t half = BYTES / 2;

	if (channel->end < BYTES - 1)
		return;
	memmove(channel->bytes, channel->bytes + channel->end - half, half);
	channel->end = half;
}

static void take_in(struct run *run, enum channel_name name)
{
	struct channel *channel = &run->channels[name];
	ssize_t got = read(channel->from, channel->bytes + channel->end, BYTES - 1 - channel->end);

	if (got <= 0) {
		if (!got || errno != EINTR)
			close_from(run, channel);
		return;
	}
	channel->end += (size_t)got;
	if (name == REPORT)
		see_lines(run, channel);
	if (name == CONSOLE)
		keep_end(channel);
}

/* A reader that is gone gets no more, and its writer goes on. */
static void pass_on(struct channel *channel)
{
	ssize_t done =
		write(channel->to, channel->bytes + channel->begin, channel->end - channel->begin);

	if (done < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	channel->begin += done > 0 ? (size_t)done : channel->end - channel->begin;
	if (channel->begin == channel->end)
		channel->begin = channel->end = 0;
}

static bool is_passed(enum channel_name name)
{
	return name == IN || name == OUT || name == ERR;
}

/* What is waited for of a channel: to write what there is, else to read. */
static void wish(const struct run *run, enum channel_name name, struct pollfd *poll)
{
	const struct channel *channel = &run->channels[name];

	*poll = (struct pollfd){.fd = -1};
	if (name == IN && !run->result->ready)
		return; /* its port is not open yet */
	if (is_passed(name) && channel->end && channel->to >= 0)
		*poll = (struct pollfd){.fd = channel->to, .events = POLLOUT};
	else if (channel->from >= 0)
		*poll = (struct pollfd){.fd = channel->from, .events = POLLIN};
}

/* The guest's side is open, or something has still to be passed on. */
static bool goes_on(const struct run *run)
{
	for (unsigned i = 0; i < CHANNELS; i++)
		if (i != IN &&
		    (run->channels[i].from >= 0 || (is_passed(i) && run->channels[i].end)))
			return true;
	return false;
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_US + (uint64_t)now.tv_nsec / 1000;
}

/* The time that may still be waited, for poll(). */
static int patience(const struct run *run, uint64_t start)
{
	uint64_t gone = now_us() - start;

	if (run->guest->timeout == UINT64_MAX)
		return -1;
	if (gone >= run->guest->timeout)
		return 0;
	return (int)((run->guest->timeout - gone) / 1000 % (1 << 30)) + 1;
}

static void relay(struct run *run)
{
	uint64_t start = now_us();

	while (goes_on(run)) {
		struct pollfd polls[CHANNELS];
		int wait = patience(run, start);

		for (unsigned i = 0; i < CHANNELS; i++)
			wish(run, i, &polls[i]);
		if (!wait) {
			run->timed_out = true;
			kill(run->child, SIGKILL);
			return;
		}
		if (poll(polls, CHANNELS, wait) < 0 && errno != EINTR)
			return;
		for (unsigned i = 0; i < CHANNELS; i++) {
			if (polls[i].fd < 0 || !polls[i].revents)
				continue;
			if (polls[i].events == POLLOUT)
				pass_on(&run->channels[i]);
			else
				take_in(run, i);
		}
	}
}

/* --- The end ---------------------------------------------------------------------------------- */

/* QEMU's own words, and those of `vpmu qemu`. */
static void show_said(struct run *run)
{
	int byte;

	rewind(run->said);
	while ((byte = getc(run->said)) != EOF)
		putc(byte, stderr);
}

/* The last line that the guest's kernel has said. */
static const char *last_words(struct run *run)
{
	struct channel *console = &run->channels[CONSOLE];
	char *line;

	while (console->end && strchr("\r\n", console->bytes[console->end - 1]))
		console->end--;
	console->bytes[console->end] = '\0';
	line = strrchr(console->bytes, '\n');
	return *console->bytes ? line ? line + 1 : console->bytes : "its console is empty";
}

/* guests/linux/stat_init.c mounts them. */
#define NOT_THE_HOSTS " (its /tmp, /run and /dev/shm are its own, and empty)"

/* Why there is no result. */
static int explain(struct run *run, int status)
{
	const struct stat_result *result = run->result;

	if (run->timed_out) {
		message("not done in time: %s (--timeout allows more)",
		        result->ready ? "the program" : last_words(run));
		return TIMED_OUT;
	}
	if (*result->cannot) {
		message("the guest %s%s", result->cannot,
		        strstr(result->cannot, strerror(ENOENT)) ? NOT_THE_HOSTS : "");
		return strstr(result->cannot, "the program") ? TOOL_BAD : TOOL_LACKS;
	}
	show_said(run);
	/* It has said why there is no guest. */
	if (WIFEXITED(status) &&
	    (WEXITSTATUS(status) == TOOL_BAD || WEXITSTATUS(status) == TOOL_LACKS) &&
	    !result->ready)
		return WEXITSTATUS(status);
	message("the guest ended before the program: %s", last_words(run));
	return TOOL_LACKS;
}

int stat_guest_run(const struct stat_guest *guest, struct stat_result *result)
{
	static struct run run;
	int status = 0;

	memset(&run, 0, sizeof(run));
	memset(result, 0, sizeof(*result));
	run.guest = guest;
	run.result = result;
	run.child = -1;
	signal(SIGPIPE, SIG_IGN);
	if (!start(&run))
		return TOOL_LACKS;
	relay(&run);
	while (waitpid(run.child, &status, 0) < 0 && errno == EINTR)
		;
	status = result->ended && !run.timed_out ? TOOL_HOLDS : explain(&run, status);
	fclose(run.said);
	return status;
}
