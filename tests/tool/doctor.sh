#!/bin/bash
# SPDX-License-Identifier: MIT
# vpmu doctor: on this host, whatever it is, and under a root that is not this host's.
. "$(dirname "$0")/tap.sh" || exit

shows() {
	grep -qE -- "$1" "$scratch/out"
}

# A verdict's exit status, and a message on stderr just where there is none.
consistent() {
	case $1 in
	available) same "$status" 0 && [ ! -s "$scratch/err" ] ;;
	none) same "$status" 1 && [ ! -s "$scratch/err" ] ;;
	unknown) same "$status" 3 && one_message ;;
	*) false ;;
	esac
}

run doctor
if [ "$status" = 3 ] && nothing_printed; then
	check 'without KVM: says so' says 'no KVM to look at'
	finish
fi
check 'every line has a status' \
	awk '/^$/ { exit } !/^(PASS|WARN|FAIL|SKIP)  |^ +-> / { exit 1 }' "$scratch/out"
check 'what is wrong is told' sh -c "[ $status = 0 ] || grep -q ^FAIL '$scratch/out'"
check 'no colour without a terminal' same "$(grep -c $'\e' "$scratch/out")" 0
cp "$scratch/out" "$scratch/text"
text_status=$status
case $status in
0) check 'verdict in words' shows '^A guest here gets a PMU: ' ;;
1) check 'verdict in words' shows '^A guest here gets no PMU: ' ;;
*) check 'verdict in words' says 'cannot tell whether' ;;
esac

# An empty root: no module, no device. (What the CPU and perf say is still this host's.)
mkdir -p "$scratch/root/sys/module/kvm/parameters" "$scratch/root/dev"
run doctor --root "$scratch/root"
check 'no device' shows '^FAIL  /dev/kvm +cannot be opened: No such file'
check 'no vendor module' shows '^FAIL  KVM module +kvm is loaded, but kvm_[a-z]* is not'
check 'what needs the device is skipped' shows '^SKIP  guest PMU +needs /dev/kvm'
check 'no device is no success' [ "$status" -ne 0 ]
echo N >"$scratch/root/sys/module/kvm/parameters/enable_pmu"
run doctor --root "$scratch/root"
check 'module without a PMU' shows '^FAIL  enable_pmu +N: '
check 'module without a PMU: a verdict without the device' same "$status" 1
echo Y >"$scratch/root/sys/module/kvm/parameters/enable_pmu"
: >"$scratch/root/dev/kvm"
run doctor --root "$scratch/root"
check 'module with a PMU' shows '^PASS  enable_pmu +Y'
check 'a device that is not KVM' shows '^FAIL  /dev/kvm +is not KVM'
rm "$scratch/root/dev/kvm"

# A device that must not be opened, by somebody who is not root.
: >"$scratch/root/dev/kvm"
chmod 000 "$scratch/root/dev/kvm"
chmod -R o+rX "$scratch"
chmod 000 "$scratch/root/dev/kvm"
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
[ "$(id -u)" = 0 ] || nobody=(env)
if "${nobody[@]}" "$vpmu" --version >/dev/null 2>&1; then
	"${nobody[@]}" "$vpmu" doctor --root "$scratch/root" >"$scratch/out" 2>"$scratch/err"
	check 'no permission' shows '^FAIL  /dev/kvm +cannot be opened: Permission denied'
	check 'no permission: what to do' shows '-> .*usermod -aG kvm'
else
	skip 'no permission' 'cannot run the tool as another user'
	skip 'no permission: what to do' 'cannot run the tool as another user'
fi

if have_terminals; then
	TERM=xterm script -qec "env -u NO_COLOR '$vpmu' doctor" /dev/null </dev/null \
		>"$scratch/tty" 2>&1
	check 'colour on a terminal' grep -q $'\e\[3[123]m' "$scratch/tty"
	TERM=xterm NO_COLOR=1 script -qec "'$vpmu' doctor" /dev/null </dev/null >"$scratch/tty" 2>&1
	check 'NO_COLOR is kept' same "$(grep -c $'\e' "$scratch/tty")" 0
else
	skip 'colour on a terminal' 'no script(1), or no ptys'
	skip 'NO_COLOR is kept' 'no script(1), or no ptys'
fi

refused 'operand' 2 "one argument too many: 'now'" doctor now
refused 'no such root' 2 'no such directory' doctor --root "$scratch/nowhere"

run doctor --json
if says_no_json=$(grep -c 'this build has no JSON' "$scratch/err") && [ "$says_no_json" = 1 ]; then
	finish
fi
check 'JSON: says what it is' \
	holds "$scratch/out" 'd["format"] == "vpmu-doctor" and d["version"] == 1'
verdict=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["verdict"])' "$scratch/out")
check 'JSON: exit status and verdict agree' consistent "$verdict"
check 'JSON: the same exit status' same "$status" "$text_status"
check 'JSON: the same checks' same \
	"$(python3 -c 'import json, sys
for c in json.load(open(sys.argv[1]))["checks"]:
	print("%-4s  %-18s %s" % (c["status"].upper(), c["name"], c["what"]))' "$scratch/out")" \
	"$(sed '/^$/,$d; /^ /d' "$scratch/text")"
check 'JSON: a model comes with CPUID' holds "$scratch/out" '("model" in d) == ("cpuid" in d)'
# Only KVM says what the model is: where it cannot be opened there can be a verdict without one.
check 'JSON: with KVM a verdict comes with a model, and without it there is none' \
	holds "$scratch/out" '("model" in d) == (d["kvm"]["open"] and d["verdict"] != "unknown")'
check 'JSON: no PMU is version 0' holds "$scratch/out" \
	'"model" not in d or (d["model"]["pmu_version"] > 0) == (d["verdict"] == "available")'
run doctor --json --root "$scratch/root"
check 'JSON under another root' holds "$scratch/out" 'd["kvm"]["open"] in (True, False)'

"$vpmu" doctor >/dev/full 2>"$scratch/err"
check 'a full output: status' same "$?" 3
check 'a full output: one message' one_message
finish
