# SPDX-License-Identifier: MIT
# Sourced by the tests of programs that `vpmu kernel build` makes: builds the reference, or skips all
# of the test; then runs of the tool that may take long.
# Takes $here, $reference, $version, and $limit: the seconds that one run of the tool may take.

command -v "${CC:-gcc}" >/dev/null || { echo '1..0 # SKIP no C compiler' && exit 0; }
"$here/build-reference" "$reference" "$version" >&2
case $? in
0) ;;
77) echo "1..0 # SKIP linux-source-$version is not installed" && exit 0 ;;
*) exit 1 ;;
esac

# ARGUMENT…: as in tap.sh, with more time: a machine may be busy.
run() {
	timeout "$limit" "$vpmu" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
	status=$?
}

prints() {
	grep -qE -- "$1" "$scratch/out" || {
		echo "# stdout is: $(head -c 1000 "$scratch/out")"
		return 1
	}
}
