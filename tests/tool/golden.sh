#!/bin/bash
# SPDX-License-Identifier: MIT
# Every script in replay/ answers what its .out file says. "# status: N" and "# options: …" in a
# script say how it ends and how it is run.
. "$(dirname "$0")/tap.sh" || exit

said_in() {
	sed -n "s/^# $1: //p" "$2"
}

for script in "$(dirname "$0")"/replay/*.replay; do
	name=$(basename "$script" .replay)
	options=$(said_in options "$script")
	run replay $options "$script"
	check "$name: status" same "$status" "$(said_in status "$script" | grep . || echo 0)"
	check "$name: answers" diff "${script%.replay}.out" "$scratch/out"
	"$vpmu" replay $options - <"$script" >"$scratch/piped" 2>/dev/null
	check "$name: the same from standard input" diff "$scratch/out" "$scratch/piped"
done
check 'there are scripts' [ "$tests" -gt 20 ]
finish
