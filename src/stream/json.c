/* SPDX-License-Identifier: MIT */
/*
 * JSON (RFC 8259) as far as QEMU's description needs it, read once from left to right without
 * keeping any of it.
 */
#include <stream/room_int.h>

enum { SKIP_DEPTH = 64 };

/* The next byte; -1 at the end or after a mistake. */
static int peek(struct json *json)
{
	return json->wrong || json->at >= json->end ? -1 : window_byte(json->window, json->at);
}

static int peek_past_blanks(struct json *json)
{
	int c = peek(json);

	while (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
		json->at++;
		c = peek(json);
	}
	return c;
}

bool json_take(struct json *json, char c)
{
	if (peek_past_blanks(json) != c)
		return false;
	json->at++;
	return true;
}

static void must_take(struct json *json, char c)
{
	if (!json_take(json, c))
		json->wrong = true;
}

/* One character of a string, an escaped one as '?'; -1 at the string's end. */
static int string_character(struct json *json)
{
	int c = peek(json);

	if (c < ' ') {
		json->wrong = true;
		return -1;
	}
	json->at++;
	if (c == '"')
		return -1;
	if (c != '\\')
		return c;
	c = peek(json);
	if (c < ' ')
		json->wrong = true;
	json->at++;
	return '?';
}

void json_text(struct json *json, char text[JSON_TEXT_BYTES])
{
	size_t length = 0;
	int c;

	must_take(json, '"');
	while ((c = string_character(json)) >= 0) {
		if (length == JSON_TEXT_BYTES - 1) {
			json->wrong = true;
			break;
		}
		text[length++] = (char)c;
	}
	text[length] = '\0'; /* after a mistake nobody looks at it */
}

uint64_t json_number(struct json *json)
{
	int c = peek_past_blanks(json);
	uint64_t value = 0;

	if (c < '0' || c > '9')
		json->wrong = true;
	for (; c >= '0' && c <= '9'; c = peek(json)) {
		if (value > (UINT64_MAX - 9) / 10)
			json->wrong = true;
		value = value * 10 + (uint64_t)(c - '0');
		json->at++;
	}
	if (c == '.' || c == 'e' || c == 'E')
		json->wrong = true;
	return json->wrong ? 0 : value;
}

static bool in_word(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '+' || c == '.';
}

/* Skips a number, true, false or null. */
static void skip_word(struct json *json)
{
	if (!in_word(peek(json)))
		json->wrong = true;
	while (in_word(peek(json)))
		json->at++;
}

void json_skip(struct json *json)
{
	uint64_t objects = 0; /* bit i: the i-th level outwards is an object, otherwise an array */
	unsigned depth = 0;

	do {
		int c = peek_past_blanks(json);

		if (c == '{' || c == '[') {
			json->at++;
			json->wrong |= ++depth == SKIP_DEPTH;
			objects = objects << 1 | (c == '{');
		} else if (c == '}' || c == ']') {
			json->at++;
			json->wrong |= !depth || (objects & 1) != (c == '}');
			objects >>= 1;
			depth -= depth > 0;
		} else if (c == '"') {
			json->at++;
			while (string_character(json) >= 0)
				;
		} else if (depth && (c == ',' || c == ':')) {
			json->at++;
		} else {
			skip_word(json);
		}
	} while (depth && !json->wrong);
}

bool json_open(struct json *json, char open, char close)
{
	must_take(json, open);
	return !json->wrong && !json_take(json, close);
}

bool json_next(struct json *json, char close)
{
	if (json->wrong || json_take(json, close))
		return false;
	must_take(json, ',');
	return !json->wrong;
}
