#!/bin/bash
# SPDX-License-Identifier: MIT
# vpmu run: bad guests, every way to end, and what is told about a run.
. "$(dirname "$0")/tap.sh" || exit

# NAME HEX: a guest of these instructions, in $scratch/NAME.
guest() {
	python3 "$(dirname "$0")/guest.py" "$scratch/$1" "$2"
}

guest exit 'b015 66baf400 ee ebfe'  # mov al, 0x15; mov dx, 0xf4; out dx, al
guest loop 'ebfe'
guest halt 'fa f4 ebfd' # cli; hlt; jmp hlt
guest fault '0f0b'      # ud2, with no IDT
guest nowhere '48b80000000000400000 ffe0'
# Prints "A", 0xff and newline on the serial port, then exits with 0.
guest print '66baf803 b041 ee b0ff ee b00a ee 66baf400 30c0 ee ebfe'
# The local APIC on, LVTPC = NMI; counter 0 (instructions, OS, USR, INT) from -100, GLOBAL_CTRL = 1,
# then for ever: its PMI is an NMI that nobody can take.
overflow='67c70425f000e0feff010000 67c704254003e0fe00040000 b986010000 b8c0005300 31d2 0f30
	b9c1000000 b89cffffff 0f30 b98f030000 b801000000 0f30'
guest overflow "$overflow ebfe"
# Without INT and from 0, then ten NOPs and exit 0.
quiet='b986010000 b8c0004300 31d2 0f30 b98f030000 b801000000 0f30'
guest counted "$quiet 90909090909090909090 66baf400 30c0 ee ebfe"

# PerfEvtSel1 = branches, without EN; PerfEvtSel0 = instructions, with EN, which a P6 has for both.
guest both 'b987010000 b8c4000300 31d2 0f30 b986010000 b8c0004300 31d2 0f30 9090 66baf400 30c0 ee ebfe'
# Fixed counter 3 and IA32_PERF_METRICS on, then a loop of two instructions.
guest shares 'b98d030000 b800300000 31d2 0f30 b98f030000 31c0 ba08000100 0f30
	b900000100 ffc9 75fc 66baf400 30c0 ee ebfe'

run run --cpu emulated "$scratch/exit"
if [ "$status" = 3 ]; then
	check 'without the emulated CPU: says so' says 'this build has no'
	skip 'every run' 'this build has no emulated CPU'
	finish
fi
check 'the exit status is (V << 1) | 1' same "$status" 43
check 'a guest that ends is no message' [ ! -s "$scratch/err" ]
run run "$scratch/print"
check 'serial output: status' same "$status" 1
check 'serial output: as it is' same "$(od -An -tx1 "$scratch/out")" ' 41 ff 0a'

guest controls "$controls_guest"
run run "$scratch/controls"
check 'control registers at the entry' begins_as_promised

# NAME STATUS TEXT ARGUMENT…: the run ends so, with one message.
ends() {
	local name=$1 expected=$2 text=$3
	shift 3
	run run "$@"
	check "$name: status" same "$status" "$expected"
	check "$name: one message" one_message
	check "$name: says '$text'" says "$text"
}
ends 'timeout' 124 '--timeout reached' --timeout 0.2 "$scratch/loop"
ends 'instruction limit' 126 '; 1,000 instructions)' --max-instructions 1000 "$scratch/loop"
ends 'triple fault' 128 'triple fault' "$scratch/fault"
ends 'jump into nothing' 128 'triple fault' "$scratch/nowhere"
ends 'halted for ever' 160 'halted' "$scratch/halt"
ends 'PMI that nobody takes' 128 'triple fault' "$scratch/overflow"

# Not before it runs: its first byte tells.
guest endless '66baf803 b041 ee b00a ee ebfe'
for signal in INT TERM; do
	coproc "$vpmu" run "$scratch/endless" 2>"$scratch/err"
	pid=$COPROC_PID
	read -r -t 60 <&"${COPROC[0]}"
	kill -$signal "$pid"
	wait "$pid"
	check "SIG$signal: status" same "$?" 130
	check "SIG$signal: one message" one_message
done

"$vpmu" run "$scratch/print" >/dev/full 2>"$scratch/err"
check 'full output: status' same "$?" 164
check 'full output: one message' one_message

# Bad guests and options: status 2, one message, and no timeline.
timeline=$scratch/timeline
no_timeline() {
	check "$1: no timeline" same "$(ls "$scratch" | grep -c timeline)" 0
}
bad() {
	local name=$1 text=$2
	shift 2
	refused "$name" 2 "$text" run --timeline "$timeline" "$@"
	no_timeline "$name"
}
bad 'missing guest' 'No such file' "$scratch/none"
bad 'folder' 'it is a directory' "$scratch"
bad 'device' 'not a file: /dev/zero' /dev/zero
: >"$scratch/empty"
bad 'empty guest' "cannot load the guest: $scratch/empty" "$scratch/empty"
head -c 4096 /dev/zero >"$scratch/zeros"
bad 'not a guest' 'cannot load the guest' "$scratch/zeros"
head -c 100 "$scratch/exit" >"$scratch/short"
bad 'truncated guest' 'cannot load the guest' "$scratch/short"
truncate -s 3M "$scratch/large"
bad 'file larger than memory' "file larger than the guest's memory, 2M" --memory 2M "$scratch/large"
bad 'memory that is too little' 'out of range: --memory 1M' --memory 1M "$scratch/exit"
bad 'memory in part of a MiB' 'not a whole number of MiB' --memory 3000K "$scratch/exit"
bad 'memory that is no number' "--memory 'much'" --memory much "$scratch/exit"
bad 'unknown model' 'unknown model' --model frob "$scratch/exit"
bad 'unknown profile' 'known are hardware, linux-6.1' --profile hardwre "$scratch/exit"
bad "a host's unknown key" "unknown key 'tx'" --profile linux-6.12 --host tx=on "$scratch/exit"
bad "a host's value" "gp=N: not '9'" --profile linux-6.12 --host gp=9 "$scratch/exit"
bad 'a host under hardware' 'no host under profile hardware' --host gp=4 "$scratch/exit"
bad 'a host that has no mediated PMU' 'mediated has no PMU on this host' \
	--profile mediated --host pdcm=off "$scratch/exit"
bad 'a host under the CPU that has one' 'do not go together: --cpu kvm, --host' \
	--cpu kvm --host gp=4 "$scratch/exit"
bad 'unknown CPU' 'unknown CPU' --cpu fast "$scratch/exit"
bad 'no time at all' 'out of range: --timeout' --timeout 0 "$scratch/exit"
bad 'no instruction at all' 'out of range: --max-instructions' --max-instructions 0 "$scratch/exit"
bad 'no guest' 'missing argument: GUEST'
refused 'timeline in no folder' 164 'cannot write' run --timeline /nowhere/t "$scratch/exit"
refused 'timeline that is a folder' 164 'it is a directory' run --timeline "$scratch" "$scratch/exit"

# The table. Counter 0 runs from its selector's write on, GLOBAL_CTRL being all ones after reset: mov,
# mov, wrmsr, ten NOPs, mov, xor, out.
stat_says() {
	grep -qE -- "$1" "$scratch/err" || {
		sed 's/^/# /' "$scratch/err"
		return 1
	}
}
run run --stat "$scratch/counted"
check 'stat: status is the guest'"'"'s' same "$status" 1
check 'stat: a counter that counted' stat_says '^ +16  IA32_PMC0 .* user os .* on$'
check 'stat: a counter that did not' stat_says '^ +<not counted>  IA32_PMC1 +-'
check 'stat: exact totals' stat_says '^ +20  instructions'
check 'stat: what was not measured' stat_says '^ +<not counted>  llc-misses'
check 'stat: not on standard output' nothing_printed
run run --stat --model skylake "$BUILD/guests/prober.elf"
check 'stat: what the guest asked for and nobody counts' \
	stat_says '^ +<not supported>  0x0000( |$)'
run run --stat --model intel-p6 "$scratch/both"
check 'stat: one enable bit for both counters of a P6' stat_says '^ +[0-9]+  PerfCtr1 .* user os +on$'
run run --stat --model icelake "$scratch/shares"
check 'stat: the shares of IA32_PERF_METRICS, as an estimate' \
	stat_says '^ +49\.4%  IA32_PERF_METRICS retiring +\(estimate\)$'
check 'stat: their rest' stat_says '^ +0\.8% +backend bound'
run run --stat --model amd-k7 "$scratch/exit"
check 'stat: a model without fixed counters' stat_says 'PerfCtr3'

# The end of time: a loop that is folded would run to 2^64 iterations, a timer waits for ever.
guest forever 'b901000000 4883e9ff 75fa f4'
run run "$scratch/forever"
check 'a guest whose time is over: status' same "$status" 126
check 'a guest whose time is over: says so' says "2^59 ticks have passed: at 0x1000"
run run --migrate-at 1000,1000000,200000000000000000 "$scratch/forever"
check 'it can be restored until then' says "2^59 ticks have passed"

# The timeline.
run run --timeline "$timeline" "$scratch/counted"
check 'timeline: status is the guest'"'"'s' same "$status" 1
check 'timeline: JSON' is_json "$timeline"
check 'timeline: the register writes, in order' holds "$timeline" \
	'[e["name"] for e in d["traceEvents"] if e.get("tid") == 1 and e["ph"] == "i"]
	== ["IA32_PERFEVTSEL0", "IA32_PERF_GLOBAL_CTRL"]'
check 'timeline: the counter has a track' holds "$timeline" \
	'[e["args"]["value"] for e in d["traceEvents"]
		if e["ph"] == "C" and e["name"] == "IA32_PMC0"][-1] == 16'
check 'timeline: how far the counter is from its overflow' holds "$timeline" \
	'all(e["args"]["value"] + e["args"]["to overflow"] == 1 << 48
		for e in d["traceEvents"] if e["ph"] == "C")'
check 'timeline: a slice while the counter counts' holds "$timeline" \
	'[(e["ph"], e["name"], e["ts"]) for e in d["traceEvents"] if e["ph"] in "BE"]
	== [("B", "instructions", 4), ("E", "instructions", 20)]'
ends 'timeline of a guest that dies' 128 'triple fault' --timeline "$timeline" "$scratch/overflow"
check 'timeline of a guest that dies: the overflow and the PMI' holds "$timeline" \
	'{"overflow IA32_PMC0", "PMI", "NMI"} <= {e["name"] for e in d["traceEvents"]}'
check 'timeline of a guest that dies: an overflow that nobody clears' holds "$timeline" \
	'[set(e["args"]) for e in d["traceEvents"] if e["name"] == "overflow IA32_PMC0" and e["ph"] == "X"]
	== [{"until the PMI"}]'
check 'timeline: no entries where no kernel is around the PMU' holds "$timeline" \
	'not any(e["name"] == "entry" for e in d["traceEvents"])'
run run --profile linux-6.12 --model intel-v2 --timeline "$timeline" "$BUILD/guests/sampler.elf"
check 'timeline: how long each overflow waits for its PMI and its clearing' holds "$timeline" \
	'(lambda waits, pmis: len(waits) > 1000 and len(waits) == len(pmis)
		and all(e["args"] == {"until the PMI": 0, "until cleared": e["dur"]} and e["dur"] > 50
			and e["ts"] == pmi["ts"] for e, pmi in zip(waits, pmis)))(
		[e for e in d["traceEvents"] if e["ph"] == "X" and "until the PMI" in e.get("args", {})],
		[e for e in d["traceEvents"] if e["ph"] == "i" and e["name"] == "PMI"])'
check 'timeline: an overflow without a PMI' holds "$timeline" \
	'[set(e["args"]) for e in d["traceEvents"] if e["ph"] == "X" and "args" in e
		and "until the PMI" not in e["args"]] == [{"until cleared"}]'
check 'timeline: an entry after each write' holds "$timeline" \
	'(lambda at: all(b["tid"] == 1 and a["tid"] != 1 and a["name"] == "entry" and a["ts"] == b["ts"]
		for b, a in zip(at, at[1:]) if b["tid"] == 1) and len(at) > 10000)(
		[e for e in d["traceEvents"] if e["ph"] == "i" and e["tid"] in (1, 5)])'
run run --timeline /dev/full "$scratch/counted"
check 'timeline that cannot be written: status' same "$status" 164
check 'timeline that cannot be written: one message' one_message

# JSON.
run run --json "$scratch/print"
if [ "$status" = 3 ]; then
	check 'without JSON: says so' says 'this build has no JSON'
	skip 'JSON' 'this build has none'
	finish
fi
check 'JSON: status is the guest'"'"'s' same "$status" 1
check 'JSON: the whole of standard output' is_json "$scratch/out"
check 'JSON: what it is' holds "$scratch/out" 'd["format"] == "vpmu-run" and d["version"] == 1'
check 'JSON: the serial output' holds "$scratch/out" 'd["serial"] == "A\ufffd\n"'
run run --json --model icelake "$scratch/shares"
check 'JSON: the same shares, which are all there is' \
	python3 -c 'import json, sys; all = json.load(open(sys.argv[1]))["metrics"]
assert len(all) == 4 and sum(all.values()) == 1 and 0.49 < all["retiring"] < 0.5' "$scratch/out"
run run --json --model skylake "$BUILD/guests/prober.elf"
check 'JSON: what the guest asked for and nobody counts' \
	python3 -c 'import json, sys; assert json.load(open(sys.argv[1]))["uncounted"] == [{"event": "0x0"}]' \
	"$scratch/out"
run run --json "$scratch/counted"
check 'JSON: a counter' holds "$scratch/out" \
	'(lambda c: c["value"] == 16 and c["selector"] == "0x4300c0" and c["class"] == "instructions"
		and c["enabled"] and c["user"] and c["kernel"] and not c["interrupt"])(d["counters"][0])'
check 'JSON: totals, measured or null' holds "$scratch/out" \
	'd["totals"]["instructions"] == {"count": 20, "instructions": 20}
	and d["totals"]["llc-misses"] is None'
check 'JSON: how it ended' holds "$scratch/out" \
	'd["end"]["reason"] == "exit" and d["end"]["exit_value"] == 0 and d["end"]["status"] == 1'
run run --json --max-instructions 1000 "$scratch/loop"
check 'JSON: a run that did not end' holds "$scratch/out" \
	'd["end"]["reason"] == "instructions" and d["end"]["status"] == 126
	and d["totals"]["branches"]["count"] == 1000'
run run --json "$scratch/short"
check 'JSON: none of a bad guest' nothing_printed

# Profiles that begin to count at the entry behind the write measure as much as the others.
totals() {
	"$vpmu" run --json --profile "$1" "$BUILD/guests/count.elf" 2>"$scratch/err" |
		python3 -c 'import json, sys; print(json.load(sys.stdin)["totals"])'
}
hardware=$(totals hardware)
for profile in linux-6.12 mediated; do
	check "JSON: totals on $profile" same "$(totals "$profile")" "$hardware"
done

run run --json --profile linux-6.12 --model intel-v2 --host gp=2,width=40 "$BUILD/guests/count.elf"
check "JSON: the host under the profile" holds "$scratch/out" \
	'd["host"]["gp_counters"] == 2 and d["host"]["width"] == 40 and d["end"]["exit_value"] == 0'
check "a host: the guest has its counters" \
	holds "$scratch/out" '"2 general-purpose counters of 40 bits" in d["serial"]'

# The same guest with the same options: the same counts.
run run --json "$BUILD/guests/sampler.elf"
cp "$scratch/out" "$scratch/first"
check 'JSON: no host under hardware' holds "$scratch/first" '"host" not in d'
run run --json "$BUILD/guests/sampler.elf"
check 'the same run twice is the same document' cmp "$scratch/first" "$scratch/out"
finish
