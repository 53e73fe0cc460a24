/* SPDX-License-Identifier: MIT */
/*
 * What a random guest is: a fixed part that recovers from all that may happen, and a body that is
 * drawn: templates of instructions that matter to a PMU (its registers, interrupts, devices,
 * strings, branches, code that writes code), and in between plain random bytes.
 */
#include "random_body.h"

#include <string.h>

enum {
	HEADERS = 64 + 56,
	BASE = 0x100000, /* also in the assembly below */
	BODY = 0x5000,   /* from BASE */
	BODY_MOST = 0x1000,
	IDT = 0x4000,
	STUBS = 0x1000,
	STUB_BYTES = 16,
	LOADED = 0x10000,
	VECTORS = 256,
};

/* Position-dependent: at BASE. The return from an interrupt, the recovery from an exception, and
 * the loop. What it keeps is in its own page, 0x3000 from BASE. */
__asm__(".pushsection .rodata\n"
        ".global random_fixed, random_fixed_end\n"
        "random_fixed:\n"
        "	lidt 0x103000\n"
        "	jmp next\n"
        ".balign 64\n"
        "interrupted:\n" /* at 0x40: the vector is on the stack */
        "	add $8, %rsp\n"
        "	push %rax\n"
        "	mov $0xfee000b0, %eax\n"
        "	movl $0, (%rax)\n"
        "	pop %rax\n"
        "	iretq\n"
        ".balign 64\n"
        "faulted:\n" /* at 0x80 */
        "	mov $0x10, %eax\n"
        "	movw %ax, %ss\n"
        "	movw %ax, %ds\n"
        "	movw %ax, %es\n"
        "	mov $0x10f000, %esp\n"
        "	pushq $2\n"
        "	popfq\n"
        "next:\n"
        "	mov $0x10f000, %esp\n"
        "	decl 0x103010\n"
        "	js done\n"
        "	cld\n"
        "	mov 0x103010, %eax\n"
        "	mov %eax, %ecx\n"
        "	and $15, %ecx\n"
        "	mov $0x186, %edx\n"
        "	mov $0x108000, %esi\n"
        "	mov $0x10a000, %edi\n"
        "	mov $0xfee00000, %ebx\n"
        "	mov $0x10c000, %ebp\n"
        "	mov $0x105000, %r8d\n"
        "	jmp . + 0x4f00\n" /* filled in below */
        "done:\n"
        "	mov $0xf4, %edx\n"
        "	xor %eax, %eax\n"
        "	out %eax, %dx\n"
        "	hlt\n"
        "random_fixed_end:\n"
        ".popsection\n");
extern const uint8_t random_fixed[], random_fixed_end[];

enum { INTERRUPTED = 0x40, FAULTED = 0x80 };

uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15); /* SplitMix64, S. Vigna */

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t random_below(uint64_t *state, uint64_t bound)
{
	return random_next(state) % bound;
}

static void put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

/* --- The fixed part -------------------------------------------------------------------------- */

static void put_headers(uint8_t *image)
{
	static const uint8_t ident[16] = {0x7f, 'E', 'L', 'F', 2, 1, 1};

	memcpy(image, ident, sizeof(ident));
	put(image + 16, 2, 2);
	put(image + 18, 62, 2);
	put(image + 20, 1, 4);
	put(image + 24, BASE, 8);
	put(image + 32, 64, 8);
	put(image + 52, 64, 2);
	put(image + 54, 56, 2);
	put(image + 56, 1, 2);
	put(image + 64, 1, 4);
	put(image + 68, 7, 4);
	put(image + 72, HEADERS, 8);
	put(image + 80, BASE, 8);
	put(image + 88, BASE, 8);
	put(image + 96, LOADED, 8);
	put(image + 104, LOADED, 8);
	put(image + 112, 1, 8);
}

/* An exception recovers, but NMI: that is a PMI. Vectors 14 and their like have an error code below
 * the vector, which nobody looks at. */
static void put_vectors(uint8_t *base)
{
	for (unsigned vector = 0; vector < VECTORS; vector++) {
		unsigned to = vector < 32 && vector != 2 ? FAULTED : INTERRUPTED;
		unsigned stub = STUBS + STUB_BYTES * vector;
		uint64_t address = BASE + stub;
		uint8_t *gate = base + IDT + 16 * vector;

		base[stub] = 0x68; /* push imm32 */
		put(base + stub + 1, vector, 4);
		base[stub + 5] = 0xe9; /* jmp rel32 */
		put(base + stub + 6, (uint64_t)to - (stub + 10), 4);
		put(gate, (address & 0xffff) | 0x08 << 16, 4);
		put(gate + 4, (address & 0xffff0000) | 0x8e00, 4);
	}
}

static void put_fixed(uint8_t *base, uint32_t rounds)
{
	size_t bytes = (size_t)(random_fixed_end - random_fixed);

	memcpy(base, random_fixed, bytes);
	for (size_t i = 0; i + 5 <= bytes; i++) {
		if (base[i] == 0xe9 && base[i + 2] == 0x4e)
			put(base + i + 1, BODY - (i + 5), 4);
	}
	put(base + 0x3000, VECTORS * 16 - 1, 2);
	put(base + 0x3002, BASE + IDT, 8);
	put(base + 0x3010, rounds, 4);
}

void random_guest_put(uint8_t image[RANDOM_GUEST_MOST], uint32_t address, uint64_t value)
{
	put(image + HEADERS + (address - BASE), value, 8);
}

size_t random_guest_of(const uint8_t *body, size_t bytes, uint32_t rounds,
                       uint8_t image[RANDOM_GUEST_MOST])
{
	uint8_t *base = image + HEADERS;

	memset(image, 0, RANDOM_GUEST_MOST);
	put_headers(image);
	put_fixed(base, rounds);
	put_vectors(base);
	memcpy(base + BODY, body, bytes);
	base[BODY + bytes] = 0xcc; /* what comes here goes on with the next round */
	return HEADERS + LOADED;
}

/* --- The body -------------------------------------------------------------------------------- */

struct body {
	uint64_t state;
	uint8_t bytes[BODY_MOST];
	size_t used;
};

static uint64_t any(struct body *body, uint64_t bound)
{
	return random_below(&body->state, bound);
}

static void add(struct body *body, const void *bytes, size_t count)
{
	if (body->used + count < BODY_MOST - 16) {
		memcpy(body->bytes + body->used, bytes, count);
		body->used += count;
	}
}

static void add_number(struct body *body, uint64_t value, unsigned bytes)
{
	uint8_t little[8];

	put(little, value, 8);
	add(body, little, bytes);
}

#define ADD(body, ...) add(body, (const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

static void add_bytes(struct body *body)
{
	for (uint64_t n = 1 + any(body, 12); n; n--)
		add_number(body, random_next(&body->state), 1);
}

static void add_wrmsr(struct body *body, uint32_t msr, uint64_t value)
{
	ADD(body, 0xb9);
	add_number(body, msr, 4);
	ADD(body, 0xb8);
	add_number(body, value, 4);
	ADD(body, 0xba);
	add_number(body, value >> 32, 4);
	ADD(body, 0x0f, 0x30);
}

/* A counter with an event that the timing model counts, often close to its overflow. */
static void add_counter(struct body *body)
{
	static const uint16_t events[] = {
		0x00c0, 0x003c, 0x013c, 0x4f2e, 0x412e, 0x00c4, 0x00c5, 0x01a4, 0x0076, 0x00c2,
		/* Core 2 */
		0x01c0, 0x02c0, 0x0cc4, 0x0140, 0x412a, 0x104e, 0x0208, 0x0808, 0x1282, 0x0080,
		0x0081,
		/* Skylake and later */
		0x01c4, 0x02c4, 0x08c4, 0x10c4, 0x11c4, 0x20c4, 0x40c4, 0x81d0, 0x82d0, 0x83d0,
		0x0283, 0x0e08, 0x0e49, 0x0e85, 0xe124, 0x0e12, 0x0e11,
		/* AMD */
		0x00c6, 0x00c8, 0x00d0, 0x00d1, 0x0129, 0x0229, 0x0040, 0xff45, 0x0746, 0x00a9,
		0x0187, 0xff5a, 0x0267, 0xff85};
	static const uint32_t selectors[2][2] = {{0x186, 0xc1}, {0xc0010200, 0xc0010201}};
	unsigned amd = (unsigned)any(body, 4) == 0, n = (unsigned)any(body, 4);
	uint32_t selector = selectors[amd][0] + (amd ? 2 * n : n);
	uint32_t counter = selectors[amd][1] + (amd ? 2 * n : n);

	add_wrmsr(body, counter, 0 - (1 + any(body, 3000)));
	add_wrmsr(body, selector, 0x530000 | events[any(body, sizeof(events) / sizeof(events[0]))]);
}

static void add_control(struct body *body)
{
	switch (any(body, 5)) {
	case 0:
		add_wrmsr(body, 0x38f, any(body, 2) ? 0x70000000fULL : random_next(&body->state));
		break;
	case 1:
		add_wrmsr(body, 0x38d, any(body, 2) ? 0xbbb : any(body, 0x1000));
		break;
	case 2:
		add_wrmsr(body, 0x309 + (uint32_t)any(body, 3), 0 - any(body, 3000));
		break;
	case 3:
		add_wrmsr(body, 0x390, any(body, 2) ? 0x70000000fULL : any(body, 16));
		break;
	default:
		add_wrmsr(body, 0xc0000301, any(body, 64));
		break;
	}
}

/* A store to the APIC's registers, whose page RBX has at the start of a round. */
static void add_apic(struct body *body)
{
	static const uint32_t stores[][2] = {
		{0x300, 0x44042}, {0x340, 0x51}, {0x340, 0x400}, {0x320, 0x50},
		{0x320, 0x20050}, {0x380, 0x40}, {0x380, 0x7f},  {0xf0, 0x1ff},
		{0x80, 0x60},     {0x80, 0},     {0xb0, 0},      {0x3e0, 0xb},
	};
	const uint32_t *store = stores[any(body, 12)];

	if (any(body, 2))
		ADD(body, 0xbb, 0x00, 0x00, 0xe0, 0xfe);
	if (any(body, 3)) {
		ADD(body, 0xc7, 0x83);
		add_number(body, store[0], 4);
		add_number(body, store[1], 4);
	} else {
		ADD(body, 0x8b, 0x83, (uint8_t)(any(body, 2) ? 0x90 : 0x20), (uint8_t)any(body, 4),
		    0x00, 0x00);
	}
}

/* REP and a small count. */
static void add_string(struct body *body)
{
	static const uint8_t kinds[] = {0xa4, 0xa5, 0xaa, 0xab, 0xac, 0xa6, 0xae, 0xa7};

	ADD(body, 0xb9);
	add_number(body, any(body, 40), 4);
	if (!any(body, 6))
		ADD(body, 0xbf, 0x80, 0x03, 0xe0, 0xfe); /* RDI is the APIC's timer */
	if (!any(body, 4))
		ADD(body, 0x67);
	ADD(body, (uint8_t)(0xf2 + any(body, 2)), kinds[any(body, 8)]);
}

/* A loop of a few instructions. */
static void add_loop(struct body *body)
{
	size_t start;

	ADD(body, 0x41, 0xbc);
	add_number(body, 1 + any(body, 60), 4);
	start = body->used;
	for (uint64_t n = any(body, 3); n; n--) {
		switch (any(body, 6)) {
		case 0:
			ADD(body, 0x90);
			break;
		case 1:
			ADD(body, 0xf3, 0x90);
			break;
		case 2:
			ADD(body, 0x48, 0x83, 0xc7, 0x08);
			break;
		case 3:
			ADD(body, 0x48, 0x89, 0x07);
			break;
		case 4:
			ADD(body, 0xfb);
			break;
		default:
			ADD(body, 0x48, 0x0f, 0xaf, 0xc1);
			break;
		}
	}
	ADD(body, 0x41, 0xff, 0xcc, 0x75, (uint8_t)(start - body->used - 5));
}

/* A store into the code that follows. */
static void add_self(struct body *body)
{
	ADD(body, 0xc6, 0x05);
	add_number(body, any(body, 12), 4);
	add_number(body, any(body, 2) ? 0x90 : random_next(&body->state), 1);
}

/* A RET that returns to itself a few times, then behind itself. */
static void add_returns(struct body *body)
{
	uint64_t times = any(body, 4), nop = any(body, 2);

	ADD(body, 0x48, 0x8d, 0x05); /* lea behind the RET, %rax */
	add_number(body, 5 + times + nop + 1, 4);
	ADD(body, 0x50, 0x48, 0x83, 0xc0, 0xff); /* push %rax; add $-1, %rax */
	for (; times; times--)
		ADD(body, 0x50);
	if (nop)
		ADD(body, 0x90);
	ADD(body, 0xc3);
}

/* The stack is in the code that follows; a call of the next instruction, or a push. */
static void add_stack_in_code(struct body *body)
{
	ADD(body, 0x48, 0x8d, 0x25);
	add_number(body, any(body, 32), 4);
	if (any(body, 2))
		ADD(body, 0xe8, 0, 0, 0, 0);
	else
		ADD(body, 0x50);
}

static void add_load_store(struct body *body)
{
	static const uint8_t ops[] = {0x8b, 0x89, 0x03, 0x01, 0x87, 0x33};
	uint32_t places[] = {0x108000 + (uint32_t)any(body, 0x2000), (uint32_t)any(body, 1 << 22),
	                     BASE + BODY + (uint32_t)any(body, 64),
	                     0xfee00000 + (uint32_t)any(body, 0x400)};

	ADD(body, 0x48, ops[any(body, 6)], 0x04, 0x25);
	add_number(body, places[any(body, 16) ? any(body, 2) : 2 + any(body, 2)], 4);
}

static void add_small(struct body *body)
{
	static const struct {
		uint8_t bytes[8], count;
	} small[] = {
		{{0xfb}, 1},
		{{0xfa}, 1},
		{{0xfb, 0xf3, 0x90}, 3},
		{{0xf3, 0x90}, 2},
		{{0x90}, 1},
		{{0x0f, 0x31}, 2},
		{{0x0f, 0x33}, 2},
		{{0x0f, 0xa2}, 2},
		{{0x0f, 0x32}, 2},
		{{0x50, 0x58}, 2},
		{{0x9c, 0x58}, 2},
		{{0x9c, 0x81, 0x0c, 0x24, 0, 1, 0, 0}, 8}, /* TF … */
		{{0x9d}, 1},                               /* … by POPF */
		{{0xcc}, 1},
		{{0xcd, 0x40}, 2},
		{{0x0f, 0x0b}, 2},
		{{0x0f, 0x0b, 'k', 'v', 'm', 0x90}, 6},
		{{0x8e, 0xd0}, 2},
		{{0xe8, 0, 0, 0, 0}, 5},
		{{0xc3}, 1},
		{{0xf7, 0xf1}, 2},
		{{0x0f, 0x09}, 2},
		{{0x0f, 0xae, 0x3e}, 3},
		{{0x0f, 0xae, 0x06}, 3},
		{{0x0f, 0xae, 0x0e}, 3},
		{{0x0f, 0xae, 0x16}, 3},
		{{0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8}, 6},
		{{0x0f, 0x01, 0x3e}, 3},
		{{0x44, 0x0f, 0x20, 0xc0}, 4},
		{{0x44, 0x0f, 0x22, 0xc0}, 4},
		{{0x74, 0x02, 0x90, 0x90}, 4},
		{{0x75, 0x01, 0x90}, 3},
		{{0xf0, 0x48, 0x0f, 0xc1, 0x06}, 5},
		{{0xd9, 0x06, 0xd8, 0xc0, 0xdd, 0x1f}, 6},
		{{0x66, 0x0f, 0x6f, 0x06}, 4},
		{{0xf2, 0x0f, 0x58, 0xc1}, 4},
		{{0xdb, 0xe3}, 2},
		{{0x41, 0xff, 0xd0}, 3},
		{{0x66, 0x98}, 2},
		{{0xff, 0x36, 0xc3}, 3},
	};
	unsigned i = (unsigned)any(body, sizeof(small) / sizeof(small[0]));

	add(body, small[i].bytes, small[i].count);
}

static void add_piece(struct body *body)
{
	static void (*const pieces[])(struct body *) = {
		add_small,   add_small,   add_small,  add_small,      add_bytes,
		add_apic,    add_counter, add_string, add_load_store, add_load_store,
		add_control, add_loop,    add_self,   add_returns,    add_stack_in_code,
	};

	pieces[any(body, sizeof(pieces) / sizeof(pieces[0]))](body);
}

/* Selectors of events that happen, most with CMASK, INV or EDGE, of a CMASK that a few reach. */
static void add_cycle_counters(struct body *body, bool amd)
{
	static const uint16_t events[2][6] = {{0xc0, 0xc4, 0x3c, 0xc5, 0x4f2e, 0xc0},
	                                      {0xc0, 0xc2, 0x76, 0xc3, 0xc0, 0xc2}};

	for (uint32_t i = 0; i < 2; i++) {
		uint64_t bits = any(body, 6) << 24 | any(body, 2) << 23 | any(body, 2) << 18;

		add_wrmsr(body, amd ? 0xc0010004 + i : 0xc1 + i, 0 - (1 + any(body, 3000)));
		add_wrmsr(body, amd ? 0xc0010000 + i : 0x186 + i,
		          0x530000 | bits | events[amd][any(body, 6)]);
	}
}

size_t random_guest_of_cycles(uint64_t seed, bool amd, uint8_t image[RANDOM_GUEST_MOST])
{
	struct body body = {.state = seed};

	add_cycle_counters(&body, amd);
	for (uint64_t n = 2 + any(&body, 25); n; n--)
		add_piece(&body);
	return random_guest_of(body.bytes, body.used, 3 + (uint32_t)any(&body, 60), image);
}

size_t random_guest(uint64_t seed, uint8_t image[RANDOM_GUEST_MOST])
{
	struct body body = {.state = seed};

	add_counter(&body);
	add_control(&body);
	for (uint64_t n = 2 + any(&body, 25); n; n--)
		add_piece(&body);
	return random_guest_of(body.bytes, body.used, 3 + (uint32_t)any(&body, 60), image);
}
