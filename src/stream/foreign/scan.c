/* SPDX-License-Identifier: MIT */
/* Reads texts line by line, and lines word by word. */
#include <stream/foreign/room_int.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

struct lines lines_of(const void *data, size_t bytes)
{
	struct lines lines = {.data = data, .bytes = bytes};

	/* The mark of UTF-8, which Windows' editors write. */
	if (bytes >= 3 && !memcmp(data, "\xef\xbb\xbf", 3))
		lines.at = 3;
	return lines;
}

bool lines_next(struct lines *lines)
{
	const char *at = lines->data + lines->at, *end = lines->data + lines->bytes, *stop = at;

	if (at == end)
		return false;
	while (stop < end && *stop != '\n')
		stop++;
	lines->cut = stop == end;
	lines->at = (size_t)(stop - lines->data) + !lines->cut;
	lines->number++;
	while (stop > at && is_blank(stop[-1]))
		stop--;
	lines->line = (struct scan){at, stop};
	scan_blanks(&lines->line);
	return true;
}

void scan_blanks(struct scan *scan)
{
	while (scan->at < scan->end && is_blank(*scan->at))
		scan->at++;
}

bool scan_char(struct scan *scan, char c)
{
	if (scan->at == scan->end || *scan->at != c)
		return false;
	scan->at++;
	return true;
}

bool scan_word(struct scan *scan, const char *word)
{
	const char *at = scan->at;

	for (; *word; word++, at++)
		if (at == scan->end || *at != *word)
			return false;
	scan->at = at;
	return true;
}

static char loosely(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c == '_' ? ' ' : c;
}

bool scan_word_loose(struct scan *scan, const char *word)
{
	const char *at = scan->at;

	for (; *word; word++, at++)
		if (at == scan->end || loosely(*at) != loosely(*word))
			return false;
	scan->at = at;
	return true;
}

bool scan_find(struct scan *scan, const char *word)
{
	struct scan at = *scan;

	for (; at.at < at.end; at.at++)
		if (*at.at == *word && scan_word(&at, word)) {
			*scan = at;
			return true;
		}
	return false;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = loosely(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

bool scan_hex(struct scan *scan, unsigned least, unsigned most, uint64_t *value)
{
	struct scan at = *scan;
	unsigned digits = 0;
	uint64_t sum = 0;

	if (!scan_word(&at, "0x"))
		scan_word(&at, "0X");
	for (; at.at < at.end && digit_value(*at.at) < 16; at.at++, digits++)
		sum = sum << 4 | (unsigned)digit_value(*at.at);
	if (digits < least || digits > most)
		return false;
	*scan = at;
	*value = sum;
	return true;
}

bool scan_decimal(struct scan *scan, uint32_t *value)
{
	struct scan at = *scan;
	uint64_t sum = 0;

	for (; at.at < at.end && *at.at >= '0' && *at.at <= '9'; at.at++) {
		sum = sum * 10 + (unsigned)(*at.at - '0');
		if (sum > UINT32_MAX)
			return false;
	}
	if (at.at == scan->at)
		return false;
	*scan = at;
	*value = (uint32_t)sum;
	return true;
}

bool scan_number(struct scan *scan, uint64_t *value)
{
	const char *end = scan->at;

	while (end < scan->end && (digit_value(*end) < 16 || *end == 'x' || *end == 'X'))
		end++;
	if (!text_parse_unsigned(scan->at, (size_t)(end - scan->at), value))
		return false;
	scan->at = end;
	return true;
}

struct scan scan_token(struct scan *scan)
{
	struct scan token = *scan;

	while (scan->at < scan->end && !is_blank(*scan->at))
		scan->at++;
	token.end = scan->at;
	scan_blanks(scan);
	return token;
}

enum vpmu_status fail_line(const struct why *why, enum vpmu_status status, uint64_t line,
                           const char *what)
{
	struct text text = text_in(why->text, why->bytes);

	if (line) {
		text_add(&text, "line ");
		text_add_unsigned(&text, line);
		text_add(&text, ": ");
	}
	text_add(&text, what);
	return status;
}

void label_text(char label[FOREIGN_LABEL], const char *text, size_t length)
{
	struct text out = text_in(label, FOREIGN_LABEL);

	for (size_t i = 0; i < length; i++)
		text_add_bytes(&out, text[i] >= ' ' && text[i] <= '~' ? &text[i] : "?", 1);
}

void label_number(char label[FOREIGN_LABEL], uint32_t number)
{
	struct text out = text_in(label, FOREIGN_LABEL);

	text_add_unsigned(&out, number);
}
