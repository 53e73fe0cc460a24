/* SPDX-License-Identifier: MIT */
/*
 * Lines of Linux's tracepoints on MSRs, as ftrace, trace-cmd and perf script print them: msr's
 * (write_msr and read_msr, the host's registers, by CPU) and kvm's (kvm_msr, the guest's, by the
 * vCPU's thread). Accesses that raised #GP are passed over.
 */
#include <stream/foreign/room_int.h>

enum { THREADS = 1024 };

/* The vCPUs of threads whose names do not tell, in the order of their first line. */
struct threads {
	uint32_t pids[THREADS];
	uint32_t count;
};

/* An access on a line, and what is before the event. */
struct access {
	struct scan head;
	uint64_t msr, value;
	bool refused, of_kvm;
};

/* "write_msr: 38f, value 70000000f", and " #GP" when it was refused. */
static bool read_msr_event(struct scan line, struct access *access, bool *is)
{
	struct scan whole = line;

	*is = scan_find(&line, "write_msr: ");
	if (!*is) {
		line = whole;
		*is = scan_find(&line, "read_msr: ");
	}
	access->head = (struct scan){whole.at, line.at};
	scan_blanks(&line); /* trace-cmd has columns */
	if (!*is || !scan_hex(&line, 1, 8, &access->msr) || !scan_word(&line, ", value ") ||
	    !scan_hex(&line, 1, 16, &access->value))
		return false;
	scan_blanks(&line);
	access->refused = scan_word(&line, "#GP");
	return !scan_left(&line);
}

/* "kvm_msr: msr_write 186 = 0x530076", and " (#GP)" when it was refused. */
static bool read_kvm_event(struct scan line, struct access *access, bool *is)
{
	struct scan whole = line;

	*is = scan_find(&line, "kvm_msr: ");
	if (*is) {
		scan_blanks(&line); /* trace-cmd has columns */
		*is = scan_word(&line, "msr_");
	}
	access->head = (struct scan){whole.at, line.at};
	access->of_kvm = true;
	if (!*is || !(scan_word(&line, "write ") || scan_word(&line, "read ")) ||
	    !scan_hex(&line, 1, 8, &access->msr) || !scan_word(&line, " = ") ||
	    !scan_hex(&line, 1, 16, &access->value))
		return false;
	scan_blanks(&line);
	access->refused = scan_word(&line, "(#GP)");
	return !scan_left(&line);
}

static bool read_event(struct scan line, struct access *access, bool *is)
{
	bool good;

	*access = (struct access){.refused = false};
	good = read_kvm_event(line, access, is);
	if (*is)
		return good;
	access->of_kvm = false;
	return read_msr_event(line, access, is);
}

static bool trace_starts(struct scan line)
{
	struct access access;
	bool is;

	read_event(line, &access, &is);
	return is;
}

/* --- Which CPU -------------------------------------------------------------------------------- */

/* "[003]", the host's CPU. */
static bool host_cpu(struct scan head, uint32_t *cpu)
{
	while (scan_find(&head, "["))
		if (scan_decimal(&head, cpu) && scan_char(&head, ']'))
			return true;
	return false;
}

/* QEMU's threads are "CPU 3/KVM"; Firecracker's "fc_vcpu 3", others' "vcpu3" and "crosvm_vcpu3". */
static bool named_vcpu(struct scan head, uint32_t *vcpu)
{
	struct scan at = head;

	if (scan_find(&at, "CPU ") && scan_decimal(&at, vcpu) && scan_word(&at, "/"))
		return true;
	if (!scan_find(&head, "vcpu"))
		return false;
	if (!scan_char(&head, ' '))
		scan_char(&head, '_');
	return scan_decimal(&head, vcpu);
}

/* The thread's number: before the CPU, behind the last '-' (ftrace) or blank (perf script). */
static bool thread_of(struct scan head, uint32_t *pid)
{
	struct scan at = head;
	const char *start;

	if (!scan_find(&at, "["))
		return false;
	for (at.at--; at.at > head.at && at.at[-1] == ' ';)
		at.at--;
	start = at.at;
	while (start > head.at && start[-1] >= '0' && start[-1] <= '9')
		start--;
	at = (struct scan){start, at.at};
	return scan_decimal(&at, pid);
}

/* False: there are too many threads. */
static bool vcpu_of(struct scan head, struct threads *threads, uint32_t *vcpu)
{
	uint32_t pid = 0;

	if (named_vcpu(head, vcpu))
		return true;
	thread_of(head, &pid);
	for (*vcpu = 0; *vcpu < threads->count; ++*vcpu)
		if (threads->pids[*vcpu] == pid)
			return true;
	if (threads->count == THREADS)
		return false;
	threads->pids[threads->count++] = pid;
	return true;
}

/* --- Lines ------------------------------------------------------------------------------------ */

static enum vpmu_status trace_line(struct lines *lines, struct threads *threads,
                                   const struct foreign_taker *taker, const struct why *why)
{
	struct access access;
	uint32_t cpu = 0;
	bool is, good = read_event(lines->line, &access, &is);

	if (!is)
		return VPMU_OK;
	if (!good || lines->cut)
		return fail_line(why, VPMU_BAD_DATA, lines->number,
		                 "a tracepoint of an MSR that is cut, or of another form");
	if (access.refused)
		return VPMU_OK;
	if (!access.of_kvm)
		host_cpu(access.head, &cpu);
	else if (!vcpu_of(access.head, threads, &cpu))
		return fail_line(why, VPMU_INCOMPATIBLE, lines->number, "more than 1024 threads");
	return take_msr(taker, cpu, access.msr, access.value, why);
}

static enum vpmu_status trace_read(struct lines *lines, const struct foreign_taker *taker,
                                   const struct why *why)
{
	struct threads threads = {.count = 0};
	enum vpmu_status status;

	do
		status = trace_line(lines, &threads, taker, why);
	while (!status && lines_next(lines));
	return status;
}

const struct msr_format format_trace = {"trace of MSRs", trace_starts, trace_read};
