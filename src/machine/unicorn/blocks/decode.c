/* SPDX-License-Identifier: MIT */
/*
 * Classifies instructions. Zydis decodes; the tables here say what matters to the CPU: who executes
 * the instruction, whether it is a branch, and what to check afterwards.
 */
#include <string.h>

#include <Zydis/Zydis.h>

#include <machine/unicorn/room_int.h>

enum { FAR = VPMU_INSN_BRANCH | VPMU_INSN_FAR };

static const struct kind {
	uint16_t mnemonic;
	uint8_t special, insn, after;
} kinds[] = {
	{ZYDIS_MNEMONIC_RDMSR, SPECIAL_RDMSR, 0, 0},
	{ZYDIS_MNEMONIC_WRMSR, SPECIAL_WRMSR, 0, 0},
	{ZYDIS_MNEMONIC_RDTSC, SPECIAL_RDTSC, 0, 0},
	{ZYDIS_MNEMONIC_RDTSCP, SPECIAL_RDTSCP, 0, 0},
	{ZYDIS_MNEMONIC_RDPMC, SPECIAL_RDPMC, 0, 0},
	{ZYDIS_MNEMONIC_CPUID, SPECIAL_CPUID, 0, 0},
	{ZYDIS_MNEMONIC_IN, SPECIAL_IN, 0, 0},
	{ZYDIS_MNEMONIC_OUT, SPECIAL_OUT, 0, 0},
	{ZYDIS_MNEMONIC_HLT, SPECIAL_HLT, 0, 0},
	{ZYDIS_MNEMONIC_CLFLUSH, SPECIAL_CLFLUSH, 0, 0},
	{ZYDIS_MNEMONIC_CLFLUSHOPT, SPECIAL_CLFLUSH, 0, 0},
	{ZYDIS_MNEMONIC_SYSCALL, SPECIAL_SYSCALL, 0, 0},
	{ZYDIS_MNEMONIC_SYSENTER, SPECIAL_SYSENTER, 0, 0},
	{ZYDIS_MNEMONIC_VMCALL, SPECIAL_HYPERCALL, 0, 0},
	{ZYDIS_MNEMONIC_VMMCALL, SPECIAL_HYPERCALL, 0, 0},
	{ZYDIS_MNEMONIC_INVLPG, SPECIAL_MAPPING, 0, 0},
	{ZYDIS_MNEMONIC_LMSW, SPECIAL_MAPPING, 0, 0},
	{ZYDIS_MNEMONIC_LDMXCSR, SPECIAL_MXCSR, 0, 0},
	{ZYDIS_MNEMONIC_FXRSTOR, SPECIAL_MXCSR, 0, 0},
	{ZYDIS_MNEMONIC_FXRSTOR64, SPECIAL_MXCSR, 0, 0},
	{ZYDIS_MNEMONIC_XRSTOR, SPECIAL_MXCSR, 0, 0},
	{ZYDIS_MNEMONIC_XRSTOR64, SPECIAL_MXCSR, 0, 0},
	{ZYDIS_MNEMONIC_IRET, 0, FAR | VPMU_INSN_INDIRECT, AFTER_LOOK | AFTER_IRET | AFTER_FLAGS},
	{ZYDIS_MNEMONIC_IRETD, 0, FAR | VPMU_INSN_INDIRECT, AFTER_LOOK | AFTER_IRET | AFTER_FLAGS},
	{ZYDIS_MNEMONIC_IRETQ, 0, FAR | VPMU_INSN_INDIRECT, AFTER_LOOK | AFTER_IRET | AFTER_FLAGS},
	{ZYDIS_MNEMONIC_SYSRET, 0, FAR | VPMU_INSN_INDIRECT, AFTER_LOOK | AFTER_FLAGS},
	{ZYDIS_MNEMONIC_SYSEXIT, 0, FAR | VPMU_INSN_INDIRECT, AFTER_LOOK},
	{ZYDIS_MNEMONIC_POPF, 0, 0, AFTER_LOOK | AFTER_FLAGS},
	{ZYDIS_MNEMONIC_POPFD, 0, 0, AFTER_LOOK | AFTER_FLAGS},
	{ZYDIS_MNEMONIC_POPFQ, 0, 0, AFTER_LOOK | AFTER_FLAGS},
	{ZYDIS_MNEMONIC_STI, 0, 0, AFTER_LOOK | AFTER_SHADOW},
	{ZYDIS_MNEMONIC_CLI, 0, 0, AFTER_CLI},
	{ZYDIS_MNEMONIC_INT, 0, FAR, 0},
	{ZYDIS_MNEMONIC_INT3, 0, FAR, 0},
	{ZYDIS_MNEMONIC_INTO, 0, FAR, 0},
};

/* KVM's forced emulation prefix: UD2 and the letters "kvm" (Linux arch/x86/kvm/x86.c). */
static const uint8_t emulate_prefix[] = {0x0f, 0x0b, 'k', 'v', 'm'};

static bool is_legacy_prefix(uint8_t byte)
{
	static const uint8_t all[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
	                              0x66, 0x67, 0xf0, 0xf2, 0xf3};

	return memchr(all, byte, sizeof(all)) != NULL;
}

/*
 * A REX prefix counts only right before the opcode (Intel SDM vol. 2A 2.2.1). Unicorn obeys it even
 * in front of another prefix, so that even the length comes out different. A misplaced REX at the
 * beginning can be skipped; one in the middle cannot.
 */
static enum special ignored_rex(unsigned mode, const uint8_t *code, unsigned bytes)
{
	unsigned first = 0, end;

	while (first < bytes && is_legacy_prefix(code[first]))
		first++;
	for (end = first; end < bytes && code[end] >> 4 == 4; end++)
		;
	if (mode != 64 || end == first || end == bytes || !is_legacy_prefix(code[end]))
		return SPECIAL_NONE;
	return first ? SPECIAL_BAD_REX : SPECIAL_PREFIX;
}

static void by_mnemonic(const ZydisDecodedInstruction *insn, struct op *op)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i].mnemonic != insn->mnemonic)
			continue;
		op->special = kinds[i].special;
		op->insn.flags |= kinds[i].insn;
		op->after = kinds[i].after;
		return;
	}
}

/* Near and far branches, as BR_INST_RETIRED.ALL_BRANCHES counts them. */
static void by_category(const ZydisDecodedInstruction *insn, struct op *op)
{
	bool immediate = insn->raw.imm[0].size != 0;

	switch (insn->meta.category) {
	case ZYDIS_CATEGORY_COND_BR:
		op->insn.flags |= VPMU_INSN_BRANCH | VPMU_INSN_CONDITIONAL;
		break;
	case ZYDIS_CATEGORY_UNCOND_BR:
		op->insn.flags |= VPMU_INSN_BRANCH | (immediate ? 0 : VPMU_INSN_INDIRECT);
		break;
	case ZYDIS_CATEGORY_CALL:
		op->insn.flags |=
			VPMU_INSN_BRANCH | VPMU_INSN_CALL | (immediate ? 0 : VPMU_INSN_INDIRECT);
		break;
	case ZYDIS_CATEGORY_RET:
		op->insn.flags |= VPMU_INSN_BRANCH | VPMU_INSN_RETURN | VPMU_INSN_INDIRECT;
		break;
	default:
		break;
	}
	if (insn->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR) {
		op->after |= AFTER_LOOK;
		op->insn.flags |= VPMU_INSN_FAR;
	}
}

/* MOV to and from control and debug registers, MOV and POP to SS: recognised by how their operands
 * are encoded. */
static void by_register(const ZydisDecodedInstruction *insn, struct op *op)
{
	unsigned reg = insn->raw.modrm.reg | (unsigned)(insn->raw.rex.R << 3);
	bool two_bytes = insn->opcode_map == ZYDIS_OPCODE_MAP_0F;

	if (two_bytes && (insn->opcode == 0x20 || insn->opcode == 0x22)) {
		bool write = insn->opcode == 0x22;

		op->operand = (uint8_t)(insn->raw.modrm.rm | insn->raw.rex.B << 3);
		if (reg == 8 || (reg == 0 && (insn->attributes & ZYDIS_ATTRIB_HAS_LOCK)))
			op->special = write ? SPECIAL_CR8_WRITE : SPECIAL_CR8_READ;
		else if (write)
			op->special = SPECIAL_CR_WRITE;
		op->immediate = (int16_t)reg;
	}
	if (two_bytes && insn->opcode == 0x23) {
		op->special = SPECIAL_DR_WRITE;
		op->operand = (uint8_t)(insn->raw.modrm.rm | insn->raw.rex.B << 3);
		op->immediate = (int16_t)reg;
	}
	if (insn->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT &&
	    (insn->opcode == 0x17 || (insn->opcode == 0x8e && (reg & 7) == SEG_SS)))
		op->after |= AFTER_SHADOW;
}

static ZydisDecoder decoder_of(unsigned mode)
{
	ZydisDecoder decoder;

	if (mode == 64)
		ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	else if (mode == 32)
		ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
	else
		ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
	return decoder;
}

static bool is_port_string(const ZydisDecodedInstruction *insn)
{
	return insn->meta.category == ZYDIS_CATEGORY_IOSTRINGOP;
}

/* How many accesses an iteration of a string instruction makes. */
static int16_t accesses_of(const ZydisDecodedInstruction *insn)
{
	switch (insn->opcode) {
	case 0xa4: /* MOVS */
	case 0xa5:
	case 0xa6: /* CMPS */
	case 0xa7:
		return 2;
	default:
		return 1;
	}
}

/* Whether there is an operand in memory that is accessed. LEA and NOP only look as if they had
 * one. */
static bool has_memory(const ZydisDecodedInstruction *insn)
{
	return (insn->attributes & ZYDIS_ATTRIB_HAS_MODRM) && insn->raw.modrm.mod != 3 &&
	       insn->mnemonic != ZYDIS_MNEMONIC_LEA && insn->meta.category != ZYDIS_CATEGORY_NOP &&
	       insn->meta.category != ZYDIS_CATEGORY_WIDENOP;
}

static bool rotates_through_carry(const ZydisDecodedInstruction *insn)
{
	return insn->mnemonic == ZYDIS_MNEMONIC_RCL || insn->mnemonic == ZYDIS_MNEMONIC_RCR;
}

static bool is_pushf(const ZydisDecodedInstruction *insn)
{
	return insn->mnemonic == ZYDIS_MNEMONIC_PUSHF || insn->mnemonic == ZYDIS_MNEMONIC_PUSHFD ||
	       insn->mnemonic == ZYDIS_MNEMONIC_PUSHFQ;
}

/* PREFETCH, CLFLUSH and INVLPG have an address as operand but neither read nor write data. */
static bool touches_no_data(const ZydisDecodedInstruction *insn)
{
	switch (insn->meta.category) {
	case ZYDIS_CATEGORY_NOP:
	case ZYDIS_CATEGORY_WIDENOP:
	case ZYDIS_CATEGORY_PREFETCH:
		return true;
	default:
		return insn->mnemonic == ZYDIS_MNEMONIC_CLFLUSH ||
		       insn->mnemonic == ZYDIS_MNEMONIC_CLFLUSHOPT ||
		       insn->mnemonic == ZYDIS_MNEMONIC_CLWB ||
		       insn->mnemonic == ZYDIS_MNEMONIC_INVLPG;
	}
}

/* Whether it reads or writes data, the stack included. */
static uint8_t data_of(const ZydisDecoder *decoder, ZydisDecoderContext *context,
                       const ZydisDecodedInstruction *insn)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	uint8_t data = 0;

	if (touches_no_data(insn) ||
	    !ZYAN_SUCCESS(ZydisDecoderDecodeOperands(decoder, context, insn, operands,
	                                             insn->operand_count)))
		return 0;
	for (unsigned i = 0; i < insn->operand_count; i++) {
		if (operands[i].type != ZYDIS_OPERAND_TYPE_MEMORY ||
		    operands[i].mem.type == ZYDIS_MEMOP_TYPE_AGEN)
			continue;
		if (operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_READ)
			data |= VPMU_DATA_LOAD;
		if (operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			data |= VPMU_DATA_STORE;
	}
	return data;
}

bool decode_op(unsigned mode, const uint8_t *code, unsigned bytes, struct op *op)
{
	ZydisDecoder decoder = decoder_of(mode);
	ZydisDecodedInstruction insn;
	ZydisDecoderContext context;

	*op = (struct op){.length = sizeof(emulate_prefix), .special = SPECIAL_PREFIX};
	if (bytes >= sizeof(emulate_prefix) &&
	    !memcmp(code, emulate_prefix, sizeof(emulate_prefix)))
		return true;
	*op = (struct op){.length = 1, .insn = {.slots = 1}};
	op->special = ignored_rex(mode, code, bytes);
	if (op->special)
		return true;
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, &context, code, bytes, &insn)))
		return false;
	op->length = insn.length;
	by_category(&insn, op);
	by_mnemonic(&insn, op);
	by_register(&insn, op);
	if (insn.attributes &
	    (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE))
		op->insn.flags |= VPMU_INSN_APART;
	if (op->special == SPECIAL_IN || op->special == SPECIAL_OUT) {
		op->operand = insn.opcode & 1 ? (insn.operand_width == 16 ? 2 : 4) : 1;
		op->immediate = insn.opcode & 8 ? -1 : (int16_t)insn.raw.imm[0].value.u;
	}
	if (op->insn.flags & VPMU_INSN_APART) {
		op->operand = insn.address_width / 8;
		op->immediate = accesses_of(&insn);
	}
	if (has_memory(&insn))
		op->flags |= OP_MEMORY;
	if (has_memory(&insn) && rotates_through_carry(&insn))
		op->special = SPECIAL_FLAGS;
	if (is_pushf(&insn))
		op->flags |= OP_PUSHF;
	if (is_port_string(&insn))
		op->after |= AFTER_LOOK;
	timing_cost(&insn, op);
	if (op->insn.lines)
		op->insn.data = data_of(&decoder, &context, &insn);
	return true;
}

static uint64_t register_of(const struct cpu *cpu, ZydisRegister reg, uint64_t next)
{
	if (reg == ZYDIS_REGISTER_NONE)
		return 0;
	if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP)
		return next;
	return cpu->state->regs[ZydisRegisterGetId(reg) & 15];
}

/* PUSH and the like have the stack pointer as operand, but write below it. */
static unsigned pushed_bytes(const ZydisDecodedInstruction *insn,
                             const ZydisDecodedOperand *operand)
{
	if (operand->visibility != ZYDIS_OPERAND_VISIBILITY_HIDDEN ||
	    operand->mem.segment != ZYDIS_REGISTER_SS ||
	    !(operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
		return 0;
	return operand->size / 8 * (insn->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR ? 2 : 1);
}

static struct place place_of(const struct cpu *cpu, const ZydisDecodedInstruction *insn,
                             const ZydisDecodedOperand *operand, uint64_t next)
{
	const ZydisDecodedOperandMem *mem = &operand->mem;
	unsigned pushed = pushed_bytes(insn, operand), segment = ZydisRegisterGetId(mem->segment);
	unsigned width = operand->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN
	                         ? insn->stack_width
	                         : insn->address_width;
	struct place place = {
		.address = register_of(cpu, mem->base, next) +
	                   register_of(cpu, mem->index, next) * mem->scale +
	                   (mem->disp.has_displacement ? (uint64_t)mem->disp.value : 0) - pushed,
		.bytes = pushed ? pushed : operand->size / 8,
		.store = operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE,
	};

	place.address &= UINT64_MAX >> (64 - width);
	if (segment < SEGS && (!state_code64(cpu->state) || segment >= SEG_FS))
		place.address += cpu->state->segs[segment].base;
	if (!state_code64(cpu->state))
		place.address = (uint32_t)place.address;
	return place;
}

unsigned op_places(struct cpu *cpu, uint64_t rip, struct place places[OP_PLACES])
{
	ZydisDecoder decoder = decoder_of(cpu_mode(cpu));
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction insn;
	uint8_t code[15] = {0};
	unsigned bytes = sizeof(code), count = 0;

	while (bytes && !memory_fetch(cpu, rip, code, bytes))
		bytes--;
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code, bytes, &insn, operands)))
		return 0;
	for (unsigned i = 0; i < insn.operand_count && count < OP_PLACES; i++) {
		if (operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
			places[count++] = place_of(cpu, &insn, &operands[i], rip + insn.length);
	}
	return count;
}
