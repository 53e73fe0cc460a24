/* SPDX-License-Identifier: MIT */
#include "timing.h"
uint8_t timing_slots(const struct ZydisDecodedInstruction_ *insn) { return 1; }
bool timing_make(struct timing *timing) { return true; }
void timing_unmake(struct timing *timing) {}
void timing_reset(struct timing *timing) {}
void timing_limit(struct timing *timing, const struct vpmu_amounts *room) {}
void timing_flush_line(struct timing *timing, uint64_t address) {}
void timing_flush_predictor(struct timing *timing) {}
