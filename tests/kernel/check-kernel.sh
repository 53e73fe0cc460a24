#!/bin/bash
# SPDX-License-Identifier: MIT
# vpmu check --kernel: the kernel's own code judges as its profile does, cell by cell, and its
# counterexamples go that way on that code. TAP; skipped without the kernel's sources, or without a compiler.
# usage: check-kernel.sh VPMU REFERENCE-FOLDER VERSION|mediated [CHECK-ARGUMENT...]
# With arguments only the comparison, at that scope: "--scope between=3" is the whole default matrix.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
reference=$2 version=$3
limit=7200 # seconds for one run of the tool
. "$here/../tool/tap.sh" || exit
. "$here/program.sh"
shift 3

kernel=$reference/kreplay-$version
profile=linux-$version release=$version judge=()
[ "$version" != mediated ] || profile=mediated release=7.3 judge=(--profile mediated)
# Where no perf event counts on, every order keeps everything.
holds=1 shown=100
[ "$version" != mediated ] || holds=0 shown=-1

# What is said of the cells, and not of how they were explored.
verdicts() {
	grep -vE '^[0-9,.]+ (scenarios|s, of)|^memory|^judged' "$scratch/out"
}

# --- Cell by cell ------------------------------------------------------------------------------

whole=$#
[ $# -gt 0 ] || set -- --scope between=1,mixed=0,states=3
run check --matrix --profile "$profile" "$@"
verdicts >"$scratch/profile"
run check --matrix --kernel "$kernel" "${judge[@]}" --counterexample "$scratch/cx" "$@"
verdicts >"$scratch/code"
check 'the matrix: status' same "$status" $holds
check 'the matrix: no message' [ ! -s "$scratch/err" ]
check 'the matrix: says whose code has judged' prints "^judged by the code of linux-$release, code [0-9a-f]{16}\$"
check 'the matrix: has all rows' same "$(grep -c "$profile" "$scratch/code")" 54
check 'the code judges every cell as the profile does' diff "$scratch/profile" "$scratch/code"
grep -E '^[0-9]|^memory' "$scratch/out" | sed 's/^/# /'

# All in one batch: in the answers, too, a line of dashes ends a program.
for script in "$scratch"/cx/*.replay; do
	[ -e "$script" ] && cat "$script" && echo '---'
done >"$scratch/scripts"
"$vpmu" replay --kernel "$kernel" --batch "$scratch/scripts" >"$scratch/answers" 2>&1
check 'every counterexample goes that way on the code' same \
	"$(awk '/^expected .* got / { lost = 1 } /^---/ { count += lost; lost = 0 } END { print count + 0 }' \
		"$scratch/answers")" "$(grep -c '^---' "$scratch/scripts")"
check 'there are some' [ "$(ls "$scratch/cx" | wc -l)" -gt $shown ]
[ "$whole" = 0 ] || finish

# --- One order, in the same words --------------------------------------------------------------

small=between=1,mixed=0,states=3
for life in running no-such-life; do
	run check --order no-stop --model intel-v2 --life $life --scope $small --profile "$profile"
	verdicts >"$scratch/profile"
	run check --order no-stop --model intel-v2 --life $life --scope $small --kernel "$kernel" "${judge[@]}"
	verdicts >"$scratch/code"
	check "an order, life $life: the same words" cmp "$scratch/profile" "$scratch/code"
done
cat >"$scratch/plan" <<-END
	IA32_PMC0 0xfffffffffffd
	IA32_PERFEVTSEL0 0x5300c0
	IA32_PERF_GLOBAL_CTRL 0x1
END
run check --plan "$scratch/plan" --model intel-v2 --life running --scope $small --profile "$profile"
verdicts >"$scratch/profile"
run check --plan "$scratch/plan" --model intel-v2 --life running --scope $small --kernel "$kernel" "${judge[@]}"
verdicts >"$scratch/code"
check 'a plan: the same words' cmp "$scratch/profile" "$scratch/code"
check 'a plan: status' same "$status" 1
while read -r model host; do
	run check --matrix --order no-stop --model $model --host $host --scope $small --profile "$profile"
	verdicts >"$scratch/profile"
	run check --matrix --order no-stop --model $model --host $host --scope $small --kernel "$kernel" "${judge[@]}"
	verdicts >"$scratch/code"
	check "host $host: the same cells" cmp "$scratch/profile" "$scratch/code"
	check "host $host: there are some" grep -q "^$model " "$scratch/code"
done <<-END
	intel-v2 vendor=amd,gp=4
	intel-v2 gp=2,fixed=1,width=40,tsx=on
	intel-v2 pdcm=on,enable-pmu=off
	intel-v2,pebs=4 pebs=on
END
run check --order no-stop --model amd-k7 --scope between=1,mixed=0,states=2,incidents=host --profile "$profile"
verdicts >"$scratch/profile"
run check --order no-stop --model amd-k7 --scope between=1,mixed=0,states=2,incidents=host --kernel "$kernel" "${judge[@]}"
verdicts >"$scratch/code"
check 'the host runs: the same words' cmp "$scratch/profile" "$scratch/code"

# --- Documents ---------------------------------------------------------------------------------

if command -v python3 >/dev/null; then
	set -- --order safe --model intel-v1 --scope $small --kernel "$kernel" "${judge[@]}"
	run check --json "$@"
	cp "$scratch/out" "$scratch/document"
	check 'JSON: says whose code has judged' holds "$scratch/document" \
		"d['whole']['kernel'].startswith('linux-$release, code ')"
	for part in 1 2; do
		"$vpmu" check --json --shard $part/2 "$@" >"$scratch/$part.json"
	done
	run check --merge "$scratch/1.json" "$scratch/2.json" --html "$scratch/page"
	check 'parts are joined: status' same "$status" 0
	check 'parts are joined: says whose code has judged' prints "^judged by the code of linux-$release, "
	check 'the page says it, too' grep -q "judged by the code of linux-$release, " "$scratch/page"
	"$vpmu" check --json --shard 2/2 "${@:1:6}" --profile "$profile" >"$scratch/2.json"
	refused 'parts that others have judged' 2 "a part of another whole: 'kernel' differs" \
		check --merge "$scratch/1.json" "$scratch/2.json"

	# Interrupted as often as it takes until something is kept and something is left.
	set -- --json --matrix --model intel-v2 --scope $small --kernel "$kernel" "${judge[@]}" --jobs 2
	"$vpmu" check "$@" >"$scratch/document"
	kept() {
		[ -s "$1" ] && python3 -c 'import json, sys; print(len(json.load(open(sys.argv[1]))["cells"]))' "$1"
	}
	all=$(kept "$scratch/document")
	delay=100 # in ms: longer while nothing is kept, shorter when nothing is left
	for _ in {1..60}; do
		timeout --foreground --signal=INT ${delay}e-3 "$vpmu" check "$@" --resume "$scratch/kept" >"$scratch/out" 2>"$scratch/err"
		some=$(kept "$scratch/kept") || some=0
		if [ "$some" -eq "$all" ]; then
			rm "$scratch/kept"
			delay=$((delay - 50 > 0 ? delay - 50 : 10))
		elif [ "$some" -gt 0 ]; then
			break
		else
			delay=$((delay + 100))
		fi
	done
	check 'interrupted: some cells are kept' [ "$some" -gt 0 ]
	check 'interrupted: says how to go on' grep -qE "interrupted: $some of $all cells are kept" "$scratch/err"
	sed -i '0,/"scenarios": [0-9]*/s//"scenarios": 12345/' "$scratch/kept"
	"$vpmu" check "$@" --resume "$scratch/kept" >"$scratch/out"
	check 'it goes on: what was done is taken' grep -q '"scenarios": 12345' "$scratch/out"
	cells() {
		python3 -c 'import json, sys
for cell in json.load(open(sys.argv[1]))["cells"]: print({k: v for k, v in cell.items() if k != "scenarios"})' "$1"
	}
	check 'it goes on: the rest is as of one run' diff <(cells "$scratch/document") <(cells "$scratch/out")
	refused 'the cells of other judges' 2 "cannot go on: $scratch/kept: a part of another whole" \
		check --json --matrix --model intel-v2 --scope $small --profile "$profile" --resume "$scratch/kept"
else
	skip 'JSON: says whose code has judged' 'no python3'
fi

# --- What is refused ---------------------------------------------------------------------------

refused 'another profile' 2 'takes no --profile' check --kernel "$kernel" --profile linux-6.1
refused 'a search' 2 'takes no --profile, --search' check --kernel "$kernel" --search
refused 'no program of a kernel' 2 'not a program of vpmu kernel build: /bin/true' check --kernel /bin/true
refused 'no file' 2 'cannot run: /nowhere' check --kernel /nowhere
refused 'a model that the code is not asked for' 2 'is asked for presets' \
	check --kernel "$kernel" --model skylake,rtm=on
printf '#!/bin/sh\ncase $1 in --name) echo linux-6.12 ;; --carried) echo text ;; *) exit 2 ;; esac\n' >"$scratch/old"
chmod +x "$scratch/old"
refused 'an older program' 2 "had no 'check --kernel'" check --kernel "$scratch/old"
printf '#!/bin/sh\ncase $1 in --name) echo linux-6.12 ;; *) echo text ;; esac\n' >"$scratch/other"
chmod +x "$scratch/other"
run check --kernel "$scratch/other" --jobs 1
check 'another program: status' same "$status" 2
check 'another program: says so' says 'made by another version of vpmu'
finish
