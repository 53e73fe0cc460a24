/* SPDX-License-Identifier: MIT */
/* The QEMU plugin's options, one a line, and its decoder of instructions on the same bytes. */
#include <string.h>

#include <qemu/room_int.h>

#include "fuzz.h"

enum { MAX_TEXTS = 16 };

static void decode_all(const uint8_t *data, size_t size)
{
	for (size_t at = 0; at < size; at++) {
		unsigned length = (unsigned)(size - at < INSN_BYTES ? size - at : INSN_BYTES);
		struct insn insn;

		insn = insn_decode(data + at, length);
		MUST(insn.kind == INSN_PLAIN || !insn.safe); /* what is intercepted may leave */
		MUST(!insn.again || !insn.safe);
		MUST(!insn.data || !insn.safe);
		MUST(insn.branch <= QEMU_NO_BRANCH && insn.far == (insn.branch == QEMU_FAR));
	}
}

static void parse_lines(char *text)
{
	char *texts[MAX_TEXTS], why[100];
	struct qemu_options options;
	int count = 0;

	for (char *line = strtok(text, "\n"); line && count < MAX_TEXTS; line = strtok(NULL, "\n"))
		texts[count++] = line;
	if (qemu_options_parse(&options, count, texts, why, sizeof(why)) != VPMU_OK)
		return;
	MUST(vpmu_model_check(&options.model, NULL, 0) == VPMU_OK);
	MUST(qemu_cpu_for(&options.model));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	decode_all(data, size);
	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	parse_lines(text);
	free(text);
	return 0;
}
