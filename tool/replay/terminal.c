/* SPDX-License-Identifier: MIT */
/* vpmu replay at a terminal, by libedit: prompt, history, editing, Tab, help. An error ends
 * nothing. */
#include <histedit.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "lib/message.h"
#include "session.h"

enum { HISTORY = 1000, WORD_BYTES = 128, SCREEN = 78 };

/* --- Tab -------------------------------------------------------------------------------------- */

struct candidates {
	size_t count;
	size_t common; /* bytes that all of them begin with */
	char first[WORD_BYTES];
	FILE *list; /* NULL: they are only counted */
	size_t column;
};

static void take_candidate(void *context, const char *word)
{
	struct candidates *all = context;
	size_t i = 0;

	if (all->list) {
		all->column += strlen(word) + 2;
		if (all->column > SCREEN)
			fputc('\n', all->list), all->column = strlen(word) + 2;
		fprintf(all->list, "%s  ", word);
		return;
	}
	if (!all->count++) {
		snprintf(all->first, sizeof(all->first), "%s", word);
		all->common = strlen(all->first);
		return;
	}
	while (i < all->common && all->first[i] == word[i])
		i++;
	all->common = i;
}

/* The length of the word before the cursor. */
static size_t typed_of(const LineInfo *line)
{
	const char *at = line->cursor;

	while (at > line->buffer && at[-1] != ' ' && at[-1] != '\t')
		at--;
	return (size_t)(line->cursor - at);
}

static void list_candidates(const struct replay *replay, const LineInfo *line)
{
	struct candidates all = {.list = stdout};

	fputc('\n', stdout);
	replay_complete(replay, line->buffer, (size_t)(line->cursor - line->buffer), take_candidate,
	                &all);
	fputc('\n', stdout);
	fflush(stdout);
}

static unsigned char complete(EditLine *editor, int key)
{
	const LineInfo *line = el_line(editor);
	size_t typed = typed_of(line);
	struct replay_session *session;
	struct candidates all = {0};

	if (el_get(editor, EL_CLIENTDATA, &session))
		return CC_ERROR;
	replay_complete(&session->replay, line->buffer, (size_t)(line->cursor - line->buffer),
	                take_candidate, &all);
	if (!all.count)
		return CC_ERROR;
	if (all.count > 1 && all.common == typed) {
		list_candidates(&session->replay, line);
		return CC_REDISPLAY;
	}
	all.first[all.common] = '\0';
	if (all.count == 1 && all.first[all.common - 1] != '=' && all.common + 1 < WORD_BYTES)
		memcpy(all.first + all.common, " ", 2);
	el_insertstr(editor, all.first + typed);
	return CC_REFRESH;
}

/* --- Help ------------------------------------------------------------------------------------- */

static void help_command(enum replay_verb verb)
{
	const struct replay_row *row = &replay_rows[verb];
	struct replay_argument argument;

	printf("  %s", row->name);
	for (size_t i = 0; replay_argument_at(verb, i, &argument); i++) {
		const char *value = argument.kind == ARGUMENT_KEY ? "=N" : "";

		if (row->amounts && i && i < VPMU_CLASSES) /* the list of which is long */
			continue;
		if (argument.kind == ARGUMENT_KEY_CHOICE)
			value = "=NAME";
		printf(argument.required ? " %s%s" : " [%s%s]", argument.name, value);
	}
	puts(row->amounts ? " [CLASS=N ...]" : "");
}

static void help_registers(const struct replay *replay)
{
	if (!replay->register_count)
		puts("  none: there is no model yet");
	for (size_t i = 0; i < replay->register_count; i++)
		printf("  0x%-8" PRIx32 "  %s\n", replay->registers[i].msr,
		       replay->registers[i].name);
}

static void help(const struct replay *replay)
{
	for (unsigned verb = 0; verb < REPLAY_VERBS; verb++)
		help_command((enum replay_verb)verb);
	puts("  expect COMMAND = ANSWER\n"
	     "  help registers            the model's registers, which can stand for INDEX\n"
	     "  quit                      or Ctrl-D\n"
	     "\n"
	     "Tab completes. vpmu-replay(1) says what each command does and answers.");
}

/* --- The session ------------------------------------------------------------------------------ */

static const char *prompt(EditLine *editor)
{
	return "vpmu> ";
}

static bool is_line(const char *line, size_t length, const char *word)
{
	while (length && (line[length - 1] == ' ' || line[length - 1] == '\t'))
		length--;
	return length == strlen(word) && !memcmp(line, word, length);
}

/* False: that was the last. */
static bool take(struct replay_session *session, const char *line, size_t length)
{
	static char copy[REPLAY_LINE_BYTES + 1];

	if (is_line(line, length, "quit") || is_line(line, length, "exit"))
		return false;
	if (is_line(line, length, "help")) {
		help(&session->replay);
	} else if (is_line(line, length, "help registers")) {
		help_registers(&session->replay);
	} else if (length > REPLAY_LINE_BYTES) {
		message("line longer than %d bytes", REPLAY_LINE_BYTES);
	} else {
		session->line++;
		memcpy(copy, line, length);
		replay_session_take(session, copy, length);
	}
	fflush(stdout);
	return !ferror(stdout);
}

/* Ctrl-D while a command runs: the terminal cooks then, and hands it out as a NUL afterwards. */
static unsigned char end_empty_line(EditLine *editor, int key)
{
	const LineInfo *line = el_line(editor);

	return line->buffer == line->lastchar ? CC_EOF : CC_ERROR;
}

static void converse(struct replay_session *session, EditLine *editor, History *past)
{
	const char *line;
	HistEvent event;
	int count;

	while ((line = el_gets(editor, &count)) && count > 0) {
		size_t length = (size_t)count - (line[count - 1] == '\n');

		if (length)
			history(past, &event, H_ENTER, line);
		if (!take(session, line, length))
			return;
	}
	putchar('\n');
}

int replay_at_terminal(struct replay_session *session)
{
	EditLine *editor = el_init("vpmu", stdin, stdout, stderr);
	History *past = history_init();
	HistEvent event;

	if (!editor || !past) {
		message("cannot edit at this terminal: out of memory");
		return TOOL_LACKS;
	}
	history(past, &event, H_SETSIZE, HISTORY);
	history(past, &event, H_SETUNIQUE, 1);
	el_set(editor, EL_CLIENTDATA, session);
	el_set(editor, EL_PROMPT, prompt);
	el_set(editor, EL_EDITOR, "emacs");
	el_set(editor, EL_HIST, history, past);
	el_set(editor, EL_SIGNAL, 1);
	el_set(editor, EL_ADDFN, "vpmu-complete", "completes a word", complete);
	el_set(editor, EL_BIND, "^I", "vpmu-complete", NULL);
	el_set(editor, EL_ADDFN, "vpmu-end", "ends the session, at an empty line", end_empty_line);
	el_set(editor, EL_BIND, "^@", "vpmu-end", NULL);
	el_source(editor, NULL);
	puts("A PMU at the prompt: 'model NAME' comes first, 'help' lists the commands.");
	fflush(stdout);
	converse(session, editor, past);
	history_end(past);
	el_end(editor);
	return session->differed ? TOOL_FAILS : TOOL_HOLDS;
}
