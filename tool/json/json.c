/* SPDX-License-Identifier: MIT */
/* Prints JSON documents, and says what is wrong with those that are read. */
#include "json.h"

#include "command.h"
#include "input/file.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "state/state.h"

#if HAVE_JANSSON

#include <stdio.h>
#include <stdlib.h>

static bool any_incomplete;

static void none_to_parse(void)
{
	output_end_without_memory("a JSON document");
}

void json_begin(void)
{
	json_use_memory(&(struct json_memory){memory_get, none_to_parse});
}

bool json_lacks(void)
{
	return false;
}

/* The text that was made of a document; NULL when a piece of it is missing. */
static char *whole(char *text)
{
	if (memory_ran_out()) {
		free(text);
		text = NULL;
	}
	any_incomplete |= !text;
	return text;
}

bool json_write(json_t *document, FILE *stream)
{
	char *text = whole(json_page(document));

	if (!text && memory_ran_out())
		memory_say("the JSON document");
	else if (!text)
		message("cannot make the JSON document: a text in it is not UTF-8");
	if (!text)
		return false;
	fputs(text, stream);
	fputc('\n', stream);
	free(text);
	return true;
}

int json_print(json_t *document)
{
	return json_write(document, stdout) ? TOOL_HOLDS : TOOL_LACKS;
}

void json_line(json_t *document, FILE *stream)
{
	char *text = whole(json_one_line(document));

	if (text)
		fprintf(stream, "%s\n", text);
	free(text);
}

bool json_was_incomplete(void)
{
	return any_incomplete;
}

void json_fault_text(const struct json_fault *fault, char *why)
{
	snprintf(why, STATE_WHY_BYTES, "%s: %s", fault->what, fault->where);
}

enum vpmu_status json_failed(enum vpmu_status status, const struct json_fault *fault, char *why)
{
	json_fault_text(fault, why);
	if (status == VPMU_HOST || !memory_ran_out())
		return status;
	snprintf(why, STATE_WHY_BYTES, "out of memory");
	return VPMU_HOST;
}

#else

void json_begin(void)
{
}

bool json_was_incomplete(void)
{
	return false;
}

bool json_lacks(void)
{
	message("this build has no JSON: --json (build it with Jansson)");
	return true;
}

#endif
