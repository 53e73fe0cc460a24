/* SPDX-License-Identifier: MIT */
/* Starts counters, runs a body, stops them: a known number of instructions and branches around it.
 * And the bodies: each takes its number of iterations in RDI. */
#include "measure.h"

	.text
	.code64

	/* void measure_run(const struct msr_write *start, const struct msr_write *stop,
	 *		    unsigned writes, void (*body)(uint64_t), uint64_t iterations)
	 * A counter runs from after its own start write up to and including its stop write. Both
	 * lists are walked in the same order, so each counter sees the same number of steps. */
	.globl measure_run
measure_run:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	mov	%rdi, %rbx
	mov	%rsi, %r12
	mov	%edx, %ebp
	mov	%edx, %r13d
	mov	%rcx, %r14
1:	mov	(%rbx), %ecx
	mov	8(%rbx), %eax
	mov	12(%rbx), %edx
	wrmsr
	add	$16, %rbx
	dec	%ebp
	jnz	1b
	mov	%r8, %rdi
	call	*%r14
2:	mov	(%r12), %ecx
	mov	8(%r12), %eax
	mov	12(%r12), %edx
	wrmsr
	add	$16, %r12
	dec	%r13d
	jnz	2b
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	/* Eight bytes after eight bytes through measure_buffer. */
	.balign 64
	.globl body_stream
body_stream:
	mov	$measure_buffer, %edx
1:	add	(%rdx), %rax
	add	$8, %rdx
	dec	%rdi
	jnz	1b
	ret

	/* A branch on a bit of a pseudo-random number (xorshift): taken or not, as many
	 * instructions and branches follow. */
	.balign 64
	.globl body_branchy
body_branchy:
	mov	$0x9e3779b9, %eax
1:	mov	%rax, %rcx
	shl	$13, %rcx
	xor	%rcx, %rax
	mov	%rax, %rcx
	shr	$7, %rcx
	xor	%rcx, %rax
	mov	%rax, %rcx
	shl	$17, %rcx
	xor	%rcx, %rax
	test	$0x10, %al
	jz	2f
	inc	%rdx
	jmp	3f
2:	dec	%rdx
	jmp	3f
3:	dec	%rdi
	jnz	1b
	ret

	/* What a hypervisor intercepts, or a string instruction repeats: each is one. */
	.balign 64
	.globl body_intercepted
body_intercepted:
	push	%rbx
	mov	%rdi, %r10
1:	xor	%eax, %eax
	cpuid
	rdtsc
	mov	$0x1b, %ecx		/* IA32_APIC_BASE, read and written back */
	rdmsr
	wrmsr
	xor	%ecx, %ecx
	rdpmc
	in	$0x80, %al
	out	%al, $0x80
	mov	%cr8, %rax
	mov	%rax, %cr8
	mov	$100, %ecx
	mov	$measure_buffer, %edi
	rep stosb
	dec	%r10
	jnz	1b
	pop	%rbx
	ret

	.bss
	.balign 4096
measure_buffer:
	.fill	MEASURE_BUFFER_BYTES / 8, 8, 0

	.section .note.GNU-stack, "", @progbits
