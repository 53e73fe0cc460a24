/* SPDX-License-Identifier: MIT */
/*
 * Pays blocks inside Unicorn's translations. A translation begins with a call of the block hook,
 * and looks then whether it has been asked to stop. The call costs more than what the hook does for
 * nearly every block: it takes the block from the meter, notes it, and has devices left for blocks
 * of their own. Once the hook has done that for a block, instructions take the place of the call
 * that do the same, and call only where the block does not fit:
 *
 *	0:	mov $uc, %rdi                   sub $price, loan(%rbp)
 *		mov $address, %esi              jl  15f
 *		mov $size, %edx         13:     mov $constant, %rax
 *		mov $cpu, %rcx          23:     movl $0, can_do_io(%rbp)
 *	30:	call *hook
 *	36:	mov asked(%rbp), %ebx   36:     movl $number, last(%rbp)
 *		test %ebx, %ebx
 *		jl  stop
 *	47:                             47:
 *
 * The constant, which nothing uses, holds "15: call *cpu_inline_unpaid", so that no jump need lead
 * around the call. The price is the block's instructions and branches, as in hot.loan.
 *
 * RBP holds the address of the state (state.h); struct hot lies near it. The hook that has put this
 * in goes back to 36, where the same number is stored once more. Nothing is replaced unless all
 * bytes are the expected ones: else the hook is called as before. A replacement holds as long as
 * its block does: what drops a block, or has the slow path see it, takes it out first.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <machine/unicorn/room_int.h>

/* Offsets and bytes, as above. */
enum {
	CALL = 30,
	BACK = 36,
	UNPAID = 15,
	END = 47,
	CALL_BYTES = 6,
	NUMBER = 42,      /* the value that is stored in hot.last, */
	LAST = 38,        /* and its distance */
	ASKED = 38,       /* the distance, in a byte, of what says whether to stop */
	REPLACEMENTS = 4, /* of one block: Unicorn translates it for each mode of the CPU */
	NEAR_STEP = 1 << 20,
	NEAR_STEPS = 1 << 10,
};

struct replacement {
	uint8_t *at; /* NULL: none */
	uint8_t was[END], is[END];
};

struct inlined {
	unsigned next;
	struct replacement of[REPLACEMENTS];
};

struct code {
	uint8_t *at;
	unsigned bytes;
};

/* Called from a translation, without arguments; goes back to where inline_unpaid() says. */
void cpu_inline_unpaid(void);
__asm__(".text\n"
        ".local cpu_inline_unpaid\n"
        ".type cpu_inline_unpaid, @function\n"
        "cpu_inline_unpaid:\n"
        "	mov %rbp, %rdi\n"
        "	mov (%rsp), %rsi\n"
        "	sub $8, %rsp\n"
        "	call inline_unpaid\n"
        "	add $8, %rsp\n"
        "	mov %rax, (%rsp)\n"
        "	ret\n"
        ".size cpu_inline_unpaid, . - cpu_inline_unpaid\n");

static void put(struct code *code, const void *from, unsigned bytes)
{
	memcpy(code->at + code->bytes, from, bytes);
	code->bytes += bytes;
}

#define PUT_BYTES(code, ...)                                                                       \
	put(code, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void put_address(struct code *code, const void *address)
{
	put(code, &address, sizeof(address));
}

/* The distance of something from the state, in 32 bits. */
static void put_distance(struct code *code, const struct cpu *cpu, const volatile void *of)
{
	int32_t distance = (int32_t)((intptr_t)of - (intptr_t)cpu->state);

	put(code, &distance, sizeof(distance));
}

/* What Unicorn translates the call to; what follows it is in `is` already. */
static void put_call(struct code *code, const struct cpu *cpu, const struct block *block)
{
	uint32_t address = (uint32_t)block->address;

	PUT_BYTES(code, 0x48, 0xbf);
	put_address(code, cpu->uc);
	PUT_BYTES(code, 0xbe);
	put(code, &address, sizeof(address));
	PUT_BYTES(code, 0xba);
	put(code, &block->size, sizeof(block->size));
	PUT_BYTES(code, 0x48, 0xb9);
	put_address(code, cpu);
	PUT_BYTES(code, 0xff, 0x15);
}

/* Whether the translation stops here if it has been asked to: what is behind the call. */
static bool looks(const uint8_t *at)
{
	return at[BACK] == 0x8b && at[BACK + 1] == 0x5d && at[BACK + 3] == 0x85 &&
	       at[BACK + 4] == 0xdb && at[BACK + 5] == 0x0f && at[BACK + 6] == 0x8c;
}

static uint32_t block_need(const struct block *block)
{
	return block->flags & BLOCK_ALONE ? block->pay.insns : block->pay.need;
}

/* What the block takes from the loan; has_price() says whether an instruction can. */
static int32_t block_price(const struct block *block)
{
	return (int32_t)((block_need(block) << LOAN_SHIFT) - block->pay.branches);
}

static bool has_price(const struct block *block)
{
	return block_need(block) <= INT8_MAX && block->pay.branches <= block_need(block);
}

/* An int32_t in code, which need not be aligned. */
static int32_t number_at(const uint8_t *at)
{
	int32_t number;

	memcpy(&number, at, sizeof(number));
	return number;
}

/* Up to an offset, one or two instructions that do nothing. */
static void put_nothing(struct code *code, unsigned end)
{
	static const uint8_t nop[][9] = {
		{0},
		{0x90},
		{0x66, 0x90},
		{0x0f, 0x1f, 0x00},
		{0x0f, 0x1f, 0x40, 0},
		{0x0f, 0x1f, 0x44, 0},
		{0x66, 0x0f, 0x1f, 0x44},
		{0x0f, 0x1f, 0x80},
		{0x0f, 0x1f, 0x84},
		{0x66, 0x0f, 0x1f, 0x84},
	};
	unsigned bytes = end - code->bytes, first = bytes < sizeof(nop[0]) ? bytes : bytes / 2;

	put(code, nop[first], first);
	put(code, nop[bytes - first], bytes - first);
}

/* Takes the block from the loan, or calls; the call's distance is as it must be there. */
static void put_taking(struct code *code, const struct cpu *cpu, const struct block *block,
                       int32_t call)
{
	int32_t price = block_price(block);

	PUT_BYTES(code, 0x48, 0x81, 0xad);
	put_distance(code, cpu, &cpu->hot->loan);
	put(code, &price, sizeof(price));
	PUT_BYTES(code, 0x7c, 2, 0x48, 0xb8, 0xff, 0x15);
	put(code, &call, sizeof(call));
	PUT_BYTES(code, 0x90, 0x90);
}

static void put_payment(struct code *code, const struct cpu *cpu, const struct block *block)
{
	uint32_t number = block_number(cpu, block);

	if (block->pay.lines) {
		PUT_BYTES(code, 0xc7, 0x85);
		put_distance(code, cpu, cpu->places.can_do_io);
		PUT_BYTES(code, 0, 0, 0, 0);
	}
	put_nothing(code, BACK);
	PUT_BYTES(code, 0xc7, 0x85);
	put_distance(code, cpu, &cpu->hot->last);
	put(code, &number, sizeof(number));
	put_nothing(code, END);
}

/* Where the call at an offset finds the address of what it calls. */
static uint8_t *called(uint8_t *at, unsigned call)
{
	return at + call + CALL_BYTES + number_at(at + call + 2);
}

static bool calls(uint8_t *at, unsigned call, const void *what)
{
	return !memcmp(called(at, call), &what, sizeof(what));
}

static const void *unpaid(void)
{
	return (const void *)(uintptr_t)cpu_inline_unpaid;
}

static const void *hook(void)
{
	return (const void *)(uintptr_t)on_block;
}

/* Takes one out, unless Unicorn has used its place for something else since then. */
static void take_out(struct replacement *old)
{
	const void *again = hook();

	if (old->at && !memcmp(old->at, old->is, END) && calls(old->at, UNPAID, unpaid())) {
		memcpy(old->at, old->was, END);
		memcpy(called(old->at, CALL), &again, sizeof(again));
	}
	old->at = NULL;
}

/* False: what is there is something else. */
static bool put_in(const struct cpu *cpu, const struct block *block, struct replacement *new,
                   uint8_t *at)
{
	struct code was = {.at = new->was}, is = {.at = new->is};
	const void *instead = unpaid();

	put_call(&was, cpu, block);
	if (memcmp(at, new->was, was.bytes) || !looks(at) || !calls(at, CALL, hook()))
		return false;
	memcpy(new->was, at, END);
	put_taking(&is, cpu, block, number_at(at + CALL + 2) + CALL - UNPAID);
	put_payment(&is, cpu, block);
	new->at = at;
	memcpy(called(at, CALL), &instead, sizeof(instead));
	memcpy(at, new->is, END);
	return true;
}

void inline_block(struct cpu *cpu, struct block *block, uint8_t *back)
{
	struct replacement *new;

	if (!block->inlined)
		block->inlined = calloc(1, sizeof(*block->inlined));
	if (!block->inlined)
		return;
	new = &block->inlined->of[block->inlined->next++ % REPLACEMENTS];
	take_out(new);
	if (block->address > UINT32_MAX || !has_price(block) ||
	    !put_in(cpu, block, new, back - BACK))
		block->flags |= BLOCK_CALLS;
}

void inline_take_out(struct block *block)
{
	for (unsigned i = 0; block->inlined && i < REPLACEMENTS; i++)
		take_out(&block->inlined->of[i]);
}

/* What the instructions at an address have replaced: those that are there and not taken out. */
static const uint8_t *replaced(const struct block *block, const uint8_t *at)
{
	unsigned i = 0;

	while (i + 1 < REPLACEMENTS && block->inlined->of[i].at != at)
		i++;
	return block->inlined->of[i].was;
}

/* A block does not fit: gives back what was taken from the meter, and does what the hook would.
 * Returns where the translation goes on, which depends on whether it has been asked to stop. */
static uint8_t *__attribute__((used)) inline_unpaid(uint8_t *state, uint8_t *back)
{
	uint8_t *at = back - CALL_BYTES - UNPAID, *end = at + END;
	struct hot *hot = (void *)(state + number_at(at + LAST) - offsetof(struct hot, last));
	struct cpu *cpu = hot->cpu;
	struct block *block = &cpu->cache[number_at(at + NUMBER) - 1];
	const uint8_t *was = replaced(block, at), *asked = state + (int8_t)was[ASKED];
	uint8_t *stop = end + number_at(was + END - 4);

	hot->loan += block_price(block);
	block_unpaid(cpu, block->address, block->size, NULL);
	cpu_lend(cpu);
	return number_at(asked) < 0 ? stop : end;
}

static bool is_near(const void *a, const void *b)
{
	intptr_t apart = (intptr_t)a - (intptr_t)b;

	return apart > INT32_MIN / 2 && apart < INT32_MAX / 2;
}

static void *map(void *where)
{
	return mmap(where, sizeof(struct hot), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
	            -1, 0);
}

/* Where there is room near the state, else anywhere. */
static void *map_near(const struct state *state)
{
	uintptr_t from = (uintptr_t)state & ~(uintptr_t)PAGE_MASK;

	for (unsigned i = 1; i < NEAR_STEPS && from > (uintptr_t)i * NEAR_STEP; i++) {
		void *at = map((void *)(from - (uintptr_t)i * NEAR_STEP));

		if (at == MAP_FAILED || is_near(at, state))
			return at;
		munmap(at, sizeof(struct hot));
	}
	return map(NULL);
}

bool hot_make(struct cpu *cpu)
{
	void *at = map_near(cpu->state);

	if (at == MAP_FAILED)
		return false;
	cpu->hot = at;
	cpu->hot->cpu = cpu;
	cpu->inlines = cpu->translates && is_near(cpu->hot, cpu->state) &&
	               is_near((const void *)cpu->places.can_do_io, cpu->state) &&
	               !getenv("VPMU_TEST_WITHOUT_INLINE");
	return true;
}

void hot_end(struct cpu *cpu)
{
	if (cpu->hot)
		munmap(cpu->hot, sizeof(*cpu->hot));
}
