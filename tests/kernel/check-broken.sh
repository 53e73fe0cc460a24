#!/bin/bash
# SPDX-License-Identifier: MIT
# vpmu check --kernel on code that is broken: a crash, or what does not return, is told as the code's, with
# the script; and what the code remembers in variables of its own is a part of its state. TAP; skipped without
# the kernel's sources, or without a compiler.
# usage: check-broken.sh VPMU REFERENCE-FOLDER VERSION
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
reference=$2 version=$3
limit=600 # seconds for one run of the tool
. "$here/../tool/tap.sh" || exit
. "$here/program.sh"

small=between=1,mixed=0,states=3
mkdir "$scratch/objects"
export VPMU_KERNEL_OBJECTS=$scratch/objects # the trees differ in a line

# FUNCTION STATEMENT: a program of a tree whose function begins with the statement.
build_with() {
	rm -rf "$scratch/tree"
	mkdir "$scratch/tree"
	cp -R "$reference/$version/linux/arch" "$scratch/tree"
	chmod -R u+w "$scratch/tree"
	printf 'VERSION = %s\nPATCHLEVEL = %s\n' "${version%.*}" "${version#*.}" >"$scratch/tree/Makefile"
	sed -i "/^void $1(/,/^{/s/^{/{ $2/" "$scratch/tree/arch/x86/kvm/pmu.c"
	run kernel build "$scratch/tree" --force -o "$scratch/broken"
}

# NAME FUNCTION STATEMENT TEXT
ends() {
	local options="--order no-stop --model intel-v2 --life running --scope $small --kernel $scratch/broken"
	build_with "$2" "$3"
	check "$1: is built" same "$status" 0
	run check $options --counterexample "$scratch/none"
	check "$1: status" same "$status" 1
	check "$1: one message" one_message
	check "$1: says what, and where" says "the kernel's code $4: order no-stop, intel-v2, prior life running: "
	check "$1: no verdict" [ ! "$(grep VIOLATED "$scratch/out")" ]
	cp "$scratch/out" "$scratch/way"
	run replay --kernel "$scratch/broken" "$scratch/way"
	check "$1: the script does it" says "the kernel's code $4: $scratch/way:$(wc -l <"$scratch/way"): "
	run check $options --json
	check "$1: JSON: prints nothing" nothing_printed
}

# Where the state is held, and on the way of a put.
ends 'a stack without end' kvm_pmu_deliver_pmi \
	'volatile char room[4096]; room[0] = 1; kvm_pmu_deliver_pmi(vcpu); room[1] = 2;' 'crashed (SIGSEGV)'
ends 'a crash' kvm_pmu_cleanup '*(volatile int *)8 = 1;' 'crashed (SIGSEGV)'
ends 'an endless loop' kvm_pmu_cleanup \
	'while (vcpu_to_pmu(vcpu)->gp_counters[1].eventsel == 0x53003c) asm volatile("");' 'does not end'

# Each second PMI is lost.
build_with kvm_pmu_deliver_pmi 'static int n; if (n++ \& 1) return;'
run check --order safe --model intel-v2 --scope $small --kernel "$scratch/broken" --counterexample "$scratch/lost"
check 'a variable: a PMI is lost' prints '^no-pmi-lost            VIOLATED'
unlike=''
for script in "$scratch"/lost/*.replay; do
	"$vpmu" replay --kernel "$scratch/broken" "$script" >"$scratch/answers" 2>&1
	grep -q '^expected .* got ' "$scratch/answers" || unlike="$unlike ${script##*/}"
done
check 'a variable: every counterexample goes that way' same "$unlike" ''
finish
