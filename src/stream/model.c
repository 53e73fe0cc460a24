/* SPDX-License-Identifier: MIT */
/* The model in a native stream: writing, reading, checking, and comparing it with the
 * destination's. */
#include <stream/room_int.h>

#define NOT_WELL_FORMED "the record 'MODL' is not well-formed"

/* Reads the fields: each a head, then its value without leading zeros. A newer vpmu may have
 * others. Returns where reading ended. */
static const uint8_t *fields_read(const uint8_t *at, const uint8_t *end, struct vpmu_model *model,
                                  enum vpmu_status *status)
{
	uint32_t seen = 0;

	*status = VPMU_BAD_DATA;
	for (; at < end; at += 1 + (*at & FIELD_BYTES_MASK) + 1) {
		unsigned number = *at >> FIELD_NUMBER_SHIFT, bytes = (*at & FIELD_BYTES_MASK) + 1;

		if (bytes >= end - at || !at[bytes] || seen & BIT64(number))
			return at;
		seen |= (uint32_t)BIT64(number);
		if (number >= field_count ||
		    !field_set(&field_rows[number], model, le_end(at + 1, bytes))) {
			*status = VPMU_INCOMPATIBLE;
			return at;
		}
	}
	*status = VPMU_OK;
	return at;
}

enum vpmu_status model_read(struct reader reader, struct vpmu_model *model, const struct why *why)
{
	const uint8_t *length = read_bytes(&reader, 1), *name, *end;
	struct vpmu_model read = {.gp_count = 0};
	enum vpmu_status status;

	name = length ? read_bytes(&reader, *length) : NULL;
	if (!name || *length >= VPMU_NAME_BYTES)
		return fail_at(why, VPMU_BAD_DATA, NOT_WELL_FORMED, reader.at);
	memcpy(read.name, name, *length);
	if (!name_is_plain(read.name, *length))
		return fail_at(why, VPMU_BAD_DATA, NOT_WELL_FORMED, reader.at);
	end = fields_read(name + *length, reader.data + reader.end, &read, &status);
	if (status)
		return fail_at(why, status,
		               status == VPMU_BAD_DATA
		                       ? NOT_WELL_FORMED
		                       : "a newer vpmu is needed for a field of the model",
		               (uint64_t)(end - reader.data));
	*model = read;
	return VPMU_OK;
}

size_t model_write(const struct vpmu_model *model, uint8_t at[MODEL_BYTES])
{
	unsigned length = name_length(model->name);
	size_t used = 1 + length;

	at[0] = (uint8_t)length;
	memcpy(at + 1, model->name, VPMU_NAME_BYTES);
	for (size_t i = 0; i < field_count; i++) {
		uint64_t value = field_get(&field_rows[i], model);
		unsigned bytes = (71u - (unsigned)__builtin_clzll(value | 1)) / 8;

		if (!value)
			continue;
		at[used] = (uint8_t)(i << FIELD_NUMBER_SHIFT | (bytes - 1));
		le_put(at + used + 1, value, 8);
		used += 1 + bytes;
	}
	return used;
}

/* An invalid model may come from a newer vpmu that knows more vendors or features. */
enum vpmu_status model_judge(const struct vpmu_model *model, size_t offset, const struct why *why)
{
	char reason[200];
	struct text text = text_in(reason, sizeof(reason));
	enum vpmu_status status;

	text_add(&text, "no PMU that this vpmu knows: ");
	status = vpmu_model_check(model, reason + text.used, sizeof(reason) - text.used);
	return status ? fail_at(why, VPMU_INCOMPATIBLE, reason, offset) : VPMU_OK;
}

enum vpmu_status model_wrong(const struct vpmu_model *from, const struct vpmu_model *to,
                             const struct why *why)
{
	struct text text = text_in(why->text, why->bytes);
	const char *comma = ": ";

	text_add(&text, "the stream is of another model, '");
	text_add(&text, from->name);
	text_add(&text, "', than the destination, '");
	text_add(&text, to->name);
	text_add(&text, "'");
	for (size_t i = 0; i < field_count; i++) {
		uint64_t has = field_get(&field_rows[i], from),
			 wants = field_get(&field_rows[i], to);

		if (has == wants)
			continue;
		text_add(&text, comma);
		text_add(&text, field_rows[i].text);
		text_add(&text, " ");
		text_add_hex(&text, has);
		text_add(&text, ", not ");
		text_add_hex(&text, wants);
		comma = "; ";
	}
	return VPMU_INCOMPATIBLE;
}
