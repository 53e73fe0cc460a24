/* SPDX-License-Identifier: MIT */
/*
 * Which of the kernel's code has been executed, the text of that code, and the code as a library.
 * build-kernel puts all three into the program.
 */
#ifndef COVERAGE_H
#define COVERAGE_H

/* Forgets what has been executed. */
void coverage_clear(void);

/* Prints one line: the numbers of the blocks executed since coverage_clear(). */
void coverage_print(void);

/* Prints what each block is, a line each: BLOCK FUNCTION FILE:LINE... */
void coverage_print_table(void);

/* Prints the kernel's text, with a line "=== PATH FIRST-LINE" before each piece. */
void coverage_print_carried(void);

/* Writes the same code as a library, built without coverage. */
void coverage_print_library(void);

#endif
