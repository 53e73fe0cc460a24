/* SPDX-License-Identifier: MIT */
/* Self-contained HTML pages: their look, and text in them. */
#ifndef TOOL_PAGE_H
#define TOOL_PAGE_H

#include <stddef.h>
#include <stdio.h>

/* Prints any text; what a browser cannot show becomes a question mark. */
void page_put_bytes(FILE *file, const char *text, size_t count);
void page_put_escaped(FILE *file, const char *text);

/* <TAG ATTRIBUTES>text</TAG>, where the text is any. */
void page_put_element(FILE *file, const char *tag, const char *attributes, const char *text);

/*
 * The page's head, up to where the verdict's text goes: `</strong></p>` is next. main: the id of
 * what the first link skips to. verdict: "ok", "bad" or "part".
 */
void page_begin(FILE *file, const char *title, const char *main, const char *verdict);

#endif
