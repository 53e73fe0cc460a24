/* SPDX-License-Identifier: MIT */
/* The table of a selector's bits. What the register machine makes of them is in src/core/control.c;
 * Intel SDM vol. 3B 20.2.1.1, AMD APM vol. 2 13.2.1. */
#include "bits.h"

#include <arch/room.h>

enum {
	OF_AMD = 1 << VPMU_VENDOR_AMD,
	OF_P6 = 1 << VPMU_VENDOR_INTEL_P6,
	OF_OTHERS = 1 << VPMU_VENDOR_INTEL | 1 << VPMU_VENDOR_ZHAOXIN | OF_AMD,
	OF_INTEL = 1 << VPMU_VENDOR_INTEL | 1 << VPMU_VENDOR_ZHAOXIN | OF_P6,
	OF_ALL = OF_INTEL | OF_AMD,
};

/* clang-format off */
static const struct selector_bits table[] = {
	{SEL_EVENT, OF_ALL, "event", "counts", "which event"},
	{SEL_UMASK, OF_ALL, "unit mask", "counts", "which of the event's kinds"},
	{SEL_USR, OF_ALL, "USR", "filters", "counts at CPL 1 to 3"},
	{SEL_OS, OF_ALL, "OS", "filters", "counts at CPL 0"},
	{SEL_EDGE, OF_ALL, "EDGE", "filters",
	 "counts cycles in which the condition begins"},
	{SEL_PC, OF_INTEL, "PC", "stored", "pin control: there is no pin"},
	{SEL_INT, OF_ALL, "INT", "acts", "an overflow asks for a PMI"},
	{SEL_ANY, OF_INTEL, "ANY", "stored",
	 "AnyThread: a core has one thread here"},
	{SEL_EN, OF_OTHERS, "EN", "acts", "the counter is enabled"},
	{SEL_EN, OF_P6, "EN", "acts",
	 "of selector 0: both counters are enabled; of selector 1: stored only"},
	{SEL_INV, OF_ALL, "INV", "filters",
	 "counts cycles with fewer than CMASK events; ignored while CMASK is 0"},
	{SEL_CMASK, OF_ALL, "CMASK", "filters",
	 "counts cycles with at least so many events"},
	{SEL_IN_TX, OF_INTEL, "IN_TX", "filters",
	 "counts inside transactions: there are none, so nothing"},
	{SEL_IN_TXCP, OF_INTEL, "IN_TXCP", "filters",
	 "leaves out aborted transactions: there are none"},
	{SEL_ADAPTIVE, OF_INTEL, "ADAPTIVE", "stored",
	 "groups in a PEBS record: none of that format is written"},
	{SEL_EQ, OF_INTEL, "EQ", "filters",
	 "counts cycles with CMASK events, no more; ignored while CMASK is 0"},
	{SEL_HIDE, OF_INTEL, "RDPMC_HIDE", "acts", "RDPMC at CPL 1 to 3 reads 0"},
	{SEL_UMASK2, OF_INTEL, "UMASK2", "counts", "which of the event's kinds, too"},
	{SEL_AMD_EVENT, OF_AMD, "event 11:8", "counts", "which event"},
	{SEL_AMD_GUEST, OF_AMD, "GuestOnly", "filters",
	 "counts guests of this one: without SVM there are none, so nothing"},
	{SEL_AMD_HOST, OF_AMD, "HostOnly", "filters",
	 "counts this one as a host: without SVM it is none, so nothing"},
};
/* clang-format on */
enum { ROWS = sizeof(table) / sizeof(table[0]) };

bool selector_bits_at(const struct vpmu_model *model, uint64_t writable, size_t i,
                      struct selector_bits *bits)
{
	for (size_t row = 0; row < ROWS; row++) {
		if (!(table[row].bits & writable) || !(table[row].vendors >> model->vendor & 1) ||
		    i--)
			continue;
		*bits = table[row];
		bits->bits &= writable;
		return true;
	}
	return false;
}

uint64_t selector_writable(const struct vpmu_register *registers, size_t count)
{
	uint64_t writable = 0;

	for (size_t i = 0; i < count; i++)
		if (registers[i].kind == VPMU_KIND_SELECTOR)
			writable |= registers[i].writable;
	return writable;
}
