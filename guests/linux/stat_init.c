/* SPDX-License-Identifier: MIT */
/*
 * The first and only process of the Linux guest that `vpmu stat` makes. It shows the host's files,
 * read-only, runs one program as it would run there, and reports its counters in lines of text:
 *
 *   ready                           the program is about to start
 *   counter N VALUE ENABLED RUNNING of the job's N-th counter; times in ns
 *   refused N ERRNO                 the kernel has no such counter
 *   exit STATUS, signal NUMBER      how the program ended
 *   cannot WHAT: REASON             this end did not come about
 *
 * The job is a file of texts that end in NUL: see tool/stat/job.c.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COUNTERS_MOST = 64, JOB_MOST = 4 << 20, PORT_TRIES = 500, PORT_WAIT_US = 20000 };

enum { COMPRESSED = 4 }; /* MODULE_INIT_COMPRESSED_FILE, Linux 5.17 */

static int report = -1;

static void say(const char *format, ...)
{
	char line[512];
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(line, sizeof(line) - 1, format, list);
	va_end(list);
	if (length > (int)sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length] = '\n';
	if (report < 0 || write(report, line, (size_t)length + 1) < 0)
		dprintf(STDERR_FILENO, "vpmu stat: %s", line);
}

static _Noreturn void power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static _Noreturn void give_up(const char *what)
{
	say("cannot %s: %s", what, strerror(errno));
	power_off();
}

/* --- The guest -------------------------------------------------------------------------------- */

static void mount_own(const char *type, const char *at)
{
	mkdir(at, 0755);
	if (mount(type, at, type, 0, NULL) && errno != EBUSY)
		give_up(at);
}

/* Those of /modules, in the order of their names; what the kernel has already, it refuses. */
static void load_modules(void)
{
	struct dirent **files;
	int count = scandir("/modules", &files, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		const char *name = files[i]->d_name, *end = strrchr(name, '.');
		char path[300];
		int fd;

		if (*name == '.')
			continue;
		snprintf(path, sizeof(path), "/modules/%s", name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 ||
		    (syscall(SYS_finit_module, fd, "", strcmp(end, ".ko") ? COMPRESSED : 0) &&
		     errno != EEXIST))
			give_up(path);
		close(fd);
	}
}

/* The virtio port of that name, or -1. */
static int find_port(const char *wanted, int flags)
{
	DIR *ports = opendir("/sys/class/virtio-ports");
	struct dirent *entry;
	char path[300], name[64];
	int found = -1;

	while (ports && found < 0 && (entry = readdir(ports))) {
		ssize_t length;
		int fd;

		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		length = fd < 0 ? -1 : read(fd, name, sizeof(name) - 1);
		if (fd >= 0)
			close(fd);
		name[length > 0 ? length : 0] = '\0';
		name[strcspn(name, "\n")] = '\0';
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		if (!strcmp(name, wanted))
			found = open(path, flags | O_CLOEXEC);
	}
	if (ports)
		closedir(ports);
	return found;
}

/* Ports come a little later than the driver. */
static int open_port(const char *name, int flags)
{
	for (int i = 0; i < PORT_TRIES; i++) {
		int fd = find_port(name, flags);

		if (fd >= 0)
			return fd;
		usleep(PORT_WAIT_US);
	}
	errno = ENODEV;
	give_up(name);
}

/* What belongs to this kernel, and room for temporary files, over the host's. */
static const struct over {
	const char *type, *at, *options;
	bool made; /* a folder in one of those before it */
} over[] = {
	{"proc", "/host/proc", NULL, false},    {"sysfs", "/host/sys", NULL, false},
	{"devtmpfs", "/host/dev", NULL, false}, {"tmpfs", "/host/tmp", "mode=1777", false},
	{"tmpfs", "/host/run", NULL, false},    {"tmpfs", "/host/dev/shm", "mode=1777", true},
};

static void make_link(const char *to, const char *at)
{
	if (symlink(to, at) && errno != EEXIST)
		give_up(at);
}

static void mount_host(void)
{
	mkdir("/host", 0755);
	if (mount("host", "/host", "9p", MS_RDONLY,
	          "trans=virtio,version=9p2000.L,cache=loose,msize=512000"))
		give_up("mount the host's files");
	for (const struct over *row = over; row < over + sizeof(over) / sizeof(over[0]); row++) {
		if (row->made)
			mkdir(row->at, 0755);
		if (mount(row->type, row->at, row->type, 0, row->options))
			give_up(row->at);
	}
	make_link("/proc/self/fd", "/host/dev/fd");
	make_link("/proc/self/fd/0", "/host/dev/stdin");
	make_link("/proc/self/fd/1", "/host/dev/stdout");
	make_link("/proc/self/fd/2", "/host/dev/stderr");
	/* They become the root of the mount namespace, and stay this process's folder: below a mere
	 * chroot the paths in /proc are others in a namespace of the program's own. */
	if (chdir("/host") || mount(".", "/", NULL, MS_MOVE, NULL))
		give_up("show the host's files");
}

/* --- The job ---------------------------------------------------------------------------------- */

struct job {
	uid_t uid;
	gid_t gid;
	const char *folder;
	unsigned counter_count;
	struct perf_event_attr counters[COUNTERS_MOST];
	char **words, **environment;
};

static char *next;
static char *end_of_job;

static char *take(void)
{
	char *text = next;

	if (next >= end_of_job) {
		errno = EBADMSG;
		give_up("read the job");
	}
	next += strlen(next) + 1;
	return text;
}

static uint64_t take_number(void)
{
	return strtoull(take(), NULL, 0);
}

/* As many texts as the number before them says. */
static char **take_list(void)
{
	size_t count = take_number();
	char **list = count < JOB_MOST ? calloc(count + 1, sizeof(*list)) : NULL;

	if (!list)
		give_up("read the job");
	for (size_t i = 0; i < count; i++)
		list[i] = take();
	return list;
}

static void take_counter(struct perf_event_attr *attr)
{
	uint64_t rings;

	attr->size = sizeof(*attr);
	attr->type = (uint32_t)take_number();
	attr->config = take_number();
	rings = take_number(); /* bit 0: kernel, bit 1: user */
	attr->exclude_kernel = !(rings & 1);
	attr->exclude_user = !(rings & 2);
	attr->exclude_hv = attr->exclude_kernel;
	attr->disabled = attr->enable_on_exec = attr->inherit = 1;
	attr->read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
}

static void read_job(struct job *job)
{
	static char text[JOB_MOST + 1];
	int fd = open("/job", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, JOB_MOST);

	if (length <= 0)
		give_up("read the job");
	close(fd);
	next = text;
	end_of_job = text + length;
	job->uid = (uid_t)take_number();
	job->gid = (gid_t)take_number();
	job->folder = take();
	job->counter_count = (unsigned)take_number();
	for (unsigned i = 0; i < job->counter_count && i < COUNTERS_MOST; i++)
		take_counter(&job->counters[i]);
	job->words = take_list();
	job->environment = take_list();
}

/* --- The program ------------------------------------------------------------------------------ */

/* Why the program could not be started, from the child. */
struct failure {
	int error;
	char what[60];
};

static _Noreturn void fail(int to, const char *what)
{
	struct failure failure = {.error = errno};

	snprintf(failure.what, sizeof(failure.what), "%s", what);
	if (write(to, &failure, sizeof(failure)) < 0)
		_exit(126);
	_exit(127);
}

static void start(const struct job *job, const int streams[3], int go, int failed)
{
	char byte;

	for (int i = 0; i < 3; i++)
		dup2(streams[i], i);
	if (chroot("."))
		fail(failed, "show the host's files");
	if (chdir(job->folder))
		fail(failed, "go to the folder");
	if (setgroups(0, NULL) || setgid(job->gid) || setuid(job->uid))
		fail(failed, "become the user");
	signal(SIGPIPE, SIG_DFL);
	if (read(go, &byte, 1) != 1)
		_exit(127);
	environ = job->environment;
	execvp(job->words[0], job->words);
	fail(failed, "start the program");
}

static void open_counters(const struct job *job, pid_t child, int fds[COUNTERS_MOST])
{
	for (unsigned i = 0; i < job->counter_count; i++) {
		fds[i] = (int)syscall(SYS_perf_event_open, &job->counters[i], child, -1, -1,
		                      PERF_FLAG_FD_CLOEXEC);
		if (fds[i] < 0)
			say("refused %u %d", i, errno);
	}
}

static void report_counters(const struct job *job, const int fds[COUNTERS_MOST])
{
	for (unsigned i = 0; i < job->counter_count; i++) {
		unsigned long long values[3];

		if (fds[i] >= 0 && read(fds[i], values, sizeof(values)) == sizeof(values))
			say("counter %u %llu %llu %llu", i, values[0], values[1], values[2]);
	}
}

/* All that have no parent are ours: the program is over when it ends itself. */
static int wait_for(pid_t child)
{
	int status = 0;
	pid_t ended;

	do
		ended = wait(&status);
	while (ended != child && (ended > 0 || errno == EINTR));
	return status;
}

static void run(const struct job *job, const int streams[3])
{
	int go[2], failed[2], fds[COUNTERS_MOST], status;
	struct failure failure;
	pid_t child;

	if (pipe2(go, O_CLOEXEC) || pipe2(failed, O_CLOEXEC))
		give_up("make a pipe");
	child = fork();
	if (child < 0)
		give_up("make a process");
	if (!child)
		start(job, streams, go[0], failed[1]);
	close(failed[1]);
	open_counters(job, child, fds);
	say("ready");
	if (write(go[1], "", 1) != 1)
		give_up("start the program");
	if (read(failed[0], &failure, sizeof(failure)) == sizeof(failure)) {
		errno = failure.error;
		give_up(failure.what);
	}
	status = wait_for(child);
	report_counters(job, fds);
	if (WIFSIGNALED(status))
		say("signal %d", WTERMSIG(status));
	else
		say("exit %d", WEXITSTATUS(status));
}

int main(void)
{
	static struct job job;
	int streams[3];

	mount_own("devtmpfs", "/dev");
	mount_own("proc", "/proc");
	mount_own("sysfs", "/sys");
	load_modules();
	report = open_port("vpmu.report", O_WRONLY);
	streams[0] = open_port("vpmu.stdin", O_RDONLY);
	streams[1] = open_port("vpmu.stdout", O_WRONLY);
	streams[2] = open_port("vpmu.stderr", O_WRONLY);
	read_job(&job);
	mount_host();
	run(&job, streams);
	power_off();
}
