/* SPDX-License-Identifier: MIT */
/* What a host shows without its KVM device: kernel, CPU, perf, and the modules' switches. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "room_int.h"

/* --- Files under the root ------------------------------------------------------------------ */

bool host_path(char *path, const char *root, const char *a, const char *b, const char *c)
{
	struct text text = text_in(path, PATH_ROOM);

	text_add(&text, root);
	text_add(&text, a);
	text_add(&text, b);
	text_add(&text, c);
	return text.used + 1 < text.size;
}

/* Reads the file's first line, cut to fit; false if there is none. Never blocks, whatever kind of
 * file it is. */
static bool read_line(const char *path, char *line, size_t bytes)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, line, bytes - 1);

	if (fd >= 0)
		close(fd);
	line[got > 0 ? got : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return got > 0;
}

static bool has_directory(const char *root, const char *a, const char *b)
{
	char path[PATH_ROOM];
	struct stat about;

	return host_path(path, root, a, b, "") && !stat(path, &about) && S_ISDIR(about.st_mode);
}

/* Flags are "Y" and "N", or numbers. */
static enum vpmu_known read_flag(const char *path)
{
	char line[8];

	if (!read_line(path, line, sizeof(line)))
		return VPMU_UNKNOWN;
	if (!strcmp(line, "Y") || !strcmp(line, "1"))
		return VPMU_YES;
	return !strcmp(line, "N") || !strcmp(line, "0") ? VPMU_NO : VPMU_UNKNOWN;
}

/* --- The kernel ---------------------------------------------------------------------------- */

static void look_kernel(struct vpmu_kvm_host *host, const char *root)
{
	char path[PATH_ROOM], *end;
	unsigned long major, minor;

	if (!host_path(path, root, "/proc/sys/kernel/osrelease", "", "") ||
	    !read_line(path, host->release, sizeof(host->release)))
		return;
	major = strtoul(host->release, &end, 10);
	if (end == host->release || *end != '.')
		return;
	minor = strtoul(end + 1, NULL, 10);
	if (major <= 0xff && minor <= 0xff)
		host->kernel = (unsigned)(major << 8 | minor);
}

/* --- The CPU ------------------------------------------------------------------------------- */

static struct vpmu_cpuid ask(const struct vpmu_kvm_calls *calls, uint32_t leaf)
{
	struct vpmu_cpuid answer = {.leaf = leaf};

	calls->cpuid(calls->context, &answer);
	return answer;
}

static void look_cpu(struct vpmu_kvm_host *host, const struct vpmu_kvm_calls *calls)
{
	struct vpmu_cpuid vendor = ask(calls, 0), basic = ask(calls, 1);
	const uint32_t string[3] = {vendor.ebx, vendor.edx, vendor.ecx};

	memcpy(host->vendor_string, string, sizeof(string));
	host->signature = basic.eax;
	host->is_virtual = basic.ecx >> 31 & 1;
	host->has_extensions = (basic.ecx >> 5 & 1) || (ask(calls, 0x80000001).ecx >> 2 & 1);
	host->is_hybrid = ask(calls, 7).edx >> 15 & 1;
}

/* --- perf ---------------------------------------------------------------------------------- */

#define EVENT_SOURCES "/sys/bus/event_source/devices"

/* Whether the error means that the processor has no such counter; other errors only mean that we
 * may not look. */
static bool says_none(int error)
{
	return error == ENOENT || error == ENODEV || error == EOPNOTSUPP;
}

static void look_perf(struct vpmu_kvm_host *host, const char *root,
                      const struct vpmu_kvm_calls *calls)
{
	bool cores = has_directory(root, EVENT_SOURCES, "/cpu_core");
	char path[PATH_ROOM];

	host->is_hybrid |= cores;
	host->counters_error = -calls->count_cycles(calls->context);
	if (!host->counters_error || says_none(host->counters_error))
		host->counters = host->counters_error ? VPMU_NO : VPMU_YES;
	else if (has_directory(root, EVENT_SOURCES, ""))
		host->counters =
			cores || has_directory(root, EVENT_SOURCES, "/cpu") ? VPMU_YES : VPMU_NO;
	if (host_path(path, root, "/proc/sys/kernel/nmi_watchdog", "", ""))
		host->watchdog = (uint8_t)read_flag(path);
}

/* --- The modules --------------------------------------------------------------------------- */

#define MODULES "/sys/module/"

/* A parameter that any of KVM's modules may have. */
static const struct parameter {
	const char *name;
	size_t offset; /* in struct vpmu_kvm_host */
} parameters[] = {
	{"/parameters/enable_pmu", offsetof(struct vpmu_kvm_host, enable_pmu)},
	{"/parameters/enable_mediated_pmu", offsetof(struct vpmu_kvm_host, mediated)},
	{"/parameters/ignore_msrs", offsetof(struct vpmu_kvm_host, ignore_msrs)},
};

static void look_parameters(struct vpmu_kvm_host *host, const char *root, const char *module)
{
	char path[PATH_ROOM];

	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++) {
		uint8_t *known = (uint8_t *)host + parameters[i].offset;

		if (*known == VPMU_UNKNOWN &&
		    host_path(path, root, MODULES, module, parameters[i].name))
			*known = (uint8_t)read_flag(path);
	}
}

static void consider_module(struct vpmu_kvm_host *host, const char *name)
{
	if (strncmp(name, "kvm_", 4) != 0 || strlen(name) >= sizeof(host->vendor_module))
		return;
	if (!*host->vendor_module || strcmp(name, host->vendor_module) < 0)
		strcpy(host->vendor_module, name);
}

/* kvm_intel, kvm_amd or another; if there are several, the first by name. */
static void look_vendor_module(struct vpmu_kvm_host *host, const char *root)
{
	char path[PATH_ROOM];
	union {
		struct dirent64 entry; /* for its alignment */
		char bytes[4096];
	} some;
	int fd = host_path(path, root, MODULES, "", "")
	                 ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
	                 : -1;
	ssize_t got;

	/* Not readdir(): without memory it would fail, and no module would be seen. */
	while (fd >= 0 && (got = getdents64(fd, some.bytes, sizeof(some.bytes))) > 0)
		for (ssize_t at = 0; at < got;) {
			const struct dirent64 *entry = (const void *)(some.bytes + at);

			consider_module(host, entry->d_name);
			at += entry->d_reclen;
		}
	if (fd >= 0)
		close(fd);
}

void host_look(struct vpmu_kvm_host *host, const char *root, const struct vpmu_kvm_calls *calls)
{
	look_kernel(host, root);
	look_cpu(host, calls);
	look_perf(host, root, calls);
	host->has_module = has_directory(root, MODULES, "kvm");
	look_vendor_module(host, root);
	look_parameters(host, root, "kvm");
	if (*host->vendor_module)
		look_parameters(host, root, host->vendor_module);
}
