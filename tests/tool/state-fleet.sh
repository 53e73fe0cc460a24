#!/bin/bash
# SPDX-License-Identifier: MIT
# A fleet: every machine against every other, and the PMUs that QEMU's versions give guests.
. "$(dirname "$0")/tap.sh" || exit
corpus=$SOURCE/fuzz/corpus/foreign_cpus

shows() {
	grep -qE -- "$1" "$scratch/out"
}

# FROM TO: the verdict of that cell.
cell() {
	awk -v from="$1" -v to="$2" '/^from/ { on = 1; next } on && $1 == from {
		gsub(/runs, but/, "but"); print $(to + 1); exit }' "$scratch/out"
}

# What is printed of a pair.
why() {
	awk -v head="$1 -> $2:" 'index($0, head) == 1 { on = 1; next } on && !NF { exit } on' "$scratch/out"
}

run state compat --matrix zen3 zen4 icelake
check 'models: status' same "$status" 1
check 'models: one line a kind' shows '^  1  zen3: AMD version 1, 6 \+ 0 counters, 48 bits; hardware$'
check 'models: the same runs' same "$(cell 1 1)" runs
check 'models: the larger takes the smaller' same "$(cell 1 2)" runs
check 'models: the smaller does not take the larger' same "$(cell 2 1)" refused
check 'models: another vendor' same "$(cell 3 2)" refused
check 'models: why' grep -q 'vendor: Intel, there AMD' <<<"$(why 3 2)"
# A pair says what `compat` of the two models says, but for the names.
for pair in 'intel-v2,gp=8 intel-v2 linux-6.12' 'intel-v2,width=40 intel-v2 hardware' 'zen4 zen2 linux-7.3' \
	'intel-v2 intel-v2,width=40 linux-6.1'; do
	set -- $pair
	run state compat --matrix "$1" "$2" --profile "$3"
	why 1 2 >"$scratch/pair"
	run state compat "$1" --model "$2" --profile "$3"
	check "$pair: a cell is what compat says" same "$(grep -E ', there |there without|a put in' "$scratch/pair")" \
		"$(grep -vE '^vCPU|signature' "$scratch/out" | grep -E ', there |there without|a put in')"
done

# Files, folders, lists: machines that are alike are one kind.
mkdir "$scratch/fleet"
cp "$corpus/cpuid-zen4" "$corpus/instlat" "$corpus/cpuinfo-skylake" "$scratch/fleet"
printf 'db1 zen4\ndb2 zen4 qemu=10.0\ndb3 zen4 qemu=10.0 profile=linux-6.12 # old\n' >"$scratch/fleet/list"
run state compat --matrix "$scratch/fleet"
check 'a folder: status' same "$status" 1
check 'a folder: kinds' shows '^6 machines, 4 kinds$'
check 'a folder: a list in it' shows "db2 \\($scratch/fleet/list:2\\): .*; QEMU 10.0\$"
check 'a folder: keys of a list' shows "db3 .*; linux-6.12; QEMU 10.0\$"
check 'a folder: what is not told' says 'not told by '
for command in 'compat --matrix' baseline; do
	run state $command $(seq -f 'intel-v2,gp=%g' 2 5) $(yes intel-v2 | head -n 36)
	check "$command: forty arguments" same "$status" "$([ "$command" = baseline ] && echo 0 || echo 1)"
done
check 'baseline: of forty' shows '\b40 (hosts|machines)\b|^hosts +40'
awk 'BEGIN { for (i = 0; i < 5000; i++) print "host" i, "intel-v4,gp=" i % 5 + 4 }' >"$scratch/big"
run state compat --matrix "$scratch/big"
check '5,000 machines of five kinds' shows '^5000 machines, 5 kinds$'
check '5,000 machines: names of some' shows ' and 996 more: '
awk 'BEGIN { for (i = 0; i < 129; i++) printf "intel-v4,signature=0x%x\n", 1664 + i }' >"$scratch/big"
refused 'too many kinds' 2 'too many for one matrix' state compat --matrix "$scratch/big"

# QEMU's versions.
run state compat --matrix --qemu 7.2,10.0,11.1 zen4 --profile linux-6.12
check 'PerfMonV2: QEMU 7.2 hides it' shows '^  1  zen4: AMD version 1, .*QEMU 7.2$'
check 'PerfMonV2: QEMU 10.0 does not' shows '^  2  zen4: AMD version 2, .*QEMU 10.0$'
check 'AMD: nothing is moved before 11.0' grep -q 'does not move AMD' <<<"$(why 1 1)"
check 'AMD: nothing is moved from there either' grep -q 'does not move AMD' <<<"$(why 2 3)"
check 'AMD: 11.1 permutes' grep -q 'permute' <<<"$(why 3 3)"
check 'AMD: a newer machine type than the QEMU' grep -q 'there has no such machine type' <<<"$(why 3 2)"
run state compat --matrix --qemu 10.0,11.1 --machine-type pc-q35-9.2 zen2 --profile linux-6.12
check 'a machine type that both have' same "$(cell 2 1)" 'but'
run state compat --matrix --qemu 10.0 --machine-type 10.1 skylake
check 'a machine type that the source has not' same "$(cell 1 1)" refused
run state compat --matrix --qemu 5.2,11.1 --machine-type pc-i440fx-5.1 skylake
check 'a machine type that is gone' grep -q 'any more' <<<"$(why 1 2)"
run state compat --matrix --qemu 10.0,10.1.1,10.1.2,11.1 --machine-type 10.0 --pmu-off skylake
check 'PDCM without a PMU: status' same "$status" 0
check 'PDCM without a PMU: 10.1.1 lacks it' same "$(cell 1 2)" but
check 'PDCM without a PMU: 10.1.2 has it again' same "$(cell 1 3) $(cell 1 4) $(cell 2 1)" 'runs runs runs'
run state compat --matrix --qemu 10.0,10.1.1 --pmu-off zen4 --strict --profile linux-6.12
check 'strict: status' same "$status" 1
run state compat --matrix --qemu 10.0,11.1 --pmu-off zen4 --profile linux-6.12
check 'pmu=off: AMD keeps its PMU before 11.0' shows '^  1  zen4: AMD version 2'
check 'pmu=off: and has none after' shows '^  2  zen4: AMD, no PMU'
check 'pmu=off: such a guest cannot go there' same "$(cell 1 2)" refused
run state compat --matrix --qemu 11.1 intel-v5,fixed=4
check 'a fourth fixed counter' grep -q 'three fixed counters' <<<"$(why 1 1)"
run state compat --matrix intel-v5,fixed=4
check 'no QEMU: nothing is said of one' same "$(cell 1 1)" runs

run state baseline --qemu 7.2,10.0 zen4
check 'baseline: what QEMU costs' shows '^no feature PerfMonV2: 1 host, zen4 with QEMU 7.2$'
run state baseline skylake --profile linux-6.12
check 'baseline: what a profile leaves' shows '^version +2$'
run state baseline --pmu-off zen4 --qemu 11.0
check 'baseline: no PMU' shows '^version +0: no PMU$'

# The same as a page and as JSON.
run state compat --matrix --qemu 10.0,11.1 zen4 icelake --html "$scratch/page"
check 'html: status' same "$status" 1
check 'html: links lead somewhere, heads have a scope' python3 - "$scratch/page" <<'END'
import sys
from html.parser import HTMLParser
ids, links, cells = set(), set(), []
class Page(HTMLParser):
    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        ids.add(attrs.get('id'))
        if tag == 'a':
            links.add(attrs['href'][1:])
        if tag == 'td' and 'class' in attrs:
            cells.append(attrs['class'])
        assert tag != 'th' or 'scope' in attrs
Page().feed(open(sys.argv[1], encoding='utf-8').read())
assert links <= ids, links - ids
assert len(cells) == 16 and 'refused' in cells and 'but' in cells
END
printf 'a<b>&\x1b[31m zen4\n' >"$scratch/odd"
run state compat --matrix "$scratch/odd" --html "$scratch/page"
check 'html: names are escaped' grep -qF 'a&lt;b&gt;&amp;?[31m' "$scratch/page"
run state compat --matrix --json --qemu 10.0,11.1 zen4 --profile linux-6.12
if [ "$status" != 3 ]; then
	check 'json: the pairs' holds "$scratch/out" 'd["format"] == "vpmu-compat-matrix"
		and [p["verdict"] for p in d["pairs"]] == ["takes changed", "takes changed",
			"cannot take", "takes changed"]
		and d["pairs"][2]["from"] == 1 and d["pairs"][2]["to"] == 0 and d["pairs"][2]["why"]'
	check 'json: the kinds' holds "$scratch/out" 'd["kinds"][0]["qemu"] == "10.0"
		and d["kinds"][0]["profile"] == "linux-6.12" and d["kinds"][0]["model"]["pmu_version"] == 2
		and d["kinds"][0]["machines"][0]["host"] == "zen4"'
	"$vpmu" models --json zen2 | sed -e 's/"format": "vpmu-model"/"format": "vpmu-doctor"/' \
		-e '2a "host": {"kernel": "6.12.1"}, "kvm": {"mediated": false},' >"$scratch/doctor"
	run state compat --matrix "$scratch/doctor"
	check "a doctor's report: its kernel is its profile" shows '; linux-6.12$'
fi

refused 'a target of a matrix' 2 '--matrix has no target' state compat --matrix --model zen4 zen4
refused 'versions without a matrix' 2 'only with --matrix' state compat --qemu 10.0 --model zen4 zen4
refused 'two without a matrix' 2 "too many arguments: 'zen3'" state compat --model zen4 zen4 zen3
run state compat --matrix --qemu 7.2 zen4,gp=0
check 'PerfMonV2 without counters: hidden, it is what the other leaves say' shows '^  1  zen4,gp=0: AMD version 1, 6 \+ 0 counters, 48 bits;'
for text in ten 10 10.x 0.1 10.0.0.0 10.300 pc-q35-10.0 '10.0,' ',10.0' 10.0,,11.0; do
	refused "no version: '$text'" 2 'not a version of QEMU' state compat --matrix --qemu "$text" zen4
done
refused 'no machine type' 2 'not a version of QEMU' state compat --matrix --machine-type q35 zen4
printf 'db1 zen4 qemu=x\n' >"$scratch/odd"
refused 'a list: no version' 2 "no version of QEMU: 'x': $scratch/odd:1" state compat --matrix "$scratch/odd"
printf 'db1 zen4 profile=linux-9\n' >"$scratch/odd"
refused 'a list: no profile' 2 "unknown profile 'linux-9': $scratch/odd:1" state baseline "$scratch/odd"
refused 'a page that cannot be written' 3 "$scratch/none/page" state compat --matrix zen4 --html "$scratch/none/page"
finish
