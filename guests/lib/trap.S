/* SPDX-License-Identifier: MIT */
/* The IDT's entry points, and the way to ring 3 and back. */
#include "layout.h"

	.text
	.code64

	/* A stub a vector: error code (0 where the processor pushes none), vector. */
	.balign TRAP_STUB_BYTES
	.globl trap_stubs
trap_stubs:
	.set	vector, 0
	.rept	256
	.balign TRAP_STUB_BYTES
	.if	!(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
	pushq	$0
	.endif
	pushq	$vector
	jmp	trap_common
	.set	vector, vector + 1
	.endr

trap_common:
	push	%rax
	push	%rcx
	push	%rdx
	push	%rbx
	push	%rbp
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %rdi
	cld
	call	trap_dispatch		/* returns a register write to do last, or NULL */
	test	%rax, %rax
	jz	1f
	mov	(%rax), %ecx
	mov	12(%rax), %edx
	mov	8(%rax), %eax
	wrmsr
	/* RESUME_INSTRUCTIONS from here: 15 pops, ADD, IRETQ. */
1:	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rbp
	pop	%rbx
	pop	%rdx
	pop	%rcx
	pop	%rax
	add	$16, %rsp
	iretq

	/* void call_user(void (*function)(void *), void *argument): runs it in ring 3. */
	.globl call_user
call_user:
	pushfq
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, user_caller(%rip)
	mov	%rdi, %rax
	mov	%rsi, %rdi
	pushq	$USER_DATA
	lea	user_stack_top(%rip), %rcx
	push	%rcx
	pushfq
	pushq	$USER_CODE
	lea	1f(%rip), %rcx
	push	%rcx
	iretq
1:	call	*%rax			/* ring 3 from here */
	int	$VECTOR_USER_EXIT

	.globl trap_user_exit
trap_user_exit:
	mov	user_caller(%rip), %rsp
	mov	$KERNEL_DATA, %ecx
	mov	%ecx, %ss
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	popfq
	ret

	.bss
	.balign 16
	.fill	16384, 1, 0
	.globl trap_stack_top
trap_stack_top:
	.fill	16384, 1, 0
	.globl user_stack_top
user_stack_top:
	.globl user_caller
user_caller:
	.quad	0

	.section .note.GNU-stack, "", @progbits
