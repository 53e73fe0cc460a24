/* SPDX-License-Identifier: MIT */
/*
 * vpmu check --kernel: explores on a kernel's own code. It runs in processes of its own, each with
 * an explorer, so that memory that the code damages affects only one of them. What such a process
 * reports is treated as untrusted data.
 */
#ifndef TOOL_CHECK_KERNEL_H
#define TOOL_CHECK_KERNEL_H

#include "check.h"

struct check_kernel {
	const char *path; /* as typed */
	char release[64]; /* "linux-6.12" */
	char label[96];   /* the same, and which code */
	int library;      /* an unnamed file */
};

#if HAVE_KERNEL

struct kernel_subject;

/* Asks a file of vpmu kernel build what it is. Returns the exit status. */
int check_kernel_open(struct check_kernel *kernel, const char *path);
void check_kernel_close(struct check_kernel *kernel);

/* Loads the code, in a process that may crash with it. NULL: the reason is on stderr. */
const struct kernel_subject *check_kernel_load(const struct check_kernel *kernel);

/* The code as what an explorer acts on; the operations' context is the subject. */
struct check_ops check_kernel_ops(const struct kernel_subject *subject);

/*
 * check_work() with the code. If the code crashes or does not return, a message says so, the script
 * goes to `script` (may be NULL), the result is TOOL_FAILS, and the table is incomplete.
 */
int check_kernel_work(struct check_table *table, const struct check_job *jobs,
                      const struct check_scope *scope, const struct check_kernel *kernel,
                      FILE *script);

/* --- What a process has found, in its file: found.c ------------------------------------------- */

enum found_kind { FOUND_CELL, FOUND_WAY, FOUND_NO_MODEL };

struct found {
	enum found_kind kind;
	size_t cell;
	int signal; /* of FOUND_WAY: how the code ended */
	char *way;  /* of FOUND_WAY: the script */
};

/* Appends; false: it cannot be written. */
bool found_write(int fd, const struct found *found, const struct check_cell *cell);

/* Reads one cell from *text into the table, and moves *text on. False: it is damaged, or there is
 * no memory. */
bool found_read(const char **text, size_t *bytes, struct check_table *table, struct found *found);

#endif
#endif
