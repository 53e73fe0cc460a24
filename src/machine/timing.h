/* SPDX-License-Identifier: MIT */
#ifndef MACHINE_TIMING_H
#define MACHINE_TIMING_H
#include <stdbool.h>
#include <stdint.h>
#include <vpmu/pmu.h>
struct timing { struct vpmu_amounts pending; };
struct ZydisDecodedInstruction_;
uint8_t timing_slots(const struct ZydisDecodedInstruction_ *insn);
bool timing_make(struct timing *timing);
void timing_unmake(struct timing *timing);
void timing_reset(struct timing *timing);
void timing_limit(struct timing *timing, const struct vpmu_amounts *room);
void timing_flush_line(struct timing *timing, uint64_t address);
void timing_flush_predictor(struct timing *timing);
#endif
