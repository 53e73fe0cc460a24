/* SPDX-License-Identifier: MIT */
/* Goes to ring 3 and back under running counters, with a known number of instructions in either
 * ring. */
#include "cross.h"
#include "layout.h"

	.text
	.code64

	/* void cross_run(const struct msr_write *start, const struct msr_write *stop,
	 *		  unsigned writes, uint64_t iterations)
	 * Ring 0, from after the first start write: 3 instructions, 7 for each further write of
	 * either list, CROSS_DOWN, one IRETQ an iteration, CROSS_UP. */
	.globl cross_run
cross_run:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	mov	%rdi, %rbx
	mov	%rsi, %r12
	mov	%edx, %ebp
	mov	%edx, %r13d
	mov	%rcx, %rdi
	mov	%rsp, user_caller(%rip)
1:	mov	(%rbx), %ecx
	mov	8(%rbx), %eax
	mov	12(%rbx), %edx
	wrmsr
	add	$16, %rbx
	dec	%ebp
	jnz	1b
	pushq	$USER_DATA		/* CROSS_DOWN from here */
	pushq	$user_stack_top
	pushq	$2
	pushq	$USER_CODE
	pushq	$cross_user
	iretq

	/* VECTOR_PING */
	.globl cross_ping
cross_ping:
	iretq

	/* VECTOR_CROSS_EXIT. CROSS_UP: one instruction, and 4 of the stop list. */
	.globl cross_exit
cross_exit:
	mov	user_caller(%rip), %rsp
2:	mov	(%r12), %ecx
	mov	8(%r12), %eax
	mov	12(%r12), %edx
	wrmsr
	add	$16, %r12
	dec	%r13d
	jnz	2b
	mov	$KERNEL_DATA, %ecx
	mov	%ecx, %ss
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	/* CROSS_USER_EACH instructions an iteration, INT included, and one INT to leave. */
cross_user:
	add	$1, %rax
	lea	3(%rax), %rsi
	int	$VECTOR_PING
	xor	%rsi, %rax
	dec	%rdi
	jnz	cross_user
	int	$VECTOR_CROSS_EXIT

	/* void cross_faults(void *iterations), for call_user(): in each iteration a load that
	 * faults (#PF) and an undefined instruction (#UD); neither retires. */
	.globl cross_faults
cross_faults:
	movabs	$CROSS_UNMAPPED, %rdx
1:	movb	(%rdx), %al
2:	nop
3:	ud2
4:	dec	%rdi
	jnz	1b
	ret
	.pushsection .fixups, "a"
	.quad	1b, 2b, 3b, 4b
	.popsection

	.section .note.GNU-stack, "", @progbits
