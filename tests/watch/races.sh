#!/bin/bash
# SPDX-License-Identifier: MIT
# Data races of the preload library, by ThreadSanitizer, as TAP. The library is built with it, and so
# is the tests' own VMM, whose runtime both share: its ioctl() comes from the sanitizer, which goes on
# to the preloaded one. A VMM without that runtime could not load such a library, so the build has no
# other use, and is made here.
#   races.sh VPMU_OF_A_BUILD BUILD [ROUNDS]    BUILD: its folder
. "$(dirname "$0")/../tool/tap.sh" || exit
source=$(cd "$(dirname "$0")/../.." && pwd)
build=$2
rounds=${3:-3}

not_here() {
	echo "1..0 # SKIP $1"
	exit 0
}
command -v clang >/dev/null || not_here 'no clang'
[ -r /dev/kvm ] && [ -w /dev/kvm ] || not_here '/dev/kvm cannot be opened'

flags=(-std=gnu11 -O1 -g -fsanitize=thread -fPIC -pthread -w -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64
	-fvisibility=hidden -U_FORTIFY_SOURCE "-I$source/include" "-I$source/src")
made=$scratch/made
mkdir -p "$made/tool" "$made/src/watch"
compile() {
	local room
	for room in watch kvm state core arch base; do
		mkdir "$scratch/$room"
		(cd "$scratch/$room" && clang "${flags[@]}" -c "$source/src/$room"/*.c) || return 1
	done
	clang -fsanitize=thread -shared -pthread -o "$made/src/watch/libvpmu-watch.so" \
		"$scratch"/{watch,kvm,state,core,arch,base}/*.o -ldl \
		"-Wl,--version-script,$source/src/watch/watch.map" &&
		clang "${flags[@]}" -fvisibility=default -o "$scratch/odd" "$source"/tests/watch/odd_*.c
}
compile 2>"$scratch/err" || not_here 'clang cannot build with -fsanitize=thread'
cp "$vpmu" "$made/tool/"
cp "$build"/libvpmu.so.[0-9] "$made/"

# MODE…: no race in the VMM while it is watched, and while it has an emulated PMU. What the watch
# itself finds is not asked for.
no_race() {
	local options
	for options in '' '--emulate intel-v2' '--emulate amd-perfmon-v2'; do
		rm -f "$scratch"/race*
		TSAN_OPTIONS="log_path=$scratch/race symbolize=0" timeout 200 \
			"$made/tool/vpmu" watch $options --log "$scratch/log" -- "$scratch/odd" "$@" \
			>"$scratch/out" 2>"$scratch/err"
		[ $? != 124 ] || return 1
		if grep -qs 'WARNING: ThreadSanitizer' "$scratch"/race*; then
			grep -hs '#[0-4]' "$scratch"/race* | head -12 | sed 's/^/# /'
			return 1
		fi
	done
}
for mode in transparent emulated 'crowd 300' 'flood 20000' neighbours lowers resets; do
	check "no race: $mode" no_race $mode
done
for ((round = 1; round <= rounds; round++)); do
	check "no race: churn, round $round" no_race churn
done
# That the sanitizer sees the library at all.
check 'the library is instrumented' \
	grep -q __tsan_read <(nm -D "$made/src/watch/libvpmu-watch.so")
finish
