#!/bin/bash
# SPDX-License-Identifier: MIT
# vpmu state compat and baseline: what they say, and how they end.
. "$(dirname "$0")/tap.sh" || exit

golden=$SOURCE/tests/stream/golden

shows() {
	grep -qE -- "$1" "$scratch/out"
}

run state compat "$golden/intel-v2.vpmu" --model intel-v2
check 'the same model: status' same "$status" 0
check 'the same model: takes' shows '^vCPU 9: intel-v2, for intel-v2: takes$'
check 'the same model: no register is listed' same "$(grep -c '^  ' "$scratch/out")" 0
run state compat "$golden/intel-v2.vpmu" --model intel-v2 --all
check 'all: registers are listed' shows '^  IA32_PMC0 \(0xc1\)'
run state compat "$golden/intel-v4.vpmu" --model intel-v2
check 'fewer counters: status' same "$status" 1
check 'fewer counters: the register' shows '^  IA32_PMC7 \(0xc8\) = 0x[0-9a-f]+: cannot take'
run state compat "$golden/zen4.vpmu" --model intel-v2
check 'another vendor: status' same "$status" 1
check 'another vendor: says so' shows '^  vendor: AMD, there Intel'
run state compat "$golden/intel-v2.vpmu" --model intel-v2,width=40
check 'narrower counters on hardware: status' same "$status" 1
check 'narrower counters on hardware: which bits' shows 'cannot take: bits 0x[0-9a-f]+ are reserved there'
check 'a refusal: where a put ends' shows '^  a put in order safe: [0-9]+ of [0-9]+ writes (is|are) refused; one that ends there ends at '
run state compat "$golden/intel-v2.vpmu" --model intel-v2,width=40 --profile linux-6.12
check 'taken changed: what becomes of it' shows \
	'takes changed: it becomes 0x[0-9a-f]+, bits 0x[0-9a-f]+ are cut'
check 'under a profile: its name' shows '^vCPU 9: intel-v2, for intel-v2 on linux-6.12: '
run state compat "$golden/intel-v2.vpmu" --model intel-v2,width=40 --profile linux-6.12 --order ascending
check 'another order: no refusal of its commands' same "$(grep -c 'a put in order' "$scratch/out")" 0
refused 'unknown order' 2 'unknown order' \
	state compat "$golden/intel-v2.vpmu" --model intel-v2 --order safest
run state compat "$golden/intel-v5.vpmu" --model intel-v5 --profile linux-6.12
check 'under a profile: status' same "$status" 1
check 'under a profile: what KVM makes of it' shows '^  version: 5, there 2'
run state compat "$golden/intel-v2.vpmu" --host
if [ "$status" -gt 1 ]; then
	check 'host: says why there is none' one_message
else
	check 'host: a verdict' shows '^vCPU 0: intel-v2, for host: '
fi
refused 'no target' 2 'no target' state compat "$golden/intel-v2.vpmu"
refused 'two targets' 2 'more than one target' \
	state compat "$golden/intel-v2.vpmu" --host --model zen4
refused 'unknown profile' 2 'unknown profile' \
	state compat "$golden/intel-v2.vpmu" --model zen4 --profile linux-9
refused 'no file' 2 'cannot open' state compat "$scratch/none" --model zen4

run state baseline intel-v2,gp=8 intel-v2 skylake
check 'baseline: status' same "$status" 0
check 'baseline: the model' shows '^counters +4, 48 bits'
check 'baseline: what a host costs' shows '^general-purpose counters: 4, not 8: 2 hosts, the first is intel-v2$'
printf '%s\n' '# the fleet' 'alpha zen4' '  beta  zen2 # old' '' 'zen5' >"$scratch/fleet"
run state baseline "$scratch/fleet"
check 'baseline of a file: status' same "$status" 0
check 'baseline of a file: how many' shows '^The baseline of 3 hosts'
check 'baseline of a file: who' shows "^version: 1, not 2: 1 host, beta \\($scratch/fleet:3\\)"
run state baseline "$scratch/fleet" amd-k7
check 'baseline of a file and a model' shows '^The baseline of 4 hosts'
"$vpmu" state baseline - <"$scratch/fleet" >"$scratch/out"
check 'baseline of standard input' shows '^The baseline of 3 hosts'
awk 'BEGIN { for (i = 0; i < 100000; i++) print "host" i, "intel-v4,gp=" i % 5 + 4 }' >"$scratch/big"
run state baseline "$scratch/big"
check 'baseline of 100,000 hosts: status' same "$status" 0
check 'baseline of 100,000 hosts: cost' shows '4, not 5 to 8: 20000 hosts, the first is host0 '
printf 'zen4\nzen44\n' >"$scratch/bad"
refused 'unknown model in a file' 2 "$scratch/bad:2" state baseline "$scratch/bad"
printf 'zen4\nhost a zen4\n' >"$scratch/bad"
refused 'too many words' 2 "more than a host and a model: $scratch/bad:2" \
	state baseline "$scratch/bad"
printf 'zen4\nskylake\n' >"$scratch/bad"
refused 'two vendors' 2 "$scratch/bad:2" state baseline "$scratch/bad"
printf 'zen4\n\0\n' >"$scratch/bad"
refused 'no text' 2 "not a line of text: $scratch/bad:2" state baseline "$scratch/bad"
head -c 3000 /dev/zero | tr '\0' 'a' >"$scratch/bad"
refused 'a line too long' 2 "not a line of text: $scratch/bad:1" state baseline "$scratch/bad"
: >"$scratch/bad"
refused 'empty list' 2 'no hosts' state baseline "$scratch/bad"
refused 'neither model nor file' 2 "did you mean 'zen4'?" state baseline zen44
printf 'a\033[31mb zen4\nzen2\n' >"$scratch/names"
run state baseline "$scratch/names" zen5
check 'control bytes in a name are not printed' same "$(grep -c $'\e' "$scratch/out")" 0

run state compat "$golden/intel-v4.vpmu" --model intel-v2 --json
if [ "$status" = 3 ]; then
	check 'without JSON: says so' says 'this build has no JSON'
	finish
fi
check 'compat as JSON: status' same "$status" 1
check 'compat as JSON: the verdicts' holds "$scratch/out" \
	'd["format"] == "vpmu-compat" and d["version"] == 1 and d["verdict"] == "cannot take"
	and d["target"]["name"] == "intel-v2" and len(d["vcpus"]) == 2
	and any(r["name"] == "IA32_PMC7" and r["verdict"] == "cannot take"
		for r in d["vcpus"][0]["registers"])'
check 'compat as JSON: what was tried' holds "$scratch/out" \
	'd["profile"] == "hardware" and d["vcpus"][0]["put"]["order"] == "safe"
	and d["vcpus"][0]["put"]["refused"] > 0 and "stops_at" in d["vcpus"][0]["put"]
	and any(r["name"] == "IA32_PMC7" and r["why"] == "missing"
		for r in d["vcpus"][0]["registers"])'
"$vpmu" models --json zen2 >"$scratch/report"
run state compat "$golden/zen2.vpmu" --report "$scratch/report"
check 'report: status' same "$status" 0
check 'report: its model is the target' shows '^vCPU 0: zen2, for zen2: takes$'
run state baseline "$scratch/report" zen4
check 'report: a host of a fleet' shows "^version: 1, not 2: 1 host, $scratch/report\$"
# A doctor's report, of a kernel and of none.
doctor_of() { # KERNEL MEDIATED
	sed -e 's/"format": "vpmu-model"/"format": "vpmu-doctor"/' \
		-e "2i \"host\": {\"kernel\": \"$1\"}, \"kvm\": {\"mediated\": $2}," "$scratch/report"
}
for kernel in '5.15.0 false linux-6.1' '6.1.0-9-amd64 null linux-6.1' '6.2.0 null linux-6.12' \
	'6.12.117-amd64 false linux-6.12' '7.2.9 false linux-6.12' '7.3.1 false linux-7.3' \
	'7.3.1 true mediated'; do
	set -- $kernel
	doctor_of "$1" "$2" >"$scratch/doctor-of"
	run state compat "$golden/zen2.vpmu" --report "$scratch/doctor-of"
	check "a report's kernel: $1, mediated $2" shows "^vCPU 0: zen2, for zen2 on $3: "
	run state compat "$golden/zen2.vpmu" --report "$scratch/doctor-of" --profile hardware
	check "a report's kernel: $1, mediated $2: --profile goes before" \
		shows "^vCPU 0: zen2, for zen2 on hardware: "
done
doctor_of 'none' false >"$scratch/doctor-of"
refused "a report without a kernel" 2 "does not name the host's kernel" \
	state compat "$golden/zen2.vpmu" --report "$scratch/doctor-of"
sed 's/"version": 1/"version": 2/' "$scratch/report" >"$scratch/bad"
refused 'report of a newer version' 2 "'version' is not a number from 0 to 1" \
	state compat "$golden/zen2.vpmu" --report "$scratch/bad"
refused 'no report' 2 "'format' is neither" \
	state compat "$golden/zen2.vpmu" --report <("$vpmu" models --json)
run doctor --json
if holds "$scratch/out" '"model" in d'; then
	cp "$scratch/out" "$scratch/doctor"
	run state compat "$golden/zen2.vpmu" --report "$scratch/doctor"
	check "a doctor's report: a verdict" shows '^vCPU 0: zen2, for '
else
	skip "a doctor's report: a verdict" "this host's PMU is not known"
fi
run state baseline --json "$scratch/fleet"
check 'baseline as JSON' holds "$scratch/out" \
	'd["format"] == "vpmu-baseline" and d["hosts"] == 3 and d["model"]["pmu_version"] == 1
	and d["costs"][0]["first"]["host"] == "beta" and d["costs"][0]["first"]["line"] == 3'

# This host's KVM is asked itself. Where it has no PMU to give, vpmu watch makes one that goes by a
# profile's rules: then what a virtual CPU says is what the profile says.
"$vpmu" state compat --help | grep -q -- --vcpu || finish # a build without KVM
run state compat "$golden/intel-v2.vpmu" --vcpu
if [ "$status" -gt 1 ]; then
	check 'no virtual CPU: status' same "$status" 3
	check 'no virtual CPU: one message' one_message
	check 'no virtual CPU: says so' says 'no virtual CPU with a PMU to ask: '
else
	check 'a virtual CPU: a verdict' shows "^vCPU 0: intel-v2, for kvm on this host's KVM: "
fi
refused 'a virtual CPU and a profile' 2 'do not go together: --vcpu, --profile' \
	state compat "$golden/intel-v2.vpmu" --vcpu --profile hardware
refused 'a virtual CPU and another target' 2 'more than one target' \
	state compat "$golden/intel-v2.vpmu" --vcpu --host
registers_of() { # ARGUMENT…: what is said of each register, and the put
	"$@" 2>"$scratch/err" | grep -E '^  (a put|[A-Za-z0-9_]+ \(0x)'
}
judged_by_vcpu() { # MODEL PROFILE STATE
	registers_of "$vpmu" watch --emulate "$1" --profile "$2" --log "$scratch/log" -- \
		"$vpmu" state compat "$3" --vcpu --all >"$scratch/asked"
	registers_of "$vpmu" state compat "$3" --model "$1" --profile "$2" --all >"$scratch/simulated"
	[ -s "$scratch/asked" ] && diff "$scratch/simulated" "$scratch/asked" | sed 's/^/# /' &&
		cmp -s "$scratch/simulated" "$scratch/asked"
}
"$vpmu" watch --emulate intel-v2 --log "$scratch/log" -- "$vpmu" state compat intel-v2 --vcpu \
	>"$scratch/out" 2>"$scratch/err"
if shows "^vCPU 0: intel-v2, for kvm on this host's KVM: takes"; then
	for case in 'intel-v2 linux-6.1 intel-v2' 'intel-v2 linux-6.12 intel-v2' \
		'intel-v2,gp=2,width=40 linux-6.12 intel-v2' 'intel-v2 linux-6.12 intel-v5' \
		'intel-v1 linux-6.1 intel-v2' 'amd-perfmon-v2 linux-6.12 amd-perfmon-v2' \
		'amd-perfmon-v2,gp=4 linux-7.3 zen4' 'amd-perfcore linux-6.1 amd-perfmon-v2'; do
		set -- $case
		check "a virtual CPU of $1 says what $2 says of $3" \
			judged_by_vcpu "$1" "$2" "$golden/$3.vpmu"
	done
else
	skip 'a virtual CPU says what its profile says' 'no KVM here that vpmu watch could emulate a PMU on'
fi
finish
