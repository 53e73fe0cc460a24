/* SPDX-License-Identifier: MIT */
/* The loop to be sampled. PLACE puts down an instruction and its row in sample_places, so the two
 * cannot differ. */
#include "sample.h"

	.macro	PLACE text, is_branch=0
	.pushsection .rodata.text, "a"
9001:	.asciz	"\text"
	.popsection
	.pushsection .rodata.places, "a"
	.quad	9002f, 9001b, \is_branch
	.popsection
9002:	\text
	.endm

	.section .rodata.places, "a"
	.balign 8
	.globl sample_places
sample_places:

	.text
	.code64
	.balign 64
	.globl sample_loop
sample_loop:
	PLACE	"add $3, %rax"
	PLACE	"mov sample_loop(%rip), %rcx"
	PLACE	"lea 5(%rax,%rcx), %rdx"
	PLACE	"jmp sample_on", 1
	ud2
sample_on:
	PLACE	"xor %rdx, %rsi"
	PLACE	"test %rdi, %rdi"
	PLACE	"jz sample_end", 1
	PLACE	"call sample_inner", 1
	.pushsection .text.inner, "ax"
sample_inner:
	PLACE	"add $1, %rsi"
	PLACE	"ret", 1
	.popsection
	PLACE	"dec %rdi"
	PLACE	"jnz sample_loop", 1
sample_end:
	ret

	.section .note.GNU-stack, "", @progbits
