/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C, eight bytes at a time. A CRC is linear: the checksum of a byte is the exclusive or of
 * those of its bits, so eight numbers are enough to make a table of 256. The 64 numbers below are
 * successive steps of the shift register of the polynomial 0x82f63b78.
 */
#include <stream/room_int.h>

#define BIT_OF(i, n, value) ((i) >> (n)&1 ? UINT32_C(value) : 0)
#define ENTRY(i, a, b, c, d, e, f, g, h)                                                           \
	(BIT_OF(i, 0, a) ^ BIT_OF(i, 1, b) ^ BIT_OF(i, 2, c) ^ BIT_OF(i, 3, d) ^ BIT_OF(i, 4, e) ^ \
	 BIT_OF(i, 5, f) ^ BIT_OF(i, 6, g) ^ BIT_OF(i, 7, h))

/* AFTER_N(i): the checksum of byte i followed by N zero bytes. */
#define AFTER_0(i)                                                                                 \
	ENTRY(i, 0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede,           \
	      0x417b1dbc, 0x82f63b78)
#define AFTER_1(i)                                                                                 \
	ENTRY(i, 0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302,           \
	      0xff17c604, 0xfbc3faf9)
#define AFTER_2(i)                                                                                 \
	ENTRY(i, 0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14,           \
	      0xc76580d9, 0x8b277743)
#define AFTER_3(i)                                                                                 \
	ENTRY(i, 0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b,           \
	      0xaba65fe7, 0x52a0c93f)
#define AFTER_4(i)                                                                                 \
	ENTRY(i, 0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91, 0x8f2261d3, 0x1ba8b557,           \
	      0x37516aae, 0x6ea2d55c)
#define AFTER_5(i)                                                                                 \
	ENTRY(i, 0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f, 0xc00c303e, 0x85f4168d,           \
	      0x0e045beb, 0x1c08b7d6)
#define AFTER_6(i)                                                                                 \
	ENTRY(i, 0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53, 0x9c5bfaa6, 0x3d5b83bd,           \
	      0x7ab7077a, 0xf56e0ef4)
#define AFTER_7(i)                                                                                 \
	ENTRY(i, 0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da, 0x847609b4, 0x0d006599,           \
	      0x1a00cb32, 0x34019664)

#define FOUR(f, i)       f(i), f(i + 1), f(i + 2), f(i + 3)
#define SIXTEEN(f, i)    FOUR(f, i), FOUR(f, i + 4), FOUR(f, i + 8), FOUR(f, i + 12)
#define SIXTY_FOUR(f, i) SIXTEEN(f, i), SIXTEEN(f, i + 16), SIXTEEN(f, i + 32), SIXTEEN(f, i + 48)
#define TABLE(f)                                                                                   \
	{                                                                                          \
		SIXTY_FOUR(f, 0), SIXTY_FOUR(f, 64), SIXTY_FOUR(f, 128), SIXTY_FOUR(f, 192)        \
	}

static const uint32_t after[8][256] = {
	TABLE(AFTER_0), TABLE(AFTER_1), TABLE(AFTER_2), TABLE(AFTER_3),
	TABLE(AFTER_4), TABLE(AFTER_5), TABLE(AFTER_6), TABLE(AFTER_7),
};

static uint32_t eight_bytes(uint32_t crc, const uint8_t *at)
{
	uint64_t value = le_get(at, 8);
	uint32_t low = crc ^ (uint32_t)value, high = (uint32_t)(value >> 32);

	return after[7][low & 0xff] ^ after[6][low >> 8 & 0xff] ^ after[5][low >> 16 & 0xff] ^
	       after[4][low >> 24] ^ after[3][high & 0xff] ^ after[2][high >> 8 & 0xff] ^
	       after[1][high >> 16 & 0xff] ^ after[0][high >> 24];
}

uint32_t crc32c_by_table(uint32_t crc, const void *data, size_t bytes)
{
	const uint8_t *at = data;

	crc = ~crc;
	for (; bytes >= 8; bytes -= 8, at += 8)
		crc = eight_bytes(crc, at);
	for (; bytes; bytes--, at++)
		crc = crc >> 8 ^ after[0][(crc ^ *at) & 0xff];
	return ~crc;
}

#if defined(__x86_64__) && __STDC_HOSTED__

/* The CRC-32C instruction of SSE4.2. To detect it needs the compiler's runtime, which a
 * freestanding program may not have. */
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const void *data,
                                                                 size_t bytes)
{
	const uint8_t *at = data;
	uint64_t sum = ~crc;

	for (; bytes >= 8; bytes -= 8, at += 8)
		sum = __builtin_ia32_crc32di(sum, le_get(at, 8));
	for (; bytes; bytes--, at++)
		sum = __builtin_ia32_crc32qi((uint32_t)sum, *at);
	return ~(uint32_t)sum;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t bytes)
{
	return __builtin_cpu_supports("sse4.2") ? by_instruction(crc, data, bytes)
	                                        : crc32c_by_table(crc, data, bytes);
}

#else

uint32_t crc32c(uint32_t crc, const void *data, size_t bytes)
{
	return crc32c_by_table(crc, data, bytes);
}

#endif
