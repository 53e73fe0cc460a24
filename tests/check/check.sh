#!/bin/bash
# SPDX-License-Identifier: MIT
# vpmu check: statuses, messages, the matrix in three shapes, shards, and counterexamples that replay.
# KREPLAY is a folder with kreplay-6.1 and kreplay-6.12 (tests/kernel/build-reference), if there is one.
. "$SOURCE/tests/tool/tap.sh" || exit

small='between=1,mixed=1,nodes=16384'
cell='--model intel-v2 --profile linux-6.12 --life running'

prints() {
	grep -qF -- "$1" "$scratch/out"
}

run check --model intel-v2 --profile linux-6.12 --scope "$small"
check 'safe holds: status' same "$status" 0
check 'safe holds: says so' same "$(grep -c ' holds$' "$scratch/out")" 10
check 'no progress without a terminal' [ ! -s "$scratch/err" ]

run check $cell --order no-stop --scope "$small" --counterexample "$scratch/cx"
check 'no-stop: status' same "$status" 1
check 'no-stop: names the property' prints 'no-overflow-lost       VIOLATED in 1 of 1 cells'
check 'no-stop: tells a story' prints 'the guest runs 10 instructions: no PMI'
check 'no-stop: in the names of registers' prints 'the VMM writes IA32_PMC0 = 0xfffffffffffd'
run check $cell --order no-stop --level reset --scope "$small"
check 'only a level' same "$status" 0

# The host under the profile: a kernel's PMU on another vendor's processor, which counterexamples replay on.
run check $cell --order no-stop --scope "$small" --host vendor=amd,gp=4 --counterexample "$scratch/amd"
check "a host: the cell is another" same "$status" 1
check "a host: there is no global control to lose by" same "$(grep -c 'IA32_PERF_GLOBAL' "$scratch/out")" 0
check "a host: is told" prints 'host: vendor=amd,gp=4'
check "a host: counterexamples have it" same "$(grep -lx 'host vendor=amd,gp=4' "$scratch"/amd/* | wc -l)" \
	"$(ls "$scratch/amd" | wc -l)"
for script in "$scratch"/amd/*.replay; do
	run replay "$script"
	check "a host: $(basename "$script") shows its loss" grep -q '^expected .* got ' "$scratch/out"
done
run check --model intel-v2,lbr-format=5 --host lbr-format=5,pdcm=off --life running --scope "$small" --matrix \
	--order safe
check 'a host: profiles that have a PMU on it' same \
	"$(sed -n 's/^intel-v2[^ ]* *\([^ ]*\) .*/\1/p' "$scratch/out" | tr '\n' ' ')" 'linux-6.1 linux-6.12 linux-7.3 '
run check --model intel-v2,pebs=4 --host pebs=on --profile linux-6.12 --life running --scope "$small" --order safe
check 'a host: PEBS is put back' same "$status" 0
check 'a host: PEBS is one of the registers' prints 'pebs=4'
refused "a host's unknown key" 2 "unknown key 'tx'" check --model intel-v2 --host tx=on
refused "a host's key that a model's vendor has not" 2 "unknown key 'tsx'" check --host tsx=on
refused "a host's value" 2 "gp=N: not '9', but 1 to 8" check --model intel-v2 --host gp=9
refused 'a host under hardware' 2 'no host under profile hardware' \
	check --model intel-v2 --profile hardware --host gp=4
refused 'a host that has no mediated PMU' 2 'mediated has no PMU on this host' \
	check --model intel-v2 --profile mediated --host pdcm=off
refused 'a host of too many words' 2 'too long: --host' \
	check --model intel-v2 --host "gp=4$(printf ',gp=4%.0s' {1..40})"

# Every counterexample of a small matrix replays, and the kernels show the same: on one kernel also where
# the counters differ, which takes four times as long. In a sanitized build, of which VPMU_TEST_SHARE
# tells, of one model only, and where none differ.
models='intel-v1 amd-perfcore amd-perfmon-v2 intel-v2' mixed=1
[ "${VPMU_TEST_SHARE:-1}" = 1 ] || models=intel-v2 mixed=0
matrix() {
	run check --matrix --model $1 --profile $2 --scope "between=1,mixed=$3,nodes=16384" \
		--counterexample "$scratch/cx" --html "$scratch/page"
}
for model in $models; do
	matrix $model linux-6.1 0
	matrix $model linux-6.12 $mixed
done
check 'matrix: status' same "$status" 1
check 'matrix: a table for each order' same "$(grep -c '^order ' "$scratch/out")" 6
check 'matrix: an order says which VMM has it' grep -qx 'order stop-first: QEMU, Intel' "$scratch/out"
check 'matrix: columns are whole words' grep -q ' overflow-pending .* failed-creation$' "$scratch/out"
check 'HTML: needs nothing else' same "$(grep -cE '(src|href)="[^#]' "$scratch/page")" 0
check 'there are counterexamples' [ "$(ls "$scratch/cx" | wc -l)" -gt 50 ]
run check --matrix --model intel-v2 --model amd-k7 --counterexample "$scratch/host" \
	--scope between=1,mixed=0,states=2,incidents=host
check 'there are some in which the host runs' \
	[ "$(grep -l '^host-run ' "$scratch"/host/*.replay | wc -l)" -gt 100 ]
# All in one batch: in the answers, too, a line of dashes ends a program.
for script in "$scratch"/cx/*.replay "$scratch"/host/*.replay; do
	cat "$script" && echo '---'
done >"$scratch/scripts"
"$vpmu" replay --batch "$scratch/scripts" >"$scratch/ours"
check 'every counterexample shows its loss: status' same "$?" 1
check 'every counterexample shows its loss' same \
	"$(awk '/^expected .* got / { lost = 1 } /^---/ { count += lost; lost = 0 } END { print count }' \
		"$scratch/ours")" "$(grep -c '^---' "$scratch/scripts")"
if [ -x "${KREPLAY:-/nonexistent}/kreplay-6.12" ]; then
	for script in "$scratch"/cx/*.replay; do
		version=$(sed -n 's/^profile linux-//p' "$script")
		"$vpmu" replay "$script" >"$scratch/ours"
		"$KREPLAY/kreplay-$version" "$script" | cmp -s - "$scratch/ours" ||
			unlike="$unlike $script"
	done
	check "the kernels' own code shows the same" same "$unlike" ''
else
	skip "the kernels' own code shows the same" 'no kreplay (set KREPLAY)'
fi

# Each counter has a condition of its own: one that another one's overflow does not touch.
run check --order stop-first --model amd-k7 --profile linux-6.1 --life pmi-pending --scope "$small"
check 'counters that differ: status' same "$status" 1
check 'counters that differ: the PMI is lost' prints 'no-pmi-lost            VIOLATED in 1 of 1 cells'

# What no order can save is told, and blames no order.
run check --model amd-k7 --profile linux-6.12 --life pmi-pending --scope "$small"
check 'in no register: status' same "$status" 0
check 'in no register: is told' prints \
	'in-a-register          not, and no order can help, in 1 of 1 cells'
check 'in no register: shows on a new vCPU' prints 'a get reads it, and a new vCPU gets the same:'

# A plan of the user's own.
cat >"$scratch/plan" <<-END
	IA32_PERF_GLOBAL_CTRL 0x70000000f   # before the selector
	IA32_PMC0 0xfffffffffffd
	0x186 0x5300c0
END
run check $cell --plan "$scratch/plan" --scope "$small"
check 'plan: status' same "$status" 1
check 'plan: what it loses' prints 'no-pmi-lost            VIOLATED'
printf '0x38f 1\n\n0xc1 zero\n' >"$scratch/bad"
# A stop of no use: the selector is set before its counter, which only another state shows.
cat >"$scratch/own" <<-END
	model intel-v2
	profile linux-6.12
	IA32_PERF_GLOBAL_CTRL 0xf
	IA32_PERFEVTSEL0 0
	IA32_PMC0 0
	IA32_PERFEVTSEL1 0
	IA32_PMC1 0x10
END
run check --plan "$scratch/own" --life running --scope "$small"
check 'a plan with other states than its own: status' same "$status" 1
check 'a plan with other states than its own: one that loses' prints ', state near at level full'
check 'a plan that names its model and profile: is judged on those' prints 'intel-v2 on linux-6.12'
run check --plan "$scratch/own" --profile hardware --life running --scope "$small"
check 'a plan that names its profile, and another is given' prints 'intel-v2 on hardware'
sed 's/linux-6.12/linux-1/' "$scratch/own" >"$scratch/bad-profile"
refused 'a plan with no such profile' 2 "linux-1" check --plan "$scratch/bad-profile"
refused 'a malformed plan' 2 "bad: line 3: not a number: 'zero'" check $cell --plan "$scratch/bad"
refused 'a plan without a model' 2 'so --plan needs --model' check --plan "$scratch/plan"
refused 'no such plan' 2 'cannot open' check $cell --plan "$scratch/none"
: >"$scratch/empty"
refused 'an empty plan' 2 'no write in the plan' check $cell --plan "$scratch/empty"

refused 'unknown order' 2 "did you mean 'safe'?" check --order saef
refused 'unknown life' 2 "did you mean 'running'?" check --life runing
refused 'unknown profile' 2 'linux-6.1' check --profile linux-6.2
refused 'level runtime' 2 'writes nothing' check --level runtime
refused 'a bad scope' 2 'no such key' check --scope depth=3
refused 'a scope too large' 2 'up to ' check --scope between=6
refused 'a bad shard' 2 'K/N' check --shard 3/2
refused 'a file without --merge' 2 'files are for --merge' check file
refused 'nothing to merge' 2 'nothing to join' check --merge

run check --search --model amd-k7 --scope between=1,mixed=0,twice=off,refused=off
check 'search: status' same "$status" 0
check 'search: safe is one' prints 'safe is one of them'

# The cells are the same where no counters differ, and it takes a quarter of the time.
small='between=1,mixed=0,nodes=16384'
run check --matrix --model intel-v1 --scope "$small" --json
if [ "$status" = 3 ]; then
	skip 'JSON' 'this build has none'
	finish
fi
cp "$scratch/out" "$scratch/whole"
profiles=$("$vpmu" models --help | sed -n '/^Profiles:/,$s/^  \([a-z0-9.-]\{1,\}\) .*/\1/p' | wc -l)
check 'JSON: says what it is' \
	holds "$scratch/whole" 'd["format"] == "vpmu-check" and d["version"] == 2
	and len(d["cells"]) == d["total"] == 6 * '"$profiles"' * 7'
check 'JSON: safe violates nothing' holds "$scratch/whole" \
	'not any(v["of_order"] for c in d["cells"] if c["order"] == "safe" for v in c["violations"])'
check 'JSON: what no order can save is told, and is no order'"'"'s' holds "$scratch/whole" \
	'{v["of_order"] for c in d["cells"] for v in c["violations"]
	if v["property"] == "in-a-register"} == {False}'
for k in 1 2 3; do
	run check --matrix --model intel-v1 --scope "$small" --json --shard $k/3
	cp "$scratch/out" "$scratch/part$k"
done
refused 'a shard is missing' 2 'parts are missing' check --merge "$scratch/part1" "$scratch/part3"
refused 'a shard is there twice' 2 'there twice' check --merge "$scratch/part1" "$scratch/part1"
refused 'no document' 2 "not a document of 'vpmu check --json'" check --merge "$scratch/plan"
run check --merge "$scratch"/part[123] --json
check 'merge: status' same "$status" 1
check 'merge: the same cells as the whole' python3 -c 'import json, sys
a, b = (json.load(open(f)) for f in sys.argv[1:])
sys.exit(a["cells"] != b["cells"] or a["whole"] != b["whole"])' "$scratch/whole" "$scratch/out"
run check --merge "$scratch"/part[123]
check 'merge: prints the matrix' same "$(grep -c '^order ' "$scratch/out")" 6
finish
