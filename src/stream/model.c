/* SPDX-License-Identifier: MIT */
/* The model in a native stream: read, judged, and told from the destination's. */
#include <stream/room_int.h>

static bool model_name(const uint8_t *bytes, size_t length, char name[VPMU_NAME_BYTES])
{
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] < ' ' || bytes[i] > '~')
			return false;
		name[i] = (char)bytes[i];
	}
	return true;
}

enum vpmu_status model_read(struct reader reader, struct vpmu_model *model, const struct why *why)
{
	size_t start = reader.at, length = reader.end - reader.at;
	const uint8_t *at = reader.data + start;
	struct vpmu_model read = {.gp_count = 0};

	if (length < MODEL_BYTES || at[6] >= VPMU_NAME_BYTES || length - MODEL_BYTES != at[6] ||
	    !model_name(at + MODEL_BYTES, at[6], read.name))
		return fail_at(why, VPMU_BAD_DATA, "the record 'MODL' is not well-formed", start);
	if (at[7])
		return fail_at(why, VPMU_INCOMPATIBLE, "unknown flags of the model", start + 7);
	read.vendor = (enum vpmu_vendor)at[0];
	read.version = at[1];
	read.gp_count = at[2];
	read.gp_width = at[3];
	read.fixed_width = at[4];
	read.events_length = at[5];
	read.fixed_mask = (uint32_t)le_get(at + 8, 4);
	read.features = (uint32_t)le_get(at + 12, 4);
	read.events_missing = (uint32_t)le_get(at + 16, 4);
	read.signature = (uint32_t)le_get(at + 20, 4);
	read.perf_capabilities = le_get(at + 24, 8);
	*model = read;
	return VPMU_OK;
}

/* A model that is none may come from a vpmu that knows more vendors or features. */
enum vpmu_status model_judge(const struct vpmu_model *model, size_t offset, const struct why *why)
{
	char reason[200];
	struct text text = text_in(reason, sizeof(reason));
	enum vpmu_status status;

	text_add(&text, "no PMU that this vpmu knows: ");
	status = vpmu_model_check(model, reason + text.used, sizeof(reason) - text.used);
	return status ? fail_at(why, VPMU_INCOMPATIBLE, reason, offset) : VPMU_OK;
}

/* What tells two models apart, for the reason why a stream is not for this destination. */
static const struct {
	const char *what;
	uint8_t offset, bytes;
} model_fields[] = {
#define FIELD(name, text)                                                                          \
	{                                                                                          \
		(text), offsetof(struct vpmu_model, name), sizeof(((struct vpmu_model *)0)->name)  \
	}
	FIELD(vendor, "vendor"),
	FIELD(version, "PMU version"),
	FIELD(gp_count, "general-purpose counters"),
	FIELD(gp_width, "width of general-purpose counters"),
	FIELD(fixed_mask, "fixed counters"),
	FIELD(fixed_width, "width of fixed counters"),
	FIELD(features, "features"),
	FIELD(events_length, "length of the events' bit vector"),
	FIELD(events_missing, "missing events"),
	FIELD(perf_capabilities, "IA32_PERF_CAPABILITIES"),
	FIELD(signature, "signature"),
};

static uint64_t field_value(const struct vpmu_model *model, size_t field)
{
	uint64_t value = 0;

	switch (model_fields[field].bytes) {
	case 1:
		return *((const uint8_t *)model + model_fields[field].offset);
	case 4: {
		uint32_t half;

		memcpy(&half, (const uint8_t *)model + model_fields[field].offset, sizeof(half));
		return half;
	}
	default:
		memcpy(&value, (const uint8_t *)model + model_fields[field].offset, sizeof(value));
		return value;
	}
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
	for (size_t i = 0; i < ARRAY_SIZE(model_fields); i++) {
		if (field_value(from, i) == field_value(to, i))
			continue;
		text_add(&text, comma);
		text_add(&text, model_fields[i].what);
		text_add(&text, " ");
		text_add_hex(&text, field_value(from, i));
		text_add(&text, ", not ");
		text_add_hex(&text, field_value(to, i));
		comma = "; ";
	}
	return VPMU_INCOMPATIBLE;
}
