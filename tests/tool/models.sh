#!/bin/bash
# SPDX-License-Identifier: MIT
# vpmu models: the list, a model's tables, and JSON that says the same.
. "$(dirname "$0")/tap.sh" || exit

shows() {
	grep -qE -- "$1" "$scratch/out"
}

run models
check 'list: status' same "$status" 0
check 'list: intel-v2 with its counters' shows '^intel-v2 +Intel +2 +4 +3 +48 '
names=$(awk 'NR > 1 { print $1 }' "$scratch/out")
check 'list: the presets of every vendor' [ "$(echo "$names" | wc -l)" -ge 8 ]

run models intel-v2,gp=8
check 'model: status' same "$status" 0
check 'model: overrides are taken' shows '^counters +8, 48 bits'
check 'model: a register with its access' \
	shows '^0x38e +IA32_PERF_GLOBAL_STATUS +global-status +64 +read +read-write +'
check 'model: an event with its code' shows '^selectors +0x412e +llc-misses'
check 'model: what the bits of a selector do' shows '^PC +0x80000 +stored '
check 'model: CPUID' shows '^0x0000000a +0  0x0*[0-9a-f]*0802 '
run models skylake --events
check 'events: status' same "$status" 0
check 'events: an exact one' shows '^selectors +0x01c4 +conditional-branches +exact'
check 'events: an estimate' shows '^selectors +0x0e08 +dtlb-load-misses +estimate'
check 'events: nothing else' same "$(grep -c IA32_PMC0 "$scratch/out")" 0
refused 'events of no model' 2 'of which model?' models --events
run models amd-k7
check 'model: AMD has no fixed counters' shows '^fixed counters +none'

run models --host
if [ "$status" = 3 ]; then
	check 'host: says why there is none' one_message
else
	check 'host: status' same "$status" 0
	check 'host: is a model' shows '^vendor '
	cp "$scratch/out" "$scratch/host"
	run models host
	check "host: also as a model's name" cmp "$scratch/host" "$scratch/out"
fi

run models intel-v4 --profile linux-6.12
check 'profile: what the kernel makes of a model' shows '^version +2$'
check 'profile: registers that it has not are not listed' \
	same "$(grep -c 'GLOBAL_INUSE\|GLOBAL_STATUS_SET\|DEBUGCTL' "$scratch/out")" 0
check 'profile: the bits that its VMM may set' shows '^0x38e .* 0xc0000007000000ff$'
check 'profile: the host under it' \
	shows '^host +vendor=intel gp=8 fixed=3 width=48 tsx=off pdcm=on enable-pmu=on lbr-format=0 pebs=off$'
run models zen4 --profile linux-7.3
check 'profile: a host of AMD' \
	shows '^host +vendor=amd gp=6 width=48 perfmon-v2=on enable-pmu=on svm=off lbrv=on$'
run models intel-v4 --profile hardware
check 'profile: no host under hardware' sh -c "! grep -q ^host '$scratch/out'"
run models intel-v2,lbr-format=5 --profile linux-6.12 --host lbr-format=5,gp=2,width=40
check "profile: the host's keys" same "$status" 0
check 'profile: the host as typed' \
	shows '^host +vendor=intel gp=2 fixed=3 width=40 tsx=off pdcm=on enable-pmu=on lbr-format=5 pebs=off$'
check 'profile: what the kernel makes of a model on it' shows '^counters +2, 40 bits'
check 'profile: registers that only this host gives' shows '^0x1c8 +MSR_LBR_SELECT '
check "profile: counters that this host has not" same "$(grep -c IA32_PMC2 "$scratch/out")" 0
run models icelake,pebs=4 --profile linux-6.12 --host pebs=on
check 'profile: PEBS of a host that gives it' shows '^PEBS +format 4: no records are written$'
check 'profile: PEBS of its counters' shows '^0x3f1 +IA32_PEBS_ENABLE .* 0xff$'
check 'profile: PEBS that is not adaptive' same "$(grep -c MSR_PEBS_DATA_CFG "$scratch/out")" 0
run models intel-v2 --profile mediated --host=vendor=amd
check "profile: another vendor's host" shows '^vendor +AMD$'
run models intel-v2 --host tsx=on --profile linux-6.12 --json
if [ "$status" != 3 ]; then
	check 'profile: the host in JSON' holds "$scratch/out" 'd["host"]["tsx"] is True'
fi
refused "a host's unknown key" 2 "unknown key 'tx'" models intel-v2 --profile linux-6.12 --host tx=on
refused "a host's key of another vendor" 2 'a host of this vendor' \
	models zen4 --profile linux-6.12 --host tsx=on
refused "a host's value" 2 "gp=N: not '9', but 1 to 8" models intel-v2 --profile linux-6.12 --host gp=9
refused 'a host under hardware' 2 'no host under profile hardware' \
	models intel-v2 --profile hardware --host gp=4
refused 'a host under no profile' 2 'with --profile' models intel-v2 --host gp=4
refused 'a host of no model' 2 'Give a NAME' models --profile linux-6.12 --host gp=4
refused 'a host without a value' 2 'needs a value: --host' models intel-v2 --profile linux-6.12 --host=
refused 'a host that has no mediated PMU' 2 'mediated has no PMU on this host' \
	models intel-v2 --profile mediated --host pdcm=off
run models intel-v4 --profile linux-6.1
check 'profile: 6.1 lets it set any' shows '^0x38e .* 0xffffffffffffffff$'
run models --quirks
check 'quirks: status' same "$status" 0
check 'quirks: a line has its profiles and its function' \
	shows '^rdpmc-fast-mode +linux-6.1  .*\(kvm_pmu_rdpmc\)$'
all=$(wc -l <"$scratch/out")
run models --quirks --profile mediated
check 'quirks: those of one profile are fewer' [ "$(wc -l <"$scratch/out")" -lt "$all" ]
check 'quirks: those of one profile are its own' \
	same "$(grep -c '^rdpmc-fast-mode\|^no-perf-events' "$scratch/out")" 1
refused 'quirks of a model' 2 'not about a model' models --quirks intel-v2
refused 'quirks of an unknown profile' 2 "did you mean 'mediated'?" models --quirks --profile medated
refused 'a profile of no model' 2 'of which model?' models --profile mediated
refused 'unknown model' 2 "did you mean 'intel-v2'?" models intl-v2
refused "a model of QEMU's in other letters" 2 "did you mean 'Nehalem'?" models nehalem
refused 'a preset in other letters' 2 "did you mean 'skylake'?" models SKYLAKE
refused 'unknown key' 2 'frob' models intel-v2,frob=1
refused 'number out of range' 2 '99' models intel-v2,gp=99
refused 'impossible model' 2 '' models intel-v1,fixed=3
refused 'two models' 2 'one model at a time' models --host intel-v2
refused 'empty name' 2 'unknown model' models ''

run models --json
if [ "$status" = 3 ]; then
	check 'without JSON: says so' says 'this build has no JSON'
	skip 'JSON' 'this build has none'
	finish
fi
check 'quirks as JSON' eval 'run models --quirks --json && holds "$scratch/out" \
	"d[\"format\"] == \"vpmu-quirks\" and len(d[\"quirks\"]) == $all - 1 and
	all(q[\"id\"] and q[\"profiles\"] and q[\"text\"] and q[\"shown_by\"] for q in d[\"quirks\"])"'
run models --json
check 'list as JSON: says what it is' \
	holds "$scratch/out" 'd["format"] == "vpmu-models" and d["version"] == 1'
check 'list as JSON: the same names' same "$names" \
	"$(python3 -c 'import json, sys
for m in json.load(sys.stdin)["models"]: print(m["name"])' <"$scratch/out")"
for name in $names; do
	run models "$name" --json
	check "$name as JSON: named, registers ascend, instructions are counted" \
		holds "$scratch/out" 'd["format"] == "vpmu-model" and d["version"] == 1
		and d["model"]["name"] == "'"$name"'" and d["cpuid"]
		and (lambda m: m and m == sorted(set(m)))([int(r["msr"], 16) for r in d["registers"]])
		and any(e["class"] == "instructions" and e.get("selector") == "0xc0"
			for e in d["events"])'
done
finish
