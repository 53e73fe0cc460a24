/* SPDX-License-Identifier: MIT */
/*
 * Both sides of a live migration, each with a peer that says whatever the input holds, as it comes
 * and with every record's checksum made right. All that the peer says is in the socket before, and
 * then it closes; so nothing waits, and the limits end what would.
 *
 * The first byte says which side is meant: even, the destination; odd, the source.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <machine/saved/migrate.h>
#include <stream/room.h>

#include "../tests/machine/fake_cpu.h"
#include "fuzz.h"

enum { SAY_MOST = 64 << 10, LIMIT_MS = 1000 };

static const struct migration_limits limits = {.still_ms = LIMIT_MS, .copy_ms = LIMIT_MS};

static void seal(uint8_t *data, size_t size, size_t at)
{
	while (at < size && size - at >= RECORD_HEADER_BYTES) {
		uint64_t length = load_le(data + at + 4, 4);
		uint32_t crc = crc32c(0, data + at, 8);

		if (length > size - at - RECORD_HEADER_BYTES)
			return;
		crc = crc32c(crc, data + at + RECORD_HEADER_BYTES, length);
		store_le(data + at + 8, 4, crc);
		at += RECORD_HEADER_BYTES + length;
	}
}

/* A socket out of which that comes, and then the end. The peer reads nothing. */
static void connect_to(int ends[2], const uint8_t *data, size_t size)
{
	MUST(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	MUST(!size || send(ends[0], data, size, MSG_DONTWAIT) == (ssize_t)size);
	shutdown(ends[0], SHUT_WR);
}

/* It is ours only if COMT is the last record of what was read. */
static bool commits(const uint8_t *data, size_t size)
{
	for (size_t at = 0; at + RECORD_HEADER_BYTES <= size; at++)
		if (load_le(data + at, 4) == WORD_COMMIT)
			return true;
	return false;
}

static void be_destination(const uint8_t *data, size_t size)
{
	const struct machine_restore wanted = {
		.config = {.cpu = &fake_cpu_ops, .memory_bytes = 4 * MIB},
		.order = vpmu_order_find("safe")};
	struct migration_refusal refusal = {.why = ""};
	struct machine_notes notes;
	struct machine *machine;
	int ends[2];

	connect_to(ends, data, size);
	machine = migration_receive(&wanted, ends[1], &limits, &notes, &refusal);
	close(ends[0]);
	close(ends[1]);
	MUST(!machine == !!refusal.status);
	if (machine)
		MUST(commits(data, size));
	else
		MUST(strlen(refusal.why) > 8);
	machine_destroy(machine);
}

/* What is on its way all the time: made once, a run changes nothing of it. */
static struct machine *guest_machine(void)
{
	static struct machine *machine;
	struct machine_config config = {.cpu = &fake_cpu_ops, .memory_bytes = 2 * MIB};
	char why[200] = "";

	if (machine)
		return machine;
	MUST(!vpmu_model_parse(&config.model, "intel-v4", NULL, 0));
	config.profile = vpmu_profile_find("hardware");
	machine = machine_create(&config, why, sizeof(why));
	MUST(machine);
	return machine;
}

/* DOUBT and DONE only for who has said PREP, and DONE only for who has said DONE. */
static void must_have_been_said(enum migration_state state, const uint8_t *data, size_t size)
{
	const enum word words[] = {WORD_READY, WORD_PREPARED, WORD_DONE};
	unsigned need = state == MIGRATION_DONE ? 3 : state == MIGRATION_DOUBT ? 2 : 0, said = 0;

	for (size_t at = 0; said < need && at + RECORD_HEADER_BYTES <= size;) {
		MUST(load_le(data + at, 4) == words[said]);
		at += RECORD_HEADER_BYTES + load_le(data + at + 4, 4);
		said++;
	}
	MUST(said == need);
}

static void be_source(const uint8_t *data, size_t size)
{
	static const struct machine_notes notes = {.count = 1, .values = {7}};
	enum migration_state state = MIGRATION_GOING;
	struct machine *machine = guest_machine();
	struct migration *migration;
	char why[200] = "";
	int ends[2];

	connect_to(ends, data, size);
	migration = migration_begin(machine, ends[1], &limits, why, sizeof(why));
	MUST(migration);
	while (state == MIGRATION_GOING)
		state = migration_step(migration, machine, &notes);
	must_have_been_said(state, data, size);
	if (state == MIGRATION_FAILED)
		MUST(strlen(migration_why(migration)) > 8);
	migration_end(migration);
	close(ends[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *sealed;
	bool source;

	if (!size || size > SAY_MOST)
		return 0;
	source = *data++ & 1;
	size--;
	sealed = malloc(size + 1);
	MUST(sealed);
	memcpy(sealed, data, size);
	seal(sealed, size, source ? 0 : SAVED_HEADER_BYTES);
	(source ? be_source : be_destination)(data, size);
	(source ? be_source : be_destination)(sealed, size);
	free(sealed);
	return 0;
}
