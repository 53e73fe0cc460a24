/* SPDX-License-Identifier: MIT */
/* What the pages have in common. */
#include "page.h"

#include <string.h>

#include "visible.h"

/* Below 62em the rows of a matrix are blocks, a line a life: nothing is scrolled sideways. */
static const char style[] =
	":root{color-scheme:light dark;--ink:#1c2024;--paper:#fff;--line:#c9ced4;--head:#eef1f4;"
	"--good:#e3f4e5;--bad:#fbe0dd;--part:#fff3cd;--faint:#5c646c;--link:#8a1c12;--plain:#"
	"0b57a8}"
	"@media(prefers-color-scheme:dark){:root{--ink:#e4e6e8;--paper:#17191c;--line:#3f454c;"
	"--head:#23272c;--good:#17351d;--bad:#4a1d19;--part:#4a3d12;--faint:#a2a9b1;"
	"--link:#ffb4ab;--plain:#8ec5ff}}"
	"html{scroll-padding-top:4.5em}"
	"body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:78em;padding:0 1em 4em;"
	"color:var(--ink);background:var(--paper);overflow-wrap:break-word}"
	"a{color:var(--plain)}[hidden]{display:none!important}"
	":focus-visible{outline:3px solid var(--plain);outline-offset:2px}"
	".skip{position:absolute;left:-99em}.skip:focus{left:1em;top:.5em;background:var(--paper);"
	"padding:.5em 1em;z-index:3}"
	".say{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}"
	".verdict{font-size:1.15em;padding:.6em .8em;border-left:.4em solid var(--line)}"
	".verdict.ok,td.ok{background:var(--good)}.verdict.bad,td.bad{background:var(--bad)}"
	".verdict.part,td.part{background:var(--part)}td.none{color:var(--faint)}"
	"table{border-collapse:collapse;margin:1em 0;width:100%}"
	"caption{text-align:left;color:var(--faint);padding-bottom:.3em}"
	"th,td{border:1px solid var(--line);padding:.3em .6em;text-align:left;vertical-align:top;"
	"font-weight:normal}"
	"thead th{background:var(--head);font-weight:600;position:sticky;top:0;z-index:1}"
	"td a{color:var(--link);padding:0 .25em;display:inline-block;min-width:1em;"
	"text-align:center}"
	"pre{background:var(--head);padding:.8em;overflow:auto;font-size:13px}code{font-size:.9em}"
	".cell div{scroll-margin-top:4.5em}summary{cursor:pointer;padding:.2em 0}h2{margin:2em 0 "
	".3em}h3{margin:1.2em 0 .2em}"
	"form{display:flex;flex-wrap:wrap;gap:.5em 1.5em;align-items:center;margin:1em "
	"0;padding:.8em;"
	"background:var(--head)}select,button{font:inherit}dt{font-weight:600}dd{margin:0 0 .4em "
	"2em}"
	"nav ul{padding-left:1.2em;margin:.3em 0}"
	"@media(max-width:62em){pre{white-space:pre-wrap}.cells,.cells caption,.cells tbody,.cells "
	"tr,.cells th,.cells td{display:block}"
	".cells thead{position:absolute;width:1px;height:1px;overflow:hidden;"
	"clip-path:inset(50%)}"
	".cells tr{border:1px solid var(--line);margin:0 0 .8em}.cells th,.cells td{border:0}"
	".cells tbody th{background:var(--head);font-weight:600;padding:.1em .6em}"
	".cells td{display:flex;justify-content:space-between;gap:1em;"
	"border-top:1px solid var(--line)}"
	".cells td::before{content:attr(data-head);color:var(--ink)}"
	".cells td span,.cells td a{text-align:right}"
	"form label{display:flex;width:100%;justify-content:space-between;gap:1em}"
	"form select{max-width:65%}}"
	"@media print{form,.skip{display:none}thead th{position:static}}";

static const char *escape_of(char byte)
{
	switch (byte) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	default:
		return NULL;
	}
}

static bool is_shown(unsigned char byte)
{
	return byte == '\n' || byte == '\t' || (byte >= ' ' && byte != 0x7f);
}

void page_put_bytes(FILE *file, const char *text, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t length = utf8_length((const unsigned char *)text + i, count - i);

		if (escape_of(text[i]))
			fputs(escape_of(text[i]), file);
		else if (length && is_shown((unsigned char)text[i]))
			fwrite(text + i, 1, length, file);
		else
			putc('?', file);
		i += length ? length - 1 : 0;
	}
}

void page_put_escaped(FILE *file, const char *text)
{
	page_put_bytes(file, text, strlen(text));
}

void page_put_element(FILE *file, const char *tag, const char *attributes, const char *text)
{
	fprintf(file, "<%s%s%s>", tag, *attributes ? " " : "", attributes);
	page_put_escaped(file, text);
	fprintf(file, "</%s>", tag);
}

void page_begin(FILE *file, const char *title, const char *main, const char *verdict)
{
	fprintf(file,
	        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
	        "<title>%s</title><style>%s</style></head><body>\n"
	        "<a class=\"skip\" href=\"#%s\">To the content</a>\n<header><h1>%s</h1>\n"
	        "<p class=\"verdict %s\"><strong>",
	        title, style, main, title, verdict);
}
