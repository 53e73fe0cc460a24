# SPDX-License-Identifier: MIT
"""vpmu check --resume: what is done stays, whatever ends a run, and nothing else is taken. TAP.

resume.py VPMU FOLDER-OF-TAP
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

VPMU, TAP = sys.argv[1:]
sys.path.insert(0, TAP)
from tap import check, finish  # noqa: E402

folder = tempfile.TemporaryDirectory()
KEPT = os.path.join(folder.name, "kept")
WHAT = ["--model", "intel-v2", "--order", "no-stop", "--scope", "between=1,mixed=0,nodes=16384",
        "--jobs", "1"]
PATIENCE = 600


def run(*arguments):
    return subprocess.run([VPMU, "check", *WHAT, *arguments], capture_output=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=PATIENCE)


def kept():
    with open(KEPT, encoding="utf-8") as file:
        return json.load(file)


def keep(document):
    with open(KEPT, "w", encoding="utf-8") as file:
        json.dump(document, file)


def started():
    """A run, from the moment on when it keeps something."""
    process = subprocess.Popen([VPMU, "check", *WHAT, "--json", "--resume", KEPT],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    before = os.stat(KEPT).st_ino if os.path.exists(KEPT) else 0
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end and not (
            os.path.exists(KEPT) and os.stat(KEPT).st_ino != before):
        time.sleep(0.002)
    return process


def interrupted(number, delay):
    """What a run says that gets the signal after a while; its output when it was faster."""
    process = started()
    try:
        out, _ = process.communicate(timeout=delay)
        return process.returncode, out, ""
    except subprocess.TimeoutExpired:
        process.send_signal(number)
        out, said = process.communicate(timeout=PATIENCE)
        return process.returncode, out, said.decode()


first = run("--json")
if first.returncode == 3:
    for arguments in ("--resume", KEPT), ("--merge", KEPT):
        said = run(*arguments)
        check(f"without JSON {arguments[0]} says so", "" if said.returncode == 3 and said.stderr ==
              b"vpmu: this build has no JSON, which is what --resume keeps and --merge joins "
              b"(build it with Jansson)\n" and not os.path.exists(KEPT) else f"{said}")
    finish()
WHOLE = json.loads(first.stdout)
COUNT = len(WHOLE["cells"])

# Interrupted again and again, a little later each time.
delay, done, rounds, wrong, between = 0.02, 0, 0, [], 0
while True:
    number = (signal.SIGINT, signal.SIGTERM, signal.SIGINT, signal.SIGKILL)[rounds % 4]
    status, output, said = interrupted(number, delay)
    if status in (0, 1):
        break
    now = len(kept()["cells"])
    prints = now == COUNT  # and ends as any other program
    if status != -number or now < done or output and not prints:
        wrong.append(f"round {rounds}: status {status}, {done} cells, then {now}")
    told = f"vpmu: interrupted: {now} of {COUNT} cells are kept in {KEPT} (the same command goes on)\n"
    if number != signal.SIGKILL and said != told and not (prints and not said):
        wrong.append(f"round {rounds}: {said}")
    between += done < now < COUNT
    done, rounds, delay = now, rounds + 1, delay * 1.3
print(f"# {rounds} times interrupted, {between} times with more cells than before")
check("nothing that was done is lost", "; ".join(wrong))
check("a run was interrupted between two cells", "" if between else "none")
check("in the end it is the whole", "" if json.loads(output)["cells"] == WHOLE["cells"] and
      status == 1 else f"status {status}")
check("what is kept is the whole's document", "" if kept()["cells"] == WHOLE["cells"] else "no")
merged = subprocess.run([VPMU, "check", "--merge", "--json", KEPT], capture_output=True,
                        check=False)
check("which --merge takes", "" if merged.returncode == 1 and
      json.loads(merged.stdout)["cells"] == WHOLE["cells"] else merged.stderr.decode())

# What is done is taken, and not explored again.
planted = json.loads(json.dumps(WHOLE))
planted["cells"][3]["scenarios"] = 12345
del planted["cells"][4:6]
keep(planted)
again = json.loads(run("--json", "--resume", KEPT).stdout)
check("a cell that is done is not explored again",
      "" if again["cells"][3]["scenarios"] == 12345 else "it is")
check("one that is not done is", "" if again["cells"][4:6] == WHOLE["cells"][4:6] else "it is not")
check("the time of all runs is added up",
      "" if again["seconds"] >= planted["seconds"] else f"{again['seconds']}")
keep(planted)
part = run("--json", "--shard", "1/2", "--resume", os.path.join(folder.name, "part"))
check("a part of a whole is kept, too",
      "" if json.loads(part.stdout)["cells"] == WHOLE["cells"][0::2] else part.stderr.decode())


def refused(name, text, *arguments, status=2):
    before = open(KEPT, "rb").read()
    result = run("--resume", KEPT, *arguments)
    said = result.stderr.decode()
    good = result.returncode == status and text in said and said.count("\n") == 1
    good = good and not result.stdout and open(KEPT, "rb").read() == before
    check(name, "" if good else f"status {result.returncode}: {said}")


for name, arguments in {"levels": ("--level", "full"), "profiles": ("--profile", "linux-6.1"),
                        "shards": ("--shard", "1/2")}.items():
    refused(f"another whole: {name}", f"'{name}' differs", *arguments)
WHOLE["shards"], WHOLE["shard"] = 2, 2
keep(WHOLE)
refused("another part", "'shard' differs", "--shard", "1/2")
WHOLE["shards"], WHOLE["shard"] = 1, 1
WHOLE["cells"][1] = WHOLE["cells"][0]
keep(WHOLE)
refused("a cell that is there twice", "or there twice: cells[1]")
WHOLE["cells"][1] = dict(WHOLE["cells"][0], index=COUNT)
keep(WHOLE)
refused("a cell that there is none", "not a cell of this part, or there twice: cells[1]")
text = json.dumps(planted)
for cut in range(0, len(text), len(text) // 40):
    with open(KEPT, "w", encoding="utf-8") as file:
        file.write(text[:cut])
    refused(f"cut after {cut} bytes", "not what --resume has kept")
for option in "--merge", "--search":
    refused(f"with {option}", "--resume goes without", option)
result = run("--resume", os.path.join(folder.name, "no", "such"))
check("where nothing can be written", "" if result.returncode == 3 and not result.stdout
      else f"{result}")
finish()
