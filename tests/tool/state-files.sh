#!/bin/bash
# SPDX-License-Identifier: MIT
# Registers that others have written down, wherever states are asked for. The inputs are made by
# tests/stream/make-foreign.
. "$(dirname "$0")/tap.sh" || exit
corpus=$SOURCE/fuzz/corpus/foreign_msrs
json=$SOURCE/fuzz/corpus/foreign_json

shows() {
	grep -qE -- "$1" "$scratch/out"
}

run state show "$corpus/rdmsr"
check 'without a model: what an MSR is called' shows '^  0x186 +IA32_PERFEVTSEL0 +0x530076$'
check "without a model: what is not a PMU's" shows "^  0x1b +not a PMU's +0xfee00900$"
run state show "$corpus/rdmsr" --model intel-v2
check 'rdmsr: status' same "$status" 0
check 'rdmsr: both CPUs' same "$(grep -c '^vCPU ' "$scratch/out")" 2
check 'rdmsr: CPU 1' shows '^  0xc1 +IA32_PMC0 +0xffff00000010  overflows after 4294967280$'
check 'rdmsr: what is not the PMU' says '1 MSR is not the PMU'
check 'rdmsr: what is not told' says 'taken as after a reset: '
check 'rdmsr: in one line' one_message
refused 'no model' 2 'msr-tools does not say which PMU' state convert "$corpus/rdmsr" --to native -
refused 'not this model' 2 'IA32_PMC1 (0xc2) is 0xff there, and amd-k7 has no such register' \
	state show "$corpus/rdmsr" --model amd-k7
printf 'wrmsr 0x186 0x100000000\n' >"$scratch/text"
refused 'a value that the register cannot hold' 2 'cannot hold 0x100000000' \
	state show "$scratch/text" --model intel-v2
printf 'wrmsr 0xc1 1\nwrmsr 0x4c1 2\n' >"$scratch/text"
refused 'two values of one register' 2 'by another number of it' \
	state show "$scratch/text" --model intel-v2
printf 'wrmsr 186 0x530076\n' >"$scratch/text"
refused 'hex without 0x' 2 'is it 0xba, which msr-tools take, or 0x186' \
	state show "$scratch/text" --model intel-v2

for file in listed wrmsr kvm-trace perf-trace msr-trace; do
	run state convert "$corpus/$file" --model intel-v2 --to native "$scratch/$file.vpmu"
	check "$file: converted" same "$status" 0
	run state diff "$corpus/$file" "$scratch/$file.vpmu" --model intel-v2
	check "$file: the same as its conversion" same "$status" 0
	run plan --state "$corpus/$file" --model intel-v2 --vcpu 0
	check "$file: a plan" same "$status" 0
done
run state show "$corpus/aida"
check 'a dump with CPUID has its model' shows '^vCPU 0: .*version 4, 4 counters'
check 'a dump with CPUID has its registers' shows 'IA32_PERFEVTSEL0 +0x530076'

run state show "$json/firecracker"
if [ "$status" != 3 ]; then
	check 'Firecracker: both vCPUs' same "$(grep -c '^vCPU ' "$scratch/out")" 2
	for file in cloud-hypervisor cloud-hypervisor-old firecracker firecracker-template; do
		run state show "$json/$file"
		check "$file: status" same "$status" 0
		check "$file: the model of its CPUID" shows '^vCPU 0: .*version 4, 4 counters'
		check "$file: IA32_PERF_CAPABILITIES" shows 'IA32_PERF_CAPABILITIES +0x2000'
		check "$file: a counter" shows 'IA32_PMC0 +0xffff00000010'
		run models "$json/$file"
		check "$file: also a model" shows '^counters +4, '
		run state compat "$json/$file" --model skylake
		check "$file: compat" same "$status" 0
	done
	run state show "$json/cloud-hypervisor"
	check 'Cloud Hypervisor: vCPUs by their numbers' same \
		"$(sed -n 's/^vCPU \([0-9]*\): .*/\1/p' "$scratch/out" | tr '\n' ' ')" '0 1 2 10 '
	run models "$json/qmp"
	check 'QMP: a model' shows '^signature +0x606a6$'
	check 'QMP: its features' shows '^features +pdcm, '
	check 'QMP: what is not told' says 'the counters (taken from what is known'
	size=$(stat -c %s "$json/firecracker")
	for cut in 1 50 $((size / 2)) $((size - 2)); do
		head -c "$cut" "$json/firecracker" >"$scratch/cut"
		refused "JSON cut at $cut" 2 '' state show "$scratch/cut"
		refused "JSON cut at $cut, as a model" 2 '' models "$scratch/cut"
	done
	python3 -c 'print("[" * 100000 + "]" * 100000)' >"$scratch/deep"
	refused 'deep JSON' 2 '' state show "$scratch/deep"
	python3 -c 'print("{\"a\":" * 1000 + "1" + "}" * 1000)' >"$scratch/deep"
	refused 'JSON with nothing in it' 2 'neither CPUID nor MSRs' state show "$scratch/deep"
else
	skip 'snapshots' 'this build has no JSON'
fi
refused 'zeros' 2 'it looks like zeros' state show <(head -c 65536 /dev/zero)
refused 'a program' 2 'it looks like an ELF file' state show "$vpmu"
limit=$(memory_limit 400000)
truncate -s 1G "$scratch/gib"
(ulimit -v "$limit" && exec timeout 60 "$vpmu" state show "$scratch/gib") >"$scratch/out" 2>"$scratch/err"
check '1 GiB of zeros: status' same "$?" 2
check '1 GiB of zeros: what it looks like' says 'it looks like zeros'
finish
