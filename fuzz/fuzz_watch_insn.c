/* SPDX-License-Identifier: MIT */
/* Guests' instructions as counting under watch decodes them: no byte behind the last is read, and
 * what is answered holds together. */
#include <stdlib.h>
#include <string.h>

#include <watch/insn.h>

#include "fuzz.h"

static void decode(const uint8_t *bytes, size_t count, unsigned bits)
{
	struct guest_insn insn = guest_insn_decode(bytes, count, bits, bits * 0x1111);

	MUST(insn.kind <= GUEST_UNKNOWN && insn.length <= count);
	MUST(!insn.length == (insn.kind == GUEST_UNKNOWN));
	if (insn.kind >= GUEST_CONDITIONAL && insn.kind <= GUEST_CALL)
		MUST(guest_insn_leads_to(&insn, insn.target));
	else
		MUST(insn.target == insn.next);
	if (insn.kind == GUEST_PLAIN)
		MUST(guest_insn_leads_to(&insn, insn.next));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (size_t at = 0; at < size; at++) {
		size_t count = size - at < GUEST_INSN_BYTES ? size - at : GUEST_INSN_BYTES;
		uint8_t *bytes = malloc(count); /* its end is the sanitizer's */

		MUST(bytes);
		memcpy(bytes, data + at, count);
		for (unsigned bits = 16; bits <= 64; bits *= 2)
			decode(bytes, count, bits);
		free(bytes);
	}
	return 0;
}
