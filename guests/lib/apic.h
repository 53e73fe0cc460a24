/* SPDX-License-Identifier: MIT */
/* The local APIC (xAPIC), as far as a PMI needs it. */
#ifndef GUEST_APIC_H
#define GUEST_APIC_H

#include <stdint.h>

#include "layout.h"

#define MSR_APIC_BASE UINT32_C(0x1b)

#define LVT_MASKED UINT32_C(0x10000)
#define LVT_NMI    UINT32_C(0x400)

void apic_start(void);
uint32_t apic_lvtpc(void);
void apic_set_lvtpc(uint32_t value);
void apic_eoi(void);

#endif
