/* SPDX-License-Identifier: MIT */
/* See live_stream.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <stream/room.h>

#include "fake_cpu.h"
#include "live_stream.h"

struct saved stream, stream_of;
struct outcome outcome;

void stream_make(const char *model)
{
	struct machine *machine = saved_lived(model);
	uint8_t commit[RECORD_HEADER_BYTES] = "COMT";

	saved_make(machine, &stream_of);
	machine_destroy(machine);
	stream = stream_of;
	memcpy(stream.bytes, MACHINE_LIVE_MAGIC, 8);
	saved_seal(commit);
	saved_insert(&stream, stream.bytes + stream.used, commit, sizeof(commit));
}

void stream_read_replies(int fd)
{
	uint8_t bytes[2048];
	ssize_t got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	size_t at = 0;

	*outcome.replies = *outcome.refused = '\0';
	while (got > 0 && at < (size_t)got) {
		size_t length = load_le(bytes + at + 4, 4);

		assert_true(record_is_sound(bytes + at, RECORD_HEADER_BYTES + length));
		if (*outcome.replies)
			strcat(outcome.replies, " ");
		strncat(outcome.replies, (const char *)bytes + at, 4);
		if (load_le(bytes + at, 4) == WORD_REFUSED)
			strncat(outcome.refused, (const char *)bytes + at + RECORD_HEADER_BYTES,
			        length);
		at += RECORD_HEADER_BYTES + length;
	}
}

void stream_receive(size_t count, const char *model, uint64_t most)
{
	struct machine_restore wanted = {.config = {.cpu = &fake_cpu_ops, .memory_bytes = most},
	                                 .has_model = model,
	                                 .order = vpmu_order_find("safe")};
	const struct migration_limits limits = {.still_ms = 60000, .copy_ms = 60000};
	int ends[2];

	if (model)
		assert_int_equal(vpmu_model_parse(&wanted.config.model, model, NULL, 0), VPMU_OK);
	memset(&outcome.refusal, 0, sizeof(outcome.refusal));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(send(ends[0], stream.bytes, count, MSG_DONTWAIT), (long)count);
	shutdown(ends[0], SHUT_WR);
	outcome.machine =
		migration_receive(&wanted, ends[1], &limits, &outcome.notes, &outcome.refusal);
	close(ends[1]);
	stream_read_replies(ends[0]);
	close(ends[0]);
}
