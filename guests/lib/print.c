/* SPDX-License-Identifier: MIT */
/* A small printf() for the serial port. */
#include "cpu.h"
#include "layout.h"
#include "print.h"

enum { LINE_STATUS = 5, CAN_SEND = 0x20 };

static void put(char c)
{
	while (!(in8(PORT_SERIAL + LINE_STATUS) & CAN_SEND))
		;
	out8(PORT_SERIAL, (uint8_t)c);
}

struct field {
	bool left, zeros, commas, is_long;
	int width;
};

static void put_field(const struct field *field, const char *text, int length)
{
	int space = field->width - length;

	for (; !field->left && space > 0; space--)
		put(field->zeros ? '0' : ' ');
	for (int i = 0; i < length; i++)
		put(text[i]);
	for (; space > 0; space--)
		put(' ');
}

static void put_string(const struct field *field, const char *s)
{
	int length = 0;

	while (s[length])
		length++;
	put_field(field, s, length);
}

static void put_number(const struct field *field, uint64_t value, unsigned base, bool negative)
{
	char text[40];
	int at = sizeof(text), digits = 0;

	do {
		if (field->commas && digits && digits % 3 == 0)
			text[--at] = ',';
		text[--at] = "0123456789abcdef"[value % base];
		value /= base;
		digits++;
	} while (value);
	if (negative)
		text[--at] = '-';
	put_field(field, text + at, (int)sizeof(text) - at);
}

static const char *parse_field(const char *format, struct field *field, va_list arguments)
{
	*field = (struct field){0};
	for (;; format++) {
		if (*format == '-')
			field->left = true;
		else if (*format == '0')
			field->zeros = true;
		else if (*format == '\'')
			field->commas = true;
		else
			break;
	}
	if (*format == '*') {
		field->width = va_arg(arguments, int);
		format++;
	}
	for (; *format >= '0' && *format <= '9'; format++)
		field->width = field->width * 10 + (*format - '0');
	if (*format == 'l') {
		field->is_long = true;
		format++;
	}
	return format;
}

static void put_integer(const struct field *field, char kind, va_list arguments)
{
	uint64_t value =
		field->is_long ? va_arg(arguments, uint64_t) : va_arg(arguments, unsigned int);
	bool negative = false;

	if (kind == 'd') {
		int64_t number = field->is_long ? (int64_t)value : (int32_t)value;

		negative = number < 0;
		value = negative ? -(uint64_t)number : (uint64_t)number;
	}
	put_number(field, value, kind == 'x' ? 16 : 10, negative);
}

void print_list(const char *format, va_list arguments)
{
	struct field field;

	for (; *format; format++) {
		if (*format != '%') {
			put(*format);
			continue;
		}
		format = parse_field(format + 1, &field, arguments);
		if (*format == 's')
			put_string(&field, va_arg(arguments, const char *));
		else if (*format == 'c')
			put((char)va_arg(arguments, int));
		else if (*format == '%')
			put('%');
		else
			put_integer(&field, *format, arguments);
	}
}

void print(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_list(format, arguments);
	va_end(arguments);
}
