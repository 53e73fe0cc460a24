/* SPDX-License-Identifier: MIT */
/*
 * What msr-tools print and take: a rdmsr command and its values, one a line, of CPU 0 and so on
 * with -a; wrmsr commands; and lists "0x186: 0x530076", with a value a CPU.
 *
 * msr-tools read a number without 0x as decimal, people mean hex: an MSR without 0x is refused.
 */
#include <stream/foreign/room_int.h>

struct session {
	bool has_msr, decimal;
	uint64_t msr;
	uint32_t cpu; /* of the next value */
	bool all;     /* of each value the next CPU */
};

static enum vpmu_status fail_ambiguous(const struct lines *lines, uint64_t decimal, uint64_t hex,
                                       const struct why *why)
{
	struct text text = text_in(why->text, why->bytes);

	text_add(&text, "line ");
	text_add_unsigned(&text, lines->number);
	text_add(&text, ": an MSR without 0x: is it ");
	text_add_hex(&text, decimal);
	text_add(&text, ", which msr-tools take, or ");
	text_add_hex(&text, hex);
	text_add(&text, "?");
	return VPMU_BAD_DATA;
}

static bool is_separator(char c)
{
	return c == ' ' || c == '\t' || c == ':' || c == '=' || c == ',';
}

/* The MSR's number: with 0x. */
static enum vpmu_status read_msr(struct lines *lines, struct scan *scan, uint64_t *msr,
                                 const struct why *why)
{
	struct scan probe = *scan;
	uint64_t decimal;

	if (scan_peek(&probe) == '0' && scan_hex(&probe, 1, 8, msr) && probe.at - scan->at > 2 &&
	    (scan->at[1] == 'x' || scan->at[1] == 'X')) {
		*scan = probe;
		return VPMU_OK;
	}
	probe = *scan;
	if (text_parse_unsigned(scan->at, scan_left(scan), &decimal) ||
	    scan_number(&probe, &decimal)) {
		probe = *scan;
		if (scan_hex(&probe, 1, 8, msr))
			return fail_ambiguous(lines, decimal, *msr, why);
	}
	return fail_line(why, VPMU_BAD_DATA, lines->number, "not an MSR's number, as 0x186 is");
}

/* --- Commands --------------------------------------------------------------------------------- */

/* "-p 3", "-p3", "--processor 3". */
static bool read_processor(struct scan *scan, struct scan option, uint32_t *cpu)
{
	if (scan_word(&option, "-p") && scan_left(&option))
		return scan_decimal(&option, cpu) && !scan_left(&option);
	option = scan_token(scan);
	return scan_decimal(&option, cpu) && !scan_left(&option);
}

/* The options of a command, up to the MSR; false: one that the values cannot be read with. */
static bool read_options(struct scan *scan, struct session *session)
{
	while (scan_peek(scan) == '-') {
		struct scan option = scan_token(scan);
		size_t length = scan_left(&option);

		if (text_is(option.at, length, "-a") || text_is(option.at, length, "--all"))
			session->all = true;
		else if (text_is(option.at, length, "-d") || text_is(option.at, length, "-u") ||
		         text_is(option.at, length, "--decimal") ||
		         text_is(option.at, length, "--unsigned"))
			session->decimal = true;
		else if (text_is(option.at, length < 2 ? length : 2, "-p") ||
		         text_is(option.at, length, "--processor")) {
			if (!read_processor(scan, option, &session->cpu))
				return false;
		} else if (text_is(option.at, length, "-f") || text_is(option.at, length, "-o") ||
		           text_is(option.at, length, "-r") ||
		           text_is(option.at, length, "--bitfield") ||
		           text_is(option.at, length, "--octal") ||
		           text_is(option.at, length, "--raw")) {
			return false;
		}
	}
	return true;
}

/* "root@host:~# ", "[me@host ~]$ ". */
static void skip_named_prompt(struct scan *scan)
{
	struct scan at = *scan;

	if (!scan_find(&at, "@") || !(scan_find(&at, "# ") || scan_find(&at, "$ ")))
		return;
	scan_blanks(&at);
	*scan = at;
}

/* What a shell shows before a command, or a path to it. */
static void skip_prompt(struct scan *scan)
{
	const char *const words[] = {"sudo ", "/usr/sbin/", "/sbin/"};

	if (scan_char(scan, '$') || scan_char(scan, '#') || scan_char(scan, '+'))
		scan_blanks(scan);
	else
		skip_named_prompt(scan);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (scan_word(scan, words[i]))
			scan_blanks(scan);
}

static bool is_command(struct scan line, const char *command, struct scan *rest)
{
	skip_prompt(&line);
	if (!scan_word(&line, command) || (scan_peek(&line) != ' ' && scan_peek(&line) != '\t'))
		return false;
	scan_blanks(&line);
	*rest = line;
	return true;
}

static enum vpmu_status read_rdmsr(struct lines *lines, struct scan rest, struct session *session,
                                   const struct why *why)
{
	*session = (struct session){.has_msr = true};
	if (!read_options(&rest, session))
		return fail_line(why, VPMU_BAD_DATA, lines->number,
		                 "rdmsr with an option whose output is not the whole value (-f, "
		                 "-o, -r), or no CPU's number");
	return read_msr(lines, &rest, &session->msr, why);
}

/* Each value is for the next CPU when there are several; wrmsr -a writes one value everywhere, of
 * which CPU 0 tells. */
static enum vpmu_status read_wrmsr(struct lines *lines, struct scan rest,
                                   const struct foreign_taker *taker, const struct why *why)
{
	struct session session = {.all = false};
	enum vpmu_status status;
	uint64_t value;

	if (!read_options(&rest, &session))
		return fail_line(why, VPMU_BAD_DATA, lines->number, "wrmsr -p without a number");
	status = read_msr(lines, &rest, &session.msr, why);
	if (status)
		return status;
	scan_blanks(&rest);
	if (!scan_number(&rest, &value))
		return fail_line(why, VPMU_BAD_DATA, lines->number,
		                 "wrmsr without a value that is a number");
	do { /* the values of the CPUs from that one on */
		status = take_msr(taker, session.cpu++, session.msr, value, why);
		scan_blanks(&rest);
	} while (!status && scan_number(&rest, &value));
	return status;
}

/* --- Values ----------------------------------------------------------------------------------- */

static bool read_value(struct scan *scan, bool decimal, uint64_t *value)
{
	if (decimal)
		return text_parse_unsigned(scan->at, scan_left(scan), value) &&
		       (scan->at = scan->end, true);
	return scan_hex(scan, 1, 16, value);
}

/* A line of rdmsr's output. */
static enum vpmu_status read_output(struct lines *lines, struct session *session,
                                    const struct foreign_taker *taker, const struct why *why)
{
	struct scan line = lines->line;
	uint64_t value;

	if (!session->has_msr)
		return fail_line(
			why, VPMU_BAD_DATA, lines->number,
			"a value of which MSR? Put the command before it, 'rdmsr -a 0x186'");
	if (!read_value(&line, session->decimal, &value) || scan_left(&line))
		return fail_line(why, VPMU_BAD_DATA, lines->number,
		                 "neither a command of msr-tools nor a value");
	return take_msr(taker, session->all ? session->cpu++ : session->cpu, session->msr, value,
	                why);
}

/* "0x186: 530076 530076", "0x186=0x530076": of each CPU a value. */
static bool starts_pair(struct scan line)
{
	uint64_t msr;

	scan_word(&line, "MSR ");
	return scan_left(&line) > 2 && line.at[0] == '0' && (line.at[1] | 0x20) == 'x' &&
	       scan_hex(&line, 1, 8, &msr) && scan_left(&line) && is_separator(*line.at);
}

static enum vpmu_status read_pair(struct lines *lines, struct session *session,
                                  const struct foreign_taker *taker, const struct why *why)
{
	struct scan line = lines->line;
	enum vpmu_status status;
	uint32_t cpu = session->cpu;
	uint64_t value;

	scan_word(&line, "MSR ");
	status = read_msr(lines, &line, &session->msr, why);
	session->has_msr = !status;
	session->all = true;
	while (!status) {
		while (scan_left(&line) && is_separator(*line.at))
			line.at++;
		if (!scan_left(&line))
			break;
		if (!scan_hex(&line, 1, 16, &value))
			return fail_line(why, VPMU_BAD_DATA, lines->number,
			                 "behind the MSR there is no value of at most 64 bits");
		status = take_msr(taker, cpu++, session->msr, value, why);
	}
	return status;
}

/* --- Lines ------------------------------------------------------------------------------------ */

/* "CPU 3:" before the lines on it. */
static bool is_cpu(struct scan line, uint32_t *cpu)
{
	if (!scan_word_loose(&line, "cpu"))
		return false;
	scan_blanks(&line);
	return scan_decimal(&line, cpu) && (scan_char(&line, ':') || true) && !scan_left(&line);
}

/* rdmsr's own words on an MSR that cannot be read, and wrmsr's. */
static bool is_passed_over(struct scan line)
{
	struct scan probe = line;

	if (!scan_left(&line) || scan_word(&probe, "rdmsr:") || scan_word(&probe, "wrmsr:"))
		return true;
	return scan_peek(&line) == '#' || scan_word(&probe, "modprobe ") ||
	       scan_word(&probe, "set ");
}

static bool is_value(struct scan line)
{
	uint64_t value;

	return scan_hex(&line, 1, 16, &value) && !scan_left(&line);
}

static bool tools_start(struct scan line)
{
	struct scan rest;

	return is_command(line, "rdmsr", &rest) || is_command(line, "wrmsr", &rest) ||
	       starts_pair(line) || is_value(line);
}

static enum vpmu_status tools_line(struct lines *lines, struct session *session,
                                   const struct foreign_taker *taker, const struct why *why)
{
	bool is_comment = scan_peek(&lines->line) == '#';
	struct scan rest;
	uint32_t cpu;

	if (is_command(lines->line, "rdmsr", &rest))
		return read_rdmsr(lines, rest, session, why);
	/* What a script has commented out is not written; a root's prompt is before rdmsr only. */
	if (!is_comment && is_command(lines->line, "wrmsr", &rest))
		return read_wrmsr(lines, rest, taker, why);
	if (is_passed_over(lines->line))
		return VPMU_OK;
	if (is_cpu(lines->line, &cpu)) {
		*session = (struct session){.cpu = cpu};
		return VPMU_OK;
	}
	return starts_pair(lines->line) ? read_pair(lines, session, taker, why)
	                                : read_output(lines, session, taker, why);
}

static enum vpmu_status tools_read(struct lines *lines, const struct foreign_taker *taker,
                                   const struct why *why)
{
	struct session session = {.has_msr = false};
	enum vpmu_status status;

	do {
		/* A value whose last digits are gone is another value. */
		if (lines->cut && scan_left(&lines->line))
			return fail_line(why, VPMU_BAD_DATA, lines->number,
			                 "the last line has no end: cut short, or a newline is "
			                 "missing");
		status = tools_line(lines, &session, taker, why);
	} while (!status && lines_next(lines));
	return status;
}

const struct msr_format format_msr_tools = {"msr-tools", tools_start, tools_read};
