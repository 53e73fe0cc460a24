/* SPDX-License-Identifier: MIT */
/* Models out of files that describe CPUs, whoever wrote them; recognised by their content. */
#ifndef TOOL_MODEL_FILE_H
#define TOOL_MODEL_FILE_H

#include <stream/foreign/room.h>

struct input;

/* input_open() of a file that may describe CPUs: one of QEMU's is refused. */
int model_file_open(const char *path, size_t limit, const char *what, struct input *input);

/* Reads all models of a file ("-": the standard input). Returns TOOL_HOLDS, or the exit status
 * after a message. */
int model_file_read(const char *path, struct foreign_cpus *cpus);

/* The same of bytes that have been read already. */
int model_file_parse(const char *path, const uint8_t *bytes, size_t count,
                     struct foreign_cpus *cpus);

/* Says in one line on stderr what the source does not tell of the models that are used, if any. */
void model_file_tell(const char *text, const struct foreign_cpus *cpus);

/* The bits of what is not told of any of them, and the line on such bits. */
unsigned model_file_untold(const struct foreign_cpus *cpus);
void model_file_tell_bits(const char *of, unsigned bits);

/* Whether the text names a file, "FILE" or "FILE:CPU". */
bool model_file_is(const char *text);

/* The models of such a text: all of the file's, or the one of that CPU. */
int model_file_all(const char *text, struct foreign_cpus *cpus);

/* The only model; TOOL_BAD with a message when there are several. */
int model_file_one(const char *text, const struct foreign_cpus *cpus, struct vpmu_model *model);

enum { MODEL_FILE_LIMIT = 64 << 20 };

#endif
