#!/bin/bash
# SPDX-License-Identifier: MIT
# Text that others wrote (names of files, arguments, what files say) never reaches a terminal as
# control characters: ESC, C1 in UTF-8 and as a byte, right-to-left override.
. "$(dirname "$0")/tap.sh" || exit

poison=$'\e[31m\xc2\x9b1m\x9b2m\xe2\x80\xae'

clean() {
	! LC_ALL=C grep -qaP '[\x01-\x08\x0b-\x1f]|\xc2\x9b|\x9b|\xe2\x80\xae' "$scratch/out" "$scratch/err"
}

# NAME TEXT ARGUMENT…: the tool prints the text, which is beside the poison, and no control character.
harmless() {
	local name=$1 text=$2
	shift 2
	run "$@"
	if grep -qE 'this build |cpu kvm' "$scratch/err"; then
		skip "$name" "$(head -n 1 "$scratch/err")"
		return
	fi
	check "$name: tells it" grep -qaF -- "$text" "$scratch/out" "$scratch/err"
	check "$name: harmless" clean
}

file=$scratch/odd$poison
harmless 'a command' odd "odd$poison"
harmless 'an option' odd models "--odd$poison"
harmless 'an option of another command' odd check "--odd$poison"
harmless 'a model' odd models "odd$poison"
harmless "a model's key" odd models "intel-v2,odd$poison=1"
harmless "a model's value" odd models "intel-v2,gp=odd$poison"
harmless 'a profile' odd models intel-v2 --profile "odd$poison"
harmless 'an order' odd plan --model intel-v2 --order "odd$poison"
harmless 'a life' odd check --life "odd$poison"
harmless 'a scope' odd check --scope "odd$poison=1"
harmless 'a part' odd check --shard "odd$poison"
for verb in 'replay' 'state show' 'state import-qemu' 'check --merge' 'check --model intel-v2 --plan' \
	'state baseline' 'run' 'run --restore' 'plan --model intel-v2 --state' 'doctor --root'; do
	harmless "vpmu $verb: a file" odd $verb "$file"
done
printf 'odd%s\n' "$poison" >"$file"
for verb in 'state show' 'check --merge' 'check --model intel-v2 --plan' 'state baseline' 'run' \
	'run --restore'; do
	harmless "vpmu $verb: what a file says" odd $verb "$file"
done

printf 'model intel-v2\nodd\xc2\x9b1m 1\n' >"$file"
harmless "a replay's command" odd replay "$file"
printf 'model intel-v2\nexpect rdmsr 0xc1 = odd\xc2\x9b1m\xe2\x80\xae\n' >"$file"
harmless "a replay's expectation" 'expected odd' replay "$file"

printf 'odd%s intel-v2\nother intel-v5\n' "$poison" >"$file"
harmless "a fleet's host" 'odd' state baseline "$file"
harmless "a fleet's host as JSON" 'odd' state baseline --json "$file"
printf '{"format": "odd\\u001b[31m\\u009b1m\\u202e", "odd\\u001b": 1}' >"$file"
harmless 'a format' '' state show "$file"
harmless "a report's format" '' state baseline "$file"
sed '0,/"name": "[^"]*"/s//"name": "odd\\u001b[31m\\u009b"/' \
	"$SOURCE/fuzz/corpus/state_json/intel-v1" >"$file"
harmless "a model's name" "'name'" state show "$file"

root=$scratch/root
mkdir -p "$root/proc/sys/kernel" "$root/sys/module/kvm/parameters" "$root/dev"
printf '6.1.odd%s\n' "$poison" >"$root/proc/sys/kernel/osrelease"
printf 'odd%s\n' "$poison" >"$root/sys/module/kvm/parameters/enable_pmu"
harmless "a host's kernel" '6.1.odd' doctor --root "$root"
harmless "a host's kernel as JSON" '6.1.odd' doctor --root "$root" --json
harmless 'a VMM' '' watch -- "$file"
if [ -r "$BUILD/guests/count.elf" ]; then
	cp "$BUILD/guests/count.elf" "$file"
	harmless 'a guest' odd run --stat "$file"
	harmless 'a guest as JSON' odd run --json "$file"
fi
finish
