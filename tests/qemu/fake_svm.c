/* SPDX-License-Identifier: MIT */
/* The fake's SVM: VMRUN, #VMEXIT, nested paging. QEMU's look-ups for plugins do not know the
 * latter: the fake's do not either. */
#include "fake_inside.h"

#include <string.h>

enum { PAGE = 4096, TABLES = 0x8000, PRESENT = 7 };

/* Where the VMCB has what VMRUN loads. */
static const struct {
	uint16_t offset;
	uint8_t reg;
} saved[] = {
	{0x4d0, FAKE_EFER}, {0x548, FAKE_CR4}, {0x550, FAKE_CR3}, {0x558, FAKE_CR0},
	{0x578, FAKE_RIP},  {0x5d8, FAKE_RSP}, {0x5f8, FAKE_RAX},
};

enum { SAVED = sizeof(saved) / sizeof(saved[0]) };

static void set(uint64_t address, uint64_t value)
{
	memcpy(fake.memory + address, &value, sizeof(value));
}

uint64_t fake_vmcb(unsigned offset)
{
	uint64_t value;

	memcpy(&value, fake.memory + FAKE_VMCB + offset, sizeof(value));
	return value;
}

uint8_t *fake_at(uint64_t address)
{
	return fake.memory + (fake.in_guest && fake.nested ? FAKE_GUEST + address : address);
}

void fake_vmrun(uint64_t next)
{
	fake.reg[FAKE_RIP] = next;
	memcpy(fake.host, fake.reg, sizeof(fake.host));
	fake.in_guest = true;
	for (unsigned i = 0; i < SAVED; i++)
		fake.reg[saved[i].reg] = fake_vmcb(saved[i].offset);
}

void fake_exit(uint64_t code, uint64_t rip)
{
	static const uint8_t kept[] = {FAKE_RBX, FAKE_RCX, FAKE_RDX};

	fake.reg[FAKE_RIP] = rip;
	for (unsigned i = 0; i < SAVED; i++)
		set(FAKE_VMCB + saved[i].offset, fake.reg[saved[i].reg]);
	set(FAKE_VMCB + 0x70, code);
	for (unsigned i = 0; i < sizeof(kept); i++)
		fake.host[kept[i]] = fake.reg[kept[i]];
	memcpy(fake.reg, fake.host, sizeof(fake.reg));
	fake.in_guest = false;
	fake.exits++;
}

/* Of 0xc0010000 and on; all others exit. */
bool fake_msr_exits(uint32_t msr, bool write, uint64_t rip)
{
	uint32_t bit = (0x4000 + msr - 0xc0010000u) * 2 + write;

	if (msr - 0xc0010000u < 0x2000 && !(fake.memory[FAKE_MSRPM + bit / 8] >> bit % 8 & 1))
		return false;
	fake_exit(0x7c, rip);
	return true;
}

/* Four levels of tables at an address, by which the first pages are found from `to` on. */
static void make_tables(uint64_t at, uint64_t base, uint64_t to)
{
	for (unsigned level = 0; level < 3; level++)
		set(at + level * PAGE, (base + (level + 1) * PAGE) | PRESENT);
	for (unsigned i = 0; i < FAKE_GUEST_PAGES; i++)
		set(at + 3 * PAGE + i * 8, (to + i * PAGE) | PRESENT);
}

void fake_guest(const void *code, unsigned bytes, bool nested, bool with_tables, bool all_msrs)
{
	uint64_t memory = nested ? FAKE_GUEST : 0;

	fake.nested = nested;
	fake.reg[FAKE_EFER] |= 0x1000;
	fake.reg[FAKE_RAX] = FAKE_VMCB;
	fake_write(memory + FAKE_CODE + (nested ? 0 : 0x1000), code, bytes);
	make_tables(FAKE_NESTED, FAKE_NESTED, FAKE_GUEST);
	make_tables(memory + TABLES, TABLES, 0);
	memset(fake.memory + FAKE_VMCB, 0, PAGE);
	memset(fake.memory + FAKE_MSRPM, all_msrs ? 0xff : 0, 2 * PAGE);
	fake.rdpmc_exits = all_msrs;
	set(FAKE_VMCB + 0x0c, UINT64_C(1) << 28 | 1 << 18 | (all_msrs ? 1 << 15 : 0));
	set(FAKE_VMCB + 0x48, FAKE_MSRPM);
	set(FAKE_VMCB + 0x90, nested);
	set(FAKE_VMCB + 0xb0, FAKE_NESTED);
	set(FAKE_VMCB + 0x4d0, with_tables ? 0x1d00 : 0x1000);
	set(FAKE_VMCB + 0x548, 0x20);
	set(FAKE_VMCB + 0x550, TABLES);
	set(FAKE_VMCB + 0x558, with_tables ? 0x80000001 : 1);
	set(FAKE_VMCB + 0x578, FAKE_CODE + (nested ? 0 : 0x1000));
	set(FAKE_VMCB + 0x5d8, 0x7000);
}
