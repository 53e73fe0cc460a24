/* SPDX-License-Identifier: MIT */
/*
 * Starting the VMM with the preload library. Programs for which the dynamic loader would silently
 * ignore the library (static, set-uid, with another loader) are detected first.
 */
#include "watch.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/beside.h"
#include "command.h"
#include "lib/message.h"

enum { HEAD = 4096, INTERPRETERS = 4 };

/* --- Finding the command -------------------------------------------------------------------- */

static bool can_run(const char *path)
{
	struct stat status;

	return !stat(path, &status) && S_ISREG(status.st_mode) && !access(path, X_OK);
}

/* As execvp(): a name with a slash is a path, another is looked for in PATH. */
static bool find_command(const char *command, char *path)
{
	const char *folders = getenv("PATH");

	if (strchr(command, '/') || !folders || !*command) {
		snprintf(path, PATH_MAX, "%s", command);
		return can_run(path);
	}
	for (const char *at = folders;; at++) {
		int length = (int)strcspn(at, ":");

		snprintf(path, PATH_MAX, "%.*s%s%s", length, at, length ? "/" : "", command);
		if (can_run(path))
			return true;
		at += length;
		if (!*at)
			return false;
	}
}

/* --- Judging it ----------------------------------------------------------------------------- */

/* The start of a file; the number of bytes read. */
static size_t read_head(const char *path, char *head)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, head, HEAD);

	if (fd >= 0)
		close(fd);
	return got > 0 ? (size_t)got : 0;
}

static int cannot(const char *command, const char *why, const char *what_to_do)
{
	message("cannot be watched: %s %s (%s)", command, why, what_to_do);
	return TOOL_BAD;
}

/* The loader ignores LD_PRELOAD in a program that runs with more rights than its user. */
static int judge_rights(const char *command, const char *path)
{
	struct stat status;

	if (stat(path, &status))
		return TOOL_HOLDS;
	if ((status.st_mode & S_ISUID && status.st_uid != getuid()) ||
	    (status.st_mode & S_ISGID && status.st_mode & S_IXGRP && status.st_gid != getgid()))
		return cannot(command,
		              "is set-uid or set-gid, so the dynamic loader ignores the library",
		              "run vpmu as that user, or a copy without the bit");
	if (getuid() && getxattr(path, "security.capability", NULL, 0) > 0)
		return cannot(command,
		              "has file capabilities, so the dynamic loader ignores the library",
		              "run vpmu as root, or a copy without them");
	return TOOL_HOLDS;
}

/* The program header of that type within the bytes that were read, or NULL. */
static const Elf64_Phdr *find_segment(const char *head, size_t bytes, uint32_t type)
{
	const Elf64_Ehdr *elf = (const Elf64_Ehdr *)head;

	for (size_t i = 0; i < elf->e_phnum; i++) {
		uint64_t at = elf->e_phoff + i * sizeof(Elf64_Phdr);
		const Elf64_Phdr *segment;

		if (elf->e_phoff > bytes || at % 8 || at + sizeof(*segment) > bytes)
			return NULL;
		segment = (const Elf64_Phdr *)(head + at);
		if (segment->p_type == type)
			return segment;
	}
	return NULL;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The loader that loaded this program, as ours is linked with the same C library. */
static int note_loader(struct dl_phdr_info *info, size_t size, void *into)
{
	for (unsigned i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_INTERP)
			*(const char **)into =
				(const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	return 1; /* the first is the program itself */
}

/* The path of a program's loader, when it is within the bytes that were read; else NULL. */
static const char *loader_of(const char *head, size_t bytes, const Elf64_Phdr *segment)
{
	if (segment->p_offset >= bytes || !segment->p_filesz ||
	    segment->p_filesz > bytes - segment->p_offset ||
	    head[segment->p_offset + segment->p_filesz - 1])
		return NULL;
	return head + segment->p_offset;
}

static int judge_elf(const char *command, const char *head, size_t bytes)
{
	const Elf64_Ehdr *elf = (const Elf64_Ehdr *)head;
	const Elf64_Phdr *segment;
	const char *loader = NULL, *theirs;

	if (bytes < sizeof(*elf) || elf->e_ident[EI_CLASS] != ELFCLASS64 ||
	    elf->e_machine != EM_X86_64)
		return cannot(command, "is no 64-bit x86 program", "build the VMM for x86-64");
	segment = find_segment(head, bytes, PT_INTERP);
	if (!segment)
		return cannot(command, "is statically linked, so no library can be preloaded",
		              "link the VMM dynamically");
	dl_iterate_phdr(note_loader, &loader);
	theirs = loader_of(head, bytes, segment);
	if (loader && theirs && strcmp(base_name(theirs), base_name(loader)) != 0)
		return cannot(command, "uses another C library than vpmu",
		              "build the VMM and vpmu with the same");
	return TOOL_HOLDS;
}

/* The program behind a "#!" line; false when there is none. */
static bool follow_script(char *head, size_t bytes, char *path)
{
	char *name = head + 2;

	if (bytes < 3 || head[0] != '#' || head[1] != '!')
		return false;
	name += strspn(name, " \t");
	name[strcspn(name, " \t\n")] = '\0';
	if (strlen(name) >= PATH_MAX || !can_run(name))
		return false;
	strcpy(path, name);
	return true;
}

/* What has a slash is a file, and may be there all the same. */
static int no_command(const char *command, const char *path)
{
	struct stat status;

	if (strchr(command, '/') && stat(path, &status))
		message("cannot be opened: %s: %s (a program is wanted after --)", command,
		        strerror(errno));
	else if (strchr(command, '/') && S_ISREG(status.st_mode))
		message("cannot be run: %s: %s (a program is wanted after --)", command,
		        strerror(EACCES));
	else
		message("no such command: %s (a program is wanted after --)", command);
	return TOOL_BAD;
}

int watch_judge_command(const char *command, char *path)
{
	alignas(8) char head[HEAD + 1] = {0};
	char program[PATH_MAX];
	size_t bytes;

	if (!find_command(command, path))
		return no_command(command, path);
	strcpy(program, path);
	for (unsigned i = 0; i < INTERPRETERS; i++) {
		int status = judge_rights(command, program);

		if (status)
			return status;
		memset(head, 0, sizeof(head));
		bytes = read_head(program, head);
		if (!memcmp(head, ELFMAG, SELFMAG))
			return judge_elf(command, head, bytes);
		if (!follow_script(head, bytes, program))
			break;
	}
	/* A file that cannot be read, or is of another kind, is left to the kernel. */
	return TOOL_HOLDS;
}

/* --- The library ---------------------------------------------------------------------------- */

static int judge_library(const char *path)
{
	if (!strpbrk(path, " :"))
		return TOOL_HOLDS;
	message("the preload library's path has a blank or a colon: %s (the dynamic loader takes "
	        "it "
	        "for two; move vpmu)",
	        path);
	return TOOL_LACKS;
}

int watch_find_library(char *path)
{
	static const char *const places[] = {
		"../src/watch/libvpmu-watch.so",
		"../" WATCH_LIBDIR "/vpmu/libvpmu-watch.so",
		NULL,
	};
	int status = find_beside(places, WATCH_LIBRARY, "the preload library", path);

	return status ? status : judge_library(path);
}

/* --- The process ---------------------------------------------------------------------------- */

static bool preload(const char *library, int shared_fd)
{
	const char *others = getenv("LD_PRELOAD");
	char list[2 * PATH_MAX], file[64];

	snprintf(list, sizeof(list), "%s%s%s", library, others && *others ? ":" : "",
	         others ? others : "");
	snprintf(file, sizeof(file), "/proc/%d/fd/%d", (int)getppid(), shared_fd);
	return !setenv("LD_PRELOAD", list, 1) && !setenv(WATCH_ENVIRONMENT, file, 1);
}

pid_t watch_start(char **argv, const char *path, const char *library, int shared_fd,
                  const sigset_t *signals)
{
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child < 0)
		message("cannot start a process: %s", strerror(errno));
	if (child)
		return child;
	if (!preload(library, shared_fd)) {
		message("cannot start: %s: %s", path, strerror(errno));
		_exit(TOOL_LACKS);
	}
	sigprocmask(SIG_SETMASK, signals, NULL);
	execv(path, argv);
	message("cannot start: %s: %s", path, strerror(errno));
	_exit(TOOL_BAD);
}
