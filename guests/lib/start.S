/* SPDX-License-Identifier: MIT */
/* The 64-bit entry of every guest, and the tables that stay for the guest's life: page tables
 * (identity, 4 GiB in 2 MiB pages, open to ring 3), GDT and TSS. On entry EAX is MULTIBOOT_ANSWER
 * and EBX the multiboot information, or RAX is something else and RDI the command line or 0. */
#include "layout.h"

	.text
	.code64
	.globl start64
start64:
	cli
	lea	boot_stack_top(%rip), %rsp
	mov	$page_map, %ecx
	mov	%rcx, %cr3
	lgdt	gdt_pointer
	pushq	$KERNEL_CODE
	pushq	$1f
	lretq
1:	mov	$KERNEL_DATA, %ecx
	mov	%ecx, %ds
	mov	%ecx, %es
	mov	%ecx, %ss
	xor	%ecx, %ecx
	mov	%ecx, %fs
	mov	%ecx, %gs
	cmp	$MULTIBOOT_ANSWER, %eax
	jne	2f
	mov	%ebx, %esi
	xor	%edi, %edi
	jmp	3f
2:	xor	%esi, %esi
3:	xor	%ebp, %ebp
	call	guest_start		/* (command line, multiboot information) */
4:	cli
	hlt
	jmp	4b

	.data
	.balign 4096
	.globl page_map
page_map:
	.quad	page_pointers + 7
	.fill	511, 8, 0
page_pointers:
	.set	i, 0
	.rept	4
	.quad	page_directories + i * 4096 + 7
	.set	i, i + 1
	.endr
	.fill	508, 8, 0
page_directories:
	.set	i, 0
	.rept	2048
	.quad	(i << 21) + 0x87	/* present, writable, user, 2 MiB */
	.set	i, i + 1
	.endr

	.balign 16
	.globl gdt, gdt_pointer, task_state
gdt:
	.quad	0
	.quad	0x00af9b000000ffff	/* KERNEL_CODE */
	.quad	0x00cf93000000ffff	/* KERNEL_DATA */
	.quad	0x00cff3000000ffff	/* USER_DATA */
	.quad	0x00affb000000ffff	/* USER_CODE */
	.quad	0, 0			/* TASK: trap_start() fills it in */
gdt_end:
gdt_pointer:
	.word	gdt_end - gdt - 1
	.quad	gdt

	.balign 16
task_state:
	.fill	104, 1, 0

	.bss
	.balign 16
	.fill	16384, 1, 0
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
