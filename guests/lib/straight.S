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

	.globl straight_repeat, straight_rep, straight_rep_end
straight_repeat:
	mov	$STRAIGHT_REPEATS, %ecx
	mov	$straight_bytes, %edi
straight_rep:
	rep stosb
straight_rep_end:
	ret

	.bss
straight_bytes:
	.fill	STRAIGHT_REPEATS, 1, 0

	.section .note.GNU-stack, "", @progbits
