/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own PMU code as a program: vpmu kernel build makes one (src/kernel), and what is
 * here runs it on scripts, makes programs for it, and compares two.
 */
#ifndef TOOL_KERNEL_H
#define TOOL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "command.h"

extern const struct command kernel_build, kernel_diff, kernel_record;

/* --- A process that answers a script ---------------------------------------------------------- */

/* How a process has ended. */
struct ending {
	int signal; /* 0: none */
	int status; /* of exit(); 127: it could not be started */
};

/* A file without a name, for a process's standard input or output; -1 after a message. */
int unnamed_file(void);

/* Starts a program; without `errors` its standard error is discarded. -1 after a message. */
int process_start(char *const *arguments, int in, int out, int errors);
struct ending process_wait(int process);

/* Whether it has ended by now. */
bool process_ended(int process, struct ending *ending);

/* "crashed (SIGSEGV)", "does not end": what the kernel's code did. */
const char *ending_text(struct ending ending);

/* What is in an unnamed file, with a NUL behind it; NULL after a message. */
char *unnamed_read(int fd, size_t *bytes);

/* Whether the file is one of vpmu kernel build's; TOOL_HOLDS, or another after a message. name:
 * which kernel it says that it is, "linux-6.12". */
enum { KERNEL_NAME_BYTES = 64 };
int kernel_file(const char *path, char name[KERNEL_NAME_BYTES]);

/* Whether such a program has a mediated vPMU, too: profile mediated. */
bool kernel_mediates(const char *path);

/* What the program prints for an option ("--table"); NULL after a message. */
char *kernel_ask(const char *path, const char *option, size_t *bytes);

/* A script on the kernel's code, its answers on stdout: vpmu replay --kernel. */
int kernel_replay(const char *kernel, const char *script, bool batch);

/* --- Programs --------------------------------------------------------------------------------- */

enum { PROGRAM_LINES = 192, PROGRAM_LINE_BYTES = 256 };

/* A script: lines without newlines, the first of which is its model. */
struct program {
	unsigned count;
	const char *line[PROGRAM_LINES];
};

/* Where lines are kept. */
struct arena {
	char *memory;
	size_t used, size;
};

/* False: no memory, and a message has said so. */
bool arena_open(struct arena *arena, size_t bytes);

/* A line; "" when the arena is full. */
const char *arena_line(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Program number `index` of a seed: the same always. models: a list of names with semicolons, or
 * NULL for the generator's own.
 */
void program_make(struct program *program, struct arena *arena, uint64_t seed, uint64_t index,
                  const char *models, const char *profile);

/* --- Comparing -------------------------------------------------------------------------------- */

/* Who answers: a kernel's program, or vpmu itself. */
struct side {
	const char *path; /* as messages and reports call it */
	char name[KERNEL_NAME_BYTES];
	char program[32]; /* a kernel's, by its descriptor: a build may write a new one meanwhile */
	char *arguments[10]; /* takes a batch on its standard input */
	struct code *code;   /* NULL: none is carried */
};

enum { ANSWER_BYTES = 160 };

struct difference {
	unsigned line; /* of the program */
	char answer[2][ANSWER_BYTES];
	bool ended; /* one of them ended there: a crash, or no end */
};

struct answers;

/* Programs that are compared, from `next` on. What the sides have answered is kept, up to `end`. */
struct comparison {
	const struct side *sides; /* two */
	const struct program *programs;
	size_t count, next, end;
	struct answers *answers;
};

/* The next of them that the sides answer differently; `count`: none; -1: a message has said what
 * failed. Begins with next == end, and needs comparison_close() in any case. */
long comparison_next(struct comparison *all, struct difference *difference);
void comparison_close(struct comparison *all);

/* The first of the programs from `from` on; else as comparison_next(). */
long first_difference(const struct side sides[2], const struct program *programs, size_t count,
                      size_t from, struct difference *difference);

/* Runs a program whose code did not end within its limit again, with a limit that a busy machine
 * does not reach. *stands: whether there still is a difference, which is *difference then. False
 * after a message. */
bool difference_confirm(const struct side sides[2], const struct program *program,
                        struct difference *difference, bool *stands);

/* A program with its own text. */
struct kept_program {
	struct program program;
	char text[PROGRAM_LINES][PROGRAM_LINE_BYTES];
};

void program_keep(struct kept_program *kept, const struct program *program, unsigned lines);

/* Shrinks the program and its numbers as far as it still differs in that way; *difference is then
 * the shrunk program's. False after a message. */
bool program_shrink(const struct side sides[2], struct kept_program *kept,
                    struct difference *difference);

#endif
