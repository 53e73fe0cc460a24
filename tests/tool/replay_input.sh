#!/bin/bash
# SPDX-License-Identifier: MIT
# vpmu replay: files and streams of every kind, good and bad.
. "$(dirname "$0")/tap.sh" || exit

script=$scratch/script

# TEXT…: a script of these lines.
lines() {
	printf '%s\n' "$@" >"$script"
}

# NAME STATUS TEXT: the script ends with that status and one message with that text.
ends() {
	run replay "$script"
	check "$1: status" same "$status" "$2"
	check "$1: one message" one_message
	check "$1: says '$3'" says "$3"
}

lines 'model intel-v2' 'rdmsr 0xc1' '' '# x' 'frobnicate' 'rdmsr 0xc1'
ends 'unknown command' 2 "unknown replay command 'frobnicate': $script:5"
check 'the answers before a bad line stay' same "$(cat "$scratch/out")" "$(printf 'ok\n0x0')"
lines 'rdmsr 0xc1'
ends 'no model' 2 'the first command must be model'
lines 'model intel-v2' 'wrmsr 0x1c1c1c1c1c 1'
ends 'number out of range' 2 'INDEX is out of range'
lines 'model intel-v2' 'expect rdmsr 0xc1 = 5' 'nonsense'
run replay "$script"
check 'bad input counts for more than a failed expect' same "$status" 2
check 'both are told' same "$(sed 's/:.*//' "$scratch/err" | uniq -c | tr -d ' ')" 2vpmu
lines 'model intel-v2' 'expect  rdmsr IA32_PMC0 = 5' 'run instructions=1'
run replay "$script"
check 'an expect that fails: the answers' same "$(cat "$scratch/out")" \
	"$(printf 'ok\nexpected 5 got 0x0\npmi=0 masked=0')"
check 'an expect that fails: its line and command' \
	same "$(cat "$scratch/err")" "vpmu: expected 5 got 0x0: $script:2: rdmsr 0xc1"
check 'an expect that fails: status' same "$status" 1
lines 'model intel-v2' 'wrmsr IA32_PMC0 5' 'rdmsr 0xc1' 'wrmsr IA32_PMC0 5'
run replay --trace "$script"
check '--trace: each command, and what it has changed' same "$(cat "$scratch/out")" '# 1: model intel-v2
ok
# 2: wrmsr 0xc1 0x5
ok
# IA32_PMC0: 0x0 -> 0x5
# 3: rdmsr 0xc1
0x5
# 4: wrmsr 0xc1 0x5
ok'
lines 'model intel-v2' 'wrmsr 0x186 0x5301c2' 'wrmsr 0x187 0x5301c2' 'wrmsr 0x186 0x5300c0' \
	'wrmsr 0x186 0x13fe'
run replay "$script"
check 'an event that nobody counts: once, as a comment' same "$status $(sed 's/ (.*)//' "$scratch/err")" \
	'0 # IA32_PERFEVTSEL0: event 0x01c2 counts nothing here: this model does not count it'
lines 'model intel-v6,events-length=13' 'wrmsr 0x186 0x4301e4'
run replay "$script"
check 'an architectural event that nobody counts: by its name' same "$(cat "$scratch/err")" \
	'# IA32_PERFEVTSEL0: event 0x01e4 (LBR inserts) counts nothing here: this model does not count it'
lines 'model intel-p6' 'wrmsr 0x187 0x303c' 'wrmsr 0x187 0x3003c'
run replay "$script"
check 'a P6, of whose selectors only the first is enabled' same "$(cat "$scratch/err")" \
	'# PerfEvtSel1: event 0x003c counts nothing here: this model does not count it'
lines 'model intel-v2,events-missing=1' 'profile linux-6.1' 'wrmsr 0x186 0x53003c'
run replay "$script"
check 'an event that CPUID says is missing, where that counts nothing' says 'event 0x003c'
lines 'model intel-v2,events-missing=1' 'profile linux-6.12' 'wrmsr 0x186 0x53003c' \
	'wrmsr 0x186 0x530300'
run replay "$script"
check 'where it counts, and an event of perf alone' same "$(cat "$scratch/err")" ''
printf 'model intel-v2\nrdmsr \0 1\n' >"$script"
ends 'NUL byte' 2 'control byte 0x00'
head -c 100000 /dev/urandom | tr '\n' x >"$script"
run replay "$script"
check 'random bytes: status' same "$status" 2
check 'random bytes: one message' one_message

{ echo 'model intel-v2'; head -c 65536 /dev/zero | tr '\0' '#'; printf '\nrdmsr 0xc1\n'; } >"$script"
run replay "$script"
check 'line of 64 KiB: taken' same "$status $(tail -n 1 "$scratch/out")" '0 0x0'
{ echo 'model intel-v2'; head -c 65537 /dev/zero | tr '\0' '#'; printf '\nrdmsr 0xc1\n'; } >"$script"
ends 'line of 64 KiB and one byte' 2 "line longer than 65536 bytes: $script:2"
{ echo 'model intel-v2'; head -c 1048576 /dev/zero | tr '\0' x; echo; } >"$script"
ends 'line of 1 MiB' 2 "line longer than 65536 bytes: $script:2"
check 'line of 1 MiB: the answer before it stays' same "$(cat "$scratch/out")" ok
{ echo 'model intel-v2'; head -c 1048576 /dev/zero; } >"$script"
ends '1 MiB of NUL without a newline' 2 'line longer than'
{ echo 'model intel-v2'; printf '#'; head -c 65535 /dev/zero | tr '\0' x; } >"$script"
run replay "$script"
check 'the longest line is taken' same "$status$(cat "$scratch/out")" 0ok
printf x >>"$script"
ends 'one byte more is not' 2 'line longer than'
lines 'model intel-v2' "rdmsr $(head -c 60000 /dev/zero | tr '\0' 1)"
ends 'number of 60000 digits' 2 'INDEX is not a number'
check 'number of 60000 digits: a short message' [ "$(wc -c <"$scratch/err")" -lt 400 ]

: >"$script"
run replay "$script"
check 'empty file' same "$status$(cat "$scratch/out" "$scratch/err")" 0
for i in $(seq 30000); do echo 'rdmsr 0xc1'; done >"$scratch/many"
{ echo 'model intel-v2'; cat "$scratch/many"; } >"$script"
run replay "$script"
check 'many lines: one answer each' same "$(sort "$scratch/out" | uniq -c | tr -s ' ')" \
	"$(printf ' 30000 0x0\n 1 ok')"

refused 'missing file' 2 'cannot open: /nowhere/script: No such file' replay /nowhere/script
refused 'folder' 2 'Is a directory' replay "$scratch"
refused 'unknown option' 2 'unknown option: --frob' replay --frob x

# A person, or a program, at the other end of a pipe sees each answer before the next command.
conversation() {
	local answer
	coproc "$vpmu" replay -
	echo 'model intel-v2' >&"${COPROC[1]}"
	read -r -t 20 answer <&"${COPROC[0]}" && [ "$answer" = ok ] || return 1
	echo 'rdmsr 0xc1' >&"${COPROC[1]}"
	read -r -t 20 answer <&"${COPROC[0]}" && [ "$answer" = 0x0 ] || return 1
	eval "exec ${COPROC[1]}>&-"
	wait "$COPROC_PID"
}
check 'a conversation over a pipe' conversation

lines 'model intel-v2' 'rdmsr 0xc1'
"$vpmu" replay "$script" >/dev/full 2>"$scratch/err"
check 'full output: status' same "$?" 3
check 'full output: one message' one_message
finish
