#!/bin/bash
# SPDX-License-Identifier: MIT
# vpmu watch and the tests' own VMM: transparency, emulation, ends, and what cannot be watched.
#   watch.sh VPMU ODD_VMM ODD_VMM_STATIC
. "$(dirname "$0")/../tool/tap.sh" || exit
odd=$2
static=$3

# NAME STATUS OPTION… -- VMM…: the end is the VMM's.
ends() {
	local name=$1 expected=$2
	shift 2
	run watch "$@"
	check "$name" same "$status" "$expected"
}

ends 'exit status 0' 0 --log "$scratch/log" -- "$odd" exit 0
ends "the VMM's exit status" 37 --log "$scratch/log" -- "$odd" exit 37
run watch --log "$scratch/log" -- "$odd" signal 11
check "the VMM's signal" same "$status" 139
ends 'a script as VMM' 5 --log "$scratch/log" -- sh -c 'exit 5'
ends 'options of the VMM are its own' 0 --log "$scratch/log" -- sh -c '[ "$1" = --json ]' sh --json

passes_on() {
	rm -f "$scratch/out"
	"$vpmu" watch --log "$scratch/log" -- "$odd" wait >"$scratch/out" 2>"$scratch/err" &
	local watcher=$!
	until grep -qs ready "$scratch/out"; do sleep 0.05; done
	kill "-$1" "$watcher"
	wait "$watcher"
	same "$?" "$2"
}
check 'SIGTERM is passed on' passes_on TERM $((40 + 15))
check 'SIGUSR1 is passed on' passes_on USR1 $((40 + 10))

refused 'no VMM' 2 'missing argument: -- VMM' watch
refused 'no VMM behind --' 2 'missing argument: -- VMM' watch --json --
refused 'a VMM without --' 2 'usage: vpmu watch' watch "$odd"
refused 'no such command' 2 'no such command: no-such-vmm' watch -- no-such-vmm
refused 'a folder' 2 'no such command: /tmp' watch -- /tmp
refused 'a file that is not there' 2 'cannot be opened: /no/vmm: No such file' watch -- /no/vmm
refused 'a file that cannot be run' 2 "cannot be run: $0: Permission denied" watch -- "$0"
refused 'a static VMM' 2 'is statically linked' watch -- "$static" exit 0
printf '#!%s\n' "$static" >"$scratch/script"
chmod +x "$scratch/script"
refused 'a script of a static program' 2 'is statically linked' watch -- "$scratch/script"
# The program header of the loader's path leads far out of the file.
python3 - "$odd" "$scratch/damaged" <<'END'
import struct, sys
program = bytearray(open(sys.argv[1], 'rb').read())
for i in range(struct.unpack_from('<H', program, 56)[0]):
    if struct.unpack_from('<I', program, 64 + 56 * i)[0] == 3:
        struct.pack_into('<Q', program, 64 + 56 * i + 8, 2 ** 64 - 16)
        struct.pack_into('<Q', program, 64 + 56 * i + 32, 32)
open(sys.argv[2], 'wb').write(program)
END
chmod +x "$scratch/damaged"
run watch -- "$scratch/damaged" exit 0
check 'a damaged program does no harm' [ "$status" != 0 ] && [ "$status" -lt 128 ]
head -c 100 "$odd" >"$scratch/short"
chmod +x "$scratch/short"
refused 'a program cut short' 2 'cannot be watched' watch -- "$scratch/short"
refused 'no such model' 2 'unknown model' watch --emulate intel-v99 -- "$odd" exit 0
refused 'no such profile' 2 'profile' watch --emulate intel-v2 --profile linux-1 -- "$odd" exit 0
refused 'a profile alone' 2 '--emulate is missing' watch --profile hardware -- "$odd" exit 0
refused 'a log that cannot be' 3 'cannot write: --log /no/where' watch --log /no/where -- "$odd" exit 0
if [ "$(id -u)" = 0 ] && chown nobody "$scratch/script" 2>/dev/null; then
	cp "$odd" "$scratch/suid"
	chown nobody "$scratch/suid"
	chmod u+sx "$scratch/suid"
	refused 'a set-uid VMM' 2 'is set-uid' watch -- "$scratch/suid" exit 0
else
	skip 'a set-uid VMM' 'not root'
fi

run watch --log "$scratch/log" -- "$odd" exit 0
check '/dev/kvm was not used: says so' says '/dev/kvm was not used: nothing to follow'

lacks=
[ -r /dev/kvm ] && [ -w /dev/kvm ] || lacks='no /dev/kvm that can be opened'
if [ -n "$lacks" ]; then
	skip 'a VMM with KVM' "$lacks"
	finish
fi

# A VMM that leaves its first process.
leaves() { # STATUS COMMAND: what sh leaves in the background, and how that ends; sh ends first
	run watch --emulate intel-v2 --log "$scratch/log" -- \
		sh -c "(while kill -0 \$\$ 2>/dev/null; do sleep 0.02; done; $2) & exit 0"
	same "$status" "$1" && says 'goes on in the background'
}
echo '0x186 0x0' >"$scratch/one"
check 'in the background: its puts are judged' leaves 1 "'$odd' put '$scratch/one' batch"
check 'in the background: its exit status' leaves 7 "'$odd' resets >/dev/null; exit 7"
# Killed while it begins a program, it leaves the log incomplete: it waits in a FIFO's open().
mkfifo "$scratch/nobody"
terminated() {
	"$vpmu" watch --emulate intel-v2 --log "$scratch/log" -- \
		sh -c "('$odd' resets >/dev/null; : >'$scratch/waits'; read -r x <'$scratch/nobody') & exit 0" \
		2>"$scratch/err" &
	local watcher=$!
	until [ -e "$scratch/waits" ] && grep -qs 'in the background' "$scratch/err" ||
		! kill -0 "$watcher"; do sleep 0.05; done
	kill "$watcher"
	wait "$watcher"
	same "$?" 143
}
check 'in the background: SIGTERM reaches it' terminated
run watch --log "$scratch/log" -- sh -c 'sleep 10 & exit 0'
check 'in the background: no VM: says so' says 'goes on unwatched'
run watch --emulate intel-v2 --log "$scratch/log" -- sh -c "'$odd' resets >/dev/null; sleep 10 & exit 9"
check 'a first process that has failed is not followed' same "$status" 9

"$odd" transparent >"$scratch/alone" 2>&1
run watch --log "$scratch/log" -- "$odd" transparent
check 'transparent: the same results' cmp "$scratch/alone" "$scratch/out"
# A vCPU's descriptor has been passed to itself: which one it is, nobody can say.
check 'transparent: a passed descriptor makes it unknown' same "$status" 3
check 'transparent: why' says 'of unknown origin: 1 descriptor'
for seen in 'KVM_CREATE_VM' 'KVM_CREATE_VCPU 3' 'KVM_CREATE_VCPU 0 = -1 (File exists)' \
	'KVM_GET_MSR_INDEX_LIST' 'KVM_GET_SUPPORTED_CPUID' 'CPUID set' 'KVM_X86_SET_MSR_FILTER' \
	'KVM_ENABLE_CAP' 'KVM_SET_PMU_EVENT_FILTER' 'after 1 entries' 'MSR 0x12345678'; do
	check "transparent: the log has '$seen'" grep -qF -- "$seen" "$scratch/log"
done
check 'nothing is lost' [ -z "$(grep -F '  lost:' "$scratch/log")" ]
calls=$(sed -n 's/.*KVM_SET_MSRS: \([0-9]*\) calls.*/\1/p' "$scratch/log")
# 4 threads of 200; 3 on copies, 1 on a passed one, 7 odd ones, 3 around fork() and vfork().
check 'every KVM_SET_MSRS is seen' same "$calls" 814

run watch --log "$scratch/log" -- sh -c 'exec "$0" transparent' "$odd"
check 'behind a shell: the same results' cmp "$scratch/alone" "$scratch/out"
check 'behind a shell: the log has it' grep -qF 'KVM_CREATE_VCPU 3' "$scratch/log"

"$vpmu" watch --log /dev/full -- "$odd" transparent >"$scratch/out" 2>"$scratch/err"
check 'a full disk: exit status' same "$?" 3
check 'a full disk: the VMM does not notice' cmp "$scratch/alone" "$scratch/out"
check 'a full disk: says so' says 'the log is not complete: /dev/full'

run watch --json --log "$scratch/json" -- "$odd" transparent
check 'JSON: every line is a document' python3 -c 'import json, sys
for line in open(sys.argv[1]):
    d = json.loads(line)
    assert d["format"] == "vpmu-watch" and d["version"] == 1' "$scratch/json"
grep -v '"event":"[gp][eu]t"' "$scratch/json" >"$scratch/few"
described 'JSON: calls are as their schema says' "$scratch/few"
run watch --json --emulate intel-v2 --log "$scratch/json" -- "$odd" emulated
described 'JSON: every line is as its schema says' "$scratch/json"

run watch --emulate intel-v2 --log "$scratch/log" -- "$odd" emulated
check 'emulated: every answer is right' [ -z "$(grep -v '^ok' "$scratch/out")" ]
check 'emulated: refusals make it 1' same "$status" 1
check 'emulated: they are named' says IA32_PERFEVTSEL0
run watch --emulate intel-v2 --profile linux-6.12 --log "$scratch/log" -- "$odd" misc
check 'emulated: IA32_MISC_ENABLE as that kernel has it' same "$(cat "$scratch/out")" \
	'listed 1, got 0x1800, put 1, got 0x1801, guest reads: done'
run watch --emulate intel-v2 --profile hardware --log "$scratch/log" -- "$odd" misc
check "emulated, profile hardware: this host's IA32_MISC_ENABLE" same "$(cat "$scratch/out")" "$("$odd" misc)"
run watch --emulate amd-perfcore --log "$scratch/log" -- "$odd" misc
check "emulated, AMD: this host's IA32_MISC_ENABLE" same "$(cat "$scratch/out")" "$("$odd" misc)"
run watch --emulate intel-v2 --profile hardware --log "$scratch/log" -- "$odd" emulated
check 'emulated, profile hardware: every answer is right' [ -z "$(grep -v '^ok' "$scratch/out")" ]
check 'emulated: no record is lost' [ -z "$(grep -F '  lost:' "$scratch/log")" ]

# Whether the summary in JSON is so.
summary() {
	python3 -c 'import json, sys
d = json.loads(open(sys.argv[1]).readlines()[-1])
sys.exit(not eval(sys.argv[2]))' "$scratch/log" "$1"
}

# The CPUID instruction, as on a processor that faults it: the emulated vendor's name, and of
# everything else what the processor says; a handler of the VMM's own hears what is not CPUID.
set -- intel-v2 GenuineIntel
grep -q GenuineIntel /proc/cpuinfo && set -- amd-perfcore AuthenticAMD
cat >"$scratch/hears" <<-END
	00000000: $2
	80000000: $2
	others: 1111
	asked for: 1
	kept: 1
	the VMM's own handler
	00000000: $2
	ended by signal 11
	00000000: $2
	the VMM's own handler
	ended with 0
	80000000: $2
	ended by signal 11
END
timeout 60 "$odd" faulting 0 "$vpmu" watch --emulate $1 --log "$scratch/log" -- "$odd" vendor \
	>"$scratch/out" 2>"$scratch/err" </dev/null
if [ $? = 77 ]; then
	skip 'CPUID: the emulated vendor' 'no seccomp here'
else
	check 'CPUID: the emulated vendor, and the VMM'"'"'s own handler' diff "$scratch/hears" "$scratch/out"
	timeout 60 "$odd" faulting 0 "$vpmu" watch --json --emulate $1 --log "$scratch/log" -- \
		"$odd" exit 0 2>"$scratch/err" </dev/null
	check 'CPUID answered: no vendor of the host is told' summary 'd["host_vendor"] is None'
	timeout 60 "$odd" faulting 19 "$vpmu" watch --json --emulate $1 --log "$scratch/log" -- \
		"$odd" exit 0 2>"$scratch/err" </dev/null
	check 'CPUID not answered: the host'"'"'s vendor is told' summary 'd["host_vendor"]'
fi

# An MSR that is no PMU's answers as without us: in the list, got, put, and read by a guest.
{
	"$vpmu" models intel-v5,gp=10,fixed=8,full-width=on
	"$vpmu" models amd-perfmon-v2,gp=15
} | sed -n 's/^ *\(0x[0-9a-f]*\) .*/\1/p' | grep -v '^0x1d9$\|^0x1a0$' >"$scratch/known"
"$odd" neighbours | grep -vwFf "$scratch/known" >"$scratch/alone"
for model in intel-v1 intel-v2 zhaoxin-v2 amd-k7 amd-perfmon-v2; do
	run watch --emulate $model --log "$scratch/log" -- "$odd" neighbours
	grep -vwFf "$scratch/known" "$scratch/out" >"$scratch/watched"
	check "$model: what is no PMU's MSR is as it was" diff "$scratch/alone" "$scratch/watched"
done
check 'that is some of them' [ "$(wc -l <"$scratch/alone")" -gt 60 ]

# MODEL ORDER single|batch EDIT TEXT: what `vpmu plan` makes, changed by awk, is recognised.
recognised() {
	"$vpmu" plan --model "$1" --level reset --order "$2" |
		awk '/^0x/ { print $1, $2 }' | awk "$4" >"$scratch/writes"
	run watch --emulate "$1" --log "$scratch/log" -- "$odd" put "$scratch/writes" "$3"
	grep -q "order: $5" "$scratch/log" || {
		echo "# $(grep 'order:' "$scratch/log")"
		return 1
	}
}
for model in intel-v1 intel-v2 amd-perfcore amd-perfmon-v2; do
	for order in safe stop-first no-stop per-counter listed; do
		check "$model: $order is recognised" recognised $model $order batch '{ print }' "\\(.*[; ]\\)\\?$order\\>"
	done
		check "$model: ascending is recognised" recognised $model ascending single '{ print }' '\(.*[; ]\)\?ascending\>'
	check "$model: a write that is missing is told" recognised $model stop-first batch \
		'NR != 3 { print }' 'none known; nearest is .*write [0-9]'
	check "$model: a write too many is told" recognised $model safe batch \
		'{ print } END { print "0x186 0x0" }' 'none known; nearest is .*write [0-9]'
done
recognised intel-v2 safe batch '$1 != "0xc3" { print }' 'none known'
check 'a reset without a register: exit status' same "$status" 1
check 'a reset without a register: it is named' grep -q 'left alone by a reset: 1 register' "$scratch/log"
check 'a reset without a register: by name' grep -qx '    IA32_PMC2' "$scratch/log"

# --- Values: what is put must be what was got ---
registers_of() {
	"$vpmu" plan --model "$1" --level reset --order safe | awk '/^0x/ { print $1, $2 }' >"$scratch/registers"
}
# The text of the summary has these lines, and no other with "was got as".
changes() {
	grep 'was got as' "$scratch/err" | sort >"$scratch/is"
	printf '    vcpu %s\n' "$@" | sort >"$scratch/wanted"
	diff "$scratch/wanted" "$scratch/is"
}
changes_nothing() {
	[ -z "$(grep 'was got as' "$scratch/err")" ]
}
permuted=(
	"PerfEvtSel1 was got as 0x530071 and put as 0x0; PerfEvtSel2 has PerfEvtSel1's value"
	"PerfEvtSel2 was got as 0x530072 and put as 0x530071; PerfEvtSel4 has PerfEvtSel2's value"
	'PerfEvtSel3 was got as 0x530073 and put as 0x0'
	'PerfEvtSel4 was got as 0x530074 and put as 0x530072'
	'PerfEvtSel5 was got as 0x530075 and put as 0x0'
	"PerfCtr0 was got as 0x1001 and put as 0x0; PerfCtr1 has PerfCtr0's value"
	"PerfCtr1 was got as 0x1002 and put as 0x1001; PerfCtr3 has PerfCtr1's value"
	"PerfCtr2 was got as 0x1003 and put as 0x0; PerfCtr5 has PerfCtr2's value"
	'PerfCtr3 was got as 0x1004 and put as 0x1002'
	'PerfCtr4 was got as 0x1005 and put as 0x0'
	'PerfCtr5 was got as 0x1006 and put as 0x1003'
)
for model in intel-v2 amd-k7 amd-perfcore amd-perfmon-v2; do
	registers_of $model
	for way in plain reset other; do
		run watch --emulate $model --log "$scratch/log" -- "$odd" values "$scratch/registers" $way
		check "values: $model, put $way: exit status" same "$status" 0
		check "values: $model, put $way: nothing changed" changes_nothing
	done
	run watch --emulate $model --log "$scratch/log" -- "$odd" values "$scratch/registers" zero
	check "values: $model, zeros: exit status" same "$status" 1
	check "values: $model, zeros: the last save is not what was restored" \
		[ -z "$(grep -F 0x1101 "$scratch/err")" ]
	run watch --emulate $model --log "$scratch/log" -- "$odd" values "$scratch/registers" partly
	check "values: $model, one not put: exit status" same "$status" 1
	check "values: $model, one not put: it is named" says 'and not put'
	run watch --emulate $model --state "$scratch/state" --log "$scratch/log" -- "$odd" \
		values-save "$scratch/registers" "$scratch/saved"
	check "values: $model, another process: saved" same "$status" 0
	run watch --emulate $model --expect "$scratch/state" --log "$scratch/log" -- "$odd" \
		values-restore "$scratch/saved" plain
	check "values: $model, another process: exit status" same "$status" 0
	check "values: $model, another process: it was compared" [ -z "$(grep -F "not compared" "$scratch/err")" ]
	for way in reset other; do
		run watch --emulate $model --expect "$scratch/state" --log "$scratch/log" -- "$odd" \
			values-restore "$scratch/saved" $way
		check "values: $model, another process, put $way: exit status" same "$status" 1
		check "values: $model, another process, put $way: says so" says \
			'expected, but not restored by any put: 1 vCPU'
	done
done
for model in amd-perfcore amd-perfmon-v2; do
	registers_of $model
	run watch --emulate $model --log "$scratch/log" -- "$odd" values "$scratch/registers" permuted
	check "values: $model, permuted: exit status" same "$status" 1
	check "values: $model, permuted: register by register" changes "${permuted[@]/#/0: }"
	check "values: $model, permuted: a get has no order" same \
		"$(grep -c 'order:' "$scratch/log")" "$(grep -c ': put,' "$scratch/log")"
	check "values: $model, permuted: in the log" same "$(grep -c 'CHANGED: ' "$scratch/log")" 11
	run watch --emulate $model --state "$scratch/state" --log "$scratch/log" -- "$odd" \
		values-save "$scratch/registers" "$scratch/saved"
	run watch --json --emulate $model --expect "$scratch/state" --log "$scratch/log" -- "$odd" \
		values-restore "$scratch/saved" permuted
	check "values: $model, permuted, another process: exit status" same "$status" 1
	check "values: $model, permuted, another process" changes "${permuted[@]/#/3: }"
	check "values: $model, permuted: JSON" summary 'len(d["changes"]) == 11 and d["holds"] is False and \
[c["moved_to"] for c in d["changes"] if c["name"] == "PerfCtr2"] == ["PerfCtr5"] and "PerfEvtSel5" in d["changed"]'
done

# --- Lines in the order of time, and a pause in a put ---
in_order() {
	awk '/^ *[0-9]+\.[0-9]+  / { if ($1 < last) print; last = $1; n++ } END { if (!n) print "no line" }' \
		"$scratch/log"
}
registers_of intel-v2
run watch --emulate intel-v2 --log "$scratch/log" -- "$odd" values "$scratch/registers" apart=50000
check 'a put with another call in its midst: one put' same "$status $(grep -c ': put,' "$scratch/log")" '0 3'
check 'a put with another call in its midst: before that' same "$(in_order)" ''
run watch --json --emulate intel-v2 --log "$scratch/log" -- "$odd" values "$scratch/registers" apart=2200000
check 'a long pause in a put: exit status' same "$status" 3
check 'a long pause in a put: says so' says 'in two parts: 1 put, by more than a second without a call'
check 'a long pause in a put: JSON' summary 'd["holds"] is None and d["in_two_parts"] == 1'

# --- A PMU that is switched off, and puts where there is none ---
for model in intel-v2 amd-k7 amd-perfmon-v2; do
	run watch --json --emulate $model --log "$scratch/log" -- "$odd" off
	check "switched off: $model: exit status" same "$status" 0
	check "switched off: $model: says so" says 'PMU switched off; nothing to lose'
	check "switched off: $model: JSON" summary 'd["switched_off"] == 1 and d["holds"] is True'
done
check 'switched off: what CPUID shows' says 'the PMU of 1 vCPU, whose CPUID still shows PERFCORE, PerfMonV2'
check 'switched off: what CPUID shows: JSON' summary 'd["cpuid_shows"] == ["PERFCORE", "PerfMonV2"]'
for model in intel-v2 amd-k7; do
	registers_of $model
	count=$(awk '{ print $1 }' "$scratch/registers" | sort -u | wc -l)
	run watch --emulate $model --log "$scratch/log" -- "$odd" off "$scratch/registers"
	check "a put without a PMU: $model: exit status" same "$status" 1
	check "a put without a PMU: $model: the log" grep -q \
		'writes [0-9]* registers of a PMU that this vCPU lacks' "$scratch/log"
	check "a put without a PMU: $model: no order" [ -z "$(grep 'order:' "$scratch/log")" ]
	check "a put without a PMU: $model: the summary" says "put to a vCPU that has no PMU: "
done

ODD_NO_PMU=1 run watch --emulate intel-v2 --log "$scratch/log" -- "$odd" resets
check 'no PMU in CPUID: says so' says 'no vCPU had a PMU: nothing to lose'
check 'no PMU in CPUID: no hint at an option that is given' [ -z "$(grep -e --emulate "$scratch/err")" ]

# --- A child that closes what it has inherited ---
run watch --log "$scratch/log" -- "$odd" transparent
check "a child's close is not its parent's" same \
	"$(grep -c 'vcpu 1: closed' "$scratch/log")" "$(grep -c 'vcpu 3: closed' "$scratch/log")"

# --- A VMM that lowers IA32_PERF_CAPABILITIES before the first entry ---
for profile in hardware linux-6.12 linux-7.3; do
	run watch --emulate intel-v2 --profile $profile --log "$scratch/log" -- "$odd" lowers
	# KVM makes its PMU anew, without what was put.
	counter=$([ $profile = hardware ] && echo 0x123 || echo 0x0)
	check "lower capabilities: $profile" cmp "$scratch/out" - \
		<<<"put 1 get 0x0 counter $counter; more 0; after the entry: same 1 other 0
without PDCM $([ $profile = linux-7.3 ] && echo 0 || echo 1)"
done

# --- What gives no verdict ---
export ODD_NO_PERFCORE=1
registers_of amd-k7
run watch --json --emulate amd-perfmon-v2 --log "$scratch/log" -- "$odd" resets "$scratch/registers"
unset ODD_NO_PERFCORE
check 'a CPUID without a model: exit status' same "$status" 3
check 'a CPUID without a model: says so' says "not judged: 1 vCPU whose CPUID makes no model of vpmu's"
check 'a CPUID without a model: JSON' summary 'd["holds"] is None and d["not_judged"] == 1'
check 'a CPUID without a model: why' grep -q '"why_no_model":"CPUID: PerfMonV2 needs PERFCORE"' "$scratch/log"
case $(grep -m1 vendor_id /proc/cpuinfo) in
*GenuineIntel) own=intel-v2 other=amd-k7 ;;
*AuthenticAMD) own=amd-k7 other=intel-v2 ;;
*) own= ;;
esac
if [ -n "$own" ]; then
	run watch --emulate $own --log "$scratch/log" -- "$odd" resets
	check "a VMM that leaves the host's vendor's PMU alone" same "$status" 1
	run watch --emulate $other --log "$scratch/log" -- "$odd" resets
	check "a VMM that leaves another vendor's PMU alone" same "$status" 3
	check "a VMM that leaves another vendor's PMU alone: why" says "the CPUID instruction names this host's vendor"
	registers_of $other
	sed -i 1d "$scratch/registers"
	run watch --emulate $other --log "$scratch/log" -- "$odd" resets "$scratch/registers"
	check "a VMM that leaves one register of it alone" same "$status" 1
else
	skip "another vendor's PMU" 'a processor of a third vendor'
fi

# FILE TEXT: what --expect does not take.
not_expected() {
	refused "--expect: $2" 2 "$2" watch --emulate intel-v2 --expect "$1" --log "$scratch/log" -- "$odd" exit 0
}
sed 's/state 1$/state 2/' "$scratch/state" >"$scratch/bad"
not_expected "$scratch/bad" 'of another version of vpmu'
head -n -1 "$scratch/state" >"$scratch/bad"
not_expected "$scratch/bad" 'cut short'
head -c 100 "$scratch/state" >"$scratch/bad"
not_expected "$scratch/bad" 'cut short: line 4'
cat "$scratch/state" "$scratch/state" >"$scratch/bad"
not_expected "$scratch/bad" 'something behind the end'
not_expected "$scratch/log" 'no file of vpmu watch --state'
sed 's/^0x/0y/' "$scratch/state" >"$scratch/bad"
not_expected "$scratch/bad" 'neither a vCPU nor a register and its value'
sed 2d "$scratch/state" >"$scratch/bad"
not_expected "$scratch/bad" 'a register before any vCPU'
run watch --emulate intel-v2 --state "$scratch/none" --log "$scratch/log" -- "$odd" exit 0
check 'no state to write: exit status' same "$status" 3
check 'no state to write: says so' says 'no state written'
check 'no state to write: no file' [ ! -e "$scratch/none" ]

for options in '' '--emulate intel-v2'; do
	run watch $options --log "$scratch/log" -- "$odd" churn
	check "descriptors that go while they are used ($options)" same "$status" 0
	check "none of them is a stray ($options)" [ -z "$(grep -F origin "$scratch/log")" ]
	for maps in '' maps; do
		"$odd" confined $maps >"$scratch/alone" 2>&1
		run watch $options --log "$scratch/log" -- "$odd" confined $maps
		check "behind a seccomp filter ($options $maps)" cmp "$scratch/alone" "$scratch/out"
		check "behind a seccomp filter ($options $maps): no signal" same "$status" 3
	done
	run watch --json $options --log "$scratch/log" -- "$odd" hidden
	check "a copy that nobody saw ($options)" same "$status" 3
	check "a copy that nobody saw ($options): JSON" summary \
		'd["holds"] is None and d["unknown_origin"] == 1 and d["vcpus"] == 1'
	run watch --json $options --log "$scratch/log" -- "$odd" flood 300000 stop
	check "a log that stands still ($options)" same "$status" 3
	check "a log that stands still ($options): JSON" summary 'd["holds"] is None and d["lost"] > 10000'
	check "a log that stands still ($options): text" says 'lost: at least'
done
run watch --json --log "$scratch/log" -- "$odd" flood 250000
check 'a log that is slow: nothing is lost' summary 'd["holds"] is True and d["lost"] == 0'
run watch --json --emulate intel-v2 --log "$scratch/log" -- "$odd" crowd 4200
check 'the 4200th vCPU is judged' same "$status" 1
check 'the 4200th vCPU: its finding' summary \
	'd["vcpus"] == 4200 and d["refused"] == ["IA32_PERFEVTSEL0"] and d["holds"] is False'
check 'the 4200th vCPU has its label' [ "$(grep -c '"event":"create-vcpu".*"vcpu":' "$scratch/log")" = 4200 ]

run watch --emulate intel-v2 --plan "$scratch/plan" --log "$scratch/log" -- "$odd" exit 0
check 'a plan without a put: exit status' same "$status" 3
check 'a plan without a put: says so' says 'the VMM put no PMU register'
check 'a plan without a put: no file' [ ! -e "$scratch/plan" ]
finish
