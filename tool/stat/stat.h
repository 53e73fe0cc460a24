/* SPDX-License-Identifier: MIT */
/*
 * What the files of `vpmu stat` share: a program runs in a Linux guest that is made for it, on a
 * QEMU with the plugin, and its counters are printed.
 *
 *   cmd_stat.c   options, and the order of things     event.c    perf's names of events
 *   kernel.c     which kernel, which of its modules   archive.c  the guest's first files
 *   job.c        what the guest has to do             guest.c    QEMU, and what comes out of it
 *   report.c     the guest's lines, read              print.c    text, JSON, limits
 */
#ifndef TOOL_STAT_STAT_H
#define TOOL_STAT_STAT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <vpmu/vpmu.h>

/* --- event.c ---------------------------------------------------------------------------------- */

/* How accurate what the guest reads is. */
enum stat_trust {
	STAT_EXACT,       /* the plugin counts it, to the last one */
	STAT_ESTIMATE,    /* the plugin's cost of an instruction */
	STAT_NOT_COUNTED, /* the plugin does not see it: the guest reads 0 */
	STAT_KERNEL,      /* no event of the PMU: the guest's kernel counts it */
};

enum {
	STAT_EVENTS = 32, /* at most */
	STAT_NAME = 64,
};

struct stat_event {
	char name[STAT_NAME]; /* as typed, with its modifier */
	uint32_t type;        /* as in struct perf_event_attr */
	uint64_t config;
	unsigned rings; /* EVENT_KERNEL, EVENT_USER */
	enum stat_trust trust;
	uint64_t limit; /* UINT64_MAX: none */
};

struct stat_events {
	const struct vpmu_model *model; /* the guest's; what a selector's value counts */
	bool timed;                     /* there is a timing model */
	struct stat_event of[STAT_EVENTS];
	unsigned count;
};

/* Adds a list, "NAME[:u|:k],…", or with limits, "NAME=N,…", where an event that is there already
 * gets the limit. TOOL_HOLDS, or TOOL_BAD after a message. */
int stat_events_add(struct stat_events *events, const char *list);
int stat_limits_add(struct stat_events *events, const char *list);

/* "exact", "an estimate", …; never NULL. */
const char *stat_trust_name(enum stat_trust trust);

/* --- kernel.c --------------------------------------------------------------------------------- */

enum { STAT_MODULES = 32 };

struct stat_kernel {
	char path[PATH_MAX];
	char version[128];           /* "": it does not say */
	char folder[PATH_MAX];       /* of its modules */
	char *modules[STAT_MODULES]; /* paths below the folder, each behind those that it needs */
	unsigned module_count;
};

/* Finds the kernel, typed or the host's own, and what the guest needs of its modules. TOOL_HOLDS,
 * TOOL_BAD or TOOL_LACKS after a message; freed in any case. */
int stat_kernel_find(struct stat_kernel *kernel, const char *typed, const char *folder);
void stat_kernel_free(struct stat_kernel *kernel);

/* --- archive.c, job.c ------------------------------------------------------------------------- */

/* A cpio archive in the format that Linux unpacks at boot ("newc"). */
struct archive {
	FILE *to;
	unsigned inode;
};

void archive_folder(struct archive *archive, const char *name);
void archive_file(struct archive *archive, const char *name, unsigned mode, const void *bytes,
                  size_t count);
void archive_end(struct archive *archive);

/* Writes the guest's first files: its init, the modules, the job. TOOL_HOLDS, TOOL_BAD or
 * TOOL_LACKS after a message. */
int stat_image_write(FILE *to, const struct stat_kernel *kernel, const struct stat_events *events,
                     char *const *words);

/* --- report.c --------------------------------------------------------------------------------- */

struct stat_count {
	bool read, refused;
	int error; /* why the guest's kernel has no such counter */
	uint64_t value, enabled, running;
};

struct stat_result {
	bool ready;            /* the guest has come as far as the program */
	bool ended, signalled; /* so has the program */
	int status;            /* its own, or the signal */
	char cannot[300];      /* what the guest could not do; "": nothing */
	struct stat_count counts[STAT_EVENTS];
};

/* Reads one line of the guest's report. Other lines are ignored. */
void stat_report_line(struct stat_result *result, const char *line);

/* --- guest.c ---------------------------------------------------------------------------------- */

struct stat_guest {
	const char *qemu, *model, *profile, *timing; /* the last two: or NULL */
	int initrd;                                  /* a descriptor */
	const struct stat_kernel *kernel;
	uint64_t memory, vcpus;
	uint64_t timeout; /* in microseconds, of all; UINT64_MAX: none */
};

/* Runs it to its end: stdin, stdout and stderr are the program's. TOOL_HOLDS when the guest has
 * told how it ended; else TOOL_BAD, TOOL_LACKS, or 124 out of time, after a message. */
int stat_guest_run(const struct stat_guest *guest, struct stat_result *result);

/* --- print.c ---------------------------------------------------------------------------------- */

struct stat_about {
	char *const *words;
	const char *model, *kernel;
};

/* Multiplexed counts are scaled to the whole time, and no longer exact. */
uint64_t stat_scaled(const struct stat_count *count);

void stat_print_text(FILE *to, const struct stat_about *about, const struct stat_events *events,
                     const struct stat_result *result);

/* False: no memory. */
bool stat_print_json(FILE *to, const struct stat_about *about, const struct stat_events *events,
                     const struct stat_result *result);

/* TOOL_HOLDS when all limits hold; TOOL_FAILS when one does not, TOOL_LACKS when one cannot be
 * judged, after a message for each. */
int stat_judge_limits(const struct stat_events *events, const struct stat_result *result);

#endif
