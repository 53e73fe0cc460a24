/* SPDX-License-Identifier: MIT */
#include "straight.h"

	.text
	.code64
	.globl straight_body, straight_row
straight_body:
	xor	%eax, %eax
straight_row:
	.rept	STRAIGHT_ROW
	lea	1(%rax), %rax
	.endr
	.if	. - straight_row - STRAIGHT_ROW * STRAIGHT_BYTES
	.error	"an instruction has another length"
	.endif
	ret

	.section .note.GNU-stack, "", @progbits
