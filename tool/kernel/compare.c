/* SPDX-License-Identifier: MIT */
/*
 * The same programs on two sides, in a batch each, and the first that they answer differently.
 * If a process dies, the program that caused it runs again alone, so that its answers up to there
 * are known.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "code.h"
#include "lib/memory.h"
#include "lib/message.h"

/* One side's answers to a batch. */
struct answers {
	char *text;
	const char *at;  /* of the program that is compared next */
	size_t complete; /* programs that were answered whole */
	struct ending ending;
};

/* --- Running ---------------------------------------------------------------------------------- */

static bool write_all(int fd, const char *text, size_t bytes)
{
	while (bytes) {
		ssize_t done = write(fd, text, bytes);

		if (done <= 0) {
			message("cannot write a temporary file: %s", strerror(errno));
			return false;
		}
		text += done;
		bytes -= (size_t)done;
	}
	return true;
}

/* A script of all programs; each ends with a line of dashes. -1 after a message. */
static int batch_file(const struct program *programs, size_t count)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *stream = open_memstream(&text, &bytes);
	int fd = -1;

	if (!stream) {
		message("out of memory");
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		for (unsigned j = 0; j < programs[i].count; j++)
			fprintf(stream, "%s\n", programs[i].line[j]);
		fputs("---\n", stream);
	}
	if (!memory_close(stream, &text)) {
		message("out of memory");
	} else {
		fd = unnamed_file();
		if (fd >= 0 && !write_all(fd, text, bytes)) {
			close(fd);
			fd = -1;
		}
	}
	free(text);
	return fd;
}

/* The same file, with a position of its own. */
static int again(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static size_t count_programs(const char *text)
{
	size_t count = 0;

	while ((text = strstr(text, "---\n"))) {
		count++;
		text += 4;
	}
	return count;
}

static void answers_free(struct answers answers[2])
{
	for (int i = 0; i < 2; i++) {
		free(answers[i].text);
		answers[i].text = NULL;
	}
}

/* Both sides at the same time. */
static bool run_batch(const struct side sides[2], const struct program *programs, size_t count,
                      struct answers answers[2])
{
	int batch = batch_file(programs, count), in[2], out[2], process[2] = {-1, -1};
	bool good = batch >= 0;

	memset(answers, 0, 2 * sizeof(*answers));
	for (int i = 0; i < 2; i++) {
		in[i] = good ? again(batch) : -1;
		out[i] = good ? unnamed_file() : -1;
		if (in[i] >= 0 && out[i] >= 0)
			process[i] = process_start(sides[i].arguments, in[i], out[i], -1);
		good = process[i] >= 0;
	}
	for (int i = 0; i < 2; i++) {
		size_t bytes;

		if (process[i] >= 0) {
			answers[i].ending = process_wait(process[i]);
			answers[i].text = unnamed_read(out[i], &bytes);
			if (answers[i].ending.status == 127)
				message("cannot start: %s", sides[i].path);
			good = good && answers[i].text && answers[i].ending.status != 127;
		}
		close(in[i]);
		close(out[i]);
	}
	if (batch >= 0)
		close(batch);
	for (int i = 0; good && i < 2; i++) {
		answers[i].at = answers[i].text;
		answers[i].complete = count_programs(answers[i].text);
	}
	if (!good)
		answers_free(answers);
	return good;
}

/* --- Comparing -------------------------------------------------------------------------------- */

/* The length of the answer at `at`; -1: there is none in this program. */
static long answer_length(const char *at)
{
	if (!*at || !strncmp(at, "---\n", 4))
		return -1;
	return (long)strcspn(at, "\n");
}

/* VMware's RDPMC selectors succeed with a value that is not specified. */
static bool is_unspecified(const char *line, const char *a, const char *b)
{
	return !strncmp(line, "rdpmc 0x1000", 12) && line[12] >= '0' && line[12] <= '2' &&
	       (!line[13] || line[13] == ' ') && *a == '0' && *b == '0';
}

static void note_answer(struct difference *difference, int side, const char *answer, long length,
                        struct ending ending)
{
	if (length >= 0)
		snprintf(difference->answer[side], ANSWER_BYTES, "%.*s", (int)length, answer);
	else
		snprintf(difference->answer[side], ANSWER_BYTES, "the kernel's code %s",
		         ending_text(ending));
	difference->ended |= length < 0;
}

static bool is_refusal(const char *answer)
{
	return !strncmp(answer, "bad-input", 9);
}

/* Whether the comparison ends: both have ended, both refuse the program, or vpmu and the kernel
 * disagree about which models can exist. */
static bool is_over(const struct side sides[2], const char *a, const char *b)
{
	if (answer_length(a) < 0 && answer_length(b) < 0)
		return true;
	if (is_refusal(a) && is_refusal(b))
		return true;
	return (is_refusal(a) || is_refusal(b)) && !(sides[0].code && sides[1].code);
}

/* Whether one program's answers differ. */
static bool differs(const struct side sides[2], const struct program *program,
                    const struct answers answers[2], struct difference *difference)
{
	const char *a = answers[0].at, *b = answers[1].at;

	*difference = (struct difference){.line = 0};
	for (unsigned i = 0; i < program->count && !is_over(sides, a, b); i++) {
		long a_length = answer_length(a), b_length = answer_length(b);

		if ((a_length != b_length || memcmp(a, b, (size_t)a_length) != 0) &&
		    !is_unspecified(program->line[i], a, b)) {
			difference->line = i;
			note_answer(difference, 0, a, a_length, answers[0].ending);
			note_answer(difference, 1, b, b_length, answers[1].ending);
			return true;
		}
		a += a_length + 1;
		b += b_length + 1;
	}
	return false;
}

/* The last line has what the batch has executed. */
static void note_coverage(const struct side sides[2], struct answers answers[2])
{
	for (int i = 0; i < 2; i++)
		if (sides[i].code && !answers[i].ending.signal)
			code_note_coverage(sides[i].code, answers[i].text);
}

static void next_program(struct answers *answers)
{
	const char *end = strstr(answers->at, "---\n");

	answers->at = end ? end + 4 : answers->at + strlen(answers->at);
}

/* Without --batch, the second argument, each line is written at once; the limit is then the third.
 */
static void unbatch(struct side *side, const char *limit)
{
	memmove(&side->arguments[1], &side->arguments[2],
	        sizeof(side->arguments) - 2 * sizeof(char *));
	if (limit)
		side->arguments[2] = (char *)limit;
}

/* A program alone, so that the answers before an end are known. limit: NULL, or another than the
 * batch's. */
static bool alone(const struct side sides[2], const struct program *program, const char *limit,
                  struct difference *difference, bool *found)
{
	struct side unbatched[2] = {sides[0], sides[1]};
	struct answers answers[2];

	for (int i = 0; i < 2; i++)
		if (sides[i].code)
			unbatch(&unbatched[i], limit);
	if (!run_batch(unbatched, program, 1, answers))
		return false;
	*found = differs(sides, program, answers, difference);
	note_coverage(sides, answers);
	answers_free(answers);
	return true;
}

/* Runs what is left. */
static bool run_rest(struct comparison *all)
{
	size_t left = all->count - all->next, least;

	comparison_close(all);
	all->answers = memory_get(2 * sizeof(*all->answers));
	if (!all->answers) {
		memory_say("the answers");
		return false;
	}
	if (!run_batch(all->sides, all->programs + all->next, left, all->answers))
		return false;
	least = all->answers[0].complete < all->answers[1].complete ? all->answers[0].complete
	                                                            : all->answers[1].complete;
	all->end = all->next + (least < left ? least : left);
	note_coverage(all->sides, all->answers);
	return true;
}

/* The program in which a side has ended. */
static bool compare_alone(struct comparison *all, struct difference *difference, bool *found)
{
	const struct program *program = &all->programs[all->next];

	all->end = ++all->next;
	return alone(all->sides, program, NULL, difference, found);
}

long comparison_next(struct comparison *all, struct difference *difference)
{
	bool found = false;

	while (all->next < all->count && !found) {
		if (all->next == all->end && !run_rest(all))
			return -1;
		while (all->next < all->end && !found) {
			found = differs(all->sides, &all->programs[all->next++], all->answers,
			                difference);
			next_program(&all->answers[0]);
			next_program(&all->answers[1]);
		}
		if (!found && all->next < all->count && !compare_alone(all, difference, &found))
			return -1;
	}
	return (long)(found ? all->next - 1 : all->count);
}

void comparison_close(struct comparison *all)
{
	if (all->answers)
		answers_free(all->answers);
	free(all->answers);
	all->answers = NULL;
}

long first_difference(const struct side sides[2], const struct program *programs, size_t count,
                      size_t from, struct difference *difference)
{
	struct comparison all = {sides, programs, count, from, from, NULL};
	long found = comparison_next(&all, difference);

	comparison_close(&all);
	return found;
}

/* Far more than any program needs on the slowest machine: thousands of times as long as it takes
 * here. */
#define CONFIRM_SECONDS "5"

bool difference_confirm(const struct side sides[2], const struct program *program,
                        struct difference *difference, bool *stands)
{
	return alone(sides, program, CONFIRM_SECONDS, difference, stands);
}
