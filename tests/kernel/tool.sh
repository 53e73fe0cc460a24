#!/bin/bash
# SPDX-License-Identifier: MIT
# vpmu kernel and vpmu replay --kernel: trees that can be built and trees that cannot, equal trees, and
# one-line breaks that are found. TAP; skipped without the kernel's sources, or without a compiler.
# differences: without what does not depend on the kernel.
# usage: tool.sh VPMU REFERENCE-FOLDER VERSION [all|differences]
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
reference=$2 version=$3 parts=${4:-all}
limit=600 # seconds for one run of the tool
. "$here/../tool/tap.sh" || exit
. "$here/program.sh"

mkdir "$scratch/tmp" "$scratch/objects"
export TMPDIR=$scratch/tmp VPMU_KERNEL_OBJECTS=$scratch/objects

nothing_left() {
	same "$(ls "$TMPDIR")" '' && [ ! -e "$scratch/none" ]
}

# A tree of the kernel, as `make` of a distribution's package leaves it.
tree=$scratch/tree
mkdir "$tree"
cp -R "$reference/$version/linux/arch" "$tree"
chmod -R u+w "$tree"
# What a whole tree has beside pmu.c, and is not compiled. A piece is cut out of svm.h.
for header in x86.h cpuid.h lapic.h vmx/nested.h vmx/vmx.h; do
	echo '#error "a header of the tree"' >"$tree/arch/x86/kvm/$header"
done
sed -i '1i #error "a header of the tree"' "$tree/arch/x86/kvm/svm/svm.h"
printf 'VERSION = %s\nPATCHLEVEL = %s\nSUBLEVEL = 4\n' "${version%.*}" "${version#*.}" >"$tree/Makefile"
pmu=arch/x86/kvm/pmu.c

# COMMAND…: makes a copy of the tree, and changes it there.
changed() {
	rm -rf "$scratch/changed"
	cp -R "$tree" "$scratch/changed"
	(cd "$scratch/changed" && "$@")
}

# NAME STATUS TEXT: the tree that was changed is not built.
not_built() {
	refused "$1" "$2" "$3" kernel build "$scratch/changed" -o "$scratch/none"
	check "$1: nothing is left" nothing_left
}

# --- Building ----------------------------------------------------------------------------------

run kernel build "$tree" -o "$scratch/old"
check 'a tree: status' same "$status" 0
check 'a tree: says what was built' prints "old: the PMU code of linux-$version\$"
check 'a tree: every known fact holds' same "$(wc -l <"$scratch/out")" 1
check 'a tree: nothing else is left' nothing_left

# What cannot be built, and a tarball that can.
trees_and_tarballs() {
	changed rm -r arch/x86/kvm/vmx
	not_built 'a tree without pmu_intel.c' 2 'the tree has no arch/x86/kvm/vmx/pmu_intel.c'
	changed rm -r arch/x86
	not_built 'a tree of another architecture' 2 'not a tree of the kernel with arch/x86/kvm'
	changed sed -i '100a <<<<<<< HEAD' $pmu
	not_built 'a conflict marker' 2 'conflict marker: arch/x86/kvm/pmu.c:101'
	changed sed -i '100a <<<<<<< HEAD' arch/x86/kvm/lapic.c
	not_built 'a conflict marker in what is cut out' 2 'conflict marker: arch/x86/kvm/lapic.c:101'
	changed sed -i '$a int broken(void) { return 1 }' $pmu
	not_built 'a syntax error' 2 "$pmu:$(($(wc -l <"$tree/$pmu") + 1)):"
	changed sed -i '$a int moved(void); int use(void) { return moved(); }' $pmu
	not_built 'a symbol that is elsewhere' 2 "undefined reference to \`moved'"
	changed sed -i 's/kvm_apic_local_deliver(/kvm_apic_deliver_here(/' arch/x86/kvm/lapic.c
	not_built 'a function that has moved' 2 'arch/x86/kvm/lapic.c has no definition of '
	refused 'no tree' 2 'no such tree or tarball: /nowhere: ' kernel build /nowhere
	refused 'no such package' 2 'apt install linux-source-0.1' kernel build linux-source-0.1
	CC=/nowhere/cc run kernel build "$tree" -o "$scratch/none"
	check 'no compiler: status' same "$status" 3
	check 'no compiler: says so' says 'no C compiler: /nowhere/cc'

	(cd "$tree/.." && mv tree "linux-$version.4" && tar -czf whole.tar.gz "linux-$version.4" &&
		mv "linux-$version.4" tree)
	run kernel build "$scratch/whole.tar.gz" -o "$scratch/packed"
	check 'a tarball: status' same "$status" 0
	head -c 20000 "$scratch/whole.tar.gz" >"$scratch/cut.tar.gz"
	refused 'a tarball cut short' 2 'cut.tar.gz' kernel build "$scratch/cut.tar.gz" -o "$scratch/none"
	check 'a tarball cut short: nothing is left' nothing_left
	xz -c "$scratch/cut.tar.gz" | head -c 5000 >"$scratch/cut.tar.xz"
	refused 'a tarball of another kind, cut short' 2 'cut.tar.xz' kernel build "$scratch/cut.tar.xz" -o "$scratch/none"
	head -c 5000 /dev/urandom >"$scratch/noise"
	refused 'no tarball' 2 'not a tarball, or cut short' kernel build "$scratch/noise" -o "$scratch/none"
}
equal=$scratch/old
if [ "$parts" = all ]; then
	trees_and_tarballs
	equal=$scratch/packed
fi

# --- Replaying ---------------------------------------------------------------------------------

set -- "$here"/../core/golden/intel.replay
sed -n "/^---/q; s/ *# \(since\|before\).*//; s/KERNEL/linux-$version/; p" "$1" >"$scratch/script"
"$reference/kreplay-$version" "$scratch/script" >"$scratch/expected"
run replay --kernel "$scratch/old" "$scratch/script"
check 'replay: the answers of the reference' cmp "$scratch/expected" "$scratch/out"
printf 'model intel-v2\n\nexpect rdmsr 0xc1 = 0x5\n' >"$scratch/script"
run replay --kernel "$scratch/old" "$scratch/script"
check 'replay: an expect that does not hold' same "$status" 1
printf 'model skylake\nwrmsr IA32_PERFEVTSEL0 instructions:u\nexpect rdmsr IA32_PERFEVTSEL0 = 0x5100c0\n' >"$scratch/script"
run replay --kernel "$scratch/old" "$scratch/script"
check 'replay: names of registers and events' same "$(tr '\n' ' ' <"$scratch/out")" 'ok ok ok '
printf 'model intel-v2\nfrobnicate\n' >"$scratch/script"
run replay --kernel "$scratch/old" "$scratch/script"
check 'replay: bad input: status' same "$status" 2
check 'replay: bad input: one message' one_message
check 'replay: bad input: where' says "$scratch/script:2"
refused 'replay: no program of a kernel' 2 'not a program of vpmu kernel build' \
	replay --kernel /bin/true "$scratch/script"

# --- Comparing ---------------------------------------------------------------------------------

run kernel diff "$scratch/old" "$equal" --operations 100000 --html "$scratch/page"
check 'equal trees: status' same "$status" 0
check 'equal trees: the page says so' grep -q 'class="verdict ok"><strong>no difference in ' "$scratch/page"
check 'equal trees: says so' prints '^no difference in [0-9,]* operations; the two have the same PMU code'

# A PMU that is gone, so that no program for it is taken, is a break of what the self-test knows.
if [ "$version" = 7.3 ]; then
	changed sed -i 's/host_pmu->version < 4 ||/host_pmu->version < 6 ||/' arch/x86/kvm/vmx/pmu_intel.c
	not_built 'no host has a mediated vPMU' 2 'the self-test does not hold: expect wrmsr 0x38f 0x70000000f = ok: bad-input'
	run kernel build "$scratch/changed" --force -o "$scratch/new"
	run kernel diff "$scratch/old" "$scratch/new" --operations 30000
	check 'no host has a mediated vPMU: is found' prints 'NEW: bad-input$'
	check 'no host has a mediated vPMU: leads to the line' prints 'pmu_intel.c:[0-9]*: if \(host_pmu->version < 4'
fi

# NAME FILE SED-EXPRESSION LINE OPTION…: a break is found, with a short script, and led to the line.
found() {
	changed sed -i "$3" "$2"
	check "$1: something is changed" [ "$(cmp "$tree/$2" "$scratch/changed/$2")" ]
	run kernel build "$scratch/changed" --force -o "$scratch/new"
	check "$1: is built" same "$status" 0
	run kernel diff "$scratch/old" "$scratch/new" --operations 500000 "${@:5}"
	check "$1: is found" same "$status" 1
	check "$1: every script has 12 lines at most" awk '
		/^   model / { count = 0 }
		/^   [a-z]/ { if (++count > 12 && !/executes and|functions only/) bad = 1 }
		/^$/ { count = 0 }
		END { exit bad }' "$scratch/out"
	check "$1: leads to the line" prints "$4"
}

found 'a write keeps what was emulated' $pmu \
	'/^void pmc_write_counter/,/^}/{/emulated_counter = 0;/d}' 'pmu.c:[0-9]*: pmc->emulated_counter = 0;'
found 'a fixed counter passes the filter' $pmu \
	's/return is_fixed_event_allowed(.*/return true;/' 'pmu.c:[0-9]*: return is_fixed_event_allowed'
found 'bits that the status has not' $pmu \
	'/case MSR_AMD64_PERF_CNTR_GLOBAL_STATUS_SET:/,/break;/s/ & ~pmu->global_status_rsvd\| & ~pmu->global_status_mask//' \
	'pmu.c:[0-9]*: pmu->global_status |= data'
if [ "$version" = 7.3 ]; then
	found 'mediated: a denied event is loaded' $pmu \
		's/wrmsrq(gp_eventsel_msr(i), pmc->eventsel_hw);/wrmsrq(gp_eventsel_msr(i), pmc->eventsel);/' \
		'pmu.c:[0-9]*: wrmsrq\(gp_eventsel_msr\(i\), pmc->eventsel_hw\);'
	found 'mediated: a control written twice passes the filter' arch/x86/kvm/vmx/pmu_intel.c \
		's/old_fixed_ctr_ctrl = pmu->fixed_ctr_ctrl_hw;/old_fixed_ctr_ctrl = pmu->fixed_ctr_ctrl;/' \
		'pmu_intel.c:[0-9]*: u64 old_fixed_ctr_ctrl = pmu->fixed_ctr_ctrl_hw;'
	found 'mediated: a mode of SVM counts always' arch/x86/kvm/svm/pmu.c \
		's/return !!(host_guest_bits & AMD64_EVENTSEL_GUESTONLY) != is_guest_mode(vcpu);/return false;/' \
		'svm/pmu.c:[0-9]*: return !!\(host_guest_bits' --models 'amd-k7;amd-perfmon-v2'
	found 'mediated: a selector stays behind' $pmu \
		'/^static void kvm_pmu_put_guest_pmcs/,/^}/{/wrmsrq(gp_eventsel_msr(i), 0);/s/.*/;/}' \
		'pmu.c:[0-9]*: wrmsrq\(gp_eventsel_msr\(i\), 0\);'
	found 'mediated: a register passes that is not the hardware'"'"'s' $pmu \
		'/^bool kvm_need_perf_global_ctrl_intercept/,/^}/s/kvm_need_any_pmc_intercept(vcpu) ||/0 ||/' \
		'pmu.c:[0-9]*: return kvm_need_any_pmc_intercept'
fi
found 'reserved bits of an AMD selector' arch/x86/kvm/svm/pmu.c \
	'/data &= ~pmu->reserved_bits;/d' 'svm/pmu.c:[0-9]*: data &= ~pmu->reserved_bits;'

if command -v python3 >/dev/null; then
	run kernel diff --json --html "$scratch/page" "$scratch/old" "$scratch/new" --operations 100000
	check 'HTML: a page as every other' python3 "$here/../tool/html_page.py" "$scratch/page"
	check 'HTML: has a part a difference, with its script' python3 - "$scratch/page" "$scratch/out" <<-'END'
		import html, json, sys
		page, found = open(sys.argv[1]).read(), json.load(open(sys.argv[2]))['differences']
		assert page.count('<section id="d') == len(found) > 0
		text = html.unescape(page)
		assert all(line in text for x in found for line in x['script'] + [x['new']['answer']])
		assert all(line['text'] in text for x in found for line in x['old']['lines'])
	END
	check 'JSON: has the differences' holds "$scratch/out" \
		'd["format"] == "vpmu-kernel-diff" and d["differences"] and
		all(x["old"]["answer"] != x["new"]["answer"] and x["script"] for x in d["differences"])'
	check 'JSON: has the patch' holds "$scratch/out" 'd["patch"]["lines"] == d["patch"]["executed"] == 1'
	described 'JSON: as its schema says' "$scratch/out"
else
	skip 'JSON: has the differences' 'no python3'
	skip 'JSON: has the patch' 'no python3'
fi
cp "$scratch/out" "$scratch/first"
run kernel diff --json "$scratch/old" "$scratch/new" --operations 100000
check 'the same seed finds the same' cmp "$scratch/first" "$scratch/out"
refused 'a page that cannot be written' 3 'no/page' kernel diff --html "$scratch/no/page" "$scratch/old" "$scratch/new"

changed sed -i '/^void kvm_pmu_destroy/,$b; s/printk_once("kvm pmu: pin control bit is ignored.n");/printk_once("");/' $pmu
run kernel build "$scratch/changed" -o "$scratch/new"
run kernel diff "$scratch/old" "$scratch/new" --operations 100000
check 'a patch that changes nothing: status' same "$status" 0
check 'a patch that changes nothing: how much of it was executed' \
	prints '^no difference in [0-9,]* operations.* the patch touches'

# --- Crashes, and no end -----------------------------------------------------------------------

# NAME STATEMENT TEXT: planted where a pin control bit is noticed.
ends() {
	changed sed -i "s/printk_once(\"kvm pmu: pin control.*/$2/" $pmu
	run kernel build "$scratch/changed" -o "$scratch/new"
	check "$1: is built" same "$status" 0
	printf 'model intel-v2\nwrmsr 0x38f 0xf\n# pin control\nwrmsr 0x186 0x5b00c0\nenter\nrdmsr 0xc1\n' \
		>"$scratch/script"
	run replay --kernel "$scratch/new" "$scratch/script"
	check "$1: replay: status" same "$status" 1
	check "$1: replay: one message" one_message
	check "$1: replay: says where" says "the kernel's code $3: $scratch/script:5: enter"
	run kernel diff "$scratch/old" "$scratch/new" --operations 30000
	check "$1: diff: status" same "$status" 1
	check "$1: diff: says so" grep -qF "NEW: the kernel's code $3" "$scratch/out"
	run kernel record "$scratch/new" --operations 30000
	check "$1: record: status" same "$status" 1
	check "$1: record: says so" grep -qF "OLD: the kernel's code $3" "$scratch/out"
}

# NAME STATEMENT TEXT: planted where the self-test comes by; how check --kernel tells it: check-broken.sh.
ends_self_test() {
	changed sed -i "/^int kvm_pmu_rdpmc(/,/^{/s/^{/{ $2/" $pmu
	not_built "$1 in the self-test" 2 "the self-test does not hold: the kernel's code $3 in: model intel-v2; profile "
	check "$1 in the self-test: the script that does it" says 'expect rdpmc 0 = '
}

# Slow code that ends is no difference, however much it takes of what a program may.
slow() {
	changed sed -i 's/printk_once("kvm pmu: pin control.*/{ static long i; while (i < 600000000) i++; }/' $pmu
	run kernel build "$scratch/changed" -o "$scratch/new"
	check 'slow code: is built' same "$status" 0
	run kernel diff "$scratch/old" "$scratch/new" --operations 2000
	check 'slow code: diff: no difference' same "$status" 0
}

if [ "$parts" = all ]; then
	slow
	ends 'a crash' '*(volatile int *)8 = 1;' 'crashed (SIGSEGV)'
	ends 'an endless loop' 'for (;;) ;' 'does not end'
	ends_self_test 'a crash' '*(volatile int *)8 = 1;' crashed
	ends_self_test 'an endless loop' 'for (;;) ;' 'does not end'
fi

# --- Against the profile -----------------------------------------------------------------------

run kernel record "$scratch/old" --operations 200000
sed 's/^/# /' "$scratch/out"
check 'record: no difference' same "$status" 0
if [ "$version" = 7.3 ]; then
	run kernel record "$scratch/old" --profile mediated --operations 200000
	check 'record: the mediated vPMU, no difference' same "$status" 0
	printf 'model intel-v2\nprofile mediated\nhost pdcm=off\nenter\n' >"$scratch/script"
	run replay --kernel "$scratch/old" "$scratch/script"
	check 'a host without one: status' same "$status" 2
	check 'a host without one: says where' says "AMD's PerfMonV2: $scratch/script:4"
else
	refused 'record: a kernel without a mediated vPMU' 2 "linux-$version has no mediated vPMU" \
		kernel record "$scratch/old" --profile mediated
	printf 'model intel-v2\nprofile mediated\nenter\n' >"$scratch/script"
	run replay --kernel "$scratch/old" "$scratch/script"
	check 'a kernel without one: status' same "$status" 2
	check 'a kernel without one: says where' says "no mediated vPMU: $scratch/script:2"
fi
refused 'record: no such profile' 2 'linux-9.9' kernel record "$scratch/old" --profile linux-9.9
finish
