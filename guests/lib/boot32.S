/* SPDX-License-Identifier: MIT */
/* A multiboot 1 entry: from flat 32-bit protected mode to start64. Only in the images for loaders
 * that know multiboot; the plain ELF64 images begin at start64. */
#include "layout.h"

#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 3 /* page-aligned modules, memory information */

	.section .multiboot, "a"
	.balign 4
	.long MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

	.text
	.code32
	.globl start32
start32:
	mov	%eax, %esi
	mov	$page_map, %ecx
	mov	%ecx, %cr3
	mov	%cr4, %ecx
	or	$0x20, %ecx		/* PAE */
	mov	%ecx, %cr4
	mov	$0xc0000080, %ecx	/* EFER */
	rdmsr
	or	$0x100, %eax		/* LME */
	wrmsr
	mov	%cr0, %ecx
	or	$0x80000000, %ecx	/* PG */
	mov	%ecx, %cr0
	mov	%esi, %eax
	lgdt	gdt_pointer
	ljmp	$KERNEL_CODE, $start64

	.section .note.GNU-stack, "", @progbits
