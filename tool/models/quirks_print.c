/* SPDX-License-Identifier: MIT */
/* The quirks as a table, a line each, and as JSON (docs/json.md: vpmu-quirks). Columns are at
 * least two blanks apart: scripts/quirks-page cuts there. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <vpmu/vpmu.h>

#include "command.h"
#include "json/json.h"
#include "lib/message.h"
#include "quirks.h"

enum { PROFILES_BYTES = 256 };

static bool is_of(const struct quirk *quirk, const char *profile)
{
	return !profile || quirk_is_of(quirk, vpmu_profile_find(profile));
}

/* The quirk's i-th profile or a later one, with i moved behind it; NULL: no more. */
static const char *next_profile(const struct quirk *quirk, size_t *i)
{
	const char *name;

	while ((name = vpmu_profile_name((*i)++)))
		if (quirk_is_of(quirk, vpmu_profile_find(name)))
			return name;
	return NULL;
}

static void print_profiles(const struct quirk *quirk)
{
	char text[PROFILES_BYTES] = "";
	const char *name;
	size_t i = 0;

	while ((name = next_profile(quirk, &i))) {
		size_t length = strlen(text);

		snprintf(text + length, sizeof(text) - length, "%s%s", length ? "," : "", name);
	}
	printf("%-49s  ", text);
}

int quirks_print(const char *profile)
{
	const struct quirk *quirk;

	printf("%s%-41s  %s%-s%s\n", bold_on(stdout), "QUIRK",
	       profile ? "" : "PROFILES                                           ",
	       "WHAT HAPPENS  (WHERE THE KERNEL DOES IT)", bold_off(stdout));
	for (size_t i = 0; (quirk = quirk_at(i)); i++) {
		if (!is_of(quirk, profile))
			continue;
		printf("%-41s  ", quirk->id);
		if (!profile)
			print_profiles(quirk);
		printf("%s  (%s)\n", quirk->text, quirk->shown_by);
	}
	return TOOL_HOLDS;
}

#if HAVE_JANSSON

static json_t *quirk_json(const struct quirk *quirk)
{
	json_t *profiles = json_array();
	const char *name;
	size_t i = 0;

	while ((name = next_profile(quirk, &i)))
		json_array_append_new(profiles, json_string(name));
	return json_pack("{s:s, s:o, s:s, s:s}", "id", quirk->id, "profiles", profiles, "text",
	                 quirk->text, "shown_by", quirk->shown_by);
}

int quirks_print_json(const char *profile)
{
	json_t *document = json_document("vpmu-quirks", 1), *list = json_array();
	const struct quirk *quirk;

	for (size_t i = 0; (quirk = quirk_at(i)); i++)
		if (is_of(quirk, profile))
			json_array_append_new(list, quirk_json(quirk));
	json_object_set_new(document, "quirks", list);
	return json_print(document);
}

#else

int quirks_print_json(const char *profile)
{
	return json_lacks() ? TOOL_LACKS : TOOL_HOLDS;
}

#endif
