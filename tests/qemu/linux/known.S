/* SPDX-License-Identifier: MIT */
/*
 * A program whose user-mode instructions and branches are known. It does everything that an emulator
 * may count wrongly: REP, page faults, system calls, CPUID, code that changes itself, locked
 * accesses across pages.
 *
 *	part       instructions       branches
 *	loop       1 + 10 * 1000000   1000000
 *	rep        1 + 4 * 500
 *	faults     2 + 4 * 2000       2000
 *	calls      1 + 4 * 1000       2000
 *	cpuid      1 + 4 * 1000       1000
 *	changing   8 + 4 * 100        1 + 100
 *	locked     2 + 3 * 1000       1000
 *	exit       3                  1
 *	together   10021419           1006102
 *
 * SYSCALL is a branch. Where what changes the ring counts in the ring that it goes to (AMD), each of
 * the 1002 SYSCALLs counts in the kernel; the SYSRETs of all but the last, and the program's start,
 * count here, so that it comes to the same; and so does one IRET for each page fault and interrupt,
 * on top.
 */
	.globl	_start
	.bss
	.balign	4096
pages:	.skip	4096 * 2002
	.text
_start:
	mov	$1000000, %ecx			# 1
1:	add	$1, %rax			# 10 each
	add	$2, %rbx
	add	$3, %rax
	add	$4, %rbx
	mov	%rax, %rdx
	lea	8(%rdx), %rsi
	xor	%rdi, %rdi
	nop
	dec	%ecx
	jnz	1b

	cld					# 1
	.rept	500
	lea	pages(%rip), %rdi		# 4 each
	mov	$.Lsize, %ecx
	xor	%eax, %eax
	rep stosb
	.endr
	.set	.Lsize, 1500

	lea	pages + 4096(%rip), %rdi	# 2
	mov	$2000, %ecx
2:	movb	$1, (%rdi)			# 4 each
	add	$4096, %rdi
	dec	%ecx
	jnz	2b

	mov	$1000, %r12d			# 1
3:	mov	$39, %eax			# 4 each: getpid
	syscall
	dec	%r12d
	jnz	3b

	mov	$1000, %r12d			# 1
4:	xor	%eax, %eax			# 4 each
	cpuid
	dec	%r12d
	jnz	4b

	mov	$10, %eax			# 5: mprotect(the page of code, writable)
	lea	5f(%rip), %rdi
	and	$-4096, %rdi
	mov	$8192, %esi
	mov	$7, %edx
	syscall					# 1
	mov	$100, %r12d			# 2
	lea	5f(%rip), %rbx
6:	incb	1(%rbx)				# 4 each: the operand of the next one
5:	mov	$0, %al
	dec	%r12d
	jnz	6b

	lea	pages + 8190(%rip), %rdi	# 2
	mov	$1000, %ecx
7:	lock addl $1, (%rdi)			# 3 each
	dec	%ecx
	jnz	7b

	mov	$231, %eax			# 3: exit_group(0)
	xor	%edi, %edi
	syscall
