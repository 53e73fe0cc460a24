/* SPDX-License-Identifier: MIT */
/* Parses options by their table. */
#include "args.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <base/room.h>

#include "args_help.h"
#include "command.h"
#include "json/json.h"
#include "message.h"
#include "number.h"

struct parser {
	const struct command *command;
	char **argv;
	int argc, at;
	void *options;
	const char **operands;
	unsigned operand_count;
};

static const char *option_name(const void *options, size_t i)
{
	const struct command *command = options;

	if (i == command->option_count)
		return "help";
	return i < command->option_count ? command->options[i].name : NULL;
}

static int unknown_option(const struct parser *parser, const char *name, size_t length)
{
	char text[64];
	const char *nearest;

	snprintf(text, sizeof(text), "%.*s", (int)length, name);
	nearest = nearest_name(text, option_name, parser->command);
	message("unknown option: --%s (%s%s%s'vpmu %s --help' lists them)", text,
	        nearest ? "did you mean --" : "", nearest ? nearest : "", nearest ? "? " : "",
	        parser->command->name);
	return TOOL_BAD;
}

static const struct option_row *find_option(const struct command *command, const char *name,
                                            size_t length)
{
	for (size_t i = 0; i < command->option_count; i++) {
		const struct option_row *row = &command->options[i];

		if (strlen(row->name) == length && !memcmp(row->name, name, length))
			return row;
	}
	return NULL;
}

static const struct option_row *find_letter(const struct command *command, char letter)
{
	for (size_t i = 0; i < command->option_count; i++) {
		if (command->options[i].letter == letter)
			return &command->options[i];
	}
	return NULL;
}

static bool parse_number(const struct option_row *row, const char *text, uint64_t *value)
{
	switch (row->kind) {
	case OPTION_SIZE:
		return number_parse_size(text, value);
	case OPTION_SECONDS:
		return number_parse_seconds(text, value);
	default:
		return number_parse(text, value);
	}
}

static void print_bound(const struct option_row *row, uint64_t value, char *text, size_t bytes)
{
	if (row->kind == OPTION_SIZE)
		number_print_size(value, text, bytes);
	else if (row->kind == OPTION_SECONDS)
		snprintf(text, bytes, "%.9g", (double)value / 1e6);
	else
		snprintf(text, bytes, "%" PRIu64, value);
}

static int take_number(const struct option_row *row, const char *text, void *into)
{
	char min[32], max[32];
	uint64_t value;

	if (!parse_number(row, text, &value)) {
		message("not a number: --%s '%s' (%s is wanted)", row->name, text, row->value);
		return TOOL_BAD;
	}
	if (value < row->min || value > row->max) {
		print_bound(row, row->min, min, sizeof(min));
		print_bound(row, row->max, max, sizeof(max));
		message("out of range: --%s %s (%s to %s)", row->name, text, min, max);
		return TOOL_BAD;
	}
	*(uint64_t *)into = value;
	return ARGS_GO;
}

static int take_one_more(const struct option_row *row, const char *text, struct option_list *list)
{
	if (list->count == OPTION_TIMES) {
		message("too many: --%s (at most %d)", row->name, OPTION_TIMES);
		return TOOL_BAD;
	}
	list->of[list->count++] = text;
	return ARGS_GO;
}

static int take_value(const struct option_row *row, const char *text, void *options)
{
	void *into = (char *)options + row->offset;

	if (row->kind == OPTION_LIST)
		return take_one_more(row, text, into);
	if (row->kind != OPTION_TEXT && row->kind != OPTION_MAYBE)
		return take_number(row, text, into);
	*(const char **)into = text;
	return ARGS_GO;
}

static int take_flag(const struct option_row *row, const char *value, void *options)
{
	if (value) {
		message("takes no value: --%s", row->name);
		return TOOL_BAD;
	}
	*(bool *)((char *)options + row->offset) = true;
	return ARGS_GO;
}

static bool is_key_and_value(const char *text)
{
	size_t key = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return key && *text != '-' && text[key] == '=';
}

/* The next argument as an option's value. NULL: it has none. */
static const char *next_value(struct parser *parser, const struct option_row *row)
{
	const char *next = parser->at < parser->argc ? parser->argv[parser->at] : NULL;

	if (row->kind == OPTION_MAYBE && (!next || !is_key_and_value(next)))
		return "";
	parser->at += next != NULL;
	return next;
}

/* `value`: what has been typed with the option itself, or NULL. */
static int take_row(struct parser *parser, const struct option_row *row, const char *value)
{
	if (row->kind == OPTION_FLAG || row->kind == OPTION_JSON)
		return take_flag(row, value, parser->options);
	if (!value)
		value = next_value(parser, row);
	else if (!*value && row->kind == OPTION_MAYBE)
		value = NULL;
	if (!value) {
		message("needs a value: --%s %s", row->name, row->value);
		return TOOL_BAD;
	}
	return take_value(row, value, parser->options);
}

/* --NAME, --NAME VALUE, --NAME=VALUE */
static int take_option(struct parser *parser, const char *name)
{
	size_t length = strcspn(name, "=");
	const struct option_row *row = find_option(parser->command, name, length);

	if (!row)
		return unknown_option(parser, name, length);
	return take_row(parser, row, name[length] ? name + length + 1 : NULL);
}

/* -L, -L VALUE, -LVALUE */
static int take_letter(struct parser *parser, const char *text)
{
	const struct option_row *row = find_letter(parser->command, text[1]);

	if (row)
		return take_row(parser, row, text[2] ? text + 2 : NULL);
	message("unknown option: %s ('vpmu %s --help' lists them)", text, parser->command->name);
	return TOOL_BAD;
}

static int take_operand(struct parser *parser, const char *text)
{
	if (parser->operand_count == parser->command->operand_max) {
		message("one argument too many: '%s' (usage: vpmu %s)", text,
		        args_usage(parser->command));
		return TOOL_BAD;
	}
	parser->operands[parser->operand_count++] = text;
	return ARGS_GO;
}

static int take_argument(struct parser *parser, bool *only_operands)
{
	const char *text = parser->argv[parser->at++];

	if (*only_operands || text[0] != '-' || !text[1])
		return take_operand(parser, text);
	if (!strcmp(text, "--")) {
		*only_operands = true;
		return ARGS_GO;
	}
	if (!strcmp(text, "--help") || !strcmp(text, "-h"))
		return args_help(parser->command);
	if (!strncmp(text, "--help=", sizeof("--help=") - 1)) {
		message("takes no value: --help");
		return TOOL_BAD;
	}
	return text[1] == '-' ? take_option(parser, text + 2) : take_letter(parser, text);
}

/* Asked when all has been read, so that --help wins wherever it stands. */
static int check_lacks(const struct command *command, const void *options)
{
	for (size_t i = 0; i < command->option_count; i++) {
		const struct option_row *row = &command->options[i];

		if (row->kind == OPTION_JSON && option_is_set(row, options) && json_lacks())
			return TOOL_LACKS;
	}
	return ARGS_GO;
}

static int parse(struct parser *parser)
{
	const struct command *command = parser->command;
	bool only_operands = false;

	while (parser->at < parser->argc) {
		int status = take_argument(parser, &only_operands);

		if (status != ARGS_GO)
			return status;
	}
	if (parser->operand_count < command->operand_min) {
		message("missing argument: %s (usage: vpmu %s)", command->operands,
		        args_usage(command));
		return TOOL_BAD;
	}
	return check_lacks(command, parser->options);
}

int args_parse(const struct command *command, int argc, char **argv, void *options,
               const char **operands)
{
	struct parser parser = {command, argv, argc, 1, options, operands, 0};

	memset(operands, 0, ARGS_OPERANDS * sizeof(*operands));
	return parse(&parser);
}

/* An operand goes to a place whose argument has been read. */
int args_parse_list(const struct command *command, int argc, char **argv, void *options,
                    const char *const **operands)
{
	const char **list = (const char **)argv;
	struct parser parser = {command, argv, argc, 1, options, list, 0};
	int status = parse(&parser);

	list[parser.operand_count] = NULL;
	*operands = list;
	return status;
}

int args_parse_before(const struct command *command, int *argc, char ***argv, void *options)
{
	const char *operands[ARGS_OPERANDS];
	int own = 1, status;

	while (own < *argc && strcmp((*argv)[own], "--") != 0)
		own++;
	status = args_parse(command, own, *argv, options, operands);
	if (status != ARGS_GO)
		return status;
	if (own + 1 >= *argc) {
		message("missing argument: %.*s (usage: vpmu %s)",
		        (int)strcspn(command->operands + strlen("-- "), " ") + 3, command->operands,
		        args_usage(command));
		return TOOL_BAD;
	}
	*argc -= own + 1;
	*argv += own + 1;
	return ARGS_GO;
}

bool option_is_set(const struct option_row *row, const void *options)
{
	const void *field = (const char *)options + row->offset;

	switch (row->kind) {
	case OPTION_FLAG:
	case OPTION_JSON:
		return *(const bool *)field;
	case OPTION_LIST:
		return ((const struct option_list *)field)->count;
	case OPTION_TEXT:
	case OPTION_MAYBE:
		return *(const char *const *)field;
	case OPTION_COUNT:
	case OPTION_SIZE:
	case OPTION_SECONDS:
		return *(const uint64_t *)field;
	}
	return false;
}
