/* SPDX-License-Identifier: MIT */
/*
 * What of the kernel's code has been executed, the text of that code, and the code as a library:
 * build-kernel puts them into the program.
 */
#ifndef COVERAGE_H
#define COVERAGE_H

/* Forgets what has been executed. */
void coverage_clear(void);

/* One line: the number of each block that has been executed since. */
void coverage_print(void);

/* What the blocks are, a line each: BLOCK FUNCTION FILE:LINE... */
void coverage_print_table(void);

/* The kernel's text: a line "=== PATH FIRST-LINE" before each piece. */
void coverage_print_carried(void);

/* The same code as a library, without any of this. */
void coverage_print_library(void);

#endif
