#!/bin/bash
# SPDX-License-Identifier: MIT
# QEMU's migration files without QEMU: the small ones of the fuzzer's corpus, made by
# tests/stream/qemu_corpus.c. tests/tool/state-qemu.sh has real ones.
. "$(dirname "$0")/tap.sh"
corpus=$SOURCE/fuzz/corpus/qemu

shows() {
	grep -qE -- "$1" "$scratch/out"
}

for file in described described-without-footers plain; do
	run state show "$corpus/$file"
	check "$file: status" same "$status" 0
	check "$file: QEMU's fields" shows '^  gp_counters\[1\] +0x2$'
	check "$file: what is not read" shows 'cpu/arch_lbr is there too, and not read'
	run state import-qemu "$corpus/$file" --model intel-v2 --out "$scratch/$file.vpmu"
	check "$file: imported" same "$status" 0
	run state show "$scratch/$file.vpmu"
	check "$file: the counter is there" shows 'IA32_PMC1 +0x2$'
	check "$file: global control, too" shows 'IA32_PERF_GLOBAL_CTRL +0xf$'
	run state diff "$corpus/$file" "$scratch/$file.vpmu" --model intel-v2
	check "$file: no difference to the import" same "$status" 0
	run state compat "$corpus/$file" --state-model intel-v2 --model intel-v2
	check "$file: compat takes it" same "$status" 0
	refused "$file: no such PMU on AMD" 2 'PerfCntrGlobalCtl cannot hold' \
		state import-qemu "$corpus/$file" --model amd-perfmon-v2,gp=2
done

run state show "$corpus/described-idle"
check 'idle: said so' shows 'vCPU 0: the PMU was idle, all of it is 0'
run state import-qemu "$corpus/described-idle" --model intel-v2
check 'idle: without --out the registers are printed' shows 'IA32_PMC0 +0x0$'
check 'found through its description' grep -q 'through its description' \
	<("$vpmu" state show "$corpus/described")
check "found by QEMU's layout" grep -q "by QEMU's layout" <("$vpmu" state show "$corpus/plain")
refused 'no model' 2 'does not say which PMU its vCPUs have' \
	state import-qemu "$corpus/described"
refused 'not a QEMU file' 2 'not a QEMU migration file' state import-qemu "$0" --model zen4

size=$(stat -c %s "$corpus/described")
for cut in 7 1000 9000 $((size - 100)) $((size - 1)); do
	head -c "$cut" "$corpus/described" >"$scratch/cut"
	run state show "$scratch/cut"
	check "cut at $cut: status" same "$status" 2
	check "cut at $cut: one message" one_message
	check "cut at $cut: prints nothing else" nothing_printed
done
cat "$corpus/described" "$corpus/plain" >"$scratch/two"
refused 'something follows' 2 '' state show "$scratch/two"
finish
