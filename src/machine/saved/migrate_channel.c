/* SPDX-License-Identifier: MIT */
/* One connection of a live migration: bytes out, replies in, and how long to wait for either. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stream/room.h>

#include "migrate.h"

void channel_open(struct channel *channel, int fd, struct text why)
{
	*channel = (struct channel){.fd = fd, .why = why};
}

void channel_close(struct channel *channel)
{
	if (channel->fd >= 0)
		close(channel->fd);
	free(channel->out.bytes);
	*channel = (struct channel){.fd = -1, .why = channel->why};
}

/* Keeps the first reason. */
static bool gone(struct channel *channel, const char *what, int error)
{
	if (channel->why.used)
		return false;
	text_add(&channel->why, what);
	if (error) {
		text_add(&channel->why, ": ");
		text_add(&channel->why, strerror(error));
	}
	return false;
}

void channel_say(struct channel *channel, enum word word, const char *text)
{
	size_t begun = record_begin(&channel->out, (enum record_type)word);
	size_t length = text ? strlen(text) : 0;

	pack_bytes(&channel->out, text,
	           length < CHANNEL_REPLY_MOST ? length : CHANNEL_REPLY_MOST - 1);
	record_end(&channel->out, begun);
}

bool channel_push(struct channel *channel)
{
	struct pack *out = &channel->out;

	if (out->failed)
		return gone(channel, "no memory", 0);
	while (channel->sent < out->used) {
		ssize_t count = send(channel->fd, out->bytes + channel->sent,
		                     out->used - channel->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (count < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (count < 0)
			return gone(channel, "the connection is gone", errno);
		channel->sent += (size_t)count;
		channel->bytes_sent += (uint64_t)count;
	}
	out->used = channel->sent = 0;
	return true;
}

bool channel_flush(struct channel *channel, const struct limit *limit)
{
	while (channel_push(channel)) {
		if (channel->sent >= channel->out.used)
			return true;
		if (!limit_wait(limit, channel->fd, POLLOUT, &channel->why))
			break;
	}
	return false;
}

/* The length of the reply that is arriving, header included, as far as it is known. */
static size_t wanted(const struct channel *channel)
{
	if (channel->got < RECORD_HEADER_BYTES)
		return RECORD_HEADER_BYTES;
	return RECORD_HEADER_BYTES + (size_t)load_le(channel->in + 4, 4);
}

static bool is_whole(struct channel *channel, enum word *word)
{
	const uint8_t *payload = channel->in + RECORD_HEADER_BYTES;
	size_t length = channel->got - RECORD_HEADER_BYTES;

	if (crc32c(crc32c(0, channel->in, 8), payload, length) != load_le(channel->in + 8, 4))
		return gone(channel, "a damaged reply", 0);
	*word = (enum word)load_le(channel->in, 4);
	return true;
}

int channel_reply(struct channel *channel, enum word *word)
{
	while (wanted(channel) <= sizeof(channel->in)) {
		size_t missing = wanted(channel) - channel->got;
		ssize_t count;

		if (!missing) {
			bool whole = is_whole(channel, word);

			return whole ? 1 : -1;
		}
		count = recv(channel->fd, channel->in + channel->got, missing, MSG_DONTWAIT);
		if (count < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (count <= 0) {
			gone(channel, "the other side has closed the connection",
			     count < 0 ? errno : 0);
			return -1;
		}
		channel->got += (size_t)count;
	}
	gone(channel, "the other side talks something else", 0);
	return -1;
}

void channel_reply_text(const struct channel *channel, char *text, size_t bytes)
{
	size_t length = channel->got - RECORD_HEADER_BYTES;

	if (length >= bytes)
		length = bytes - 1;
	memcpy(text, channel->in + RECORD_HEADER_BYTES, length);
	text[length] = '\0';
}

int channel_await(struct channel *channel, const struct limit *limit, enum word *word)
{
	int answer;

	while (!(answer = channel_reply(channel, word))) {
		if (!limit_wait(limit, channel->fd, POLLIN, &channel->why))
			return -1;
	}
	return answer;
}

static enum channel_end source_gone(ssize_t count, struct text *why)
{
	text_add(why, count ? "the connection: " : "the source has closed the connection");
	text_add(why, count ? strerror(errno) : "");
	return CHANNEL_GONE;
}

enum channel_end channel_read(int fd, void *into, size_t bytes, const struct limit *limit,
                              struct text *why)
{
	uint8_t *at = into;

	while (bytes) {
		ssize_t count;

		count = recv(fd, at, bytes, MSG_DONTWAIT);
		if (count > 0) {
			at += count;
			bytes -= (size_t)count;
		} else if (!count || (errno != EAGAIN && errno != EINTR)) {
			return source_gone(count, why);
		} else if (!limit_wait(limit, fd, POLLIN, why)) {
			return CHANNEL_OVER;
		}
	}
	return CHANNEL_GOES_ON;
}
