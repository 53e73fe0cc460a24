/* SPDX-License-Identifier: MIT */
/* What every test program of src/stream includes. */
#ifndef TESTS_STREAM_UNIT_H
#define TESTS_STREAM_UNIT_H

#include <stdlib.h>

#include "../state/fixture.h"

#include <stream/room_int.h>

enum { WHY_BYTES = 400 };

/* A stream, with room for one that has grown. */
struct bytes {
	uint8_t data[4 * VPMU_STREAM_BYTES];
	size_t count;
};

/* A state's stream; fails the test when there is none. */
static inline struct bytes stream_of(const struct vpmu_state *state,
                                     const struct vpmu_layout *layout, uint32_t vcpu)
{
	struct bytes stream;

	assert_int_equal(vpmu_stream_encode(state, layout, vcpu, stream.data, sizeof(stream.data),
	                                    &stream.count),
	                 VPMU_OK);
	return stream;
}

/* Makes a stream's length and checksum right again. */
static inline void seal(struct bytes *stream)
{
	size_t checked = stream->count - CHECKSUM_BYTES;

	le_put(stream->data + 8, stream->count, 4);
	le_put(stream->data + checked, crc32c(0, stream->data, checked), CHECKSUM_BYTES);
}

/* Puts bytes into a stream, or takes some out, and seals it. */
static inline void insert(struct bytes *stream, size_t at, const void *bytes, size_t count)
{
	memmove(stream->data + at + count, stream->data + at, stream->count - at);
	memcpy(stream->data + at, bytes, count);
	stream->count += count;
	seal(stream);
}

static inline void take_out(struct bytes *stream, size_t at, size_t count)
{
	memmove(stream->data + at, stream->data + at + count, stream->count - at - count);
	stream->count -= count;
	seal(stream);
}

/* Where a record begins. */
static inline size_t record_at(const struct bytes *stream, const char *name)
{
	size_t at = HEADER_BYTES;

	while (memcmp(stream->data + at, name, NAME_BYTES) != 0) {
		at += RECORD_BYTES + le_get(stream->data + at + 6, 2);
		assert_true(at < stream->count - CHECKSUM_BYTES);
	}
	return at;
}

/* The length of a record's payload is so much more. */
static inline void lengthen(struct bytes *stream, size_t record, int more)
{
	uint8_t *length = stream->data + record + 6;

	le_put(length, (uint64_t)((int64_t)le_get(length, 2) + more), 2);
	seal(stream);
}

#endif
