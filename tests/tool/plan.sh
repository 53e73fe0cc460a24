#!/bin/bash
# SPDX-License-Identifier: MIT
# vpmu plan: the writes that other VMMs make, and JSON that says the same.
. "$(dirname "$0")/tap.sh" || exit

# The MSR numbers of the plan that was printed, in their sequence; those that clear with a minus.
numbers() {
	awk '/^0x/ { sub(/^0x/, "", $1); print $1 ($5 == "(clear)" ? "-" : "") }' "$scratch/out" |
		paste -sd' '
}

# NAME EXPECTED ARGUMENT…
writes() {
	local name=$1 expected=$2
	shift 2
	run plan "$@"
	check "$name: status" same "$status" 0
	check "$name: the writes" same "$(numbers)" "$expected"
}

writes 'QEMU on Intel' '38d- 38f- 309 30a 30b c1 186 c2 187 c3 188 c4 189 38e 390 38d 38f' \
	--model intel-v2 --order stop-first
writes 'QEMU on an Intel PMU of version 1' 'c1 186 c2 187' --model intel-v1 --order stop-first
writes 'QEMU on AMD' \
	'c0010201 c0010200 c0010203 c0010202 c0000300 c0000302 c0000301' \
	--model amd-perfmon-v2,gp=2 --order no-stop
writes 'QEMU before PERFCORE' \
	'c0010004 c0010000 c0010005 c0010001 c0010006 c0010002 c0010007 c0010003' \
	--model amd-k7 --order no-stop
writes 'Cloud Hypervisor' '309 30a 30b 38d 38e 38f c1 c2 c3 c4 186 187 188 189' \
	--model intel-v2 --order listed
writes 'crosvm' 'c1 c2 c3 c4 186 187 188 189 309 30a 30b 38d 38e 38f' \
	--model intel-v2 --order ascending
writes 'ours' '345 38f- 309 30a 30b c1 c2 c3 c4 186 187 188 189 38d 38e 38f' --model intel-v2
writes 'ours on a reset' '38f- 309 30a 30b c1 c2 c3 c4 186 187 188 189 38d 38e 38f' \
	--model intel-v2 --level reset
writes 'a runtime put' '' --model intel-v2 --level runtime
check 'a runtime put: says so' grep -q ': 0 writes$' "$scratch/out"

# What is printed is what check reads: the same verdict of each property as of the order itself.
verdicts() {
	run check --scope between=0,states=1,mixed=0,twice=off,refused=off --profile linux-6.12 "$@"
	[ "$status" -le 1 ] && awk '$1 ~ /-/ && $2 != "" && !/:/ { print $1, $2 }' "$scratch/out"
}
is_judged_as() { # MODEL ORDER
	"$vpmu" plan --model "$1" --level reset --order "$2" >"$scratch/plan" &&
		verdicts --plan "$scratch/plan" >"$scratch/by_plan" &&
		verdicts --model "$1" --level reset --order "$2" >"$scratch/by_order" &&
		[ -s "$scratch/by_plan" ] && diff "$scratch/by_plan" "$scratch/by_order"
}
for model in intel-v1 intel-v2,gp=2,width=40 amd-k7 amd-perfmon-v2; do
	for order in safe stop-first no-stop per-counter listed ascending; do
		check "$model, $order: check reads the text" is_judged_as $model $order
	done
done

refused 'no model' 2 'no model given' plan
refused 'unknown model' 2 "did you mean 'intel-v2'?" plan --model intl-v2
refused 'unknown order' 2 "did you mean 'safe'?" plan --model intel-v2 --order sfe
refused 'unknown level' 2 'known are runtime, reset, full' plan --model intel-v2 --level x
refused 'an operand' 2 'one argument too many' plan intel-v2

run plan --model intel-v2 --json
if [ "$status" = 3 ]; then
	check 'without JSON: says so' says 'this build has no JSON'
	skip 'JSON' 'this build has none'
	finish
fi
check 'JSON: says what it is' holds "$scratch/out" 'd["format"] == "vpmu-plan" and d["version"] == 1
	and d["model"] == "intel-v2" and d["level"] == "full" and d["order"] == "safe"'
check 'JSON: the same writes' holds "$scratch/out" '[w["msr"] for w in d["writes"]] ==
	["0x345", "0x38f", "0x309", "0x30a", "0x30b", "0xc1", "0xc2", "0xc3", "0xc4", "0x186", "0x187",
	 "0x188", "0x189", "0x38d", "0x38e", "0x38f"]'
check 'JSON: a clear and a value' holds "$scratch/out" 'd["writes"][1]["clear"] and
	not d["writes"][-1]["clear"] and d["writes"][-1]["value"] == "0xf"'
finish
