/* SPDX-License-Identifier: MIT */
/* Recognises a text with the values of MSRs. */
#include <stream/foreign/room_int.h>

static const struct msr_format *const formats[] = {
	&format_trace,
	&format_aida_msrs,
	&format_msr_tools,
};

enum vpmu_status take_msr(const struct foreign_taker *taker, uint32_t cpu, uint64_t msr,
                          uint64_t value, const struct why *why)
{
	const struct foreign_msr taken = {cpu, (uint32_t)msr, value};

	if (taker->take(taker->context, &taken))
		return VPMU_OK;
	return fail_line(why, VPMU_HOST, 0, "out of memory");
}

enum vpmu_status foreign_msrs_read(const void *data, size_t bytes,
                                   const struct foreign_taker *taker, const char **format,
                                   char *why, size_t why_bytes)
{
	const struct why where = {why, why_bytes};
	struct lines lines = lines_of(data, bytes);
	size_t zero;

	*format = NULL;
	if (!foreign_is_text(data, bytes, &zero))
		return not_known(data, bytes, &where);
	while (lines_next(&lines))
		for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
			if (formats[i]->starts(lines.line)) {
				*format = formats[i]->name;
				return formats[i]->read(&lines, taker, &where);
			}
	return not_known(data, bytes, &where);
}

/* --- AIDA64's dumps --------------------------------------------------------------------------- */

static bool aida_starts(struct scan line)
{
	uint64_t value;
	uint32_t msr;

	return aida_msr(line, &msr, &value);
}

/* "MSR 00000186: 0000-": a value that is cut; another word says that it could not be read. */
static bool aida_is_cut(const struct lines *lines)
{
	struct scan line = lines->line;

	return lines->cut && scan_word(&line, "MSR ");
}

static enum vpmu_status aida_read(struct lines *lines, const struct foreign_taker *taker,
                                  const struct why *why)
{
	enum vpmu_status status = VPMU_OK;
	uint32_t cpu = 0, msr;
	uint64_t value;

	*lines = lines_of(lines->data, lines->bytes);
	while (!status && lines_next(lines)) {
		if (aida_is_cut(lines))
			return fail_line(why, VPMU_BAD_DATA, lines->number,
			                 "an MSR in a line without an end: cut short");
		if (aida_begins(lines->line, &cpu))
			continue;
		if (aida_msr(lines->line, &msr, &value))
			status = take_msr(taker, cpu, msr, value, why);
	}
	return status;
}

const struct msr_format format_aida_msrs = {"AIDA64 dump", aida_starts, aida_read};
