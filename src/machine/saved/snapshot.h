/* SPDX-License-Identifier: MIT */
/*
 * A saved machine (docs/migration.md): records, each with its own checksum, in a file, in memory or
 * on the way to another process. The first records, up to the PMU's, say which machine it is for;
 * the last says that it is complete.
 */
#ifndef MACHINE_SAVED_SNAPSHOT_H
#define MACHINE_SAVED_SNAPSHOT_H

#include <core/room.h>
#include <machine/board/room.h>
#include <machine/pack.h>

#define RECORD(a, b, c, d)                                                                         \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

/* A reader may skip a record that it does not know if the type's first letter is lower-case. */
enum record_type {
	RECORD_HEAD = RECORD('H', 'E', 'A', 'D'),  /* the machine: memory, profile */
	RECORD_HOST = RECORD('H', 'O', 'S', 'T'),  /* under the profile, if not the default */
	RECORD_PMU = RECORD('V', 'P', 'M', 'U'),   /* the native stream: model and state */
	RECORD_BOARD = RECORD('B', 'O', 'R', 'D'), /* APIC, ports, MSRs, time */
	RECORD_CPU = RECORD('C', 'P', 'U', ' '),
	RECORD_CYCLES = RECORD('c', 'y', 'c', 'l'), /* CMASK, INV, EDGE: what no register has */
	RECORD_PAGES = RECORD('P', 'A', 'G', 'E'),
	RECORD_NOTES = RECORD('n', 'o', 't', 'e'), /* the caller's own numbers */
	RECORD_END = RECORD('E', 'N', 'D', ' '),   /* how many records came before it */
};

enum {
	SAVED_VERSION = 4,
	SAVED_HEADER_BYTES = 16,
	RECORD_HEADER_BYTES = 12, /* type, length, CRC-32C of both and of the payload */
	RECORD_MOST = 1 << 20,    /* bytes of a payload */
	PAGES_A_RECORD = 64,
	HOST_TEXT_BYTES = 256,
};

/* --- Writing --------------------------------------------------------------------------------- */

/* Begin a record, pack its payload, and end it, which fills in its length and checksum. */
size_t record_begin(struct pack *pack, enum record_type type);
void record_end(struct pack *pack, size_t begun);

void saved_header(struct pack *pack, const char magic[8]);

/* Each packs one record. False, with the reason in why: the machine cannot be saved. */
bool save_head(const struct machine *machine, struct pack *pack, struct text *why);
/* Between the two. False: the host is the default, and no record was packed. */
bool save_host(const struct machine *machine, struct pack *pack);
bool save_pmu(struct machine *machine, struct pack *pack, struct text *why);
bool save_board(const struct machine *machine, struct pack *pack, struct text *why);
bool save_cpu(struct machine *machine, struct pack *pack, struct text *why);
/* The same, after the CPU has been saved. False: there was nothing to save, and no record was
 * packed. */
bool save_cycles(const struct machine *machine, struct pack *pack);
void save_notes(const struct machine_notes *notes, struct pack *pack);
void save_end(struct pack *pack, uint64_t records);

/* --- snapshot_pages.c ------------------------------------------------------------------------ */

enum { PAGE_SIZE_ = 4096, PAGE_WORDS = PAGE_SIZE_ / 8 };

/* The first page from `page` on that may contain anything but zeros; the number of pages if there
 * is none. */
uint64_t pages_next(const struct guest_memory *memory, uint64_t page);
bool page_is_zero(const struct guest_memory *memory, uint64_t page);
void page_pack(struct pack *pack, const struct guest_memory *memory, uint64_t page);
/* A RECORD_PAGES payload into memory. */
bool pages_unpack(struct unpack *unpack, const struct guest_memory *memory);

/* --- snapshot_cycles.c ----------------------------------------------------------------------- */

/* A RECORD_CYCLES payload, to vpmu_pmu_set_last_cycles(). */
bool cycles_unpack(struct unpack *unpack, struct vpmu_last_cycles *last);

/* --- Reading --------------------------------------------------------------------------------- */

/* A machine that is being restored, record by record. */
struct restore {
	/* memory_bytes: at most; model, profile, host: see `expects` */
	struct machine_config config;
	bool expects_model, expects_profile, expects_host;
	struct vpmu_host host; /* the saved one */
	const struct vpmu_order *order;
	bool live;               /* records may be repeated; the last one counts */
	struct machine *machine; /* NULL until the PMU's record has come */
	uint64_t records, memory_bytes;
	uint32_t seen; /* bit: enum seen */
	struct vpmu_layout layout;
	struct vpmu_state state;
	struct vpmu_last_cycles last_cycles;
	struct machine_notes notes;
	struct text why;
};

#define MACHINE_SAVED_MAGIC "VPMUMACH"

/* `why` must live as long as the restore. */
void restore_begin(struct restore *restore, const struct machine_restore *wanted, struct text why);

/* Checks the header of a file or of a stream. */
enum vpmu_status restore_header(struct restore *restore, const uint8_t *bytes, const char magic[8]);

/* The length of a record's payload, from its header. VPMU_BAD_DATA: not a record's header. */
enum vpmu_status record_length(const uint8_t *header, size_t *length, struct text *why);

/* Whether its checksum is right. */
bool record_is_sound(const uint8_t *record, size_t bytes);

/* Restores one record, header and payload. On a failure the reason is in restore->why. */
enum vpmu_status restore_record(struct restore *restore, const uint8_t *record, size_t bytes);

/* After RECORD_END: puts the PMU's state, and hands the machine over to the caller. */
enum vpmu_status restore_finish(struct restore *restore, struct machine **machine);

bool restore_has_end(const struct restore *restore);
void restore_abandon(struct restore *restore);

/* Adds to the reason what is wrong, and the detail unless it is NULL; returns the status. */
enum vpmu_status restore_fail(struct restore *restore, enum vpmu_status status, const char *what,
                              const char *detail);

#endif
