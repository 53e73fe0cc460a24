#!/bin/bash
# SPDX-License-Identifier: MIT
# vpmu run's files and addresses: what is refused, and what is left behind.
. "$(dirname "$0")/tap.sh" || exit

guest() {
	python3 "$(dirname "$0")/guest.py" "$scratch/$1" "$2"
}
# Counts rbx up for ever.
guest loop '48ffc3 ebfb'
# For ever "A", each on a line.
guest chatty '66baf803 b041 ee b00a ee ebf7'
# Says "A" once, and counts.
guest speaker '66baf803 b041 ee b00a ee 48ffc3 ebfb'
saved=$scratch/saved
small=(--memory 4M)

run run "${small[@]}" --model intel-v4 --save "$saved" --at 1000 "$scratch/loop"
check 'save: status' same "$status" 0
check 'save: says so' says 'saved: '
check 'save: and how far it was' grep -qE '^vpmu: saved: .* \([0-9,]+ instructions\)$' "$scratch/err"
run run "${small[@]}" --model zen4 --restore "$saved"
check 'another model: every field that differs is named, to the end' \
	grep -qE 'signature 0x[0-9a-f]+, not 0xa10f11$' "$scratch/err"
run run "${small[@]}" --max-instructions 2000 --restore "$saved"
check 'restore: goes on to the limit' same "$status" 126
check 'restore: counts go on' says '; 2,000 instructions)'

# A full disk, or none to write to, leaves the old file whole.
cp "$saved" "$scratch/old"
(
	trap '' XFSZ
	exec "$vpmu" run "${small[@]}" --save "$saved" --at 400000000 "$scratch/speaker"
) >"$scratch/out" 2>"$scratch/err" &
for _ in {1..300}; do
	[ -s "$scratch/out" ] && break
	sleep 0.05
done
prlimit --pid $! --fsize=1024
wait $!
check 'full disk: status' same "$?" 164
check 'full disk: one message' one_message
check 'full disk: the old file is whole' cmp "$saved" "$scratch/old"
check 'full disk: nothing else is left' same "$(ls "$scratch" | grep -c saved)" 1
refused 'save in no folder' 164 'cannot write' run --save /nowhere/s --at 5 "$scratch/loop"

# A saved machine is on its host, or on another that is named.
host_of() {
	run run "${small[@]}" --json --max-instructions 3000 --restore "$scratch/hosted" "$@"
	python3 -c 'import json, sys; h = json.load(open(sys.argv[1]))["host"]; print(h["gp_counters"], h["width"])' \
		"$scratch/out"
}
run run "${small[@]}" --profile linux-6.12 --host gp=2,width=40 --save "$scratch/hosted" --at 1000 "$scratch/loop"
check 'a host: saved' same "$status" 0
if ! "$vpmu" models --json >/dev/null 2>&1; then
	skip 'a host: restored' 'no JSON'
else
	check 'a host: restored' same "$(host_of)" '2 40'
	check 'a host: another' same "$(host_of --profile linux-7.3 --host gp=4)" '4 48'
fi

head -c 3000 "$saved" >"$scratch/short"
refused 'truncated file' 2 'truncated' run --restore "$scratch/short"
refused 'not a saved machine' 2 'not a saved machine' run --restore "$scratch/loop"
refused 'no file' 2 'No such file' run --restore "$scratch/none"
refused 'folder' 2 'directory' run --restore "$scratch"
refused 'another model' 2 "'VPMU'" run "${small[@]}" --model amd-k7 --restore "$saved"
refused 'more memory' 2 'more memory than allowed: 4M' run --memory 2M --restore "$saved"

bad() {
	refused "$1" 2 "$2" run "${@:3}"
}
bad 'no guest' 'missing argument: GUEST'
bad 'restore and a guest' 'do not go together: --restore, GUEST' --restore "$saved" "$scratch/loop"
bad 'save without at' '--save needs --at' --save "$saved" "$scratch/loop"
bad 'at alone' '--at needs' --at 5 "$scratch/loop"
bad 'two ways out' 'do not go together' --save a --migrate-to unix:b --at 5 "$scratch/loop"
bad 'reset of what is not here' 'do not go together' --reset-at 5 --restore "$saved"
bad 'points that are none' '--migrate-at' --migrate-at 5,,6 "$scratch/loop"
bad 'point 0' '--migrate-at' --migrate-at 0 "$scratch/loop"
bad 'unknown order' 'order' --order sideways --migrate-at 5 "$scratch/loop"
for address in "$scratch/x" unix: tcp:localhost tcp::1 "unix:$(printf 'a%.0s' {1..200})"; do
	bad "address ${address:0:20}" 'cannot listen' --listen "$address"
done
for port in 65536 99999 +1 0x50 ' 80' ''; do
	bad "port '$port'" 'no port' --listen "tcp:localhost:$port"
done
bad 'an IPv6 address without brackets' 'needs brackets' --listen tcp:::1:80
bad 'listen to other hosts' 'another host' --listen tcp:0.0.0.0:0
refused 'an address in use' 3 'nobody can listen there' run --listen "unix:$saved"

# A source that finds nobody, or another host, keeps its guest.
for address in "unix:$scratch/nobody" tcp:127.0.0.1:1 tcp:192.0.2.1:1; do
	run run --max-instructions 5000 --migrate-to "$address" "$scratch/loop"
	check "nobody at ${address%:*}: the guest ran on" same "$status" 126
	check "nobody at ${address%:*}: says so" says 'not migrated, the guest goes on here'
done

# NAME: waits for a socket.
await() {
	for _ in {1..300}; do
		[ -S "$1" ] && return
		sleep 0.05
	done
}

# TEXT FILE: waits for a message.
said() {
	for _ in {1..300}; do
		grep -qsF -- "$1" "$2" && return
		sleep 0.05
	done
}

# A destination of another model refuses; a source that talks nonsense is no source.
socket=$scratch/socket
"$vpmu" run --model amd-k7 --listen "unix:$socket" 2>"$scratch/refusal" &
await "$socket"
run run "${small[@]}" --max-instructions 90000000 --migrate-to "unix:$socket" "$scratch/loop"
check 'other model: the guest ran on' same "$status" 126
check 'other model: the source is told' says 'the destination refuses: '
wait $!
check 'other model: status of the destination' same "$?" 166
"$vpmu" run --listen "unix:$socket" 2>"$scratch/err-listener" &
await "$socket"
python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"GET / HTTP/1.1\r\nHost: nobody\r\n\r\n" * 100)' "$socket"
said 'still listening' "$scratch/err-listener"
run run "${small[@]}" --max-instructions 90000000 --migrate-to "unix:$socket" "$scratch/loop"
check 'nonsense: another source may come' same "$status" 0
kill -TERM $!
wait $!
check 'nonsense: the guest of the other ran' same "$?" 130
check 'the socket is gone' [ ! -e "$socket" ]

# A hand-over while the guest talks: nothing is said twice, nothing is lost.
"$vpmu" run "${small[@]}" --max-instructions 1000000 --listen "unix:$socket" \
	>"$scratch/second" 2>"$scratch/err" &
await "$socket"
"$vpmu" run "${small[@]}" --max-instructions 1000000 --migrate-to "unix:$socket" --at 100000 \
	"$scratch/chatty" >"$scratch/first" 2>"$scratch/err1"
check 'hand-over: status of the source' same "$?" 0
wait $!
check 'hand-over: status of the destination' same "$?" 126
run run "${small[@]}" --max-instructions 1000000 "$scratch/chatty"
check 'hand-over: all that was said' cmp <(cat "$scratch/first" "$scratch/second") "$scratch/out"
check 'hand-over: both have said something' [ -s "$scratch/first" -a -s "$scratch/second" ]

"$vpmu" run --listen "unix:$socket" 2>"$scratch/err" &
await "$socket"
kill -TERM $!
wait $!
check 'SIGTERM ends the wait' same "$?" 130

# Port 0: the port that was chosen is told, and a guest comes there.
"$vpmu" run "${small[@]}" --max-instructions 300000 --listen 'tcp:[::ffff:127.0.0.1]:0' \
	2>"$scratch/chosen" &
said 'listening: ' "$scratch/chosen"
run run "${small[@]}" --migrate-to "$(sed -n 's/^vpmu: listening: //p' "$scratch/chosen")" \
	"$scratch/loop"
check 'port 0: status of the source' same "$status" 0
wait $!
check 'port 0: status of the destination' same "$?" 126
finish
