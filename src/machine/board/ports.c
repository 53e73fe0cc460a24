/* SPDX-License-Identifier: MIT */
/*
 * The I/O ports: a serial port that only sends, the port that ends the run, and fw_cfg's few
 * numbers. A port without a row reads all ones and ignores writes.
 */
#include "room.h"

struct port_row {
	uint16_t first, last;
	uint32_t (*read)(struct ports *ports, uint16_t port, unsigned size);
	void (*write)(struct ports *ports, uint16_t port, unsigned size, uint32_t value);
};

/* 16550 registers by offset. IER, LCR, MCR and SCR just keep what is written. */
enum { UART_DATA, UART_IER, UART_IIR, UART_LCR, UART_MCR, UART_LSR, UART_MSR, UART_SCR };
enum {
	UART_BASE = 0x3f8,
	LCR_DIVISOR = 0x80,
	LSR_READY = 0x60, /* transmitter empty, holding register empty */
	IIR_NONE = 0x01,  /* no interrupt pending */
	MSR_LINES = 0xb0, /* carrier, data set ready, clear to send */
};

static uint8_t uart_read_byte(const struct ports *ports, unsigned offset)
{
	switch (offset) {
	case UART_DATA:
		return 0; /* nothing ever arrives */
	case UART_IIR:
		return IIR_NONE;
	case UART_LSR:
		return LSR_READY;
	case UART_MSR:
		return MSR_LINES;
	default:
		return ports->uart[offset];
	}
}

static void uart_write_byte(struct ports *ports, unsigned offset, uint8_t value)
{
	bool divisor = ports->uart[UART_LCR] & LCR_DIVISOR;

	if (offset == UART_DATA && !divisor && ports->serial)
		ports->serial(ports->context, value);
	if (offset != UART_DATA && !(offset == UART_IER && divisor))
		ports->uart[offset] = value;
}

/* A wider access covers neighbouring byte registers. */
static uint32_t uart_read(struct ports *ports, uint16_t port, unsigned size)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < size; i++) {
		unsigned offset = port + i - UART_BASE;
		uint32_t byte = offset < 8 ? uart_read_byte(ports, offset) : 0xff;

		value |= byte << (8 * i);
	}
	return value;
}

static void uart_write(struct ports *ports, uint16_t port, unsigned size, uint32_t value)
{
	for (unsigned i = 0; i < size && port + i < UART_BASE + 8u; i++)
		uart_write_byte(ports, port + i - UART_BASE, (uint8_t)(value >> (8 * i)));
}

static void exit_write(struct ports *ports, uint16_t port, unsigned size, uint32_t value)
{
	if (ports->exited)
		return;
	ports->exited = true;
	ports->exit_value = value;
}

/* fw_cfg items (QEMU docs/specs/fw_cfg): little-endian numbers, then zeros. */
enum { FW_SIGNATURE, FW_ID, FW_RAM_SIZE = 3, FW_CPUS = 5, FW_MAX_CPUS = 15 };

static uint64_t fw_item(const struct ports *ports, uint16_t key)
{
	switch (key) {
	case FW_SIGNATURE:
		return UINT64_C(0x554d4551); /* "QEMU": what drivers look for */
	case FW_RAM_SIZE:
		return ports->ram_bytes;
	case FW_ID: /* bit 0: this interface, and not DMA */
	case FW_CPUS:
	case FW_MAX_CPUS:
		return 1;
	default:
		return 0;
	}
}

static void fw_select(struct ports *ports, uint16_t port, unsigned size, uint32_t value)
{
	ports->fw_key = (uint16_t)value;
	ports->fw_offset = 0;
}

static uint32_t fw_read(struct ports *ports, uint16_t port, unsigned size)
{
	uint64_t item = fw_item(ports, ports->fw_key);
	uint32_t offset = ports->fw_offset;

	if (size != 1)
		return UINT32_MAX;
	if (offset >= sizeof(item))
		return 0;
	ports->fw_offset++;
	return (item >> (8 * offset)) & 0xff;
}

static const struct port_row rows[] = {
	{0xf4, 0xf4, NULL, exit_write},
	{UART_BASE, UART_BASE + 7, uart_read, uart_write},
	{0x510, 0x510, NULL, fw_select},
	{0x511, 0x511, fw_read, NULL},
};

static const struct port_row *find(uint16_t port)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		if (port >= rows[i].first && port <= rows[i].last)
			return &rows[i];
	return NULL;
}

uint32_t ports_read(struct ports *ports, uint16_t port, unsigned size)
{
	const struct port_row *row = find(port);
	uint32_t value = row && row->read ? row->read(ports, port, size) : UINT32_MAX;

	return size < 4 ? value & ((UINT32_C(1) << (8 * size)) - 1) : value;
}

void ports_write(struct ports *ports, uint16_t port, unsigned size, uint32_t value)
{
	const struct port_row *row = find(port);

	if (row && row->write)
		row->write(ports, port, size, value);
}
