#!/bin/bash
# SPDX-License-Identifier: MIT
# AMD's registers in a QEMU file that has them permuted, and states that go into a QEMU file. The
# files are the fuzzer's corpus: gp_counters[0] is 1, gp_counters[1] is 2, global_ctrl 0xf.
. "$(dirname "$0")/tap.sh" || exit
corpus=$SOURCE/fuzz/corpus/qemu
model=amd-perfmon-v2

values() { # FILE [ARGUMENT…]: the registers that are not 0, a line each
	"$vpmu" state show "$@" 2>/dev/null | awk '/^  0x/ && $3 != "0x0" { print $2, $3 }'
}
straight='PerfCntrGlobalCtl 0xf
PerfCtr0 0x1
PerfCtr1 0x2'
silent() {
	same "$(cat "$scratch/err")" ''
}

run state import-qemu "$corpus/plain" --model $model --out "$scratch/states"
check 'a plain file: no word of it' silent
for file in described described-without-footers plain; do
	run state export-qemu "$scratch/states" --into "$corpus/$file" --layout qemu-11 \
		--out "$scratch/$file"
	check "$file: written as QEMU 11 does" same "$status" 0
	check "$file: of the same size" same "$(stat -c %s "$scratch/$file")" "$(stat -c %s "$corpus/$file")"
	run state import-qemu "$scratch/$file" --model $model --out "$scratch/again"
	check "$file: the true state" cmp "$scratch/states" "$scratch/again"
	check "$file: that is said" says 'where QEMU 11.0 and 11.1 save AMD'
	check "$file: in one line" one_message
	check "$file: any command has the true state" \
		same "$(values "$scratch/$file" --model $model)" "$straight"
	run state import-qemu "$scratch/$file" --model $model --layout plain --out "$scratch/plainly"
	check "$file: as it stands" same "$(values "$scratch/plainly")" 'PerfCntrGlobalCtl 0xf
PerfCtr1 0x1
PerfCtr3 0x2'
	check "$file: of that nothing is said" silent
	run state export-qemu "$scratch/again" --into "$scratch/$file"
	check "$file: repaired in place: status" same "$status" 0
	check "$file: repaired in place: it is the first file" cmp "$corpus/$file" "$scratch/$file"
done

refused 'not permuted: says so' 2 'not as QEMU 11 has the registers' \
	state import-qemu "$corpus/plain" --model $model --layout qemu-11
run state import-qemu "$corpus/plain" --model intel-v2 --layout qemu-11 --out "$scratch/intel"
check "another vendor's stand where they are" cmp "$scratch/intel" \
	<("$vpmu" state import-qemu "$corpus/plain" --model intel-v2 --out -)
refused 'no such layout' 2 "no such layout: 'qemu-12'" \
	state import-qemu "$corpus/plain" --model $model --layout qemu-12

# Into a save image: what is before the stream and behind it stays.
python3 -c 'import struct, sys
xml = b"<domain/>\0"
sys.stdout.buffer.write(b"LibvirtQemudSave" + struct.pack("<19I", 2, len(xml), 0, 0, *[0] * 15) + xml +
                        sys.stdin.buffer.read() + b"behind it")' <"$scratch/plain" >"$scratch/save"
cp "$scratch/save" "$scratch/wanted"
run state export-qemu "$scratch/states" --into "$scratch/save"
check 'a save image: status' same "$status" 0
check 'a save image: nothing else changes' cmp "$scratch/wanted" "$scratch/save"

# What cannot be: the file stays as it was, and no other is left.
cp "$corpus/described" "$scratch/file"
mkdir "$scratch/new"
stays() { # NAME STATUS PATTERN ARGUMENT…
	refused "$@"
	check "$1: the file stays" cmp "$corpus/described" "$scratch/file"
	check "$1: no other is left" same "$(ls "$scratch/new")" ''
}
export_into() { # NAME PATTERN STATES
	stays "$1" 2 "$2" state export-qemu "$3" --into "$scratch/file"
}
stays 'no QEMU file' 2 'not a QEMU migration file' state export-qemu "$scratch/states" \
	--into "$SOURCE/tests/stream/golden/intel-v2.vpmu" --out "$scratch/new/out"
if ! "$vpmu" state convert "$scratch/states" "$scratch/json" --to json 2>/dev/null; then
	skip 'states of other vCPUs' 'this build has no JSON'
else
sed 's/"vcpu": 0/"vcpu": 1/' "$scratch/json" >"$scratch/other"
export_into 'no state for a vCPU' 'no state for vCPU 0' "$scratch/other"
python3 - "$scratch/json" "$scratch/two" <<'END'
import copy, json, sys
d = json.load(open(sys.argv[1]))
d["vcpus"].append(dict(copy.deepcopy(d["vcpus"][0]), vcpu=1))
json.dump(d, open(sys.argv[2], "w"))
END
export_into 'more vCPUs than the file has' 'states of 2 vCPUs, and 1 are in' "$scratch/two"
fi
"$vpmu" state import-qemu "$corpus/described-idle" --model amd-perfmon-v2,gp=10 --out "$scratch/ten"
stays 'too many pairs' 2 'no fields for so many counters' \
	state export-qemu "$scratch/ten" --into "$scratch/file" --layout qemu-11
stays 'a folder that is not there' 3 'cannot write' \
	state export-qemu "$scratch/states" --into "$scratch/file" --out "$scratch/none/out"
stays 'no file' 2 'no QEMU file given' state export-qemu "$scratch/states"
stays 'no layout to write in' 2 'plain or qemu-11' \
	state export-qemu "$scratch/states" --into "$scratch/file" --layout auto
stays 'its PMU was idle' 2 'QEMU has left it out' state export-qemu "$scratch/states" \
	--into "$corpus/described-idle" --out "$scratch/new/out"
stays 'a pipe' 2 'packed, or no file' \
	state export-qemu "$scratch/states" --into <(cat "$corpus/plain") --out "$scratch/new/out"
gzip -c "$corpus/plain" >"$scratch/packed"
if "$vpmu" state show "$scratch/packed" >/dev/null 2>&1; then
	stays 'packed' 2 'packed, or no file' state export-qemu "$scratch/states" \
		--into "$scratch/packed" --out "$scratch/new/out"
else
	skip 'packed' 'this build does not unpack it'
fi
size=$(stat -c %s "$corpus/described")
for cut in 1000 9000 $((size - 1)); do
	head -c "$cut" "$corpus/described" >"$scratch/cut"
	stays "cut at $cut" 2 '' state export-qemu "$scratch/states" --into "$scratch/cut" \
		--out "$scratch/new/out"
done
run state import-qemu "$corpus/described-idle" --model $model --out "$scratch/idle"
run state export-qemu "$scratch/idle" --into "$corpus/described-idle" --out "$scratch/new/out"
check 'idle into idle: the same' cmp "$corpus/described-idle" "$scratch/new/out"
finish
