/* SPDX-License-Identifier: MIT */
/*
 * The stack of last branches: known code runs under it, and every entry must be the branch that was
 * taken. By model (Intel), architectural, and AMD's; on a machine that has none, every group says
 * so. Filters by kind and by ring, long loops, call-stack mode, and a PMI that freezes the stack.
 */
#include "apic.h"
#include "branches.h"
#include "cpu.h"
#include "cross.h"
#include "guest.h"
#include "pmu.h"
#include "print.h"
#include "trap.h"

#define MSR_DEBUGCTL    UINT32_C(0x1d9)
#define MSR_LBR_SELECT  UINT32_C(0x1c8)
#define MSR_LBR_TOS     UINT32_C(0x1c9)
#define MSR_ARCH_DEPTH  UINT32_C(0x14cf)
#define MSR_AMD_SELECT  UINT32_C(0xc000010e)
#define FREEZE_LBRS     UINT64_C(0x800)
#define STATUS_LBR_FRZ  (UINT64_C(1) << 58)
#define ARCH_CALL_STACK UINT64_C(8)
#define CALL_STACK      UINT64_C(0x200)

enum { MOST = 32, ROWS_MOST = 16 };

/* A stack, as its processor has it. */
static struct stack {
	const char *about;
	unsigned depth;
	uint32_t from, to, info, stride; /* info: 0: none */
	uint32_t control, select, tos;   /* select, tos: 0: none */
	uint64_t on;                     /* what control holds, with every ring and kind */
	bool has_call_stack, is_amd;
} stack;

/* A row of a table of filters. */
static const struct {
	uint64_t kind, select, ctl;
	const char *name;
} filters[] = {
	{BRANCH_CONDITIONAL, 1 << 2, 1 << 16, "conditional branches"},
	{BRANCH_JUMP, 1 << 7, 1 << 17, "direct jumps"},
	{BRANCH_JUMP_INDIRECT, 1 << 6, 1 << 18, "indirect jumps"},
	{BRANCH_CALL, 1 << 3, 1 << 19, "direct calls"},
	{BRANCH_CALL_INDIRECT, 1 << 4, 1 << 20, "indirect calls"},
	{BRANCH_RETURN, 1 << 5, 1 << 21, "returns"},
	{BRANCH_FAR, 1 << 8, 1 << 22, "far branches"},
};
enum { FILTERS = sizeof(filters) / sizeof(filters[0]) };

/* --- Which there is --------------------------------------------------------------------------- */

static bool find_arch(void)
{
	uint32_t depths;

	if (cpuid(0).eax < 0x1c || !(cpuid(7).edx >> 19 & 1))
		return false;
	depths = cpuid(0x1c).eax & 0xff;
	stack = (struct stack){
		.about = "architectural",
		.from = 0x1500,
		.to = 0x1600,
		.info = 0x1200,
		.stride = 1,
		.control = 0x14ce,
		.on = 0x7f0007,
		.has_call_stack = cpuid(0x1c).ebx >> 2 & 1,
	};
	for (unsigned bit = 0; bit < 4; bit++)
		if (depths >> bit & 1)
			stack.depth = 8 * (bit + 1);
	return stack.depth;
}

/* By the format of its entries. */
static bool find_by_model(const struct pmu *pmu)
{
	unsigned format = pmu->capabilities & 0x3f;
	uint64_t value;

	if (!pmu->layout.is_intel || !pmu->has_capabilities || format < 3 || format > 7)
		return false;
	stack = (struct stack){
		.about = "by model",
		.depth = try_rdmsr(0x680 + 16, &value) ? 16 : 32,
		.from = 0x680,
		.to = 0x6c0,
		.info = format == 5 || format == 7 ? 0xdc0 : 0,
		.stride = 1,
		.control = MSR_DEBUGCTL,
		.select = MSR_LBR_SELECT,
		.tos = MSR_LBR_TOS,
		.on = 1,
		.has_call_stack = format > 3,
	};
	return true;
}

static bool find_amd(const struct pmu *pmu)
{
	struct cpuid_registers leaf;

	if (pmu->layout.is_intel || cpuid(0x80000000).eax < 0x80000022)
		return false;
	leaf = cpuid(0x80000022);
	if (!(leaf.eax >> 1 & 1))
		return false;
	stack = (struct stack){
		.about = "LbrExtV2",
		.depth = leaf.ebx >> 4 & 0x3f,
		.from = 0xc0010300,
		.to = 0xc0010301,
		.stride = 2,
		.control = 0xc000010f,
		.select = MSR_AMD_SELECT,
		.on = 0x40,
		.is_amd = true,
	};
	return stack.depth;
}

static bool find(const struct pmu *pmu)
{
	return find_arch() || find_by_model(pmu) || find_amd(pmu);
}

/* --- Reading and setting ---------------------------------------------------------------------- */

/* The n-th of the last branches, from 0. */
static struct branch_row entry(unsigned n)
{
	unsigned i = stack.tos ? (unsigned)(rdmsr(stack.tos) - n) & (stack.depth - 1) : n;
	uint64_t info;

	if (n >= stack.depth)
		return (struct branch_row){0};
	info = stack.info ? rdmsr(stack.info + i) : 0;
	return (struct branch_row){
		rdmsr(stack.from + i * stack.stride) & bits_below(48),
		rdmsr(stack.to + i * stack.stride) & bits_below(48),
		info >> 56 & 0xf,
	};
}

static void clear(void)
{
	for (unsigned i = 0; i < stack.depth; i++) {
		wrmsr(stack.from + i * stack.stride, 0);
		wrmsr(stack.to + i * stack.stride, 0);
	}
	if (stack.tos)
		wrmsr(stack.tos, 0);
	if (stack.select)
		wrmsr(stack.select, 0);
}

/* What control holds without these kinds, of which `select` and `ctl` are the bits. */
static uint64_t without(uint64_t select, uint64_t ctl)
{
	if (!stack.select)
		return stack.on & ~ctl;
	wrmsr(stack.select, select);
	return stack.on;
}

/* Of one entry, if there is room for it. */
static void check_entry(unsigned n, const struct branch_row *wanted, const char *when)
{
	struct branch_row got = entry(n);

	if (n >= stack.depth)
		return;
	check(got.from == wanted->from && got.to == wanted->to,
	      "%s: entry %u is 0x%lx to 0x%lx, not 0x%lx to 0x%lx", when, n, got.from, got.to,
	      wanted->from, wanted->to);
	if (stack.info && !stack.select)
		check_equal(got.kind, wanted->kind, "the kind");
	if (stack.is_amd)
		check_equal(rdmsr(stack.to + n * stack.stride) >> 63, 1, "the valid bit");
}

/* That the entries are these, the last one first, and nothing but zeros behind them. */
static void check_entries(const struct branch_row *rows, unsigned count, const char *when)
{
	const struct branch_row nothing = {0};

	for (unsigned n = 0; n < stack.depth; n++) {
		if (n < count)
			check_entry(n, &rows[count - 1 - n], when);
		else
			check(entry(n).from == nothing.from, "%s: entry %u is 0x%lx, not empty",
			      when, n, entry(n).from);
	}
}

/* The rows of the body, but for a kind. */
static unsigned rows_without(uint64_t kind, struct branch_row rows[ROWS_MOST])
{
	unsigned count = 0;

	for (const struct branch_row *row = branch_rows; row != branch_rows_end; row++)
		if (row->kind != kind)
			rows[count++] = *row;
	return count;
}

static void run(uint64_t on, void (*body)(void *), uint64_t argument)
{
	branches_run(stack.control, on, stack.control == MSR_DEBUGCTL ? on & ~UINT64_C(1) : 0, body,
	             (void *)argument);
}

/* --- What must hold --------------------------------------------------------------------------- */

static void check_all(void)
{
	unsigned count = (unsigned)(branch_rows_end - branch_rows);

	clear();
	run(stack.on, branches_body, 0);
	check_entries(branch_rows, count, "all");
	if (stack.tos)
		check_equal(rdmsr(stack.tos), count & (stack.depth - 1), "the top of the stack");
	branches_body(NULL);
	check_entries(branch_rows, count, "off");
}

static void check_filters(void)
{
	struct branch_row rows[ROWS_MOST];

	for (unsigned i = 0; i < FILTERS; i++) {
		unsigned count = rows_without(filters[i].kind, rows);

		clear();
		run(without(filters[i].select, filters[i].ctl), branches_body, 0);
		check_entries(rows, count, filters[i].name);
	}
}

/* Only jumps and calls from here to there come; of the ring that is left out, nothing does. */
static void check_rings(void)
{
	unsigned last = (unsigned)(branch_rows_end - branch_rows) - 1;
	uint64_t far = 1 << 8 | 1 << 0, on;

	clear();
	on = without(far, 1 << 22 | 1 << 1);
	wrmsr(stack.control, on);
	call_user(branches_body, NULL);
	wrmsr(stack.control, 0);
	check_equal(entry(0).from, branch_rows[last].from, "ring 3's return");
	for (unsigned n = 1; n < last && n < stack.depth; n++)
		check_entry(n, &branch_rows[last - n], "ring 3");
	clear();
	on = without(1 << 1, 1 << 2);
	wrmsr(stack.control, on);
	call_user(branches_body, NULL);
	wrmsr(stack.control, 0);
	check(entry(0).from != 0, "nothing is recorded in ring 0");
	for (unsigned n = 0; n < stack.depth; n++)
		for (unsigned row = 0; row < last; row++)
			check(entry(n).from != branch_rows[row].from, "ring 3's 0x%lx in ring 0's",
			      entry(n).from);
}

/* An exception comes from the instruction that raises it, and goes on where its handler says. */
static void check_exception(void)
{
	uint64_t stub = (uint64_t)trap_stubs[VECTOR_UD];
	struct branch_row in = {(uint64_t)branches_fault, stub, BRANCH_FAR};
	struct branch_row got;

	clear();
	run(without(0xfc, 0x3f << 16), branches_fault, 0);
	check_entry(1, &in, "the exception");
	got = entry(0);
	check_equal(got.to, (uint64_t)branches_fault_next, "where IRETQ goes");
	check_equal(entry(2).from, 0, "what is behind the exception");
	clear();
	in = (struct branch_row){(uint64_t)branches_int, (uint64_t)cross_ping, BRANCH_FAR};
	trap_user_gate(VECTOR_PING, cross_ping);
	run(without(0xfc, 0x3f << 16), branches_int, 0);
	check_entry(1, &in, "an INT");
	check_equal(entry(0).to, (uint64_t)branches_int_next, "where its IRETQ goes");
	check_equal(entry(2).from, 0, "what is behind the INT");
	clear();
	run(without(1 << 8, 1 << 22), branches_fault, 0);
	for (unsigned n = 0; n < stack.depth; n++)
		check(entry(n).from != in.from && entry(n).to != got.to, "entry %u is a far branch",
		      n);
}

/* One that repeats itself fills the stack, but for the return. */
static void check_loop(void (*body)(void *), const char *end, uint64_t iterations, const char *name)
{
	struct branch_row back = {(uint64_t)end, (uint64_t)body, BRANCH_CONDITIONAL};

	clear();
	run(stack.on, body, iterations);
	for (unsigned n = 1; n < stack.depth && n < iterations; n++)
		check_entry(n, &back, name);
	if (iterations + 1 < stack.depth)
		check_equal(entry((unsigned)iterations + 1).from, 0, "what is behind the loop");
	if (stack.tos)
		check_equal(rdmsr(stack.tos), (iterations + 1) & (stack.depth - 1), name);
}

static void check_loops(void)
{
	static const uint64_t iterations[] = {1, 2, 3, 5, 40, 1000, 300001};

	for (unsigned i = 0; i < sizeof(iterations) / sizeof(iterations[0]); i++) {
		check_loop(branches_count, branches_count_end, iterations[i], "a counting loop");
		check_loop(branches_spin, branches_spin_end, iterations[i], "a long loop");
	}
}

/* Calls and returns; with returns, nothing is left of calls that have returned. */
static void check_call_stack(void)
{
	uint64_t jumps = 1 << 2 | 1 << 6 | 1 << 7 | 1 << 8;
	uint64_t ctl = 1 << 16 | 1 << 17 | 1 << 18 | 1 << 22, mode;
	struct branch_row rows[ROWS_MOST];
	unsigned count = 0;

	for (const struct branch_row *row = branch_rows; row != branch_rows_end; row++)
		if (row->kind == BRANCH_CALL || row->kind == BRANCH_CALL_INDIRECT)
			rows[count++] = *row;
	mode = stack.select ? 0 : ARCH_CALL_STACK;
	clear();
	run(without(jumps | CALL_STACK | 1 << 5, ctl | 1 << 21) | mode, branches_body, 0);
	check_entries(rows, count, "calls");
	clear();
	run(without(jumps | CALL_STACK, ctl) | mode, branches_body, 0);
	check_entries(rows, 0, "calls and returns");
}

/* --- A PMI ------------------------------------------------------------------------------------ */

static volatile unsigned pmis;

static const struct msr_write *on_pmi(struct trap_frame *frame)
{
	pmis++;
	return NULL;
}

static bool has_freeze_bit(const struct pmu *pmu)
{
	return stack.is_amd || pmu->version >= 4;
}

/* A counter overflows with the direct call: that is the last branch, whatever comes afterwards. */
static void run_to_pmi(const struct pmu *pmu)
{
	struct counter counter = {false, 0, EVENT_INSTRUCTIONS, SELECT_OS | SELECT_INT};
	struct plan plan;

	pmu_clear(pmu);
	counter_set(pmu, &counter, -(uint64_t)BRANCHES_TO_CALL);
	plan_counters(pmu, &counter, 1, &plan);
	clear();
	wrmsr(MSR_DEBUGCTL, FREEZE_LBRS);
	wrmsr(stack.control, stack.control == MSR_DEBUGCTL ? FREEZE_LBRS | 1 : stack.on);
	branches_run(plan.start[0].msr, plan.start[0].value, plan.stop[0].value, branches_body,
	             NULL);
}

static void check_freeze(const struct pmu *pmu)
{
	pmis = 0;
	apic_set_lvtpc(LVT_NMI);
	run_to_pmi(pmu);
	check_equal(pmis, 1, "PMIs");
	for (unsigned n = 0; n < BRANCHES_TO_CALL_ROW && n < stack.depth; n++)
		check_entry(n, &branch_rows[BRANCHES_TO_CALL_ROW - n], "frozen");
	if (!has_freeze_bit(pmu)) {
		check_equal(rdmsr(MSR_DEBUGCTL), FREEZE_LBRS, "IA32_DEBUGCTL, frozen");
	} else {
		check_equal(rdmsr(pmu->layout.status) & STATUS_LBR_FRZ, STATUS_LBR_FRZ, "LBR_FRZ");
		wrmsr(pmu->layout.status_clear, STATUS_LBR_FRZ);
		branches_body(NULL);
		check(entry(0).from != branch_rows[BRANCHES_TO_CALL_ROW].from, "still frozen");
	}
	wrmsr(stack.control, 0);
	wrmsr(MSR_DEBUGCTL, 0);
	pmu_clear(pmu);
}

/* --- All of it -------------------------------------------------------------------------------- */

static void check_depth(void)
{
	branches_run(stack.control, stack.on, 0, branches_body, NULL);
	check(entry(0).from != 0, "nothing is recorded");
	wrmsr(MSR_ARCH_DEPTH, 8);
	check_equal(entry(0).from, 0, "what a write of the depth leaves");
	branches_run(stack.control, stack.on, 0, branches_body, NULL);
	for (unsigned n = 0; n < 8; n++)
		check_entry(n, &branch_rows[branch_rows_end - branch_rows - 1 - n], "depth 8");
	for (unsigned n = 8; n < stack.depth; n++)
		check_equal(entry(n).from, 0, "an entry beyond the depth");
	wrmsr(MSR_ARCH_DEPTH, stack.depth);
}

static void group(const char *name, bool applies, void (*check_it)(void))
{
	check_begin(name);
	if (applies)
		check_it();
	check_end();
}

enum guest_exit guest_main(const struct pmu *pmu)
{
	bool has = find(pmu);

	pmu_describe(pmu);
	if (has)
		print("Last branches: %s, %u entries.\n", stack.about, stack.depth);
	group("every branch, from and to", has, check_all);
	group("filters by kind", has, check_filters);
	group("filters by ring", has, check_rings);
	group("exceptions and INT", has, check_exception);
	group("loops", has, check_loops);
	group("call-stack mode", has && stack.has_call_stack, check_call_stack);
	group("the depth", has && !stack.select, check_depth);
	check_begin("a PMI freezes the stack");
	if (has && pmu_gp_for(pmu, EVENT_INSTRUCTIONS)) {
		apic_start();
		trap_handle(VECTOR_NMI, on_pmi);
		check_freeze(pmu);
	}
	check_end();
	return check_verdict();
}
