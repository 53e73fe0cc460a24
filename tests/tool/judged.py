# SPDX-License-Identifier: MIT
"""What vpmu state compat says of a state, against a replay of the put of vpmu plan, as TAP.

judged.py VPMU [--rounds N] [--seed N] [--models NAME;...] [--profile NAME COMMAND...]

The replay is vpmu's own, or COMMAND's: --profile linux-6.1 OUTDIR/kreplay-6.1 asks the kernel.
"""
import argparse
import json
import os
import random
import subprocess
import tempfile
import time

from tap import check, finish

parser = argparse.ArgumentParser()
parser.add_argument("vpmu")
parser.add_argument("--rounds", type=int, default=12)
parser.add_argument("--seed", type=int, default=int(time.time()))
parser.add_argument("--profile", nargs="+", action="append", default=[])
parser.add_argument("--models", default="intel-v1;intel-v2;intel-v2,gp=8;intel-v4;intel-v5;"
                    "intel-v2,width=40;intel-v2,full-width=off;amd-k7;amd-perfcore;"
                    "amd-perfmon-v2;amd-perfmon-v2,gp=4;skylake;zen4")
options = parser.parse_args()
pick = random.Random(options.seed)
print(f"# --seed {options.seed}")

MODELS = options.models.split(";")
help_text = subprocess.run([options.vpmu, "models", "--help"], capture_output=True, text=True,
                           timeout=60, check=True).stdout
PROFILES = [[line.split()[0], options.vpmu, "replay", "-"]
            for line in help_text.split("\nProfiles:\n")[1].splitlines()]


def run(*arguments, text=None, good=(0, 1)):
    result = subprocess.run(arguments, input=text, capture_output=True, text=True, timeout=60,
                            check=False)
    if result.returncode not in good:
        raise RuntimeError(f"{arguments}: {result.returncode}: {result.stderr}")
    return result.stdout


def any_value(register):
    """One that a file of states can have: nothing but writable bits."""
    writable, reset = int(register["writable"], 16), int(register["reset"], 16)
    if register["kind"] == "capabilities" or not pick.randrange(3):
        return reset
    return pick.getrandbits(64) & writable


def make_state(model, path):
    about = json.loads(run(options.vpmu, "models", model, "--json"))
    registers = [{"name": r["name"], "msr": r["msr"], "value": hex(any_value(r))}
                 for r in about["registers"] if r["level"] in ("reset", "full")]
    vcpu = {"vcpu": 0, "model": about["model"], "registers": registers}
    with open(path, "w", encoding="ascii") as file:
        json.dump({"format": "vpmu-state", "version": 1, "vcpus": [vcpu]}, file)


def replay(model, profile, command, path, judged):
    """MSRs that were refused, and what each register of the state reads after the put."""
    writes = json.loads(run(options.vpmu, "plan", "--state", path, "--json"))["writes"]
    read = [r["msr"] for r in judged]
    script = [f"model {model}", f"profile {profile}"]
    script += [f"host-wrmsr {w['msr']} {w['value']}" for w in writes]
    script += [f"host-rdmsr {msr}" for msr in read]
    answers = run(*command, text="\n".join(script) + "\n").split()[2:]
    refused = {w["msr"] for w, answer in zip(writes, answers) if answer == "fail"}
    return refused, dict(zip(read, answers[len(writes):]))


def problem(model, profile, command, path):
    document = json.loads(run(options.vpmu, "state", "compat", path, "--model", model,
                              "--profile", profile, "--json"))
    with open(path, encoding="ascii") as file:
        stored = {r["msr"]: r["value"] for r in json.load(file)["vcpus"][0]["registers"]}
    judged = [r for r in document["vcpus"][0]["registers"] if r["msr"] in stored]
    refused, after = replay(model, profile, command, path, judged)
    for register in judged:
        msr, verdict = register["msr"], register["verdict"]
        if (msr in refused) != (verdict == "cannot take"):
            return f"{register['text']}: refused: {sorted(refused)}"
        if msr in refused:
            continue
        if after[msr] != register["becomes"]:
            return f"{register['text']}: it reads {after[msr]}"
        if verdict == "takes" and after[msr] != stored[msr]:
            return f"{register['text']}: it reads {after[msr]}"
    return None


with tempfile.TemporaryDirectory() as folder:
    state = os.path.join(folder, "state.json")
    for name, *command in options.profile or PROFILES:
        wrong = None
        for _ in range(options.rounds):
            chosen = pick.choice(MODELS)
            make_state(chosen, state)
            wrong = problem(chosen, name, command, state)
            if wrong:
                wrong = f"{chosen}: {wrong}"
                break
        check(f"{name}: judged is what a replay of the put comes to", wrong)
finish()
