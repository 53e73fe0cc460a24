#!/bin/bash
# SPDX-License-Identifier: MIT
# QEMU's migration files without QEMU: the small ones of the fuzzer's corpus, made by
# tests/stream/qemu_corpus.c. tests/tool/state-qemu.sh has real ones.
. "$(dirname "$0")/tap.sh" || exit
corpus=$SOURCE/fuzz/corpus/qemu

shows() {
	grep -qE -- "$1" "$scratch/out"
}

for file in described described-without-footers plain; do
	run state show "$corpus/$file"
	check "$file: status" same "$status" 0
	check "$file: QEMU's fields" shows '^  gp_counters\[1\] +0x2$'
	check "$file: last branches are there" shows '; cpu/arch_lbr at offset [0-9]+$'
	check "$file: and their depth" shows '^  lbr_depth +0x20$'
	run state import-qemu "$corpus/$file" --model intel-v2 --out "$scratch/$file.vpmu"
	check "$file: imported" same "$status" 0
	run state show "$scratch/$file.vpmu"
	check "$file: the counter is there" shows 'IA32_PMC1 +0x2$'
	check "$file: global control, too" shows 'IA32_PERF_GLOBAL_CTRL +0xf  GP 0-3$'
	run state diff "$corpus/$file" "$scratch/$file.vpmu" --model intel-v2
	check "$file: no difference to the import" same "$status" 0
	run state compat "$corpus/$file" --state-model intel-v2 --model intel-v2
	check "$file: compat takes it" same "$status" 0
	refused "$file: no such PMU on AMD" 2 'PerfCntrGlobalCtl cannot hold' \
		state import-qemu "$corpus/$file" --model amd-perfmon-v2,gp=2
done

# Last branches: read, written back, and refused where a model has none.
lbr_read() { # FILE
	run state show "$corpus/$1"
	check "$1: status" same "$status" 0
	check "$1: a record's fields" shows '^  lbr_records\[1\]\.to +0x400100$'
	refused "$1: a model without them" 2 'lbr_ctl: the model has no such register: 0x7f0001' \
		state import-qemu "$corpus/$1" --model sapphire-rapids
	refused "$1: a model with a smaller stack" 2 'lbr_depth: IA32_LBR_DEPTH cannot hold its value: 0x20' \
		state import-qemu "$corpus/$1" --model sapphire-rapids,lbr=16
}
lbr_written() { # FILE
	run state import-qemu "$corpus/$1" --model sapphire-rapids,lbr=32 --to json --out "$scratch/lbr.json"
	check "$1: imported" same "$status" 0
	run state show "$scratch/lbr.json"
	check "$1: a branch is there" shows 'IA32_LBR_0_FROM_IP +0x400123$'
	check "$1: they are recorded" shows 'IA32_LBR_CTL +0x7f0001'
	run state diff "$corpus/$1" "$scratch/lbr.json" --model sapphire-rapids,lbr=32
	check "$1: no difference to the import" same "$status" 0
	run state export-qemu "$scratch/lbr.json" --into "$corpus/$1" --out "$scratch/again"
	check "$1: exported into itself" same "$status" 0
	check "$1: no byte is another" cmp "$scratch/again" "$corpus/$1"
	sed 's/0x400123/0x400777/' "$scratch/lbr.json" >"$scratch/other.json"
	run state export-qemu "$scratch/other.json" --into "$corpus/$1" --out "$scratch/again"
	run state import-qemu "$scratch/again" --model sapphire-rapids,lbr=32
	check "$1: another branch" shows 'IA32_LBR_0_FROM_IP +0x400777$'
}
lbr_read described-branches
lbr_read plain-branches
if "$vpmu" models intel-v2 --json >/dev/null 2>&1; then
	lbr_written described-branches
	lbr_written plain-branches
	sed 's/"value": "0x[12f]"/"value": "0x0"/' "$scratch/lbr.json" >"$scratch/idle.json" # the PMU is
	refused 'no place for last branches' 2 \
		"no place for the last branches of vCPU 0: $corpus/described-idle (there is no cpu/arch_lbr)" \
		state export-qemu "$scratch/idle.json" --into "$corpus/described-idle" --out "$scratch/again"
else
	skip 'last branches written' 'this build has no JSON'
fi

run state show "$corpus/described-idle"
check 'idle: said so' shows 'vCPU 0: the PMU was idle, all of it is 0'
run state import-qemu "$corpus/described-idle" --model intel-v2
check 'idle: without --out the registers are printed' shows 'IA32_PMC0 +0x0$'
check 'found through its description' grep -q 'through its description' \
	<("$vpmu" state show "$corpus/described")
check "found by QEMU's layout" grep -q "by QEMU's layout" <("$vpmu" state show "$corpus/plain")
refused 'no model' 2 'does not say which PMU its vCPUs have' \
	state import-qemu "$corpus/described"
refused 'not a QEMU file' 2 'not a QEMU migration file' state import-qemu "$0" --model zen4
refused 'states, and not of QEMU' 2 'not a QEMU migration file' \
	state import-qemu "$SOURCE/tests/stream/golden/intel-v2.vpmu"

# As it is, packed, out of a pipe, in a libvirt save image: the same states.
"$vpmu" state import-qemu "$corpus/plain" --model intel-v2 --out - >"$scratch/wanted"
"$vpmu" state import-qemu - --model intel-v2 --out - <"$corpus/plain" >"$scratch/out"
check 'the standard input' cmp "$scratch/wanted" "$scratch/out"
cat "$corpus/plain" | "$vpmu" state import-qemu - --model intel-v2 --out - >"$scratch/out"
check 'a pipe' cmp "$scratch/wanted" "$scratch/out"
# Whether this build unpacks what the standard input is.
unpacks() {
	"$vpmu" state show - --model intel-v2 >/dev/null 2>"$scratch/err"
	[ $? != 3 ]
}

# libvirt's header: magic, version, length of the XML, two words, how it is packed, 15 words.
save_image() {
	python3 -c 'import struct, sys
xml = b"<domain/>\\0"
sys.stdout.buffer.write(b"LibvirtQemudSave" + struct.pack("<19I", 2, len(xml), 1, int(sys.argv[1]),
                        *[0] * 15) + xml + sys.stdin.buffer.read())' "$1"
}
save_image 0 <"$corpus/described" >"$scratch/save"
"$vpmu" state import-qemu "$corpus/described" --model intel-v2 --out - >"$scratch/wanted"
run state import-qemu "$scratch/save" --model intel-v2 --out -
check 'a libvirt save image' cmp "$scratch/wanted" "$scratch/out"
save_image 3 <"$corpus/described" >"$scratch/xz"
refused 'a save image that is packed with xz' 2 'packed with xz' state show "$scratch/xz"
for cut in 16 60 91 93 150; do
	head -c "$cut" "$scratch/save" >"$scratch/cut"
	refused "a save image cut at $cut" 2 '' state show "$scratch/cut"
done
for tool in gzip zstd; do
	if ! command -v "$tool" >/dev/null || ! "$tool" -c <"$corpus/described" | unpacks; then
		skip "packed with $tool" "no $tool here, or not in this build"
		continue
	fi
	"$tool" -c <"$corpus/described" >"$scratch/packed"
	run state import-qemu "$scratch/packed" --model intel-v2 --out -
	check "$tool: the same" cmp "$scratch/wanted" "$scratch/out"
	save_image 1 <"$scratch/packed" >"$scratch/save-packed"
	run state import-qemu "$scratch/save-packed" --model intel-v2 --out -
	check "$tool in a save image: the same" cmp "$scratch/wanted" "$scratch/out"
	size=$(stat -c %s "$scratch/packed")
	for cut in 4 10 100 $((size / 2)) $((size - 1)); do
		head -c "$cut" "$scratch/packed" >"$scratch/cut"
		refused "$tool cut at $cut" 2 "$tool: $scratch/cut: cut short at offset $cut" \
			state show "$scratch/cut"
	done
	(head -c $((size / 2)) "$scratch/packed"; printf 'XXXX'
		tail -c +$((size / 2 + 5)) "$scratch/packed") >"$scratch/cut"
	run state show "$scratch/cut"
	check "$tool damaged: status" same "$status" 2
	check "$tool damaged: one message" one_message
	head -c 200M /dev/zero | "$tool" -c >"$scratch/bomb"
	(ulimit -v "$(memory_limit 400000)" && exec timeout 60 "$vpmu" state show "$scratch/bomb") \
		>"$scratch/out" 2>"$scratch/err"
	check "$tool: a bomb: status" same "$?" 2
	check "$tool: a bomb: what it looks like" says 'it looks like zeros'
done

size=$(stat -c %s "$corpus/described")
for cut in 7 1000 9000 $((size - 100)) $((size - 1)); do
	head -c "$cut" "$corpus/described" >"$scratch/cut"
	run state show "$scratch/cut"
	check "cut at $cut: status" same "$status" 2
	check "cut at $cut: one message" one_message
	check "cut at $cut: prints nothing else" nothing_printed
done

# Something behind the stream, as on a volume that is larger: the same states. A cut stays one.
for file in described described-without-footers plain; do
	"$vpmu" state import-qemu "$corpus/$file" --model intel-v2 --out - >"$scratch/wanted"
	for tail in '\0' '{' 'seven b' '\4\0\0\0\1{' '\176\0\0\0\1\0'; do
		(cat "$corpus/$file" && printf "$tail") >"$scratch/tail"
		run state import-qemu "$scratch/tail" --model intel-v2 --out -
		check "$file: behind it $tail" cmp "$scratch/wanted" "$scratch/out"
	done
	[ "$file" = plain ] && refused 'plain: behind it a description that is cut' 2 \
		'the description is cut short' state show <(cat "$corpus/plain" && printf '\6\0\0\0\2{')
	cat "$corpus/$file" "$vpmu" >"$scratch/tail"
	run state import-qemu "$scratch/tail" --model intel-v2 --out -
	check "$file: behind it a program" cmp "$scratch/wanted" "$scratch/out"
	cp "$corpus/$file" "$scratch/tail"
	truncate -s +64M "$scratch/tail"
	run state import-qemu "$scratch/tail" --model intel-v2 --out -
	check "$file: behind it 64 MiB" cmp "$scratch/wanted" "$scratch/out"
	size=$(stat -c %s "$corpus/$file")
	for cut in 1000 9000 $((size - 100)) $((size - 1)); do
		head -c "$cut" "$corpus/$file" >"$scratch/cut"
		[ "$cut" != $((size - 1)) ] || printf '\377' >>"$scratch/cut" # zeros would mend the end
		truncate -s +1M "$scratch/cut"
		refused "$file: cut at $cut, and zeros behind it" 2 '' state show "$scratch/cut"
	done
done
cat "$corpus/described" "$corpus/plain" >"$scratch/two"
"$vpmu" state import-qemu "$corpus/described" --model intel-v2 --out - >"$scratch/wanted"
run state import-qemu "$scratch/two" --model intel-v2 --out -
check 'two streams: the first' cmp "$scratch/wanted" "$scratch/out"

# A qcow2 image that tests/stream/qcow2_corpus.c made: two states, which no QEMU has written.
image=$SOURCE/fuzz/corpus/qcow2/two
refused 'qcow2: several states' 2 "import-qemu chooses: 1 'before', 2 'after')" state show "$image"
refused 'qcow2: several, where none can be chosen' 2 'several VM states' \
	state diff --model zen4 "$image" "$image"
refused 'qcow2: no such state' 2 "no VM state '3'" state show "$image" --snapshot 3
refused 'qcow2: a state of zeros' 2 'damaged data: ' state show "$image" --snapshot after
head -c 5100 "$image" >"$scratch/cut"
refused 'qcow2: cut short' 2 '(a qcow2 image): the VM state is cut short' state show "$scratch/cut" --snapshot 2
head -c 100 "$image" >"$scratch/cut"
refused 'qcow2: nearly nothing' 2 'the header is cut short' state show "$scratch/cut"
{ head -c 60 "$image"; printf '\0\0\0\0'; tail -c +65 "$image"; } >"$scratch/none"
refused 'qcow2: no snapshot' 2 'it has no snapshot' state show "$scratch/none"
refused 'qcow2: a snapshot of what is none' 2 '--snapshot is for qcow2 images' \
	state show "$corpus/plain" --snapshot 1
refused 'qcow2: no description of a CPU' 2 'several VM states' models "$image"
finish
