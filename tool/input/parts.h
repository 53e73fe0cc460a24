/* SPDX-License-Identifier: MIT */
/* What the files share that open an input (input.h). */
#ifndef TOOL_INPUT_PARTS_H
#define TOOL_INPUT_PARTS_H

#include "input.h"
#include "unpack.h"

/* --- input.c: the file at the bottom ---------------------------------------------------------- */

/* What is read from now on is that part of that file. */
void input_set_file(struct input *input, int fd, uint64_t start, uint64_t end);

/* A struct vpmu_source's read: of the file, from input->start on. */
bool input_read_at(void *context, uint64_t offset, void *into, size_t bytes);

/* Each returns the exit status, after a message. */
int input_cannot_read(const struct input *input, int error);
int input_too_large(const struct input *input, uint64_t limit, const char *limit_is,
                    const void *bytes, size_t count);

/* --- input_spool.c: a copy that can be read anywhere takes the file's place ------------------- */

int input_spool_pipe(struct input *input, int fd);
int input_spool_packed(struct input *input, struct unpack *unpack, const char *format);

/* --- input_wrapping.c ------------------------------------------------------------------------- */

/* Takes all wrappings off, one after the other. Returns the exit status. */
int input_unwrap(struct input *input);

#endif
