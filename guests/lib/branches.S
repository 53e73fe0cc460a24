/* SPDX-License-Identifier: MIT */
/* Branches of each kind. BRANCH puts down an instruction and its row in branch_rows, so the two
 * cannot differ. */
#include "branches.h"
#include "layout.h"

	.macro	BRANCH text, to, kind
	BRANCHED 9002f, \to, \kind
9002:	\text
	.endm

	.macro	BRANCHED from, to, kind
	.pushsection .rodata.branches, "a"
	.quad	\from, \to, \kind
	.popsection
	.endm

	.section .rodata.branches, "a"
	.balign 8
	.globl branch_rows
branch_rows:

	.text
	.code64
	/* void branches_run(uint32_t msr, uint64_t on, uint64_t off, void (*body)(void *), void *) */
	.globl branches_run
branches_run:
	mov	%edi, %r9d
	mov	%rdx, %r10
	mov	%rcx, %r11
	mov	%r8, %rdi
	mov	%r9d, %ecx
	mov	%esi, %eax
	mov	%rsi, %rdx
	shr	$32, %rdx
	wrmsr
	BRANCHED branches_in, branches_body, BRANCH_CALL_INDIRECT
branches_in:
	call	*%r11
branches_out:
	mov	%r9d, %ecx
	mov	%r10d, %eax
	mov	%r10, %rdx
	shr	$32, %rdx
	wrmsr
	ret

	.globl branches_body
branches_body:
	BRANCH	"jmp branches_1", branches_1, BRANCH_JUMP
	ud2
branches_1:
	xor	%eax, %eax
	BRANCH	"jz branches_2", branches_2, BRANCH_CONDITIONAL
	ud2
branches_2:
	jnz	branches_body
	lea	branches_3(%rip), %rax
	BRANCH	"jmp *%rax", branches_3, BRANCH_JUMP_INDIRECT
	ud2
branches_3:
	BRANCH	"call branches_inner", branches_inner, BRANCH_CALL
	.pushsection .text.inner, "ax"
branches_inner:
	lea	branches_deep(%rip), %rax
	BRANCH	"call *%rax", branches_deep, BRANCH_CALL_INDIRECT
	.pushsection .text.deep, "ax"
branches_deep:
	BRANCH	"ret", branches_4, BRANCH_RETURN
	.popsection
branches_4:
	BRANCH	"ret", branches_5, BRANCH_RETURN
	.popsection
branches_5:
	mov	$3, %eax
branches_6:
	dec	%eax
	BRANCHED branches_7, branches_6, BRANCH_CONDITIONAL
	BRANCHED branches_7, branches_6, BRANCH_CONDITIONAL
branches_7:
	jnz	branches_6
	BRANCH	"ret", branches_out, BRANCH_RETURN

	.globl branches_count, branches_count_end
branches_count:
	dec	%rdi
branches_count_end:
	jnz	branches_count
	ret

	.globl branches_spin, branches_spin_end
branches_spin:
	rol	$3, %rax
	xor	%rdi, %rax
	dec	%rdi
branches_spin_end:
	jnz	branches_spin
	ret

	.globl branches_fault, branches_fault_next
branches_fault:
	ud2
branches_fault_next:
	ret
	.pushsection .fixups, "a"
	.quad	branches_fault, branches_fault_next
	.popsection

	.globl branches_int, branches_int_next
branches_int:
	int	$VECTOR_PING
branches_int_next:
	ret

	.section .rodata.branches, "a"
	.globl branch_rows_end
branch_rows_end:

	.section .note.GNU-stack, "", @progbits
