/* SPDX-License-Identifier: MIT */
/* A list of a fleet's machines, one a line. */
#include <stdio.h>
#include <string.h>

#include "fleet.h"
#include "lib/memory.h"

enum { LINE_TEXT = 256 };

bool fleet_add(struct fleet *fleet, const struct fleet_machine *machine)
{
	if (fleet->count == fleet->room) {
		size_t room = 2 * fleet->room + 64;
		struct fleet_machine *machines =
			memory_resize(fleet->machines, room * sizeof(*machines));

		if (!machines)
			return false;
		fleet->machines = machines;
		fleet->room = room;
	}
	fleet->machines[fleet->count++] = *machine;
	return true;
}

/* A line's words, each ended; the last is empty. */
struct words {
	char text[LINE_TEXT];
	char *word[6];
	unsigned count;
};

static void split(struct words *words, const char *line, size_t length)
{
	char *at = words->text;

	snprintf(words->text, sizeof(words->text), "%.*s", (int)length, line);
	at[strcspn(at, "#")] = '\0';
	for (words->count = 0; words->count < 6; words->count++) {
		at += strspn(at, " \t\r");
		if (!*at)
			return;
		words->word[words->count] = at;
		at += strcspn(at, " \t\r");
		if (*at)
			*at++ = '\0';
	}
}

/* "qemu=10.1", "profile=linux-6.12". False: it is neither. */
static bool take_key(struct fleet_machine *machine, const char *word, char *why)
{
	if (!strncmp(word, "qemu=", 5)) {
		if (!qemu_version_parse(word + 5, &machine->qemu))
			snprintf(why, STATE_WHY_BYTES, "no version of QEMU: '%s'", word + 5);
		return true;
	}
	if (strncmp(word, "profile=", 8) != 0)
		return false;
	machine->profile = vpmu_profile_find(word + 8);
	if (!machine->profile)
		snprintf(why, STATE_WHY_BYTES, "unknown profile '%s'", word + 8);
	return true;
}

/* A line: MODEL, or HOST and MODEL with blanks between, then keys; nothing, or a comment after '#'.
 * *why is empty when it makes sense. */
static int add_line(struct fleet *fleet, struct state_host host, const char *line, size_t length,
                    char *why)
{
	struct fleet_machine machine = {.host = host};
	struct words words;

	split(&words, line, length);
	if (!words.count)
		return TOOL_HOLDS;
	machine.host.name = line + (words.word[0] - words.text);
	machine.host.name_length = (int)strlen(words.word[0]);
	while (words.count > 1 && !*why && take_key(&machine, words.word[words.count - 1], why))
		words.count--;
	if (!*why && words.count > 2)
		snprintf(why, STATE_WHY_BYTES, "more than a host and a model");
	if (*why ||
	    vpmu_model_parse(&machine.cpu, words.word[words.count - 1], why, STATE_WHY_BYTES))
		return TOOL_BAD;
	return fleet_add(fleet, &machine) ? TOOL_HOLDS : TOOL_LACKS;
}

int fleet_list_read(struct fleet *fleet, const char *path, const uint8_t *bytes, size_t count,
                    char *why, uint64_t *line)
{
	struct state_host host = {.file = path};
	int status = TOOL_HOLDS;

	for (size_t at = 0, length; at < count && !status; at += length + 1) {
		const char *text = (const char *)bytes + at;
		const char *end = memchr(text, '\n', count - at);

		length = end ? (size_t)(end - text) : count - at;
		host.line++;
		*line = host.line;
		if (length >= LINE_TEXT || memchr(text, '\0', length)) {
			snprintf(why, STATE_WHY_BYTES, "not a line of text");
			return TOOL_BAD;
		}
		status = add_line(fleet, host, text, length, why);
	}
	return status;
}
