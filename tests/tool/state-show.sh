#!/bin/bash
# SPDX-License-Identifier: MIT
# vpmu state show, diff and convert: files of states of every preset, and files that are none.
. "$(dirname "$0")/tap.sh" || exit

golden=$SOURCE/tests/stream/golden

shows() {
	grep -qE -- "$1" "$scratch/out"
}

run state --help
check 'help: lists the commands' shows '^  import-qemu '
for verb in show diff convert compat baseline import-qemu; do
	run state $verb --help
	check "$verb --help: shows its usage" shows "^Usage: vpmu state $verb "
	check "$verb --help: no line is too long" awk 'length > 90 { exit 1 }' "$scratch/out"
done
mentions() {
	sed 's/\\-/-/g; s/Fl -/--/g' "$SOURCE/man/vpmu-state.1" | grep -qF -- "$1"
}
for verb in show diff convert compat baseline import-qemu; do
	for option in $("$vpmu" state $verb --help | sed -n 's/^  \(-., \)\{0,1\}\(--[a-z-]*\).*/\2/p'); do
		[ $option = --help ] || check "$verb: the man page has $option" mentions $option
	done
done
# WORD…: completes a line that ends with the last word.
completed() {
	(
		PATH=$(dirname "$vpmu"):$PATH
		. "$SOURCE/tool/completion/vpmu"
		COMP_WORDS=(vpmu "$@") COMP_CWORD=$#
		_vpmu
		echo "${COMPREPLY[*]}"
	)
}
check 'completion: commands' same "$(completed state co)" 'convert compat'
check 'completion: options' same "$(completed state compat --st)" '--state-model --strict'

refused 'no command' 2 'missing argument: COMMAND' state
refused 'unknown command' 2 "did you mean 'convert'?" state convrt

run state show "$golden/intel-v2.vpmu"
check 'show: status' same "$status" 0
check 'show: the model' shows '^vCPU 9: intel-v2, Intel version 2, 4 counters of 48 bits, 3 fixed of 48'
check 'show: registers' shows '^  0x38f +IA32_PERF_GLOBAL_CTRL +0x500000000  '
check 'show: fields of global control' shows ' 0x500000000  fixed 0, 2$'
check 'show: fields of the status' shows ' 0x30000000b  GP 0-1, 3, fixed 0-1$'
check 'show: fields of a selector' shows ' 0x6ac38413  [^ ]+ USR OS EN INV CMASK=106$'
check 'show: fields of the fixed control' shows ' 0x2a2  fixed 0: USR; fixed 1: USR PMI; fixed 2: USR$'
check 'show: how far a counter is from its overflow' shows ' 0xb84bf5bc83ff  overflows after 78838591880193$'
check 'show: what the capabilities are' shows ' 0x2000  full-width$'
cp "$scratch/out" "$scratch/shown"
"$vpmu" state show - <"$golden/intel-v2.vpmu" >"$scratch/out"
check 'show: the standard input shows the same' cmp "$scratch/shown" "$scratch/out"

# A saved machine. Its PMU's state is in a record of its own.
python3 - "$golden/intel-v2.vpmu" "$scratch/machine" <<'END'
import struct, sys
stream = open(sys.argv[1], 'rb').read()[16:]
record = lambda name, payload: name + struct.pack('<II', len(payload), 0) + payload
stream = stream[:len(stream) // 2]
open(sys.argv[2], 'wb').write(b'VPMUMACH' + struct.pack('<Q', 2) + record(b'HEAD', b'12345678hardware') +
                              record(b'VPMU', stream) + record(b'END ', bytes(8)))
END
run state show "$scratch/machine"
check 'show: a saved machine' same "$(head -n 1 "$scratch/out")" "$(head -n 1 "$scratch/shown")"
for bytes in 15 16 20 27 43 44 55; do
	head -c $bytes "$scratch/machine" >"$scratch/short"
	refused "show: a saved machine of $bytes bytes" 2 '' state show "$scratch/short"
done
run state show /dev/stdin
check 'show: an empty pipe is no file of states' same "$status" 2

run state show --json "$golden/zen4.vpmu"
json=$([ "$status" = 3 ] || echo yes)
if [ "$json" ]; then
	cp "$scratch/out" "$scratch/zen4.json"
	check 'JSON: says what it is' holds "$scratch/zen4.json" \
		'd["format"] == "vpmu-state" and d["version"] == 1 and len(d["vcpus"]) == 2'
	check 'JSON: values' holds "$scratch/zen4.json" \
		'[r["value"] for r in d["vcpus"][0]["registers"]
		if r["name"] == "PerfCntrGlobalCtl"] == ["0x3f"]'
	for file in "$golden"/*.vpmu; do
		name=$(basename "$file" .vpmu)
		run state convert --to json "$file" "$scratch/a.json"
		check "$name: to JSON" same "$status" 0
		run state convert --to native "$scratch/a.json" "$scratch/a.vpmu"
		check "$name: and back is the same file" cmp "$file" "$scratch/a.vpmu"
		run state diff "$scratch/a.json" "$file"
		check "$name: and no difference" same "$status" 0
	done
	"$vpmu" state convert --to json "$golden/zen4.vpmu" - >"$scratch/piped"
	check 'convert to standard output' cmp "$scratch/piped" "$scratch/zen4.json"
	"$vpmu" state show /dev/stdin <"$scratch/zen4.json" >"$scratch/piped"
	check 'show: from a file as standard input' grep -q PerfCntrGlobalCtl "$scratch/piped"
	cat "$scratch/zen4.json" | "$vpmu" state show /dev/stdin >"$scratch/piped"
	check 'show: from a pipe' grep -q PerfCntrGlobalCtl "$scratch/piped"
else
	check 'a build without JSON says so' says 'this build has no JSON'
fi

# EDIT: a Python statement on the document d, of zen4; makes bad.json.
edited() {
	python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
v = d["vcpus"][0]
exec(sys.argv[2])
json.dump(d, open(sys.argv[3], "w"))' "$scratch/zen4.json" "$1" "$scratch/bad.json"
}

if [ "$json" ]; then
	edited 'v["registers"][2]["value"] = "0x12"'
	run state diff "$scratch/zen4.json" "$scratch/bad.json"
	check 'diff: status' same "$status" 1
	check 'diff: the register' same "$(cat "$scratch/out")" \
		'vCPU 0: PerfEvtSel0 (0xc0010200): 0x0 -> 0x12'
	edited 'd["vcpus"].pop(0)'
	run state diff "$scratch/zen4.json" "$scratch/bad.json"
	check 'diff: a vCPU that is missing' same "$status:$(cat "$scratch/out")" \
		'1:vCPU 0: only in the first file'

	edited 'v["more"] = 1'
	refused 'unknown member' 2 "unknown member 'more': vcpus[0]" state show "$scratch/bad.json"
	edited 'del v["model"]["gp_width"]'
	refused 'missing member' 2 'a member is missing' state show "$scratch/bad.json"
	edited 'd["version"] = 2'
	refused 'newer version' 2 'incompatible: ' state show "$scratch/bad.json"
	edited 'd["format"] = "vpmu-model"'
	refused 'another document' 2 "'format' is not \"vpmu-state\"" state show "$scratch/bad.json"
	edited 'v["registers"].append(v["registers"][0])'
	refused 'register twice' 2 'PerfCntrGlobalStatus is there twice: vcpus[0].registers[14]' \
		state show "$scratch/bad.json"
	edited 'v["registers"].pop()'
	refused 'register missing' 2 'PerfCtr5 is missing' state show "$scratch/bad.json"
	edited 'v["registers"][0]["msr"] = "0x38e"'
	refused 'another MSR' 2 'PerfCntrGlobalStatus is MSR 0xc0000300' state show "$scratch/bad.json"
	edited 'v["registers"][1]["value"] = "0x40"'
	refused 'value too large' 2 'PerfCntrGlobalCtl cannot hold its value' \
		state show "$scratch/bad.json"
	edited 'v["registers"][1]["value"] = 63'
	refused 'value as a number' 2 "'value' is not a text from" state show "$scratch/bad.json"
	edited 'v["registers"][1]["value"] = "63"'
	refused 'value in decimal' 2 "'value' is not a text from" state show "$scratch/bad.json"
	edited 'v["registers"][1]["name"] = "IA32_PMC0"'
	refused 'register of another vendor' 2 "the model keeps no value of 'IA32_PMC0'" \
		state show "$scratch/bad.json"
	edited 'v["model"]["gp_counters"] = 99'
	refused 'impossible model' 2 'no such PMU can exist' state show "$scratch/bad.json"
	edited 'v["model"]["features"].append("hle")'
	refused 'feature of another vendor' 2 'no such PMU can exist: a feature' \
		state show "$scratch/bad.json"
	edited 'v["model"]["features"].append("full-width")'
	refused 'features that disagree' 2 "'features' has an unknown one" \
		state show "$scratch/bad.json"
	edited 'd["vcpus"].reverse()'
	refused 'vCPUs in another order' 2 'the numbers of the vCPUs do not ascend' \
		state show "$scratch/bad.json"
	edited 'd["vcpus"] = []'
	refused 'no vCPUs' 2 "'vcpus' is not an array of 1 to 4096" state show "$scratch/bad.json"
	sed 's/"pmu_version": 2,/&"pmu_version": 2,/' "$scratch/zen4.json" >"$scratch/bad.json"
	refused 'member twice' 2 'duplicate object key' state show "$scratch/bad.json"
	head -c 1000 "$scratch/zen4.json" >"$scratch/bad.json"
	refused 'JSON cut short' 2 'line ' state show "$scratch/bad.json"
fi

run state diff "$golden/zen4.vpmu" "$golden/zen2.vpmu"
check 'diff of models: status' same "$status" 1
check 'diff of models: what is less' shows '^vCPU 9: - version: 2, there 1'

head -c 100 "$golden/zen4.vpmu" >"$scratch/cut.vpmu"
refused 'file cut short' 2 'stream 0 of the file: the stream is cut short' \
	state show "$scratch/cut.vpmu"
tail -c +17 "$golden/intel-v1.vpmu" | head -c 115 >"$scratch/stream"
run state show "$scratch/stream"
check 'a stream by itself is taken, too' same "$status" 0
printf '\1' | dd of="$scratch/stream" bs=1 seek=60 conv=notrunc 2>/dev/null
refused 'damaged stream' 2 "damaged data: $scratch/stream: the stream's checksum" \
	state show "$scratch/stream"
echo 'neither' >"$scratch/text"
refused 'no file of states' 2 'not a file of states' state show "$scratch/text"
: >"$scratch/empty"
refused 'empty file' 2 'not a file of states' state show "$scratch/empty"
refused 'folder' 2 'it is a directory' state show "$scratch"
refused 'file that is not there' 2 'cannot open' state show "$scratch/nothing"
refused 'model for a description of a CPU' 2 'a model is given only for files that do not tell theirs' \
	state show --model skylake "$SOURCE/fuzz/corpus/foreign_cpus/cpuid-one"
refused 'a description of a CPU is no QEMU file' 2 'not a QEMU migration file' \
	state import-qemu --model skylake "$SOURCE/fuzz/corpus/foreign_cpus/cpuid-one"
refused 'model for a file that tells it' 2 'a model is given only for files that do not tell theirs' \
	state show --model zen4 "$golden/zen4.vpmu"
refused 'no format' 2 'no format given' state convert "$golden/zen4.vpmu" "$scratch/x"
refused 'unknown format' 2 "no such format: 'xml'" state convert --to xml "$golden/zen4.vpmu" "$scratch/x"
check 'nothing was written' [ ! -e "$scratch/x" ]

# A crash or a full disk leaves the old file whole.
cp "$golden/zen2.vpmu" "$scratch/old"
refused 'bad input: nothing is written' 2 'cut short' \
	state convert --to native "$scratch/cut.vpmu" "$scratch/old"
check 'bad input: the old file is whole' cmp "$golden/zen2.vpmu" "$scratch/old"
{ (ulimit -f 0; GCOV_PREFIX=/proc/nowhere "$vpmu" state convert --to native "$golden/zen4.vpmu" "$scratch/old"); } \
	>/dev/null 2>&1
check 'full disk: it is said or the writer dies' [ $? -ne 0 ]
check 'full disk: the old file is whole' cmp "$golden/zen2.vpmu" "$scratch/old"
refused 'output that cannot be' 3 'cannot write' \
	state convert --to native "$golden/zen4.vpmu" "$scratch/no/such"
"$vpmu" state convert --to native "$golden/zen4.vpmu" - >/dev/full 2>"$scratch/err"
check 'full standard output: status' same "$?" 3
check 'full standard output: one message' one_message

run plan --state "$golden/intel-v2.vpmu" --vcpu 9
check 'plan of a saved state: status' same "$status" 0
value=$("$vpmu" state show "$golden/intel-v2.vpmu" | awk '/^vCPU 9/ { on = 1 } on && /IA32_PMC2 / { print $3 }')
check 'plan of a saved state: its values' shows "^0xc3 +$value +# IA32_PMC2\$"
refused 'plan of a vCPU that is not there' 2 'no vCPU 4' plan --state "$golden/intel-v2.vpmu" --vcpu 4
finish
