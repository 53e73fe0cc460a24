#!/bin/bash
# SPDX-License-Identifier: MIT
# vpmu watch --emulate MODEL --count: guests of the tests' own VMM count, in real time and on /dev/kvm.
#   count.sh VPMU ODD_VMM
. "$(dirname "$0")/../tool/tap.sh" || exit
odd=$2

refused 'counting without a PMU' 2 '--emulate is missing' watch --count -- "$odd" exit 0
if ! { [ -r /dev/kvm ] && [ -w /dev/kvm ]; }; then
	skip 'guests that count' 'no /dev/kvm that can be opened'
	finish
fi

# MODEL ARGUMENT…: with counting.
counted() {
	local model=$1
	shift
	run watch --emulate "$model" --count --log "$scratch/log" -- "$odd" "$@"
}

# NAME LINE: the guest of that name has put out that.
counts() {
	check "$1" grep -qxF -- "$2" "$scratch/out"
}

counted intel-v2 count intel
if grep -qF 'does not single-step' "$scratch/log"; then
	skip 'guests that count' 'this KVM does not single-step a guest'
	finish
fi
counts 'instructions and branches of a loop' 'loop: ended 0xcd 0x64 others 0'
counts 'REP, MOV SS, PUSHF, CALL, OUT and IN, and no trap flag' 'odd: ended 0x13 0x3 0x46 others 1'
counts 'RDPMC, stopped and counting, and one that faults' 'rdpmc: ended 0x1234 0x1 0x7 0 0xbad others 0'
check 'counting: all is emulated' [ -z "$(grep -F 'not emulated' "$scratch/log")" ]
for profile in hardware linux-6.1 linux-7.3 mediated; do
	run watch --emulate intel-v2 --profile $profile --count --log "$scratch/log" -- "$odd" count intel
	counts "$profile: the loop" 'loop: ended 0xcd 0x64 others 0'
done
for model in amd-k7 amd-perfmon-v2; do
	counted $model count amd
	counts "$model: the loop" 'amd: ended 0xcd 0x64 others 0'
done

counted intel-v2 count pmi
counts 'one NMI' 'nmi: ended 0x1 0x1 others 0'
counts 'a PMI masks LVTPC' 'nmi: LVTPC 0x10400'
counts 'one interrupt' 'fixed: ended 0x1 0x1 others 0'
counts 'a masked PMI is dropped' 'masked: ended 0 0x1 others 0'

counted intel-v2 count endless
check "the VMM's signals end KVM_RUN" same "$(grep -cxF 'endless: interrupted' "$scratch/out")" 5
counts 'and the guest has counted' 'endless: flags 0, counted 1'

counted intel-v2 count debugged
counts 'a VMM that steps the guest gets its exits' 'debugged: exit 4'
check 'and is told of' grep -qF 'the VMM debugs the guest itself' "$scratch/log"

run watch --emulate intel-v2 --log "$scratch/log" -- "$odd" count intel
counts 'without --count nothing counts' 'loop: ended 0 0 others 0'
run watch --emulate intel-v2 --count --log "$scratch/log" -- "$odd" emulated
check 'counting: every answer is right' [ -z "$(grep -v '^ok' "$scratch/out")" ]

for row in linux-6.12:N mediated:Y; do
	run watch --emulate intel-v2 --profile "${row%:*}" --log "$scratch/log" -- "$odd" parameters
	counts "${row%:*}: enable_pmu" 'enable_pmu Y'
	counts "${row%:*}: enable_mediated_pmu" "enable_mediated_pmu ${row#*:}"
	counts "${row%:*}: a path that cannot be read" 'a bad path: 1'
done
finish
