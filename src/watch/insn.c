/* SPDX-License-Identifier: MIT */
/*
 * Decodes instructions as far as stepping needs: their length, branches and their targets, and the
 * few special ones. Intel SDM vol. 2, chapter 2 and appendix A.
 */
#include "insn.h"

#include "meter/room.h"

struct parts {
	const uint8_t *at, *end;
	unsigned bits;
	bool operand_size, address_size, rep, wide; /* prefixes: 66, 67, F2 or F3, REX.W */
	struct opcode opcode;
	bool whole; /* the opcode is complete; a missing ModRM is 0 */
};

/*
 * What follows an opcode: m a ModRM; c a ModRM that names registers whatever its mod field; M a
 * ModRM and 8 bits; Z a ModRM and an operand of 16 or 32; b 8 bits; w 16; z 16 or 32; r the same of
 * a near branch; e ENTER's 24; v MOV's up to 64; o an address; p a far pointer; t and T: TEST's
 * group, where the ModRM decides whether an operand follows.
 */
static const char one_byte[] = "mmmmbz..mmmmbz.."
			       "mmmmbz..mmmmbz.."
			       "mmmmbz..mmmmbz.."
			       "mmmmbz..mmmmbz.."
			       "................"
			       "................"
			       "..mm....zZbM...."
			       "bbbbbbbbbbbbbbbb"
			       "MZMMmmmmmmmmmmmm"
			       "..........p....."
			       "oooo....bz......"
			       "bbbbbbbbvvvvvvvv"
			       "MMw.mmMZe.w..b.."
			       "mmmmbb..mmmmmmmm"
			       "bbbbbbbbrrpb...."
			       "......tT......mm";

static const char two_bytes[] = "mmmm.........m.M"
				"mmmmmmmmmmmmmmmm"
				"cccc....mmmmmmmm"
				"................"
				"mmmmmmmmmmmmmmmm"
				"mmmmmmmmmmmmmmmm"
				"mmmmmmmmmmmmmmmm"
				"MMMMmmm.mm..mmmm"
				"rrrrrrrrrrrrrrrr"
				"mmmmmmmmmmmmmmmm"
				"...mMmmm...mMmmm"
				"mmmmmmmmmmMmmmmm"
				"mmMmMMMm........"
				"mmmmmmmmmmmmmmmm"
				"mmmmmmmmmmmmmmmm"
				"mmmmmmmmmmmmmmmm";

/* --- Prefixes and the opcode ----------------------------------------------------------------- */

static bool take_rex(struct parts *parts)
{
	if (parts->bits != 64 || (*parts->at & 0xf0) != 0x40)
		return false;
	parts->wide = *parts->at & 8;
	return true;
}

static bool take_prefix(struct parts *parts)
{
	switch (*parts->at) {
	case 0x66:
		parts->operand_size = true;
		if (!parts->opcode.prefix)
			parts->opcode.prefix = 0x66;
		return true;
	case 0x67:
		parts->address_size = true;
		return true;
	case 0xf2:
	case 0xf3:
		parts->rep = true;
		parts->opcode.prefix = *parts->at;
		return true;
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x64:
	case 0x65:
	case 0xf0:
		return true;
	default:
		return false;
	}
}

static size_t left(const struct parts *parts)
{
	return (size_t)(parts->end - parts->at);
}

/* VEX and EVEX encode the prefixes and the map. Outside 64-bit code these bytes are LDS, LES and
 * BOUND when their operand is in memory. */
static bool take_vex(struct parts *parts)
{
	static const uint8_t prefixes[] = {0, 0x66, 0xf3, 0xf2};
	uint8_t first = left(parts) > 1 ? *parts->at : 0;
	size_t bytes = first == 0xc5 ? 2 : first == 0xc4 ? 3 : first == 0x62 ? 4 : 0;

	if (!bytes || left(parts) < bytes || (parts->bits != 64 && parts->at[1] < 0xc0))
		return false;
	parts->opcode.vex = true;
	parts->opcode.map = bytes == 2 ? 1 : parts->at[1] & (bytes == 3 ? 31 : 7);
	parts->opcode.prefix = prefixes[parts->at[bytes == 2 ? 1 : 2] & 3];
	parts->at += bytes;
	return true;
}

static void take_map(struct parts *parts)
{
	if (!left(parts) || *parts->at != 0x0f)
		return;
	parts->opcode.map = 1;
	parts->at++;
	if (!left(parts) || (*parts->at != 0x38 && *parts->at != 0x3a))
		return;
	parts->opcode.map = *parts->at == 0x38 ? 2 : 3;
	parts->at++;
}

static struct parts split(const uint8_t *bytes, size_t count, unsigned bits)
{
	struct parts parts = {
		.at = bytes,
		.end = bytes + (count < GUEST_INSN_BYTES ? count : GUEST_INSN_BYTES),
		.bits = bits,
	};

	/* REX counts only right before the opcode. */
	for (; left(&parts) && (take_rex(&parts) || take_prefix(&parts)); parts.at++)
		parts.wide &= (*parts.at & 0xf0) == 0x40;
	if (!take_vex(&parts))
		take_map(&parts);
	parts.whole = left(&parts);
	if (!parts.whole)
		return parts;
	parts.opcode.code = *parts.at++;
	parts.opcode.modrm = left(&parts) ? *parts.at : 0;
	return parts;
}

/* --- How long it is -------------------------------------------------------------------------- */

static bool is_16_bit(const struct parts *parts)
{
	return parts->bits != 64 ? (parts->bits == 16) != parts->operand_size
	                         : parts->operand_size && !parts->wide;
}

static unsigned address_bytes(const struct parts *parts)
{
	if (parts->bits == 64)
		return parts->address_size ? 4 : 8;
	return (parts->bits == 16) != parts->address_size ? 2 : 4;
}

/* The length of ModRM, SIB and displacement. Intel SDM vol. 2A, 2.1.5. */
static unsigned modrm_bytes(const struct parts *parts)
{
	bool is_16 = address_bytes(parts) == 2;
	unsigned mod = parts->opcode.modrm >> 6, rm = parts->opcode.modrm & 7;
	unsigned wide = is_16 ? 2 : 4, bytes = 1;

	if (mod == 3)
		return 1;
	if (!is_16 && rm == 4) {
		rm = left(parts) > 1 ? parts->at[1] & 7 : 0;
		bytes = 2;
	}
	if (mod == 0)
		return bytes + (rm == (is_16 ? 6 : 5) ? wide : 0);
	return bytes + (mod == 1 ? 1 : wide);
}

/* In 64-bit code Intel's processors have no near branch of 16 bits. */
static unsigned branch_bytes(const struct parts *parts)
{
	return parts->bits != 64 && is_16_bit(parts) ? 2 : 4;
}

static char letter_of(const struct parts *parts)
{
	const struct opcode *opcode = &parts->opcode;

	if (opcode->map > 1)
		return opcode->map == 3 ? 'M' : 'm';
	return (opcode->map ? two_bytes : one_byte)[opcode->code];
}

/* The number of bytes after the opcode. */
static unsigned rest_bytes(const struct parts *parts)
{
	unsigned operand = is_16_bit(parts) ? 2 : 4;
	bool tests = (parts->opcode.modrm >> 3 & 7) < 2;

	switch (letter_of(parts)) {
	case 'm':
		return modrm_bytes(parts);
	case 'M':
		return modrm_bytes(parts) + 1;
	case 'Z':
		return modrm_bytes(parts) + operand;
	case 't':
		return modrm_bytes(parts) + tests;
	case 'T':
		return modrm_bytes(parts) + (tests ? operand : 0);
	case 'b':
	case 'c':
		return 1;
	case 'w':
		return 2;
	case 'e':
		return 3;
	case 'z':
		return operand;
	case 'r':
		return branch_bytes(parts);
	case 'v':
		return parts->wide ? 8 : operand;
	case 'o':
		return address_bytes(parts);
	case 'p':
		return operand + 2;
	default:
		return 0;
	}
}

/* --- What it is ---------------------------------------------------------------------------- */

static unsigned reg_field(const struct parts *parts)
{
	return parts->opcode.modrm >> 3 & 7;
}

/* 0F AE /7 with memory, without F3 and F2: CLFLUSH, and with 66 CLFLUSHOPT. */
static bool is_flush(const struct parts *parts)
{
	return parts->opcode.code == 0xae && reg_field(parts) == 7 && parts->opcode.modrm < 0xc0 &&
	       !parts->rep;
}

static enum guest_insn_kind two_byte_kind(const struct parts *parts)
{
	switch (parts->opcode.code) {
	case 0x05: /* SYSCALL, SYSRET, SYSENTER, SYSEXIT */
	case 0x07:
	case 0x34:
	case 0x35:
		return GUEST_FAR;
	case 0x33:
		return GUEST_RDPMC;
	default:
		if ((parts->opcode.code & 0xf0) == 0x80)
			return GUEST_CONDITIONAL;
		return is_flush(parts) ? GUEST_FLUSH : GUEST_PLAIN;
	}
}

static enum guest_insn_kind group_five_kind(const struct parts *parts)
{
	static const uint8_t kinds[8] = {
		[2] = GUEST_CALL_INDIRECT,
		[3] = GUEST_FAR,
		[4] = GUEST_JUMP_INDIRECT,
		[5] = GUEST_FAR,
	};

	return kinds[reg_field(parts)];
}

static bool is_string(uint8_t code)
{
	return (code >= 0x6c && code <= 0x6f) || (code >= 0xa4 && code <= 0xa7) ||
	       (code >= 0xaa && code <= 0xaf);
}

static enum guest_insn_kind one_byte_kind(const struct parts *parts)
{
	uint8_t code = parts->opcode.code;

	switch (code) {
	case 0x9c:
		return GUEST_PUSHF;
	case 0xfb:
		return GUEST_STI;
	case 0xe8:
		return GUEST_CALL;
	case 0xe9:
	case 0xeb:
		return GUEST_JUMP;
	case 0xc2:
	case 0xc3:
		return GUEST_RETURN;
	case 0x9a: /* CALL and JMP far, but no such thing in 64-bit code */
	case 0xea:
	case 0xca: /* RETF, INT3, INT, INTO, IRET, INT1 */
	case 0xcb:
	case 0xcc:
	case 0xcd:
	case 0xce:
	case 0xcf:
	case 0xf1:
		return GUEST_FAR;
	case 0xff:
		return group_five_kind(parts);
	default:
		if ((code & 0xf0) == 0x70 || (code & 0xfc) == 0xe0)
			return GUEST_CONDITIONAL;
		return parts->rep && is_string(code) ? GUEST_REPEATED : GUEST_PLAIN;
	}
}

static enum guest_insn_kind kind_of(const struct parts *parts)
{
	if (parts->opcode.vex || parts->opcode.map > 1)
		return GUEST_PLAIN;
	return parts->opcode.map ? two_byte_kind(parts) : one_byte_kind(parts);
}

/* --- Where it leads -------------------------------------------------------------------------- */

static uint64_t displacement(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << 8 * i;
	return (uint64_t)((int64_t)(value << (64 - 8 * bytes)) >> (64 - 8 * bytes));
}

static uint64_t wrapped(const struct parts *parts, uint64_t rip)
{
	return parts->bits == 64 ? rip : parts->bits == 32 ? (uint32_t)rip : (uint16_t)rip;
}

static bool is_relative(const struct guest_insn *insn)
{
	return insn->kind >= GUEST_CONDITIONAL && insn->kind <= GUEST_CALL;
}

static uint64_t target_of(const struct parts *parts, uint64_t next, unsigned bytes)
{
	uint64_t target = next + displacement(parts->at, bytes);

	return bytes == 2 ? (uint16_t)target : wrapped(parts, target);
}

struct guest_insn guest_insn_decode(const uint8_t *bytes, size_t count, unsigned bits, uint64_t rip)
{
	struct parts parts = split(bytes, count, bits);
	struct guest_insn insn = {.kind = GUEST_UNKNOWN};
	unsigned rest = rest_bytes(&parts);

	if (!parts.whole || left(&parts) < rest)
		return insn;
	insn.kind = (uint8_t)kind_of(&parts);
	insn.length = (uint8_t)(parts.at - bytes + rest);
	insn.data = insn_data(&parts.opcode);
	insn.syscall = insn.kind == GUEST_FAR && parts.opcode.map && parts.opcode.code == 0x05;
	insn.next = insn.target = wrapped(&parts, rip + insn.length);
	if (is_relative(&insn))
		insn.target = target_of(&parts, insn.next, rest);
	return insn;
}

bool guest_insn_leads_to(const struct guest_insn *insn, uint64_t to)
{
	switch (insn->kind) {
	case GUEST_CONDITIONAL:
		return to == insn->next || to == insn->target;
	case GUEST_JUMP:
	case GUEST_CALL:
		return to == insn->target;
	case GUEST_JUMP_INDIRECT:
	case GUEST_CALL_INDIRECT:
	case GUEST_RETURN:
	case GUEST_FAR:
		return true;
	default:
		return insn->length && to == insn->next;
	}
}
