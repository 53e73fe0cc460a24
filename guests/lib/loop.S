/* SPDX-License-Identifier: MIT */
/* The counting loop, in a file of its own: `make bench` runs the same bytes on a bare CPU. */

	.text
	.code64

	/* Arithmetic with one well-predicted branch. */
	.balign 64
	.globl body_loop
body_loop:
1:	add	$3, %rax
	lea	7(%rax, %rcx), %rdx
	xor	%rdx, %rcx
	shr	$1, %rdx
	add	%rdx, %rsi
	and	$0xff, %esi
	or	$1, %esi
	sub	%rsi, %rcx
	dec	%rdi
	jnz	1b
	.globl body_loop_end
body_loop_end:
	ret

	.section .note.GNU-stack, "", @progbits
