#!/bin/bash
# SPDX-License-Identifier: MIT
# Files that describe CPUs, wherever a model is asked for.
. "$(dirname "$0")/tap.sh" || exit
corpus=$SOURCE/fuzz/corpus/foreign_cpus

shows() {
	grep -qE -- "$1" "$scratch/out"
}

for file in aida instlat xen cpuid-zen4 cpuid-one cpuid-hybrid cpuinfo-zen4 cpuinfo-skylake lscpu \
	log-skylake log-hybrid log-amd log-new log-kmsg x86info table cpucontrol kcpuid libcpuid vmware vbox \
	kvm-cpuid; do
	run models "$corpus/$file"
	check "$file: status" same "$status" 0
	check "$file: a model" shows '^vendor +(Intel|AMD)'
done

run models "$corpus/cpuid-hybrid"
check 'hybrid: both kinds' same "$(grep -c '^vendor ' "$scratch/out")" 2
check 'hybrid: how many of which' shows '^2 of 3 CPUs, the first is 0$'
check 'hybrid: what is not told' says 'not told by cpuid -r: '
check 'hybrid: in one line' one_message
run models "$corpus/cpuid-hybrid:2"
check 'hybrid: one of them' shows '^counters +6, '
refused 'hybrid: which one?' 2 "cpuid-hybrid:0, $corpus/cpuid-hybrid:2)" \
	plan --model "$corpus/cpuid-hybrid"
refused 'hybrid: no such kind' 2 "begins with '1'" plan --model "$corpus/cpuid-hybrid:1"
run plan --model "$corpus/log-hybrid:cpu_atom"
check 'plan: takes a file' same "$status" 0
run models --json "$corpus/cpuid-zen4"
if [ "$status" != 3 ]; then
	check 'JSON: the document of a model' holds "$scratch/out" 'd["model"]["gp_counters"] == 6'
	cp "$scratch/out" "$scratch/report"
	run models "$scratch/report"
	check "vpmu's own report is one of the files" shows '^counters +6, '
fi
"$vpmu" models - <"$corpus/instlat" >"$scratch/out"
check 'the standard input' shows '^features +perfcore, perfmon-v2'


# A file of /proc says that it has no bytes.
cat /proc/cpuinfo >"$scratch/cpuinfo"
said() { # FILE: what is said of it, without its name
	"$vpmu" models "$1" 2>&1 | sed "s|$1|FILE|; s|^${1##*/}\$|NAME|"
}
check 'a file of /proc: is read as its copy' same "$(said /proc/cpuinfo)" "$(said "$scratch/cpuinfo")"

run models Icelake-Server-noTSX
check "QEMU's name: status" same "$status" 0
check "QEMU's name: is the model's" shows '^Icelake-Server-noTSX$'
run models EPYC-Milan,perfcore=off
check "QEMU's name: overrides" shows '^counters +4, '
refused "QEMU's name: bad override" 2 'gp=' models EPYC-Milan,gp=99

# lscpu --json has its lines as fields.
python3 - "$corpus/lscpu" >"$scratch/lscpu" <<'END'
import json, sys
fields = [{'field': key + ':', 'data': value.strip()} for key, value in
          (line.split(':', 1) for line in open(sys.argv[1]))]
fields[3]['children'] = fields[4:]
print(json.dumps({'lscpu': fields[:4]}))
END
run models "$scratch/lscpu"
if [ "$status" != 3 ]; then
	"$vpmu" models "$corpus/lscpu" >"$scratch/wanted" 2>/dev/null
	check 'lscpu --json' cmp "$scratch/wanted" "$scratch/out"
	echo '{"lscpu": [{"field": "Architecture:", "data": "x86_64\nVendor ID: GenuineIntel"}]}' >"$scratch/lscpu"
	refused 'lscpu --json: a line in a field' 2 'it looks like JSON' models "$scratch/lscpu"
	echo '{"lscpu": [{"field": "Architecture:", "data": "x86_64"}]}' >"$scratch/lscpu"
	refused 'lscpu --json: too little' 2 'it looks like JSON' models "$scratch/lscpu"
fi

# As Windows' tools write texts, and packed.
for encoding in UTF-16 UTF-16BE UTF-8; do
	for file in aida instlat cpuid-zen4 log-skylake; do
		"$vpmu" models "$corpus/$file" >"$scratch/wanted" 2>/dev/null
		mkdir -p "$scratch/$encoding"
		{ printf '\xef\xbb\xbf'; sed 's/\r*$/\r/' "$corpus/$file"; } | iconv -f UTF-8 -t "$encoding" \
			>"$scratch/$encoding/$file"
		run models "$scratch/$encoding/$file"
		check "$encoding: $file" cmp "$scratch/wanted" "$scratch/out"
	done
done
gzip <"$scratch/UTF-16/aida" >"$scratch/packed"
run models "$scratch/packed"
[ "$status" = 3 ] || check 'UTF-16 in gzip' shows '^vendor +Intel'
# Texts that are none of a CPU, too.
"$vpmu" models --json zen2 >"$scratch/report"
printf "0xc0010004 0xfffffffffffd\n0xc0010000 0x5300c0\n" >"$scratch/plan"
printf 'model intel-v2\nrdmsr 0xc1\n' >"$scratch/script"
for encoding in UTF-16 UTF-8; do
	mark=; [ $encoding = UTF-8 ] && mark='\xef\xbb\xbf'
	for file in report plan script; do
		{ printf "$mark"; sed 's/$/\r/' "$scratch/$file"; } | iconv -f UTF-8 -t "$encoding" \
			>"$scratch/$encoding/$file"
	done
	run check --plan "$scratch/$encoding/plan" --model amd-k7 --profile hardware --life fresh --level full \
		--scope between=1,mixed=0,nodes=16384
	check "$encoding: a plan" shows '^reads-as-put +holds'
	run state compat "$SOURCE/tests/stream/golden/zen2.vpmu" --report "$scratch/$encoding/report"
	[ "$status" = 3 ] || check "$encoding: a report" same "$status" 0
done
run replay "$scratch/UTF-8/script"
check 'UTF-8: a replay' same "$(tr '\n' ' ' <"$scratch/out")" 'ok 0x0 '
refused 'a plan that is no text' 2 'it looks like a QEMU migration file' \
	check --model amd-k7 --plan "$SOURCE/fuzz/corpus/qemu/plain"
truncate -s 1G "$scratch/zeros"
# NAME ARGUMENT…: a text of 1 GiB of zeros, in the memory of a small one.
no_text() {
	local name=$1 limit
	shift
	limit=$(memory_limit 500000)
	(ulimit -v "$limit" && run "$@" && exit "$status")
	status=$?
	check "zeros as $name: status" same "$status" 2
	check "zeros as $name: one message" one_message
	check "zeros as $name: what they look like" says 'not a text: '"$scratch/zeros"': it looks like zeros'
}
no_text 'a plan' check --model amd-k7 --plan "$scratch/zeros"
if "$vpmu" models --json zen2 >"$scratch/report" 2>/dev/null; then
	no_text 'a report' state compat zen2 --report "$scratch/zeros"
	no_text 'a part' check --merge "$scratch/zeros"
	no_text 'what is kept' check --model intel-v1 --profile hardware --life fresh --resume "$scratch/zeros"
fi
printf '\xff\xfea\0\0\0b\0' >"$scratch/text"
refused 'UTF-16 with a zero' 2 'UTF-16' models "$scratch/text"
printf '\xff\xfe\0\xd8a\0b\0\n' >"$scratch/text"
refused 'UTF-16 with half a character' 2 'it looks like' models "$scratch/text"
printf 'db1 zen4\r\ndb2 zen3\r\n' | iconv -t UTF-16 >"$scratch/text"
run state baseline "$scratch/text"
check 'UTF-16: a list' shows '^The baseline of 2 hosts$'

# libvirt's XML.
xml=$SOURCE/fuzz/corpus/foreign_xml
run models "$xml/capabilities"
if [ "$status" = 3 ]; then
	check 'XML: this build says that it does not read it' says 'does not read'
else
	check 'capabilities: the signature' shows '^signature +0x506e3$'
	check 'capabilities: features' shows '^features +pdcm, '
	run models "$xml/domcapabilities"
	check 'domain capabilities: the host model' shows '^counters +6, '
	run models "$xml/domain"
	check 'a domain: its PMU is off' shows '^version +0: no PMU'
	run models "$xml/cpu"
	check 'a CPU: status' same "$status" 0
	check 'a CPU: features are switched' shows '^features +pdcm, .*anythread-deprecated$'
	check 'a CPU: that a name does not tell much' says "more than the CPU model's name"
	refused "a domain with the host's CPU" 2 'which is not in this file' models "$xml/passthrough"
	size=$(stat -c %s "$xml/capabilities")
	for cut in $(seq 1 7 $((size - 3))); do
		head -c "$cut" "$xml/capabilities" >"$scratch/cut"
		run models "$scratch/cut"
		{ [ "$status" = 2 ] && one_message && nothing_printed; } || break
	done
	check 'XML: cut anywhere is refused' same "$status" 2
	printf '<cpu><model>Nobody</model></cpu>' >"$scratch/text"
	refused 'XML: a model that nobody knows' 2 "CPU model 'Nobody' is not known" \
		models "$scratch/text"
	printf '<html><body/></html>' >"$scratch/text"
	refused 'XML: of something else' 2 'it looks like XML, <html>' models "$scratch/text"
	printf '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><cpu/>' \
		>"$scratch/text"
	refused 'XML: a bomb' 2 'with a document type' models "$scratch/text"
	python3 -c 'print("<cpu>" * 100000)' >"$scratch/text"
	refused 'XML: deep' 2 'it is no XML' models "$scratch/text"
	{ echo '<?xml version="1.0" encoding="UTF-16"?>'; cat "$xml/cpu"; } | iconv -t UTF-16 >"$scratch/text"
	run models "$scratch/text"
	check 'XML: UTF-16' shows '^features +pdcm, .*anythread-deprecated$'
fi

# A fleet: a folder of what its hosts print.
mkdir "$scratch/fleet"
cp "$corpus/cpuid-zen4" "$corpus/cpuinfo-zen4" "$corpus/log-amd" "$scratch/fleet"
printf 'db1 zen4,gp=5\n' >"$scratch/fleet/typed"
echo junk >"$scratch/fleet/.hidden"
mkdir "$scratch/fleet/folder"
run state baseline "$scratch/fleet"
check 'fleet: status' same "$status" 0
check 'fleet: every file is a host' shows '^The baseline of 4 hosts$'
check 'fleet: the least of all' shows '^version +1$'
check 'fleet: who is to blame' shows "1 host, $scratch/fleet/log-amd\$"
run state baseline "$corpus/cpuid-hybrid" icelake
check 'hybrid: each kind is a host' shows '^The baseline of 3 hosts$'
check 'hybrid: which kind is to blame' shows "$corpus/cpuid-hybrid:2\$"
run state baseline EPYC-Milan EPYC-Rome
check "QEMU's names" shows '^The baseline of 2 hosts$'
cat "$corpus/cpuid-zen4" | gzip >"$scratch/fleet/packed"
run state baseline "$scratch/fleet"
[ "$status" = 3 ] || check 'fleet: a packed host' shows '^The baseline of 5 hosts$'
rm "$scratch/fleet/packed"
head -c 300 "$corpus/cpuid-zen4" >"$scratch/fleet/cut"
refused 'fleet: a host that is cut' 2 "$scratch/fleet/cut" state baseline "$scratch/fleet"
mkdir "$scratch/none"
refused 'fleet: no host' 2 'no files in the folder' state baseline "$scratch/none"

# A question on models needs no state.
run state compat skylake --model icelake
check 'compat: a model for a model' same "$status" 0
run state compat Skylake-Client-IBRS --model "$corpus/instlat"
check 'compat: AMD for Intel' same "$status" 1
run state compat "$corpus/log-skylake" --model skylake --profile linux-6.12
check 'compat: a file for a model' shows 'for skylake on linux-6.12: '
check 'compat: says that there are no registers' says 'they are taken as after a reset'
cp "$corpus/log-skylake" "$scratch/none/one"
cp "$corpus/cpuid-zen4" "$scratch/none/two"
run state compat "$scratch/none" --model zen4
check 'compat: a folder, the worst of all' same "$status" 1
check 'compat: a folder, each file' same "$(grep -c "^$scratch/none/" "$scratch/out")" 2
run models --json
if [ "$status" != 3 ]; then
	refused 'compat: a folder as JSON' 2 'is a folder' \
		state compat --json "$scratch/none" --model zen4
fi

head -c 80 "$corpus/cpuid-zen4" >"$scratch/cut"
refused 'cut: says where' 2 "damaged data: $scratch/cut (cpuid -r): line 2: " models "$scratch/cut"
head -c 65536 /dev/zero >"$scratch/zeros"
refused 'zeros' 2 'it looks like zeros' models "$scratch/zeros"
refused 'a program' 2 'it looks like an ELF file' models "$vpmu"
refused 'no file' 2 'no such file: ./nothing' models ./nothing
refused 'a folder' 2 'it is a directory' models "$scratch/"
truncate -s 1G "$scratch/gib"
(ulimit -v "$(memory_limit 400000)" && exec timeout 60 "$vpmu" models "$scratch/gib") >"$scratch/out" 2>"$scratch/err"
status=$?
check '1 GiB of zeros: status' same "$status" 2
check '1 GiB of zeros: one message' one_message
check '1 GiB of zeros: what it looks like' says 'it looks like zeros'
finish
