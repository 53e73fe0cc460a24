/* SPDX-License-Identifier: MIT */
/* What the files of `vpmu qemu` share. */
#ifndef TOOL_QEMU_H
#define TOOL_QEMU_H

#include <limits.h>
#include <stdbool.h>

#include <qemu/room.h>

/* The command that starts QEMU: what was typed, and what was added. */
struct qemu_command {
	char **argv; /* with room for what is added */
	int argc;
};

/* Looks the typed arguments through: TOOL_HOLDS, or the exit status when a message has said what
 * does not go with the plugin. */
int qemu_judge_arguments(char *const *argv);

/* Whether the typed arguments have this option, as "-NAME" or "--NAME". */
bool qemu_has_option(char *const *argv, const char *name);

/* Where the plugin is; TOOL_HOLDS, or the exit status after a message. */
int qemu_find_plugin(char path[PATH_MAX]);

/* Lets the QEMU load the plugin and end: TOOL_HOLDS, or the exit status after a message. */
int qemu_try(const char *qemu, const char *plugin);

#endif
