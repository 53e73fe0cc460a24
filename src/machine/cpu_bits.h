/* SPDX-License-Identifier: MIT */
/* Bits of control registers: Intel SDM vol. 3A 2.5 (CR0, CR4), 2.2.1 (EFER). */
#ifndef MACHINE_CPU_BITS_H
#define MACHINE_CPU_BITS_H

#define CR0_PE         0x00000001u
#define CR0_MP         0x00000002u
#define CR0_ET         0x00000010u
#define CR0_NE         0x00000020u
#define CR0_WP         0x00010000u
#define CR0_NW         0x20000000u
#define CR0_CD         0x40000000u
#define CR0_PG         0x80000000u
#define CR4_TSD        0x00000004u
#define CR4_DE         0x00000008u
#define CR4_PAE        0x00000020u
#define CR4_PCE        0x00000100u
#define CR4_OSFXSR     0x00000200u
#define CR4_OSXMMEXCPT 0x00000400u
#define CR4_LA57       0x00001000u
#define EFER_SCE       0x00000001u
#define EFER_LME       0x00000100u
#define EFER_LMA       0x00000400u
#define EFER_NXE       0x00000800u

#endif
