# SPDX-License-Identifier: MIT
# Sourced by the shell tests: TAP output, a scratch folder, and what every bad input must come to.
# The first argument of a test is the tool.
set -u
vpmu=$1
tests=0
failed=0
# Without one, "$scratch/bin" would be the system's own.
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

# NAME CONDITION…: the test holds when the command succeeds.
check() {
	local name=$1
	shift
	tests=$((tests + 1))
	if "$@"; then
		echo "ok $tests - $name"
	else
		echo "not ok $tests - $name"
		echo "# failed: ${*//$'\n'/ }"
		failed=1
	fi
}

skip() {
	tests=$((tests + 1))
	echo "ok $tests - $1 # SKIP $2"
}

# Whether terminals can be made here: script(1), and ptys.
have_terminals() {
	script -qec true /dev/null </dev/null >/dev/null 2>&1
}

# KIB: the same, or unlimited for a tool that is a sanitizer's build, which takes far more.
memory_limit() {
	if (ulimit -v "$1" && ASAN_OPTIONS= LSAN_OPTIONS= UBSAN_OPTIONS= "$vpmu" --version) >/dev/null 2>&1; then
		echo "$1"
	else
		echo unlimited
	fi
}

# ARGUMENT…: runs the tool; sets $status, $scratch/out and $scratch/err.
run() {
	timeout 60 "$vpmu" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
	status=$?
}

same() {
	[ "$1" = "$2" ] || {
		echo "# '$1' is not '$2'"
		return 1
	}
}

one_message() {
	same "$(wc -l <"$scratch/err")" 1 && same "$(head -c 6 "$scratch/err")" 'vpmu: '
}

says() {
	grep -qF -- "$1" "$scratch/err" || {
		echo "# stderr is: $(head -c 500 "$scratch/err")"
		return 1
	}
}

nothing_printed() {
	[ ! -s "$scratch/out" ]
}

# What a guest of tests/tool/guest.py that prints them begins with: docs/guest-abi.md.
begins_as_promised() {
	same "$(od -An -tx4 "$scratch/out" | tr -s ' ')" ' 80010033 00000620 00000500'
}

# Prints CR0, CR4 and EFER, four bytes each; then exits with 0.
controls_guest='0f20c0e81b0000000f20e0e813000000b9800000c00f32e80700000066baf40031c0ee66baf803b904000000ee48c1e808ffc975f7c3'

is_json() {
	python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$1"
}

# DOCUMENT EXPRESSION: a Python expression on the document d holds.
holds() {
	python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
sys.exit(not eval("(" + sys.argv[2] + ")"))' "$1" "$2"
}

# NAME FILE: the documents in it are as their schemas say (docs/schema).
described() {
	local said
	said=$(python3 "$(dirname "${BASH_SOURCE[0]}")/schema.py" "$2" 2>&1)
	case $? in
	77) skip "$1" "${said#skipped: }" ;;
	0) check "$1" true ;;
	*)
		echo "$said"
		check "$1" false
		;;
	esac
}

# NAME STATUS TEXT ARGUMENT…: the tool ends with that status and one line on stderr with that text.
refused() {
	local name=$1 expected=$2 text=$3
	shift 3
	run "$@"
	check "$name: status" same "$status" "$expected"
	check "$name: one message" one_message
	check "$name: says '$text'" says "$text"
	check "$name: prints nothing else" nothing_printed
}

finish() {
	echo "1..$tests"
	exit "$failed"
}
