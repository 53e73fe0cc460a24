/* SPDX-License-Identifier: MIT */
/*
 * What is added to a block when QEMU translates it.
 *
 * A block is cut into segments: instructions that can neither fault nor leave the block, then one
 * that may. A segment's length is added at its first instruction. So at every instruction that may
 * leave the block early, exactly the instructions begun so far are counted, and a fault only has to
 * take one back.
 */
#include <qemu/room_int.h>

enum { PAGE = 4096, RESET_VECTOR = 0xfffffff0u, SINGLES = 16 };

#define FLAGS_TF (UINT64_C(1) << 8)

/* --- One instruction -------------------------------------------------------------------------- */

/* A block while it is translated. */
struct translation {
	struct qemu_plugin_tb *tb;
	struct block *block;
	unsigned segment; /* first instruction not added yet */
	uint64_t amount;  /* what to add there */
	bool answered;    /* the previous instruction was one that we answer */
	bool again;       /* QEMU executes the block a second time */
};

static struct qemu_u64 word(size_t offset)
{
	return (struct qemu_u64){plugin.score, offset};
}

static void add(struct qemu_plugin_insn *insn, size_t offset, uint64_t amount)
{
	qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_ADD_U64, word(offset),
	                                                    amount);
}

static bool has(unsigned shape)
{
	return plugin.shape & shape;
}

static size_t run_of(unsigned ring)
{
	return offsetof(struct hot, run) + ring * sizeof(uint64_t);
}

/* The next block calls at_block(), whichever ring it is in. */
static void add_kick(struct qemu_plugin_insn *insn)
{
	add(insn, run_of(RING_KERNEL), RUN_KICK);
	add(insn, run_of(RING_USER), RUN_KICK);
}

static void end_segment(struct translation *t, unsigned end)
{
	if (t->amount)
		add(qemu_plugin_tb_get_insn(t->tb, t->segment), run_of(t->block->ring), t->amount);
	t->amount = 0;
	t->segment = end;
}

uint64_t block_byte(const struct block *block, unsigned offset)
{
	uint64_t in_page = (block->physical[0] & (PAGE - 1)) + offset;
	uint64_t page = block->physical[in_page >= PAGE];

	return page == UINT64_MAX ? UINT64_MAX
	                          : (page & ~(uint64_t)(PAGE - 1)) + (in_page & (PAGE - 1));
}

static struct site *make_site(const struct block *block, const struct insn *insn, unsigned i,
                              unsigned offset)
{
	struct site *site = block_alloc(sizeof(*site));

	if (site)
		*site = (struct site){
			.physical = block_byte(block, offset),
			.ring = block->ring,
			.length = (uint8_t)block_length(block, i),
			.kind = insn->kind,
			.data = insn->data,
			.is_first = i == 0,
			.is_last = i + 1 == block->insns,
			.counted = true,
		};
	return site;
}

static void intercept(struct qemu_plugin_insn *handle, enum insn_kind kind, struct site *site)
{
	static const qemu_vcpu_cb calls[] = {
		[INSN_CPUID] = at_cpuid, [INSN_RDMSR] = at_rdmsr, [INSN_WRMSR] = at_wrmsr,
		[INSN_RDPMC] = at_rdpmc, [INSN_VMRUN] = at_vmrun,
	};

	if (kind == INSN_LIDT)
		qemu_plugin_register_vcpu_mem_cb(handle, at_lidt, QEMU_CB_NO_REGS, QEMU_MEM_R,
		                                 site);
	else
		qemu_plugin_register_vcpu_insn_exec_cb(
			handle, calls[kind],
			kind == INSN_RDPMC && site->is_first ? QEMU_CB_RW_REGS_PC : QEMU_CB_RW_REGS,
			site);
}

static void add_landing(struct qemu_plugin_insn *handle, int slot, uint8_t jump)
{
	qemu_plugin_register_vcpu_insn_exec_cb(handle, at_jump, QEMU_CB_NO_REGS, NULL);
	qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(handle, QEMU_STORE_U64,
	                                                    word(offsetof(struct hot, landed)),
	                                                    LANDED((unsigned)slot, jump));
	add_kick(handle);
}

/* The place of the instruction after this one. */
static uint64_t place_behind(const struct block *block, unsigned i, unsigned offset)
{
	uint64_t in_page = (block->physical[0] & (PAGE - 1)) + offset + block_length(block, i);

	return in_page == PAGE ? 1 : PLACE_OF(block_byte(block, offset + block_length(block, i)));
}

static void count_branch(const struct translation *t, struct qemu_plugin_insn *handle,
                         enum qemu_branch branch)
{
	add(handle,
	    offsetof(struct hot, branches) +
	            (t->block->ring * (size_t)QEMU_BRANCHES + branch) * sizeof(uint64_t),
	    1);
}

static void count_insn(struct translation *t, const struct insn *insn, unsigned i, unsigned offset,
                       bool is_last)
{
	struct qemu_plugin_insn *handle = qemu_plugin_tb_get_insn(t->tb, i);

	t->amount += run_of_insn(insn->data);
	if ((!insn->safe && has(SHAPE_EXACT)) || insn->kind || is_last)
		end_segment(t, i + 1);
	if (does_both(insn->data) && has(SHAPE_MEMORY))
		add(handle, offsetof(struct hot, both) + t->block->ring * sizeof(uint64_t), 1);
	if (insn->branch != QEMU_NO_BRANCH && has(SHAPE_BRANCHES))
		count_branch(t, handle, (enum qemu_branch)insn->branch);
	if (insn->branch == QEMU_CONDITIONAL && has(SHAPE_TAKEN))
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(
			handle, QEMU_STORE_U64, word(offsetof(struct hot, open)),
			place_behind(t->block, i, offset));
}

/* Notes the instruction for arrive(), which counts it at the next block, whichever ring that is
 * in. */
static void leave_ring(struct translation *t, const struct insn *insn, unsigned i, unsigned offset)
{
	struct qemu_plugin_insn *handle = qemu_plugin_tb_get_insn(t->tb, i);
	uint64_t physical = block_byte(t->block, offset);

	qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(handle, QEMU_STORE_U64,
	                                                    word(offsetof(struct hot, on_way)),
	                                                    ON_WAY(physical, insn->data));
	add_kick(handle);
	t->segment = i + 1;
}

/* The next block may be in the other ring, whose budget does not show that this one's is used up.
 */
static void look_behind(const struct translation *t, struct qemu_plugin_insn *handle)
{
	qemu_plugin_register_vcpu_insn_exec_cond_cb(handle, at_used_up, QEMU_CB_NO_REGS,
	                                            QEMU_COND_GE, word(run_of(t->block->ring)),
	                                            RUN_LIMIT, NULL);
}

/* Callbacks run in the order of registration: what settles the previous instruction, the
 * interception, the count, what looks at the count. */
static void translate_insn(struct translation *t, unsigned i, unsigned offset, bool is_last)
{
	struct qemu_plugin_insn *handle = qemu_plugin_tb_get_insn(t->tb, i);
	uint8_t bytes[INSN_BYTES];
	unsigned length = (unsigned)qemu_plugin_insn_data(handle, bytes, sizeof(bytes));
	struct insn insn = insn_decode(bytes, length);
	bool again = insn.again && has(SHAPE_EXACT);
	struct site *site = insn.kind || again ? make_site(t->block, &insn, i, offset) : NULL;
	int slot = insn.jumps_short && is_last ? plant_find(block_byte(t->block, offset)) : -1;

	if (t->answered)
		qemu_plugin_register_vcpu_insn_exec_cb(handle, after_intercepted, QEMU_CB_RW_REGS,
		                                       NULL);
	t->answered = insn.kind == INSN_CPUID || insn.kind == INSN_RDMSR;
	if (slot >= 0) {
		end_segment(t, i);
		add_landing(handle, slot, bytes[1]);
		t->block->insns--;
		t->block->near = (uint16_t)(t->block->insns ? t->block->insns - 1 : 0);
		t->block->whole = t->block->ends = false; /* at_jump() is there */
		return;
	}
	if (insn.kind)
		end_segment(t, i);
	if (insn.kind && site)
		intercept(handle, insn.kind, site);
	record_insn(handle, &insn, offset, length);
	if (insn.far && plugin.where_it_goes && has(SHAPE_EXACT)) {
		end_segment(t, i);
		leave_ring(t, &insn, i, offset);
		return;
	}
	if (!t->again)
		count_insn(t, &insn, i, offset, is_last);
	if (again && site)
		qemu_plugin_register_vcpu_insn_exec_cb(handle, at_again, QEMU_CB_NO_REGS, site);
	if (insn.far)
		look_behind(t, handle);
}

/* --- The block -------------------------------------------------------------------------------- */

static struct insn decode(const struct qemu_plugin_insn *handle)
{
	uint8_t bytes[INSN_BYTES];

	return insn_decode(bytes, (unsigned)qemu_plugin_insn_data(handle, bytes, sizeof(bytes)));
}

/* Called for the instructions in order. Returns the length of this one. */
static unsigned describe(struct block *block, unsigned i, const struct qemu_plugin_insn *handle)
{
	struct insn insn = decode(handle);
	unsigned length = (unsigned)qemu_plugin_insn_size(handle);

	block->insn[i] = (uint8_t)(length | (unsigned)insn.data << BLOCK_DATA_SHIFT);
	block->branch = insn.branch;
	block->flags = insn.flags;
	block->ends = insn.safe;
	block->back = insn.back;
	block->whole &= insn.safe;
	return length;
}

static struct block *make_block(struct qemu_plugin_tb *tb)
{
	unsigned insns = (unsigned)qemu_plugin_tb_n_insns(tb), bytes = 0;
	uint64_t at = qemu_plugin_tb_vaddr(tb);
	struct block *block = block_alloc(sizeof(*block) + insns);

	if (!block)
		return NULL;
	*block = (struct block){
		.insns = (uint16_t)insns,
		.near = (uint16_t)insns,
		.ring = (uint8_t)ring_now(),
		.whole = true,
	};
	for (unsigned i = 0; i < insns; i++)
		bytes += describe(block, i, qemu_plugin_tb_get_insn(tb, i));
	block->physical[0] = block->physical[1] = UINT64_MAX;
	if (!has(SHAPE_LOOK | SHAPE_EXACT))
		return block;
	linear_to_physical(at, &block->physical[0]);
	if ((at & (PAGE - 1)) + bytes > PAGE)
		linear_to_physical((at | (PAGE - 1)) + 1, &block->physical[1]);
	return block;
}

static void translate_insns(struct translation *t, unsigned insns)
{
	for (unsigned i = 0, offset = 0; i < insns; i++) {
		translate_insn(t, i, offset, i + 1 == insns);
		offset += block_length(t->block, i);
	}
}

/* Whether the instruction before may be STI or MOV SS, after which QEMU makes a block of one
 * instruction. */
static bool may_be_shadowed(uint64_t at)
{
	uint8_t before[2] = {0};

	return !memory_get(at - 2, before, 2) || before[1] == 0xfb || before[1] == 0x17 ||
	       (before[0] == 0x8e && (before[1] & 0x38) == 0x10);
}

/* QEMU ends a block before an instruction that reaches into the next page, and gives that
 * instruction a block of its own. */
static bool is_at_page_end(uint64_t at, uint64_t end)
{
	return (at ^ end) >= PAGE || (end & (PAGE - 1)) + INSN_BYTES > PAGE;
}

/*
 * When a store hits its own block, QEMU leaves the block before the store, drops it, and executes
 * the store again as a block of its own. The store has then been counted already. Blocks of one
 * instruction can have other reasons, which are ruled out here: single steps, the end of a page,
 * the shadow of STI.
 */
static bool is_again(const struct qemu_plugin_tb *tb)
{
	struct qemu_plugin_insn *handle = qemu_plugin_tb_get_insn(tb, 0);
	uint64_t at = qemu_plugin_tb_vaddr(tb), end = at + qemu_plugin_insn_size(handle);
	struct insn insn;

	if (qemu_plugin_tb_n_insns(tb) != 1 || plugin.singles >= SINGLES)
		return false;
	insn = decode(handle);
	if (insn.branch != QEMU_NO_BRANCH || !(insn.stores || insn.safe) ||
	    is_at_page_end(at, end) || reg_get(REG_EFLAGS) & FLAGS_TF || may_be_shadowed(at))
		return false;
	plugin.singles += insn.safe; /* nothing else cuts a block there */
	return insn.stores;
}

/* Used while nothing counts. */
static void intercept_only(struct qemu_plugin_tb *tb)
{
	size_t insns = qemu_plugin_tb_n_insns(tb);
	bool answered = false;

	for (size_t i = 0; i < insns; i++) {
		struct qemu_plugin_insn *handle = qemu_plugin_tb_get_insn(tb, i);
		struct insn insn = decode(handle);
		struct site *site = insn.kind ? block_alloc(sizeof(*site)) : NULL;

		if (answered)
			qemu_plugin_register_vcpu_insn_exec_cb(handle, after_intercepted,
			                                       QEMU_CB_RW_REGS, NULL);
		answered = insn.kind == INSN_CPUID || insn.kind == INSN_RDMSR;
		if (!site)
			continue;
		*site = (struct site){
			.physical = UINT64_MAX,
			.ring = (uint8_t)ring_now(),
			.length = (uint8_t)qemu_plugin_insn_size(handle),
			.kind = insn.kind,
			.is_first = i == 0,
			.is_last = i + 1 == insns,
		};
		intercept(handle, insn.kind, site);
	}
}

/* Notes that the conditional branch before was not taken, if this is the block behind it. */
static void see_not_taken(const struct translation *t)
{
	struct qemu_u64 open = word(offsetof(struct hot, open));

	qemu_plugin_register_vcpu_tb_exec_cond_cb(t->tb, at_not_taken, QEMU_CB_NO_REGS,
	                                          QEMU_COND_EQ, open,
	                                          PLACE_OF(t->block->physical[0]), t->block);
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(t->tb, QEMU_STORE_U64, open, 0);
}

/* A second-level guest may start at this address, too, but only with EFER.SVME set; a reset clears
 * it. */
static bool is_reset(const struct qemu_plugin_tb *tb)
{
	return qemu_plugin_tb_vaddr(tb) == RESET_VECTOR && !(reg_get(REG_CR0) & 1) &&
	       !(reg_get(REG_EFER) & EFER_SVME);
}

/* Calls the timeline when this block is in another ring than the one before. */
static void see_ring(const struct translation *t)
{
	qemu_plugin_register_vcpu_tb_exec_cond_cb(
		t->tb, at_other_ring, QEMU_CB_NO_REGS, QEMU_COND_NE,
		word(offsetof(struct hot, traced_ring)), RING_TRACED(t->block->ring), t->block);
}

static void look(const struct translation *t)
{
	qemu_plugin_register_vcpu_tb_exec_cond_cb(t->tb, at_block, QEMU_CB_RW_REGS_PC, QEMU_COND_GE,
	                                          word(run_of(t->block->ring)),
	                                          RUN_LIMIT - t->block->near * RUN_INSN, t->block);
}

void block_translate(struct qemu_plugin_tb *tb, void *unused)
{
	struct translation t = {.tb = tb};
	bool resets = is_reset(tb);
	struct cpu *cpu = cpu_here();
	unsigned insns;

	if (!plugin.begun)
		keep_first(resets);
	if (plugin.off || !cpu)
		return;
	if (resets)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, at_reset, QEMU_CB_RW_REGS, NULL);
	if (shape_is_behind_write(qemu_plugin_tb_vaddr(tb)))
		qemu_plugin_register_vcpu_tb_exec_cb(tb, at_behind_write, QEMU_CB_RW_REGS_PC, NULL);
	if (!has(SHAPE_COUNT)) {
		intercept_only(tb);
		return;
	}
	svm_translate(cpu);
	t.block = make_block(tb);
	if (!t.block)
		return;
	insns = t.block->insns;
	t.again = has(SHAPE_EXACT) && is_again(tb);
	if (svm_follows_vmrun(cpu, qemu_plugin_tb_vaddr(tb)))
		qemu_plugin_register_vcpu_tb_exec_cb(tb, at_exit_of_guest, QEMU_CB_RW_REGS, NULL);
	if (has(SHAPE_TAKEN))
		see_not_taken(&t);
	if (trace_is_on())
		see_ring(&t);
	record_block(tb, t.block);
	translate_insns(&t, insns);
	if (has(SHAPE_TIMED))
		timed_translate(tb, t.block);
	if (has(SHAPE_LOOK) || t.block->back)
		look(&t);
}
