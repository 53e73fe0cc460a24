/* SPDX-License-Identifier: MIT */
/* Failure messages: what is wrong, and at which offset. */
#include <stream/room_int.h>

static void add_offset(struct text *text, uint64_t offset)
{
	text_add(text, " at offset ");
	text_add_unsigned(text, offset);
}

enum vpmu_status fail_at(const struct why *why, enum vpmu_status status, const char *what,
                         uint64_t offset)
{
	struct text text = text_in(why->text, why->bytes);

	text_add(&text, what);
	add_offset(&text, offset);
	return status;
}

enum vpmu_status fail_named(const struct why *why, enum vpmu_status status, const char *what,
                            const char *name, size_t length, uint64_t offset)
{
	struct text text = text_in(why->text, why->bytes);

	text_add(&text, what);
	text_add(&text, " ");
	text_add_quoted(&text, name, length);
	add_offset(&text, offset);
	return status;
}
