/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's state through the native stream and back, as a VMM does it with libvpmu.so. For
 * comparison: the least that any format with this checksum costs (copying the bytes and summing
 * them, out and in), and the same values through JSON by Jansson.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stream/room.h>
#include <vpmu/vpmu.h>

#include "bench.h"

#if HAVE_JANSSON
#include <jansson.h>
#endif

enum { STATES = 64 };

/* States of one model, all different, and buffers for one of them in transit. */
struct traffic {
	struct vpmu_layout layout;
	struct vpmu_state states[STATES];
	uint8_t bytes[VPMU_STREAM_BYTES], copy[VPMU_STREAM_BYTES];
	size_t used;
};

static struct vpmu_state mixed_state(const struct vpmu_layout *layout, unsigned n)
{
	uint64_t mix = n + 1;
	struct vpmu_state state;

	vpmu_state_reset(&state, layout);
	for (unsigned i = 0; i < layout->value_count; i++) {
		mix = mix * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		if (layout->registers[layout->stored[i]].kind != VPMU_KIND_CAPABILITIES)
			state.values[i] = mix & layout->registers[layout->stored[i]].writable;
	}
	return state;
}

static void start(struct traffic *traffic, const char *name)
{
	struct vpmu_model model;

	if (vpmu_model_parse(&model, name, NULL, 0) || vpmu_layout_init(&traffic->layout, &model)) {
		fprintf(stderr, "bench: no model %s\n", name);
		exit(1);
	}
	for (unsigned n = 0; n < STATES; n++)
		traffic->states[n] = mixed_state(&traffic->layout, n);
	vpmu_stream_encode(&traffic->states[0], &traffic->layout, 0, traffic->bytes,
	                   sizeof(traffic->bytes), &traffic->used);
}

/* Sends a state out and in again; false: something else came back. */
typedef bool trip_fn(struct traffic *traffic, unsigned n);

static bool same(const struct vpmu_state *a, const struct vpmu_state *b)
{
	return !memcmp(a->values, b->values, sizeof(a->values));
}

static bool through_stream(struct traffic *traffic, unsigned n)
{
	const struct vpmu_state *state = &traffic->states[n % STATES];
	struct vpmu_state back;
	uint32_t vcpu;

	return !vpmu_stream_encode(state, &traffic->layout, n, traffic->bytes,
	                           sizeof(traffic->bytes), &traffic->used) &&
	       !vpmu_stream_decode(traffic->bytes, traffic->used, &traffic->layout, &back, &vcpu,
	                           NULL, 0) &&
	       vcpu == n && same(&back, state);
}

/* The bytes are copied and summed on the way out, and again on the way in. */
static bool only_bytes(struct traffic *traffic, unsigned n)
{
	uint32_t out, in;

	traffic->bytes[12] = (uint8_t)n;
	memcpy(traffic->copy, traffic->bytes, traffic->used);
	out = crc32c(0, traffic->copy, traffic->used);
	memcpy(traffic->bytes, traffic->copy, traffic->used);
	in = crc32c(0, traffic->bytes, traffic->used);
	return out == in;
}

#if HAVE_JANSSON
/* Numbers as text, since many readers lose bits of JSON's own numbers beyond 2^53. */
static char *to_json(const struct vpmu_state *state, const struct vpmu_layout *layout)
{
	json_t *object = json_object();
	char number[24], *text;

	for (unsigned i = 0; i < layout->value_count; i++) {
		snprintf(number, sizeof(number), "0x%" PRIx64, state->values[i]);
		json_object_set_new(object, layout->registers[layout->stored[i]].name,
		                    json_string(number));
	}
	text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	return text;
}

static bool through_json(struct traffic *traffic, unsigned n)
{
	const struct vpmu_state *state = &traffic->states[n % STATES];
	const struct vpmu_layout *layout = &traffic->layout;
	struct vpmu_state back = {.values = {0}};
	char *text = to_json(state, layout);
	json_t *object = json_loads(text, 0, NULL);

	for (unsigned i = 0; i < layout->value_count; i++) {
		json_t *value = json_object_get(object, layout->registers[layout->stored[i]].name);

		back.values[i] = strtoull(json_string_value(value), NULL, 16);
	}
	json_decref(object);
	free(text);
	return same(&back, state);
}
#endif

/* Repeats the same trip; in states a second, by both clocks. */
static void measure(struct traffic *traffic, trip_fn *trip, unsigned count,
                    struct figures *processor, struct figures *wall)
{
	double begin = seconds_of(0), wall_begin = wall_seconds();
	unsigned wrong = 0;

	for (unsigned n = 0; n < count; n++)
		wrong += !trip(traffic, n);
	figures_add(processor, count / (seconds_of(0) - begin));
	figures_add(wall, count / (wall_seconds() - wall_begin));
	if (wrong)
		bench_fails("%u states did not come back as they were", wrong);
}

static void compare(const struct bench *bench, const char *name)
{
	static struct traffic traffic;
	struct figures stream = {0}, wall = {0}, bytes = {0}, json = {0}, unused, ratio;
	unsigned count = bench->quick ? 200 : 1000000;

	start(&traffic, name);
	for (unsigned i = 0; i < bench->rounds; i++) {
		unused.count = 0;
		measure(&traffic, through_stream, count, &stream, &wall);
		measure(&traffic, only_bytes, count, &bytes, &unused);
#if HAVE_JANSSON
		measure(&traffic, through_json, count / 100, &json, &unused);
#endif
	}
	printf("%s: %u values, %zu bytes\n", name, traffic.layout.value_count, traffic.used);
	figures_print("encode + decode", &stream, 1e6, "M states/s", ">= 1");
	figures_print("  by the wall clock", &wall, 1e6, "M states/s", ">= 1");
	figures_print("the bytes copied and summed, twice", &bytes, 1e6, "M states/s", NULL);
	ratio = figures_ratio(&stream, &bytes);
	figures_print("  encode + decode/that", &ratio, 1, "x", NULL);
	if (!json.count)
		return;
	figures_print("JSON by Jansson, written + read", &json, 1e6, "M states/s", NULL);
	ratio = figures_ratio(&stream, &json);
	figures_print("  encode + decode/that", &ratio, 1, "x", NULL);
}

void bench_stream(const struct bench *bench)
{
	printf("\nA state through the native stream\n");
	compare(bench, "intel-v2,gp=8");
	compare(bench, "sapphire-rapids,gp=10,fixed=8");
}
