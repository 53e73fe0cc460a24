/* SPDX-License-Identifier: MIT */
/* The commands of the replay language as data: what the parser reads. */
#ifndef TOOL_REPLAY_GRAMMAR_H
#define TOOL_REPLAY_GRAMMAR_H

#include "nearest.h"
#include "replay.h"

enum argument_kind {
	ARGUMENT_NUMBER, /* a number in its place */
	ARGUMENT_WORD,   /* any word in its place */
	ARGUMENT_CHOICE, /* one of the words of `choice`, in its place */
	ARGUMENT_KEY,    /* name=NUMBER */
	ARGUMENT_KEY_CHOICE,
	ARGUMENT_FLAG,  /* its name alone */
	ARGUMENT_LIST,  /* all further words are numbers */
	ARGUMENT_WORDS, /* all further words */
};

struct argument {
	const char *name; /* NULL: the row is empty, the last was before */
	enum argument_kind kind;
	bool required;
	uint64_t max;
	uint64_t otherwise; /* the value when not typed */
	name_at *choice;    /* the words; its list is not used */
};

struct verb {
	const char *name;
	struct argument arguments[REPLAY_ARGUMENTS];
};

extern const struct verb replay_verbs[REPLAY_VERBS];

#endif
