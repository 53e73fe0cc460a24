#!/bin/bash
# SPDX-License-Identifier: MIT
# Every command has a man page, which has every option, and nothing in it is malformed.
. "$(dirname "$0")/tap.sh" || exit

mentions() {
	sed 's/\\-/-/g; s/Fl -/--/g' "$1" | grep -qF -- "$2"
}

commands=$("$vpmu" help | sed -n 's/^  \([a-z]\{1,\}\) .*/\1/p' | grep -v help)
for command in $commands; do
	page=$SOURCE/man/vpmu-$command.1
	check "$command has a page" [ -f "$page" ]
	check "$command is in vpmu.1" grep -q "^\.It Cm $command" "$SOURCE/man/vpmu.1"
	for option in $("$vpmu" "$command" --help | sed -n 's/^  \(-., \)\{0,1\}\(--[a-z-]*\).*/\2/p' |
		grep -v -e --help); do
		check "$command: its page has $option" mentions "$page" "$option"
	done
done
for class in $(sed -n 's/^\t\[VPMU_[A-Z0-9_]*\] = {"\([a-z0-9-]*\)", \(true\|false\)},$/\1/p' \
	"$SOURCE/src/base/status.c"); do
	check "replay: its page has $class" grep -qE "(^|[ ])$class[,;.]" "$SOURCE/man/vpmu-replay.1"
done
for page in "$SOURCE"/man/*.1; do
	if command -v groff >/dev/null; then
		check "$(basename "$page") has no warnings" \
			same "$(groff -mandoc -ww -Tutf8 "$page" 2>&1 >/dev/null)" ''
	else
		skip "$(basename "$page") has no warnings" 'no groff'
	fi
done
finish
