/* SPDX-License-Identifier: MIT */
/*
 * Tells a vfork() child from its parent. Both share all memory, even thread-local memory, and the
 * child runs first. So our vfork() leaves a note in the thread's memory, which is set for the child
 * and taken back when the parent goes on. Asking for the process ID would be a system call that the
 * VMM has not made.
 */
#include <sys/syscall.h>

#include "room_int.h"

static __thread int in_vfork __attribute__((tls_model("initial-exec"), used));

bool entry_in_vfork(void)
{
	return in_vfork;
}

__attribute__((used)) int vfork_failed(long error);
int vfork_failed(long error)
{
	return fails((int)-error);
}

/*
 * The return address is kept in a register: the child's calls overwrite the stack below the frame
 * that the parent comes back to.
 */
__asm__(".pushsection .text\n"
        ".globl vfork\n"
        ".type vfork, @function\n"
        "vfork:\n"
        "	endbr64\n"
        "	pop %rdi\n"
        "	mov $58, %eax\n"
        "	syscall\n"
        "	push %rdi\n"
        "	mov in_vfork@gottpoff(%rip), %rcx\n"
        "	xor %edx, %edx\n"
        "	test %rax, %rax\n"
        "	sete %dl\n"
        "	mov %edx, %fs:(%rcx)\n"
        "	jns 1f\n"
        "	mov %rax, %rdi\n"
        "	jmp vfork_failed\n"
        "1:	ret\n"
        ".size vfork, . - vfork\n"
        ".popsection\n");

_Static_assert(SYS_vfork == 58, "the number in the code above");
