#!/bin/bash
# SPDX-License-Identifier: MIT
# vpmu run --cpu kvm: the guest on this host's KVM. Its PMU is KVM's own where there is one; here it
# is the registers that vpmu watch --emulate puts in their place, for all but counting.
. "$(dirname "$0")/tap.sh" || exit
guests=$BUILD/guests

# NAME HEX: a guest of these instructions, in $scratch/NAME.
guest() {
	python3 "$(dirname "$0")/guest.py" "$scratch/$1" "$2"
}

guest exit 'b015 66baf400 ee ebfe'
guest loop 'ebfe'
guest halt 'fa f4 ebfd'
guest fault '0f0b'
guest print '66baf803 b041 ee b0ff ee b00a ee 66baf400 30c0 ee ebfe'
# Counter 0 = 0x1234, counter 1 = 5, selector 0 = instructions, GLOBAL_CTRL = 2; exit 0.
guest leaves 'b9c1000000 b834120000 31d2 0f30 b9c2000000 b805000000 0f30
	b986010000 b8c0005300 0f30 b98f030000 b802000000 0f30 66baf400 30c0 ee ebfe'

run run --cpu kvm --model intel-v2,pmu=off "$scratch/exit"
if [ "$status" != 43 ]; then
	check 'without KVM: status' same "$status" 3
	check 'without KVM: one message' one_message
	check 'without KVM: what to do' says 'vpmu doctor'
	skip 'every run' "$(cat "$scratch/err")"
	finish
fi

# --- No PMU: on any KVM --------------------------------------------------------------------------

check 'the exit status is (V << 1) | 1' same "$status" 43
check 'a guest that ends is no message' [ ! -s "$scratch/err" ]
run run --cpu kvm --model amd-k7,pmu=off "$scratch/print"
check 'serial output: as it is' same "$(od -An -tx1 "$scratch/out")" ' 41 ff 0a'
guest controls "$controls_guest"
run run --cpu kvm --model amd-k7,pmu=off "$scratch/controls"
check 'control registers at the entry' begins_as_promised
for image in elf mb32.elf mb64.elf; do
	run run --cpu kvm --model intel-v2,pmu=off --timeout 30 "$guests/prober.$image"
	check "prober.$image finds no PMU: status" same "$status" 5
	check "prober.$image finds no PMU: says so" grep -q 'no PMU' "$scratch/out"
done

# NAME STATUS TEXT ARGUMENT…: the run ends so, with one message.
ends() {
	local name=$1 expected=$2 text=$3
	shift 3
	run run --cpu kvm --model intel-v2,pmu=off "$@"
	check "$name: status" same "$status" "$expected"
	check "$name: one message" one_message
	check "$name: says '$text'" says "$text"
}
ends 'timeout' 124 '--timeout reached' --timeout 0.3 "$scratch/loop"
ends 'triple fault' 128 'triple fault' "$scratch/fault"
ends 'halted for ever' 160 'halted' "$scratch/halt"
for option in '--max-instructions 5' '--reset-at 5' '--migrate-at 5' '--profile hardware' \
	'--order safe' "--timeline $scratch/t.json" "--save $scratch/s --at 5" \
	'--migrate-to unix:s' '--allow-remote'; do
	# shellcheck disable=SC2086 # an option and its value
	ends "${option%% *}" 2 'do not go together: --cpu kvm' $option "$scratch/exit"
done
check 'nothing was written' [ ! -e "$scratch/t.json" ] && [ ! -e "$scratch/s" ]
run run --cpu kvm --restore "$scratch/s"
check 'nothing is restored: status' same "$status" 2
check 'nothing is restored: says so' says '--restore'

run run --cpu kvm --model intel-v2,pmu=off --stat "$scratch/exit"
check 'stat: no counters' grep -q '<no counters>' "$scratch/err"
run run --cpu kvm --model intel-v2,pmu=off --json "$scratch/exit"
if [ "$status" = 3 ]; then
	skip 'JSON' 'this build has none'
else
	check 'JSON: is JSON' is_json "$scratch/out"
	check 'JSON: the CPU' grep -q '"cpu": "kvm"' "$scratch/out"
	check 'JSON: instructions are not known' grep -q '"instructions": null' "$scratch/out"
fi

# --- This KVM's own PMU, or why there is none ----------------------------------------------------

run run --cpu kvm --timeout 60 "$guests/prober.elf"
if [ "$status" = 3 ]; then
	check "KVM without a PMU: one message" one_message
	check "KVM without a PMU: says why" says 'cannot run on KVM: --cpu kvm:'
	check "KVM without a PMU: nothing ran" nothing_printed
	for guest in prober count sampler; do
		skip "$guest on KVM's own PMU" "$(cat "$scratch/err")"
	done
else
	check "prober on KVM's own PMU" same "$status" 1
	for guest in count sampler; do
		run run --cpu kvm --timeout 60 "$guests/$guest.elf"
		check "$guest on KVM's own PMU" same "$status" 1
	done
fi

# --- A KVM that has the registers of one ---------------------------------------------------------

run watch --emulate intel-v2 --log "$scratch/log" -- "$vpmu" run --cpu kvm "$scratch/exit"
if [ "$status" != 43 ] && ! grep -q '^vpmu watch' "$scratch/err"; then
	skip "registers on an emulated KVM" "$(tail -n 1 "$scratch/err")"
	finish
fi

# MODEL ARGUMENT…: a run on a KVM with the model's registers.
emulated() {
	local model=$1
	shift
	timeout 60 "$vpmu" watch --emulate "$model" --log "$scratch/log" -- \
		"$vpmu" run --cpu kvm "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
}
emulated intel-v2 --stat "$scratch/leaves"
check 'stat: what the guest left in counter 0' grep -q '^ *4,660  IA32_PMC0' "$scratch/err"
check 'stat: its selector' grep -q 'IA32_PMC0 .*user os int *off' "$scratch/err"
check 'stat: what it left in counter 1' grep -q '^ *5  IA32_PMC1' "$scratch/err"
emulated intel-v2 "$scratch/exit"
check 'the PMU is put in order safe, once' same "$(grep -c 'order: safe' "$scratch/log")" 1
emulated intel-v2 --model intel-v2,gp=2 --stat "$scratch/leaves"
check 'a smaller model: its counters' grep -q IA32_PMC1 "$scratch/err"
check 'a smaller model: and no other' same "$(grep -c '>  IA32_PMC2' "$scratch/err")" 0
check 'a smaller model: its CPUID' grep -q 'version 2, 2 counters' "$scratch/log"
emulated intel-v2 --model intel-v2,gp=8 "$scratch/exit"
check 'a larger model: is refused' says "its PMU is not intel-v2's"
emulated intel-v2 --model amd-perfcore "$scratch/exit"
check "another vendor's: is refused" says "its PMU is not amd-perfcore's"
for model in intel-v2 amd-perfcore amd-perfmon-v2; do
	emulated "$model" "$guests/prober.elf"
	check "prober finds $model" grep -q 'counters of 48 bits' "$scratch/out"
done
emulated amd-perfcore --model amd-k7,pmu=off "$guests/prober.elf"
check 'PMU off: the guest finds none' grep -q 'no PMU' "$scratch/out"
check 'PMU off: by KVM' grep -q 'KVM_ENABLE_CAP 212 with 0x1' "$scratch/log"
finish
