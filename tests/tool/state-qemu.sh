#!/bin/bash
# SPDX-License-Identifier: MIT
# QEMU's migration files: real ones, with and without a description, and the same with a PMU that
# was used (QEMU's own emulation has none).
. "$(dirname "$0")/tap.sh" || exit

shows() {
	grep -qE -- "$1" "$scratch/out"
}

qemu=qemu-system-x86_64
if ! command -v $qemu >/dev/null; then
	echo "1..0 # SKIP no $qemu"
	exit 0
fi

# FILE ARGUMENT…: a machine that never ran, migrated to a file.
migrate() {
	local file=$1
	shift
	timeout 60 $qemu -S -nodefaults -display none -m 16 "$@" \
		-qmp unix:"$scratch/monitor",server=on,wait=off 2>"$scratch/qemu" &
	python3 - "$scratch/monitor" "$file" <<-'END'
		import json, socket, sys, time
		for _ in range(300):
		    try:
		        s = socket.socket(socket.AF_UNIX)
		        s.connect(sys.argv[1])
		        break
		    except OSError:
		        time.sleep(0.1)
		f = s.makefile("rw")
		def ask(command, **arguments):
		    f.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
		    f.flush()
		    for line in f:
		        answer = json.loads(line)
		        if "return" in answer or "error" in answer:
		            return answer.get("return", {})
		    sys.exit("QEMU has ended")
		ask("qmp_capabilities")
		ask("migrate", uri="exec:cat > " + sys.argv[2])
		while ask("query-migrate").get("status", "none") not in ("completed", "failed", "none"):
		    time.sleep(0.05)
		ask("quit")
	END
	wait
	rm -f "$scratch/monitor"
	[ -s "$file" ]
}

machine=pc,accel=tcg
check 'QEMU makes a file with a description' \
	migrate "$scratch/described" -machine $machine -cpu qemu64 -smp 2
check 'QEMU makes a file without one' \
	migrate "$scratch/plain" -machine $machine,suppress-vmdesc=on -cpu max -smp 2
for file in described plain; do
	run state show "$scratch/$file"
	check "$file: status" same "$status" 0
	check "$file: both vCPUs, idle" \
		same "$(grep -c 'vCPU [01]: the PMU was idle' "$scratch/out")" 2
	run state import-qemu "$scratch/$file" --model intel-v2 --out "$scratch/$file.vpmu"
	check "$file: imported" same "$status" 0
	run state show "$scratch/$file.vpmu"
	check "$file: every counter is 0" \
		same "$(grep -cE '^  0x.*(PMC|EVTSEL|CTR|GLOBAL).* 0x0$' "$scratch/out")" 28
done
check 'with a description' grep -q 'through its description' \
	<("$vpmu" state show "$scratch/described")
check 'without one' grep -q "by QEMU's layout" <("$vpmu" state show "$scratch/plain")

# IN OUT VCPU…: puts the PMU's subsection into the vCPUs' sections, and into the description.
splice() {
	python3 - "$@" <<-'END'
		import json, struct, sys
		data = open(sys.argv[1], "rb").read()
		name = b"cpu/msr_architectural_pmu"
		at = data.rfind(b"\0")
		start = data.find(b"{", at)
		described = start > 0
		tail = b""
		if described:
		    desc = json.loads(data[start:])
		    body = data[:start - 5]
		else:
		    body = data
		for vcpu in map(int, sys.argv[3:]):
		    # The head of the section; its footer has its number.
		    head = body.index(b"\3cpu" + struct.pack(">II", vcpu, 12)) - 5
		    end = body.index(b"\x7e" + body[head + 1:head + 5], head + 1800)
		    values = [0xb0 + vcpu, 0x70000000f, 1, 0, 5, 6, 7] + list(range(1, 5)) + [0] * 14
		    values += [0x5300c0] + [0] * 17
		    part = b"\5" + bytes([len(name)]) + name + struct.pack(">I43Q", 1, *values)
		    # After the subsections that QEMU has before it: these machines have no others.
		    body = body[:end] + part + body[end:]
		    if described:
		        device = [d for d in desc["devices"] if d["name"] == "cpu"][vcpu]
		        device.setdefault("subsections", []).append(
		            {"vmsd_name": name.decode(), "version": 1, "fields": [
		                {"name": "env.msr_fixed_ctr_ctrl", "type": "uint64", "size": 8},
		                {"name": "env.msr_global_ctrl", "type": "uint64", "size": 8},
		                {"name": "env.msr_global_status", "type": "uint64", "size": 8},
		                {"name": "env.msr_global_ovf_ctrl", "type": "uint64", "size": 8},
		                {"name": "env.msr_fixed_counters", "array_len": 3, "type": "uint64", "size": 8},
		                {"name": "env.msr_gp_counters", "array_len": 18, "type": "uint64", "size": 8},
		                {"name": "env.msr_gp_evtsel", "array_len": 18, "type": "uint64", "size": 8}]})
		if described:
		    text = json.dumps(desc).encode()
		    tail = b"\6" + struct.pack(">I", len(text)) + text
		open(sys.argv[2], "wb").write(body + tail)
	END
}

value_of() {
	"$vpmu" state show "$1" | awk -v vcpu="vCPU $2:" -v name="$3" \
		'/^vCPU/ { on = index($0, vcpu) } on && $2 == name { print $3 }'
}

for file in described plain; do
	splice "$scratch/$file" "$scratch/busy" 0 1
	run state show "$scratch/busy"
	check "$file, used: status" same "$status" 0
	check "$file, used: QEMU's fields" shows '^  gp_evtsel\[0\] +0x5300c0$'
	check "$file, used: of both vCPUs" same "$(grep -c 'architectural_pmu at offset' "$scratch/out")" 2
	run state import-qemu "$scratch/busy" --model intel-v2 --out "$scratch/busy.vpmu"
	check "$file, used: imported" same "$status" 0
	check "$file, used: IA32_PMC3" same "$(value_of "$scratch/busy.vpmu" 1 IA32_PMC3)" 0x4
	check "$file, used: IA32_FIXED_CTR_CTRL" \
		same "$(value_of "$scratch/busy.vpmu" 1 IA32_FIXED_CTR_CTRL)" 0xb1
	check "$file, used: IA32_PERF_GLOBAL_CTRL" \
		same "$(value_of "$scratch/busy.vpmu" 0 IA32_PERF_GLOBAL_CTRL)" 0x70000000f
	run state diff "$scratch/busy" "$scratch/busy.vpmu" --model intel-v2
	check "$file, used: no difference to the import" same "$status" 0
	run state compat "$scratch/busy" --state-model intel-v2 --model intel-v2
	check "$file, used: compat takes it" same "$status" 0
	run plan --state "$scratch/busy" --model intel-v2
	check "$file, used: a plan of it" shows '^0x186 +0x5300c0 +# IA32_PERFEVTSEL0$'
	refused "$file, used: no such PMU on AMD" 2 'global_ctrl: PerfCntrGlobalCtl cannot hold' \
		state import-qemu "$scratch/busy" --model zen4
	refused "$file, used: no fixed counters" 2 'vCPU 0: fixed_ctr_ctrl: the model has no such' \
		state import-qemu "$scratch/busy" --model intel-v1,gp=4
	splice "$scratch/$file" "$scratch/busy" 1
	run state show "$scratch/busy"
	check "$file, one used: the other is idle" shows '^vCPU 0: the PMU was idle'
done

refused 'no model' 2 'does not say which PMU its vCPUs have' state import-qemu "$scratch/described"
refused 'not a QEMU file' 2 'not a QEMU migration file' state import-qemu "$0" --model zen4
# Cut short: in memory, in the devices, in the description.
size=$(stat -c %s "$scratch/described")
for cut in 7 1000 230000 240000 $((size - 5000)) $((size - 1)); do
	head -c "$cut" "$scratch/described" >"$scratch/cut"
	run state show "$scratch/cut"
	check "cut at $cut: status" same "$status" 2
	check "cut at $cut: one message" one_message
done
cat "$scratch/described" "$scratch/plain" >"$scratch/two"
run state show "$scratch/two"
check 'something follows: status' same "$status" 0
run state show "$scratch/described"
cat "$scratch/described" | "$vpmu" state show - >"$scratch/piped" 2>"$scratch/err"
check 'from a pipe: the same' cmp "$scratch/out" "$scratch/piped"
# A sparse file of several GiB behind the magic: nothing of it is loaded.
printf 'QEVM\0\0\0\3' >"$scratch/huge"
truncate -s 6G "$scratch/huge"
limit=$(memory_limit 300000)
(ulimit -v $limit; timeout 120 "$vpmu" state show "$scratch/huge" >/dev/null 2>"$scratch/err")
check 'a huge file: refused' same "$?" 2
check 'a huge file: one message' one_message
finish
