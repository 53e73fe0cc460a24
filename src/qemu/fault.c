/* SPDX-License-Identifier: MIT */
/*
 * Discontinuities: exceptions and interrupts, seen when their frame has been pushed. An instruction
 * that faults has been counted but does not retire, so it is taken back.
 *
 * QEMU calls twice for an exception: first as an exception, before anything has happened, and then
 * at its delivery, as for every interrupt.
 */
#include <string.h>

#include "room_int.h"

enum { VECTOR_PF = 14, WORDS = 7, ERROR_WRITE = 2, ERROR_FETCH = 16 };

#define FLAGS_VM (UINT64_C(1) << 17)

/* --- Frames ----------------------------------------------------------------------------------- */

static uint64_t word_at(const uint8_t *bytes, unsigned word, unsigned i)
{
	uint64_t value = 0;

	memcpy(&value, bytes + (size_t)word * i, word);
	return value;
}

/* Whether a frame of words of this size names the address. */
static bool frame_fits(struct frame *frame, const uint8_t *bytes, unsigned word, uint64_t from)
{
	uint64_t mask = word == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * word)) - 1;

	for (unsigned error = 0; error <= (word != 2); error++) {
		uint64_t cs = word_at(bytes, word, error + 1) & 0xffff;
		uint64_t base = word == 2 ? cs << 4 : 0;

		if (word_at(bytes, word, error) != ((from - base) & mask))
			continue;
		*frame = (struct frame){
			.address = frame->address,
			.word = word,
			.has_error = error,
			.error = word_at(bytes, word, 0),
			.ip = word_at(bytes, word, error),
			.cs = cs,
			.flags = word_at(bytes, word, error + 2),
			.sp = word_at(bytes, word, error + 3),
			.ss = word_at(bytes, word, error + 4) & 0xffff,
		};
		return true;
	}
	return false;
}

static uint64_t stack_top(bool is_long, bool protected)
{
	uint64_t sp = reg_get(REG_RSP);

	if (is_long)
		return sp;
	return protected ? (uint32_t)sp : (reg_get(REG_SS) << 4) + (sp & 0xffff);
}

bool frame_read(uint64_t from, struct frame *frame)
{
	bool is_long = reg_get(REG_EFER) & EFER_LMA, protected = reg_get(REG_CR0) & 1;
	uint8_t bytes[WORDS * 8];
	unsigned word = is_long ? 8 : protected ? 4 : 2;

	frame->address = stack_top(is_long, protected);
	memset(bytes, 0, sizeof(bytes));
	for (unsigned words = WORDS; words >= 3; words--) /* the stack may end in its page */
		if (memory_get(frame->address, bytes, words * word))
			break;
	return frame_fits(frame, bytes, word, from) ||
	       (word == 4 && frame_fits(frame, bytes, 2, from));
}

uint64_t handler_of(const struct cpu *cpu, unsigned vector)
{
	bool is_long = reg_get(REG_EFER) & EFER_LMA;
	unsigned bytes = is_long ? 16 : 8;
	uint16_t half[8] = {0};

	if (!cpu->idt || !memory_get(cpu->idt + (uint64_t)vector * bytes, half, bytes))
		return 0;
	return half[0] | (uint64_t)half[3] << 16 |
	       (is_long ? (uint64_t)half[4] << 32 | (uint64_t)half[5] << 48 : 0);
}

/* --- Faults ----------------------------------------------------------------------------------- */

/* A page fault on the instruction's fetch: it was never translated, hence not counted. */
static bool is_fetch(const struct frame *frame, uint64_t from)
{
	if (!frame->has_error || reg_get(REG_CR2) - from >= INSN_BYTES)
		return false;
	if (frame->error & ERROR_FETCH)
		return true;
	return !(frame->error & ERROR_WRITE) && !(reg_get(REG_EFER) & EFER_NXE);
}

static struct insn insn_at(uint64_t from)
{
	uint8_t bytes[INSN_BYTES];

	for (unsigned length = sizeof(bytes); length; length--)
		if (memory_get(from, bytes, length))
			return insn_decode(bytes, length);
	return (struct insn){.branch = QEMU_NO_BRANCH};
}

enum ring frame_ring(const struct frame *frame)
{
	bool user = frame->word != 2 && (frame->cs & 3 || frame->flags & FLAGS_VM);

	return user ? RING_USER : RING_KERNEL;
}

/* True when this is the #UD of an RDPMC, which retires after all. */
static bool took_rdpmc(struct cpu *cpu, uint64_t from)
{
	if (!cpu->rdpmc.waits)
		return false;
	cpu->rdpmc.waits = false;
	cpu->rdpmc.delivered = true;
	cpu->rdpmc.from = from;
	count_kick(cpu);
	return !cpu->rdpmc.is_gp;
}

/* The IDT is read only where there is no error code, which #DB has not. */
static bool is_debug_trap(const struct cpu *cpu, const struct frame *frame, uint64_t to)
{
	return !frame->has_error && handler_of(cpu, VECTOR_DB) == to;
}

static void took_exception(struct cpu *cpu, uint64_t from, uint64_t to)
{
	struct frame frame;
	struct insn insn;

	if (took_rdpmc(cpu, from) || !(plugin.shape & SHAPE_EXACT) || !frame_read(from, &frame))
		return;
	if (is_fetch(&frame, from) || is_debug_trap(cpu, &frame, to))
		return;
	insn = insn_at(from);
	count_take_back(cpu, frame_ring(&frame), insn.data, (enum qemu_branch)insn.branch);
	cpu->again_at = AGAIN_NONE;
}

/* --- Instructions that QEMU executes again ---------------------------------------------------- */

void at_again(unsigned vcpu, void *data)
{
	struct cpu *cpu = plugin.cpu[vcpu];
	const struct site *site = data;
	enum ring ring = (enum ring)site->ring;
	uint64_t now = count_retired(cpu, ring);

	if (site->physical == cpu->again_at && ring == cpu->again_ring &&
	    now == cpu->again_count + 1) {
		count_take_back(cpu, ring, site->data, QEMU_NO_BRANCH);
		return;
	}
	cpu->again_at = site->physical;
	cpu->again_ring = ring;
	cpu->again_data = site->data;
	cpu->again_count = now;
}

bool again_since(const struct cpu *cpu)
{
	return cpu->again_at != AGAIN_NONE &&
	       count_retired(cpu, cpu->again_ring) == cpu->again_count;
}

bool again_in_progress(const struct cpu *cpu, const struct block *block)
{
	return block->physical[0] == cpu->again_at && block->ring == cpu->again_ring &&
	       again_since(cpu);
}

/* Takes back a REP or locked instruction that was interrupted: it is counted again when it goes
 * on. */
static void interrupted_again(struct cpu *cpu, uint64_t from)
{
	uint64_t physical;

	if (!again_since(cpu) || !linear_to_physical(from, &physical) || physical != cpu->again_at)
		return;
	count_take_back(cpu, cpu->again_ring, cpu->again_data, QEMU_NO_BRANCH);
	cpu->again_at = AGAIN_NONE;
	cpu->stat.interrupted_reps++;
}

/* --- Discontinuities -------------------------------------------------------------------------- */

/* An interrupt came after a planted jump was executed and before at_block() sent the vCPU back.
 * Puts the instruction's address into the frame, and returns it. */
static uint64_t land_in_frame(struct cpu *cpu, uint64_t from)
{
	struct hot *hot = hot_of(cpu);
	int jump = LANDED_JUMP(hot->landed);
	struct frame frame;
	uint64_t ip;

	hot->landed = 0;
	if (jump == -2 || !frame_read(from, &frame))
		return from;
	ip = frame.ip - 2 - (uint64_t)(int64_t)jump;
	memory_set(frame.address + (frame.has_error ? frame.word : 0), &ip, frame.word);
	return from - 2 - (uint64_t)(int64_t)jump;
}

void at_discontinuity(unsigned vcpu, enum qemu_discon type, uint64_t from, uint64_t to,
                      void *unused)
{
	struct cpu *cpu = plugin.cpu[vcpu];
	bool exception = cpu->exception;

	cpu->exception = type == QEMU_DISCON_EXCEPTION;
	if (cpu->exception)
		return;
	if (exception)
		svm_exception(cpu, from);
	refusal_undo(cpu);
	pending_settle(cpu);
	if (hot_of(cpu)->landed)
		from = land_in_frame(cpu, from);
	plant_remove(cpu);
	shape_settle(cpu, from);
	timed_settle(cpu, from);
	if (!arrive_in_frame(cpu, from))
		cpu->again_at = AGAIN_NONE;
	else if (exception)
		took_exception(cpu, from, to);
	else
		interrupted_again(cpu, from);
	record_discontinuity(cpu, from, to, exception);
	if (!exception)
		trace_interrupt(cpu, from);
	if (cpu->pmi_due)
		count_kick(cpu);
	else if (count_is_due(cpu))
		count_remind(cpu);
}
