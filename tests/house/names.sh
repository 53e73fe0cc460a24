#!/bin/bash
# SPDX-License-Identifier: MIT
# Every function that a document or an example names is declared in a public header.
#   names.sh SOURCES
. "$(dirname "$0")/../tool/tap.sh" || exit
cd "$1" || exit 1

named=$(grep -oh 'vpmu_[a-z0-9_]*()' README.md CHANGES.md docs/*.md man/*.1 examples/*.c | tr -d '()' | sort -u)
missing=
for name in $named; do
	grep -qw -- "$name" include/vpmu/*.h || missing="$missing $name"
done
check 'documents name functions' [ "$(wc -w <<<"$named")" -gt 20 ]
check 'they are all declared' same "$missing" ''
finish
