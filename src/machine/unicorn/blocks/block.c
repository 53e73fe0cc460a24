/* SPDX-License-Identifier: MIT */
/*
 * The cache of decoded blocks. A block is valid until one of its bytes changes. To notice that, its
 * page of RAM is watched (fault.c), or, where watching does not pay, the bytes are compared each
 * time.
 */
#include <stdlib.h>
#include <string.h>

#include <machine/unicorn/room_int.h>
#include <machine/unicorn/loop.h>

/* Far branches except INT n, whose exception is handled separately. */
static bool goes_to_a_ring(const struct op *op)
{
	return (op->insn.flags & VPMU_INSN_BRANCH) && (op->after & AFTER_LOOK);
}

/* Decodes all instructions up to the first special one, which ends the block, whatever Unicorn has
 * translated after it. */
static unsigned decode_ops(const struct cpu *cpu, const uint8_t *code, unsigned size,
                           struct op *ops)
{
	unsigned mode = cpu_mode(cpu), count = 0;

	for (unsigned offset = 0; offset < size; count++) {
		struct op *op = &ops[count];

		if (!decode_op(mode, code + offset, size - offset + BLOCK_BEHIND, op))
			op->special = SPECIAL_INVALID;
		if (cpu->counts_where_it_goes && !op->special && goes_to_a_ring(op))
			op->special = SPECIAL_RING;
		op->offset = (uint16_t)offset;
		offset += op->length;
		if (op->special)
			return count + 1;
	}
	return count;
}

static void sum_up(struct block *block)
{
	unsigned count = block->op_count - (block_special(block) != NULL);

	for (unsigned i = 0; i < block->op_count; i++) {
		const struct op *op = &block->ops[i];

		if (op->special || (op->after & ~AFTER_CLI))
			block->flags |= BLOCK_SLOW;
		if (op->after & AFTER_CLI)
			block->flags |= BLOCK_CLI;
	}
	vpmu_block_make(&block->pay, &block->ops[0].insn, count, sizeof(block->ops[0]));
	if (block->op_count == 1 &&
	    (!(block->ops[0].insn.flags & VPMU_INSN_BRANCH) || block->pay.lines)) {
		if (!block->flags && block->pay.insns && block->pay.branches)
			block->flags |= BLOCK_ALONE;
		block->flags |= BLOCK_SLOW; /* block_abandoned() has to see it */
	}
	if (block->flags & (BLOCK_SLOW | BLOCK_COMPARE))
		block->pay.need = VPMU_BLOCK_NEVER;
}

static bool keep_ops(struct block *block, const struct op *ops, unsigned count, const uint8_t *code)
{
	size_t bytes = count * sizeof(*ops);

	free(block->ops);
	block->ops = malloc(bytes + block->size);
	if (!block->ops)
		return false;
	memcpy(block->ops, ops, bytes);
	memcpy((uint8_t *)block->ops + bytes, code, block->size);
	block->op_count = (uint16_t)count;
	return true;
}

/* The block's first instruction that reads or writes memory. Even a read may write: it sets a bit
 * in a page table. */
static unsigned first_access(const struct block *block)
{
	unsigned i = 0;

	while (i < block->op_count && !block->ops[i].insn.lines)
		i++;
	return i;
}

static void forget(struct block *block)
{
	inline_take_out(block);
	block->address = NO_ADDRESS;
}

static struct block *decode_block(struct cpu *cpu, struct block *block, uint64_t address,
                                  uint32_t size)
{
	struct op *ops = cpu->scratch_ops;
	uint8_t *code = cpu->scratch_code;
	unsigned count;

	forget(block);
	if (!size || size > BLOCK_BYTES_MAX || !code_note(cpu, address) ||
	    !code_note(cpu, address + size - 1) || !memory_fetch(cpu, address, code, size))
		return NULL;
	memset(code + size, 0, BLOCK_BEHIND);
	memory_fetch(cpu, address + size, code + size, BLOCK_BEHIND);
	translation_made(cpu, size);
	block->size = size;
	block->mode = (uint8_t)cpu_mode(cpu);
	count = decode_ops(cpu, code, size, ops);
	if (!keep_ops(block, ops, count, code))
		return NULL;
	block->flags = memory_watch(cpu, address, size) ? 0 : BLOCK_COMPARE;
	block->address = address; /* from now on it can be found; all of it is watched by then */
	sum_up(block);
	if (!cpu->places.leaves_for_devices && count > 1 && first_access(block) < count)
		block_has_device(block);
	free(block->loop);
	block->loop = loop_make(block, code);
	if (block->loop && block->loop->pure)
		block->pay.need = VPMU_BLOCK_NEVER;
	return block;
}

static bool is_block(const struct cpu *cpu, const struct block *block, uint64_t address,
                     uint32_t size)
{
	return block->address == address && block->size == size && block->mode == cpu_mode(cpu);
}

bool block_changed(struct cpu *cpu, uint64_t address, uint32_t size)
{
	struct block *block = &cpu->cache[block_slot(address)];

	if (!is_block(cpu, block, address, size) || !(block->flags & BLOCK_COMPARE) ||
	    block_holds(cpu, block))
		return false;
	forget(block);
	code_has_changed(cpu, address);
	return true;
}

struct block *block_at(struct cpu *cpu, uint64_t address, uint32_t size)
{
	struct block *block = &cpu->cache[block_slot(address)];

	if (is_block(cpu, block, address, size) &&
	    (!(block->flags & BLOCK_COMPARE) || block_holds(cpu, block)))
		return block;
	return decode_block(cpu, block, address, size);
}

void block_has_device(struct block *block)
{
	inline_take_out(block);
	block->flags |= BLOCK_DEVICE;
	block->pay.need = VPMU_BLOCK_NEVER;
}

int block_index(const struct block *block, uint64_t rip)
{
	uint64_t offset = rip - block->address;

	for (unsigned i = 0; i < block->op_count; i++) {
		if (block->ops[i].offset == offset)
			return (int)i;
	}
	return offset == block->size ? block->op_count : -1;
}

const struct op *block_last(const struct block *block)
{
	return &block->ops[block->op_count - 1];
}

const struct op *block_special(const struct block *block)
{
	const struct op *last = block_last(block);

	return last->special ? last : NULL;
}

bool block_holds(struct cpu *cpu, const struct block *block)
{
	const uint8_t *then = (const uint8_t *)(block->ops + block->op_count);
	uint8_t now[256];

	for (uint32_t done = 0; done < block->size; done += sizeof(now)) {
		uint32_t part = block->size - done < sizeof(now) ? block->size - done : sizeof(now);

		if (!memory_fetch(cpu, block->address + done, now, part) ||
		    memcmp(now, then + done, part))
			return false;
	}
	return true;
}

bool block_may_overwrite(const struct block *block)
{
	return first_access(block) + 1 < block->op_count;
}

bool block_ran_stale(struct cpu *cpu, const struct block *block)
{
	const uint8_t *then = (const uint8_t *)(block->ops + block->op_count);
	unsigned behind = first_access(block) + 1;
	uint32_t from = behind < block->op_count ? block->ops[behind].offset : block->size;
	uint8_t now[BLOCK_BYTES_MAX];

	return from < block->size &&
	       (!memory_fetch(cpu, block->address + from, now, block->size - from) ||
	        memcmp(now, then + from, block->size - from));
}

static uint64_t physical_page(struct cpu *cpu, uint64_t page)
{
	struct translation at;

	return memory_translate(cpu, page, &at) ? at.physical : NO_ADDRESS;
}

/* Reloading CR3 flushes Unicorn's TLB, even with the same value. */
static void forget_translations(struct cpu *cpu)
{
	uint64_t cr3 = cpu->state->cr[3];

	uc_reg_write(cpu->uc, UC_X86_REG_CR3, &cr3);
}

/* Notes where the page table has the page, which may be new or may have moved. */
static void code_is_at(struct cpu *cpu, struct code_page *page, uint64_t physical)
{
	if (page->physical != NO_ADDRESS)
		blocks_forget_page(cpu, page->address);
	page->physical = physical;
	forget_translations(cpu);
	if (!cpu->translates && physical != page->address && physical != NO_ADDRESS &&
	    page->address < cpu->config.memory_bytes)
		cpu_give_up(cpu, CPU_STOP_UNSUPPORTED,
		            "code at another address than its own takes Unicorn 2.1",
		            page->address);
}

static struct code_page *code_new(struct cpu *cpu, uint64_t page)
{
	size_t room = cpu->code_room ? cpu->code_room * 2 : 64;
	struct code_page *more = cpu->code;

	if (cpu->code_count == cpu->code_room) {
		more = realloc(cpu->code, room * sizeof(*more));
		if (!more)
			return NULL;
		cpu->code = more;
		cpu->code_room = room;
	}
	more[cpu->code_count] = (struct code_page){page, NO_ADDRESS};
	return &more[cpu->code_count++];
}

static struct code_page *code_find(const struct cpu *cpu, uint64_t page)
{
	for (size_t i = cpu->code_count; i > 0; i--) {
		if (cpu->code[i - 1].address == page)
			return &cpu->code[i - 1];
	}
	return NULL;
}

bool code_note(struct cpu *cpu, uint64_t address)
{
	uint64_t page = address & ~PAGE_MASK, physical = physical_page(cpu, page);
	struct code_page *found = code_find(cpu, page);

	if (found && found->physical == physical && physical != NO_ADDRESS)
		return true;
	if (!found)
		found = code_new(cpu, page);
	if (found)
		code_is_at(cpu, found, physical);
	return false;
}

void code_look_again(struct cpu *cpu)
{
	for (size_t i = 0; i < cpu->code_count; i++) {
		uint64_t physical = physical_page(cpu, cpu->code[i].address);

		if (physical != cpu->code[i].physical)
			code_is_at(cpu, &cpu->code[i], physical);
	}
}

/* Not uc_ctl_flush_tlb(): it would do the same, and also clear a GiB of host memory. */
void code_translate_anew(struct cpu *cpu)
{
	for (size_t i = 0; i < cpu->code_count; i++)
		translation_drop(cpu, cpu->code[i].address, cpu->code[i].address + PAGE_BYTES);
}

bool blocks_forget_page(struct cpu *cpu, uint64_t address)
{
	uint64_t page = address & ~PAGE_MASK;
	bool changed = false;

	for (unsigned i = 0; i < BLOCK_SLOTS; i++) {
		struct block *block = &cpu->cache[i];

		if (block->address >= page + PAGE_BYTES || block->address + block->size <= page)
			continue;
		changed |= !block_holds(cpu, block);
		forget(block);
	}
	return changed;
}

void blocks_forget(struct cpu *cpu)
{
	for (unsigned i = 0; i < BLOCK_SLOTS; i++)
		forget(&cpu->cache[i]);
}
