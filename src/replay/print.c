/* SPDX-License-Identifier: MIT */
/* Commands and answers as text, by the table of actions. */
#include "room_int.h"

static void print_number(struct replay_answer *text, const struct replay_argument *row,
                         uint64_t value)
{
	if (row->kind == ARGUMENT_COUNT || row->kind == ARGUMENT_KEY)
		answer_decimal(text, value);
	else
		answer_hex(text, value);
}

static void print_list(struct replay_answer *text, const struct replay_command *command,
                       enum replay_argument_kind kind, uint64_t count)
{
	uint64_t kept = kind == ARGUMENT_WORDS ? REPLAY_WORDS : REPLAY_EVENTS;

	for (uint64_t i = 0; i < count && i < kept; i++) {
		answer_add(text, " ");
		if (kind == ARGUMENT_WORDS)
			answer_add(text, command->words[i]);
		else
			answer_hex(text, command->events[i]);
	}
}

static void print_argument(struct replay_answer *text, const struct replay_argument *row,
                           union replay_value value)
{
	answer_add(text, " ");
	if (row->kind == ARGUMENT_KEY || row->kind == ARGUMENT_KEY_CHOICE) {
		answer_add(text, row->name);
		answer_add(text, "=");
	}
	if (row->choice)
		answer_add(text, row->choice(NULL, value.number));
	else if (row->kind == ARGUMENT_FLAG)
		answer_add(text, row->name);
	else if (row->kind == ARGUMENT_WORD)
		answer_add(text, value.word);
	else
		print_number(text, row, value.number);
}

void replay_print(const struct replay_command *command, struct replay_answer *text)
{
	const struct replay_action *action = &command->action;
	struct replay_argument argument;

	answer_add(text, replay_rows[action->verb].name);
	for (size_t i = 0; replay_argument_at((enum replay_verb)action->verb, i, &argument); i++) {
		union replay_value value = action->argument[i];

		if (argument.kind == ARGUMENT_LIST || argument.kind == ARGUMENT_WORDS)
			print_list(text, command, argument.kind, value.number);
		else if (argument.kind == ARGUMENT_FLAG ? value.number : action->given >> i & 1)
			print_argument(text, &argument, value);
	}
}

static void print_events(struct replay_answer *text, const struct vpmu_event_counts *events)
{
	answer_count(text, "live", events->live);
	answer_count(text, "created", events->created);
	answer_count(text, "released", events->released);
	answer_count(text, "enabled", events->enabled);
	answer_count(text, "paused", events->paused);
}

void replay_print_reply(enum replay_verb verb, const struct replay_reply *reply,
                        struct replay_answer *text)
{
	const struct replay_row *row = &replay_rows[verb];

	if (reply->status) {
		answer_add(text, row->refused);
		return;
	}
	switch (row->answers) {
	case ANSWERS_OK:
		answer_add(text, "ok");
		break;
	case ANSWERS_VALUE:
		answer_hex(text, reply->value);
		break;
	case ANSWERS_PMIS:
		answer_count(text, "pmi", reply->outcome.pmi);
		answer_count(text, "masked", reply->outcome.masked);
		break;
	case ANSWERS_EVENTS:
		print_events(text, &reply->events);
		break;
	case ANSWERS_TEXT:
		break;
	}
}
