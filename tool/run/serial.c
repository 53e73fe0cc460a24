/* SPDX-License-Identifier: MIT */
/*
 * The guest's serial port: a line at a time to standard output, or kept for the JSON document. It
 * waits for the reader until the run is stopped; output that has not been read by then is dropped.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "lib/memory.h"
#include "run.h"
#include "stop.h"

enum { KEPT_MOST = 16 << 20, PIECE_MS = 50 };

static void keep(struct run_serial *serial, uint8_t byte)
{
	if (serial->used == serial->room) {
		size_t room = serial->room ? 2 * serial->room : 4096;
		char *bytes = room <= KEPT_MOST ? memory_resize(serial->bytes, room) : NULL;

		if (!bytes) {
			serial->truncated = true;
			return;
		}
		serial->bytes = bytes;
		serial->room = room;
	}
	serial->bytes[serial->used++] = (char)byte;
}

/* At most a page at a time: a pipe that can be written to has room for one. */
static bool can_write(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
	bool stopped;

	do {
		stopped = *stop_flag();
		if (poll(&out, 1, stopped ? 0 : PIECE_MS) > 0)
			return true;
	} while (!stopped);
	return false;
}

bool serial_flush(struct run *run)
{
	struct run_serial *serial = &run->serial;
	size_t at = 0;

	while (at < serial->waiting && !run->output_failed && can_write()) {
		ssize_t count = write(STDOUT_FILENO, serial->line + at, serial->waiting - at);

		if (count > 0)
			at += (size_t)count;
		else if (errno != EINTR && errno != EAGAIN)
			run->output_failed = true;
	}
	serial->waiting = 0;
	return !run->output_failed;
}

void serial_put(struct run *run, uint8_t byte)
{
	struct run_serial *serial = &run->serial;

	if (run->options->json) {
		keep(serial, byte);
		return;
	}
	serial->line[serial->waiting++] = (char)byte;
	if (byte != '\n' && !serial->at_once && serial->waiting < sizeof(serial->line))
		return;
	if (!serial_flush(run) && run->machine)
		machine_stop_soon(run->machine);
}
