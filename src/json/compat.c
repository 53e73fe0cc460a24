/* SPDX-License-Identifier: MIT */
/* Judgements as JSON (docs/json.md: vpmu-compat, vpmu-baseline). */
#include <jansson.h>

#include <json/room.h>

enum { LINE_BYTES = 320 };

static json_t *differences_json(const struct vpmu_compat *compat)
{
	json_t *list = json_array();
	char line[LINE_BYTES];

	for (unsigned i = 0; i < compat->difference_count; i++) {
		const struct vpmu_compat_difference *difference = &compat->differences[i];

		vpmu_compat_describe_difference(compat, i, line, sizeof(line));
		json_array_append_new(list,
		                      json_pack("{s:s, s:o, s:o, s:s}", "verdict",
		                                vpmu_take_text((enum vpmu_take)difference->take),
		                                "from", json_hex(difference->from), "to",
		                                json_hex(difference->to), "text", line));
	}
	return list;
}

static json_t *registers_json(const struct vpmu_compat *compat)
{
	json_t *list = json_array();
	char line[LINE_BYTES];

	for (unsigned i = 0; i < compat->register_count; i++) {
		const struct vpmu_compat_register *verdict = &compat->registers[i];
		const struct vpmu_register *reg = &compat->layout->registers[verdict->place];

		vpmu_compat_describe_register(compat, i, line, sizeof(line));
		json_array_append_new(
			list,
			json_pack("{s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:s}", "name", reg->name,
		                  "msr", json_hex(reg->msr), "verdict",
		                  vpmu_take_text((enum vpmu_take)verdict->take), "why",
		                  vpmu_compat_why_text((enum vpmu_compat_why)verdict->why), "value",
		                  json_hex(verdict->value), "becomes", json_hex(verdict->becomes),
		                  "bits", json_hex(verdict->bits), "text", line));
	}
	return list;
}

/* The put that was tried. */
static json_t *put_json(const struct vpmu_compat *compat)
{
	json_t *put = json_pack("{s:s, s:i, s:i, s:i}", "order", compat->order->name, "writes",
	                        compat->planned, "refused", compat->refused_count, "stops_after",
	                        compat->stops_at);

	if (compat->refused_count)
		json_object_set_new(
			put, "stops_at",
			json_string(compat->layout->registers[compat->stops_place].name));
	return put;
}

json_t *compat_json(uint32_t vcpu, const char *model, const struct vpmu_compat *compat)
{
	return json_pack("{s:I, s:s, s:s, s:o, s:o, s:o}", "vcpu", (json_int_t)vcpu, "model", model,
	                 "verdict", vpmu_take_text(compat->take), "put", put_json(compat),
	                 "differences", differences_json(compat), "registers",
	                 registers_json(compat));
}

json_t *cost_json(const struct vpmu_cost *cost)
{
	return json_pack("{s:s, s:o}", "text", cost->text, "hosts", json_count(cost->hosts));
}
