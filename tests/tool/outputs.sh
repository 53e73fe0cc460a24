#!/bin/bash
# SPDX-License-Identifier: MIT
# Where the tool writes: standard output that is closed or full, and files, of every command.
. "$(dirname "$0")/tap.sh" || exit

golden=$SOURCE/tests/stream/golden
fault=${2-}
small=(--cpu emulated --memory 4M)
guest() {
	python3 "$(dirname "$0")/guest.py" "$scratch/$1" "$2"
}
# Says "A" and exits with 0 and 1; counts for ever; says "A" for ever.
guest exit '66baf803b041ee66baf40031c0ee'
guest exit1 '66baf803b041ee66baf40031c0b001ee'
guest loop '48ffc3ebfb'
guest chatty '66baf803 b041 ee b00a ee ebf7'
echo 'model intel-v2' >"$scratch/script"
check_little=(check --model amd-k7 --profile hardware --life fresh --scope 'between=0,states=1')
made_json=$scratch/part
"$vpmu" "${check_little[@]}" --json >"$made_json"

# NAME STATUS ARGUMENT…: standard output closed, and full.
no_output() {
	local name=$1 expected=$2
	shift 2
	timeout 60 "$vpmu" "$@" >&- 2>"$scratch/err" </dev/null
	check "$name, closed: status" same "$?" "$expected"
	check "$name, closed: one message" one_message
	check "$name, closed: says why" says 'Bad file descriptor'
	timeout 60 "$vpmu" "$@" >/dev/full 2>"$scratch/err" </dev/null
	check "$name, full: status" same "$?" "$expected"
	check "$name, full: one message" one_message
	check "$name, full: says why" says 'No space left'
}
no_output '--version' 3 --version
no_output help 3 help
no_output models 3 models
no_output 'models --json' 3 models intel-v4 --json
no_output replay 3 replay "$scratch/script"
no_output plan 3 plan --model intel-v4
no_output 'plan --json' 3 plan --model intel-v4 --json
no_output check 3 "${check_little[@]}"
no_output 'check --json' 3 "${check_little[@]}" --json
no_output 'check --merge' 3 check --merge "$made_json"
no_output 'state show' 3 state show "$golden/zen4.vpmu"
no_output 'state convert' 3 state convert --to json "$golden/zen4.vpmu" -
no_output 'state convert --to native' 3 state convert --to native "$golden/zen4.vpmu" -
no_output 'state compat --json' 3 state compat "$golden/zen4.vpmu" --model zen4 --json
no_output 'state baseline' 3 state baseline zen4
no_output 'run --json' 164 run "${small[@]}" --json "$scratch/exit"
no_output 'run --json, status 3' 164 run "${small[@]}" --json "$scratch/exit1"
timeout 60 "$vpmu" run "${small[@]}" "$scratch/chatty" >&- 2>"$scratch/err"
check 'run, closed: status' same "$?" 164
check 'run, closed: one message' one_message
"$vpmu" replay - <&- 2>"$scratch/err" >"$scratch/out"
check 'closed standard input: status' same "$?" 2
check 'closed standard input: says why' says 'Bad file descriptor'
"$vpmu" modles >&- 2>&-
check 'all closed: the status stays' same "$?" 2

# Files: mode, links, pipes.
saved=$scratch/saved
save=(run "${small[@]}" --at 1000 "$scratch/loop" --save)
for umask in 022 027 077; do
	(umask $umask && "$vpmu" "${save[@]}" "$scratch/new$umask" 2>/dev/null)
	check "save, umask $umask" same "0$(stat -c %a "$scratch/new$umask")" \
		"$(printf %04o $((0666 & ~umask)))"
done
touch "$saved"
chmod 600 "$saved"
ln -s saved "$scratch/link"
run "${save[@]}" "$scratch/link"
check 'save through a link: status' same "$status" 0
check 'save through a link: it stays one' [ -L "$scratch/link" ]
check 'save: the mode stays' same "$(stat -c %a "$saved")" 600
run run "${small[@]}" --max-instructions 2000 --restore <(cat "$saved")
check 'restore from a pipe' says '; 2,000 instructions)'
"$vpmu" run "${small[@]}" --max-instructions 2000 --restore /dev/stdin 2>"$scratch/err" \
	< <(cat "$saved")
check 'restore from standard input' says '; 2,000 instructions)'
run run "${small[@]}" --restore <(head -c 3000 "$saved")
check 'half a pipe: status' same "$status" 2
check 'half a pipe: says so' says truncated
mkfifo "$scratch/fifo"
cat "$scratch/fifo" >"$scratch/copy" &
run "${save[@]}" "$scratch/fifo"
wait $!
check 'save into a FIFO' cmp "$saved" "$scratch/copy"
check 'save into a FIFO: it stays one' [ -p "$scratch/fifo" ]
"$vpmu" "${save[@]}" /dev/stdout >"$scratch/copy" 2>/dev/null
check 'save to standard output' cmp "$saved" "$scratch/copy"

# What cannot be written is found before the work begins: these would take hours, or not end.
early() {
	local name=$1 expected=$2
	shift 2
	run "$@"
	check "$name: status" same "$status" "$expected"
	check "$name: one message" one_message
	check "$name: says where" says '/nowhere/'
}
long=(check --matrix --scope 'between=4,states=10,limit=9999999999999999999')
early 'check --html' 3 "${long[@]}" --html /nowhere/page
early 'check --counterexample' 3 "${long[@]}" --counterexample /nowhere/folder
early 'run --save' 164 run "${small[@]}" --save /nowhere/saved --at 999999999999 "$scratch/loop"
early 'run --timeline' 164 run "${small[@]}" --timeline /nowhere/line "$scratch/loop"
early 'run --listen --timeline' 164 run --timeline /nowhere/line --listen "unix:$scratch/socket"
if "$vpmu" watch --help >/dev/null 2>&1; then
	early 'watch --log' 3 watch --log /nowhere/log -- sleep 1000
	early 'watch --plan' 3 watch --plan /nowhere/plan -- sleep 1000
fi
touch "$scratch/file"
run "${long[@]}" --counterexample "$scratch/file"
check 'counterexamples into a file: status' same "$status" 3

# A signal leaves no temporary file, on a file system with O_TMPFILE and on one without.
killed() {
	local name=$1 signal=$2
	shift 2
	mkdir "$scratch/work"
	echo old >"$scratch/work/line"
	env --default-signal=HUP "$@" "$vpmu" run "${small[@]}" --timeline "$scratch/work/line" "$scratch/chatty" \
		>"$scratch/said" 2>/dev/null &
	for _ in {1..600}; do
		[ -s "$scratch/said" ] && break
		sleep 0.05
	done
	kill -"$signal" $!
	wait $! 2>/dev/null
	check "SIG$signal, $name: no other file" same "$(ls -A "$scratch/work")" line
	rm -r "$scratch/work" "$scratch/said"
}
for signal in HUP INT TERM; do # a background process of a script has SIGQUIT ignored
	killed 'O_TMPFILE' $signal
	[ -n "$fault" ] && killed 'no O_TMPFILE' $signal LD_PRELOAD="$fault" FAULT_NO_TMPFILE=1
done
killed 'O_TMPFILE' KILL
if [ -n "$fault" ]; then
	chmod 640 "$saved"
	LD_PRELOAD=$fault FAULT_NO_TMPFILE=1 "$vpmu" "${save[@]}" "$saved" 2>"$scratch/err"
	check 'no O_TMPFILE: status' same "$?" 0
	check 'no O_TMPFILE: the mode stays' same "$(stat -c %a "$saved")" 640
	check 'no O_TMPFILE: the content' cmp "$saved" "$scratch/copy"
	check 'no O_TMPFILE: no other file' same "$(ls -A "$scratch" | grep -c '^.vpmu')" 0
fi
finish
