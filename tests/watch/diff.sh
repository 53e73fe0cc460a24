#!/bin/bash
# SPDX-License-Identifier: MIT
# vpmu watch diff: logs of two VMMs, what differs in them, and what is no log.
#   diff.sh VPMU ODD_VMM
. "$(dirname "$0")/../tool/tap.sh" || exit
odd=$2

run watch diff /nowhere /nowhere
if grep -q 'no JSON' "$scratch/err"; then
	echo '1..0 # SKIP this build has no JSON'
	exit 0
fi

if ! { [ -r /dev/kvm ] && [ -w /dev/kvm ]; }; then
	echo '1..0 # SKIP no /dev/kvm that can be opened: the logs are of a VMM'
	exit 0
fi

prints() {
	grep -qF -- "$1" "$scratch/out" || {
		echo "# stdout is: $(head -c 1000 "$scratch/out")"
		return 1
	}
}

# MODEL ORDER NAME: the log of a VMM that puts a reset in that order, at level reset, and at full as it
# would be in the midst of a guest's life.
log_of() {
	"$vpmu" plan --model "$1" --level reset --order "$2" | awk '/^0x/ { print $1, $2 }' >"$scratch/writes"
	"$vpmu" watch --emulate "$1" --json --log "$scratch/$3" -- "$odd" put "$scratch/writes" batch \
		>/dev/null 2>&1
	sed 's/"level":"reset"/"level":"full"/' "$scratch/$3" >"$scratch/$3.full"
}
log_of intel-v2 stop-first before
log_of intel-v2 no-stop after
check 'there are logs' [ -s "$scratch/before" ] && [ -s "$scratch/after" ]

run watch diff "$scratch/before" "$scratch/before"
check 'the same log: status' same "$status" 0
check 'the same log: says so' prints 'no change: 1 puts and 0 gets were compared'
run watch diff "$scratch/before.full" "$scratch/after.full"
check 'two writes are gone: status' same "$status" 1
check 'two writes are gone: which' same "$(grep '^  [-+]' "$scratch/out" | tr -d '\n')" \
	'  - IA32_FIXED_CTR_CTRL 0x0  - IA32_PERF_GLOBAL_CTRL 0x0'
check 'two writes are gone: the orders' prints 'before: 17 writes, order stop-first'
check 'two writes are gone: the orders' prints 'after: 15 writes, order no-stop'
check 'two writes are gone: before it holds' prints 'on linux-6.12, before: holds'
check 'two writes are gone: after it does not' prints 'after: violates counts, no-overflow-lost'
run watch diff "$scratch/after.full" "$scratch/before.full"
check 'two writes come: which' same "$(grep '^  [-+]' "$scratch/out" | tr -d '\n')" \
	'  + IA32_FIXED_CTR_CTRL 0x0  + IA32_PERF_GLOBAL_CTRL 0x0'
run watch diff --profile hardware "$scratch/before.full" "$scratch/after.full"
check 'another profile judges' prints 'on hardware, after: holds'
run watch diff "$scratch/before" "$scratch/after"
check 'at level reset it holds' prints 'on linux-6.12, after: holds'

# An order without a name is judged as a plan.
sed 's/"order":\[[^]]*\]/"order":[]/; s/"value":"0x0"/"value":"0x1"/' "$scratch/after.full" >"$scratch/unknown"
run watch diff "$scratch/before.full" "$scratch/unknown"
check 'no known order' prints 'after: 15 writes, order none known'
check 'no known order: judged' prints 'on linux-6.12, after: '
check 'a value' prints 'puts, level full: IA32_FIXED_CTR0 0x0 before, 0x1 after, in number 1 of vm 0, vcpu 0'
run watch diff --registers "$scratch/after.full" "$scratch/after.full"
check 'without values: says so' prints 'without their values'
sed 's/"value":"0x0"/"value":"0x1"/' "$scratch/after" >"$scratch/valued"
run watch diff --registers "$scratch/after" "$scratch/valued"
check 'without values: status' same "$status" 0
run watch diff "$scratch/after" "$scratch/valued"
check 'a value alone: status' same "$status" 1
grep -v '"event":"put"' "$scratch/after" >"$scratch/none"
run watch diff "$scratch/after" "$scratch/none"
check 'a put less' prints 'puts, level reset: 1 before, 0 after, of vm 0, vcpu 0'
run watch diff "$scratch/none" "$scratch/after"
check 'a put more' prints 'puts, level reset: 0 before, 1 after, of vm 0, vcpu 0'
sed 's/"event":"put"/"event":"get"/' "$scratch/before" >"$scratch/gets"
sed 's/"event":"put"/"event":"get"/' "$scratch/after" >"$scratch/fewer"
run watch diff "$scratch/gets" "$scratch/fewer"
check 'gets' prints 'gets: other registers, or another order, 1 time'
check 'gets: have no values that are written' prints '  - IA32_PERF_GLOBAL_CTRL'
sed 's/"model":{[^}]*},*//; s/,}/}/' "$scratch/after.full" >"$scratch/unmodelled"
run watch diff "$scratch/unmodelled" "$scratch/unknown"
check 'an older log has no model' [ "$(grep -c 'vpmu check' "$scratch/out")" -gt 0 ]
sed 's/"model":{[^}]*},*//; s/,}/}/' "$scratch/before.full" >"$scratch/older"
run watch diff "$scratch/older" "$scratch/unmodelled"
check 'neither has a model: nothing is judged' same "$(grep -c 'vpmu check' "$scratch/out")" 0
run watch diff --model intel-v2 "$scratch/older" "$scratch/unmodelled"
check 'a model that is typed' prints 'vpmu check, intel-v2 on linux-6.12, after: violates counts'

if command -v python3 >/dev/null; then
	run watch diff --json "$scratch/before.full" "$scratch/after.full"
	check 'JSON' holds "$scratch/out" 'd["format"] == "vpmu-watch-diff" and d["version"] == 1 and
		d["judged"]["profile"] == "linux-6.12" and len(d["changes"]) == 1 and
		d["changes"][0]["before"]["violated"] == [] and "counts" in d["changes"][0]["after"]["violated"] and
		len(d["changes"][0]["before"]["registers"]) == 17'
	described 'JSON: as its schema says' "$scratch/out"
	described 'JSON: so are the logs' "$scratch/before.full"
else
	skip 'JSON' 'no python3'
fi

# NAME TEXT: what is in $scratch/bad is no log.
no_log() {
	refused "$1" 2 "$2" watch diff "$scratch/bad" "$scratch/after"
}
: >"$scratch/bad"
no_log 'an empty file' "it is not a log of 'vpmu watch --json'"
echo 'vpmu: hello' >"$scratch/bad"
no_log 'a log of text' 'line 1: '
echo '{"format":"vpmu-state","version":1}' >"$scratch/bad"
no_log 'another document' "line 1: it is not a log of 'vpmu watch --json'"
sed 's/"version":1/"version":2/' "$scratch/after" >"$scratch/bad"
no_log 'another version' 'line 1: a log of another version: 2'
head -n 3 "$scratch/after" >"$scratch/bad"
no_log 'cut short after a line' 'the log is cut short: it ends without a summary'
head -c -5 "$scratch/after" >"$scratch/bad"
no_log 'cut short in a line' 'the log is cut short in line '
sed '/"event":"put"/s/"msr":"0x/"msr":"0q/' "$scratch/after" >"$scratch/bad"
no_log 'a number that is none' "'msr'"
cat "$scratch/after" "$scratch/after" >"$scratch/bad"
no_log 'two logs in one' 'it goes on after its summary'
refused 'no such file' 2 '/nowhere' watch diff /nowhere "$scratch/after"
refused 'one log' 2 'missing argument' watch diff "$scratch/after"
refused 'no such profile' 2 'linux-9' watch diff --profile linux-9 "$scratch/after" "$scratch/after"
refused 'no such model' 2 'unknown model' watch diff --model intel-v99 "$scratch/after" "$scratch/after"
finish
