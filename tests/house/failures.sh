#!/bin/bash
# SPDX-License-Identifier: MIT
# What has failed is told at the end: scripts/run-tests, .ci/steps. TAP, with a meson of our own.
# usage: failures.sh SOURCES
top=${1:?usage: failures.sh SOURCES}
. "$top/tests/tool/tap.sh" || exit

# A meson that has run two tests, of which one has failed.
mkdir -p "$scratch/bin" "$scratch/build/meson-logs"
cat >"$scratch/bin/meson" <<'END'
#!/bin/sh
[ "$1 $2 $3" = "test -C $BUILD" ] || exit 2
printf '%s\n' 'Summary of Failures:' '2/2 vpmu:x / red   FAIL   0.01s'
{
	printf '{"name": "green", "result": "OK", "stdout": "not to be seen", "stderr": ""}\n'
	printf '{"name": "red", "result": "FAIL", "stdout": "not ok 1 - early\\n'
	for i in $(seq 100 140); do printf 'line %s\\n' "$i"; done
	printf '", "stderr": "at the end"}\n'
} >"$BUILD/meson-logs/testlog.json"
exit "$STATUS"
END
chmod +x "$scratch/bin/meson"

# STATUS: what run-tests makes of a meson that ends so.
run_tests() {
	BUILD=$scratch/build STATUS=$1 PATH=$scratch/bin:$PATH "$top/scripts/run-tests" "$scratch/build"
}

shown() {
	grep -qF -- "$1" "$scratch/out"
}

hidden() {
	! shown "$1"
}

run_tests 3 >"$scratch/out" 2>&1
check "a run that fails: meson's status" same "$?" 3
check 'it names the test' shown 'red: FAIL'
check 'a subtest that failed early' shown 'not ok 1 - early'
check 'what it printed last' shown 'line 140'
check 'not all that it printed' hidden 'line 110'
check 'its messages' shown 'at the end'
check 'nothing of a test that passed' hidden 'not to be seen'

run_tests 0 >"$scratch/out" 2>&1
check 'a run that passes: status' same "$?" 0
check 'no more words' hidden 'red: FAIL'

# Three steps, of which the first one fails long before the end.
steps() {
	set -uo pipefail
	. "$top/.ci/steps"
	begin_steps "$scratch/logs"
	step 'the tests' run_tests 1
	step 'a step' sh -c 'seq 200 300; exit 4'
	step 'another' seq 1 3
	step 'not here' sh -c 'echo no reason; exit 77'
	echo '=== the end'
	end_steps
}

(steps) >"$scratch/all" 2>&1
check 'steps: status' same "$?" 1
sed -n '/^=== the end/,$p' "$scratch/all" >"$scratch/out"
check 'steps: those that failed' same "$(sed -n 's/^== FAILED: //p' "$scratch/out" | paste -sd,)" \
	'the tests,a step'
check "steps: meson's summary" shown 'Summary of Failures:'
check 'steps: the end of the failed test' shown 'line 140'
check 'steps: the end of another step' shown 300
check 'steps: not all of it' hidden 220
check 'steps: the numbers' same "$(tail -n 1 "$scratch/out")" '1 passed, 2 failed, 1 skipped'

# What a test writes below its scratch folder must not be written elsewhere.
no_folder() {
	same "$(TMPDIR=/no/where bash -c '. "$0/tests/tool/tap.sh"; echo "goes on with $scratch"' "$top" - 2>&1 |
		grep -c 'goes on')" 0
}
check 'a shell test that gets no folder of its own ends' no_folder

finish
