#!/bin/bash
# SPDX-License-Identifier: MIT
# Help, version, and what is said of commands and options that do not exist.
. "$(dirname "$0")/tap.sh" || exit

prints() {
	grep -qF -- "$1" "$scratch/out"
}

run --version
check 'version: status' same "$status" 0
check 'version: prints it' grep -qE '^vpmu [0-9]+\.[0-9]+\.[0-9]+$' "$scratch/out"
for ask in help --help -h; do
	run $ask
	check "$ask: status" same "$status" 0
	check "$ask: lists the commands" prints '  replay '
done
for command in models replay run; do
	run $command --help
	check "$command --help: status" same "$status" 0
	check "$command --help: shows its usage" prints "Usage: vpmu $command "
	check "$command --help: no line is too long" awk 'length > 90 { exit 1 }' "$scratch/out"
	cp "$scratch/out" "$scratch/help"
	run help $command
	check "help $command: the same text" cmp "$scratch/help" "$scratch/out"
	check "help $command: ends with a line" same "$(tail -c 1 "$scratch/out" | wc -l)" 1
done
for verb in show diff convert compat baseline import-qemu; do
	run state $verb --help
	cp "$scratch/out" "$scratch/help"
	run help state $verb
	check "help state $verb: the same text" cmp "$scratch/help" "$scratch/out"
	check "help state $verb: ends with a line" same "$(tail -c 1 "$scratch/out" | wc -l)" 1
done
if "$vpmu" help | grep -q '^  kernel '; then
	for verb in build diff record; do
		run kernel $verb --help
		check "kernel $verb --help: shows its usage" prints "Usage: vpmu kernel $verb "
		check "kernel $verb --help: no line is too long" awk 'length > 90 { exit 1 }' "$scratch/out"
		cp "$scratch/out" "$scratch/help"
		run help kernel $verb
		check "help kernel $verb: the same text" cmp "$scratch/help" "$scratch/out"
	done
	refused 'kernel: unknown command' 2 "did you mean 'diff'?" kernel dif
	refused 'kernel: no command' 2 'missing argument: COMMAND' kernel
	refused 'kernel diff: one program' 2 'missing argument: OLD NEW' kernel diff a
	refused 'kernel diff: no program' 2 'cannot run: /nowhere/a' kernel diff /nowhere/a /nowhere/b
fi
if "$vpmu" help | grep -q '^  watch '; then
	run watch diff --help
	check 'watch diff --help: shows its usage' prints 'Usage: vpmu watch diff '
	check 'watch diff --help: no line is too long' awk 'length > 90 { exit 1 }' "$scratch/out"
	cp "$scratch/out" "$scratch/help"
	run help watch diff
	check 'help watch diff: the same text' cmp "$scratch/help" "$scratch/out"
fi
refused 'help on nothing' 2 "did you mean 'show'?" help state shows
refused 'help on too much' 2 "'more' is too much" help state show more
refused '--help with a value' 2 'takes no value: --help' models --help=1
refused '--help of the tool with a value' 2 'takes no value: --help' --help=1
refused '--version with a value' 2 'takes no value: --version' --version=1
run models --json --help
check 'help wins wherever it stands' prints 'Usage: vpmu models'

refused 'no command' 2 'missing command'
refused 'unknown command' 2 "did you mean 'models'?" modles
refused 'command of another kind' 2 "'vpmu help' lists them" --frobnicate
refused 'unknown option' 2 'did you mean --json?' models --jsn
refused 'short option' 2 'unknown option: -x' models -x
refused 'value for a flag' 2 'takes no value: --json' models --json=yes
refused 'option without its value' 2 'needs a value: --model' run guest --model
refused 'number that is none' 2 "not a number: --max-instructions 'many'" \
	run --max-instructions many guest
refused 'number out of range' 2 'out of range: --memory 8G (2M to 4G)' run --memory=8G guest
refused 'one argument too many' 2 "one argument too many: 'b'" models a b
refused 'no argument' 2 'missing argument: FILE|-' replay
refused 'control bytes in a name' 2 'unknown command: a\x0ab\x1b[31m' $'a\nb\e[31m'

NO_COLOR= TERM=xterm run modles
check 'no colour without a terminal' same "$(grep -c $'\e' "$scratch/err")" 0
if have_terminals; then
	TERM=xterm script -qec "env -u NO_COLOR '$vpmu' modles" /dev/null </dev/null \
		>"$scratch/tty" 2>&1
	check 'colour on a terminal' grep -q $'\e' "$scratch/tty"
	TERM=xterm NO_COLOR=1 script -qec "'$vpmu' modles" /dev/null </dev/null \
		>"$scratch/tty" 2>&1
	check 'NO_COLOR is kept' same "$(grep -c $'\e' "$scratch/tty")" 0
else
	skip 'colour on a terminal' 'no script(1), or no ptys'
	skip 'NO_COLOR is kept' 'no script(1), or no ptys'
fi

"$vpmu" help >/dev/full 2>"$scratch/err"
check 'a full output: status' same "$?" 3
check 'a full output: one message' one_message
finish
