# SPDX-License-Identifier: MIT
"""vpmu check --merge: parts of one whole join, and nothing else does, as TAP.

merge.py VPMU FOLDER-OF-TAP
"""
import copy
import json
import os
import subprocess
import sys
import tempfile

VPMU, TAP = sys.argv[1:]
sys.path.insert(0, TAP)
from tap import check, finish  # noqa: E402

folder = tempfile.TemporaryDirectory()
SMALL = "between=1,mixed=0,nodes=16384"
BASE = {"--model": "intel-v2", "--profile": "linux-6.12", "--order": "no-stop",
        "--scope": SMALL, "--shard": "1/2"}


def path(name):
    return os.path.join(folder.name, name)


def run(*arguments):
    return subprocess.run([VPMU, "check", *arguments], capture_output=True, check=False,
                          stdin=subprocess.DEVNULL)


def document(**changes):
    """What vpmu check --json prints, with other options than BASE."""
    options = BASE | {"--" + key: value for key, value in changes.items()}
    arguments = [word for key, value in options.items() if value for word in (key, value)]
    return json.loads(run(*arguments, "--json").stdout)


def merge(*documents, options=()):
    names = []
    for i, content in enumerate(documents):
        names.append(path(f"part{i}"))
        with open(names[-1], "w", encoding="utf-8") as file:
            json.dump(content, file)
    return run("--merge", *names, *options)


def problem(result, status, text):
    """One message of that text, and nothing else printed; or a table, when there is no text."""
    said = result.stderr.decode()
    good = result.returncode == status and text in said
    if text:
        good = good and said.count("\n") == 1 and said.startswith("vpmu: ") and not result.stdout
    return None if good else f"status {result.returncode}, {said}"


def refused(name, text, *documents, options=()):
    check(name, problem(merge(*documents, options=options), 2, text))


def changed(place, value, base=None):
    """A copy of a document, with another value at a place; DELETE removes it."""
    result = copy.deepcopy(base or ONE)
    *way, last = place
    inner = result
    for key in way:
        inner = inner[key]
    if value is DELETE:
        del inner[last]
    else:
        inner[last] = value
    return result


DELETE = object()
first = run("--json", "--model", "intel-v2", "--shard", "1/1000")
if first.returncode == 3:
    print("1..0 # SKIP", first.stderr.decode().strip())
    sys.exit(0)
ONE, TWO, WHOLE = document(), document(shard="2/2"), document(shard=None)

joined = merge(ONE, TWO, options=["--json"])
check("the parts make the whole", problem(joined, 1, ""))
cells = json.loads(joined.stdout)
check("the same cells", None if cells["cells"] == WHOLE["cells"] else "other cells")
check("the same whole", None if cells["whole"] == WHOLE["whole"] else "another whole")
check("in any sequence", None if json.loads(merge(TWO, ONE, options=["--json"]).stdout)["cells"]
      == WHOLE["cells"] else "other cells")
many = merge(*(document(shard=f"{part}/20") for part in range(1, 21)), options=["--json"])
check("twenty parts make the whole", None if many.stdout and json.loads(many.stdout)["cells"]
      == WHOLE["cells"] else many.stderr.decode())
check("what is joined is a part, 1 of 1", problem(merge(cells), 1, ""))

# Parts of different wholes.
for member, changes in {"models": {"model": "intel-v4"}, "profiles": {"profile": "linux-6.1"},
                        "orders": {"order": "safe"}, "levels": {"level": "full"},
                        "lives": {"life": "running"}, "scope": {"scope": "between=0"},
                        "shards": {"shard": "2/3"}}.items():
    other = document(**({"shard": "2/2"} | changes))
    refused(f"another whole: {member}", f"'{member}' differs", ONE, other)
refused("another whole: the vpmu that made it", "'vpmu' differs", ONE,
        changed(["whole", "vpmu"], "0.0.1", TWO))
for name, value in ("one", 1), ("two", 2):
    with open(path(name), "w", encoding="utf-8") as plan:
        plan.write(f"IA32_PMC0 {value}\n")
refused("another whole: the plan", "'plan' differs", document(order=None, plan=path("one")),
        document(order=None, plan=path("two"), shard="2/2"))
HOST = document(host="gp=8,tsx=on")
check("a whole has its host", None if HOST["whole"].get("host") == "gp=8,tsx=on" else "no host")
check("parts with a host join", problem(merge(HOST, document(host="gp=8,tsx=on", shard="2/2")), 1, ""))
refused("another whole: the host", "'host' differs", HOST, document(host="gp=4", shard="2/2"))
refused("another whole: no host", "'host' differs", HOST, document(shard="2/2"))
refused("another whole: a host", "it has more members", ONE, document(host="gp=4", shard="2/2"))
for host in ("", "gp=9", "gp", "perfmon-v2=on", "gp=4\n"):
    evil = copy.deepcopy(HOST)
    evil["whole"]["host"] = host
    refused(f"a host that is none: {host!r}", "'host' is none", evil)
refused("another version of the document", "of another version than 2",
        changed(["version"], 1))
refused("what older ones wrote", "of another version", {"format": "vpmu-check", "version": 1})

# All of them, once each.
refused("a part is missing, by its number", "parts are missing: 2 of 2", ONE)
refused("a part is there twice", "part 1 is there twice", ONE, ONE)
refused("a cell is missing", "'cells' is not an array", changed(["cells", 1], DELETE))
refused("another part's cells", "not the cell that the whole has there",
        changed(["cells"], TWO["cells"] + [ONE["cells"][0]]))
refused("a part beyond the last", "'shard' is not a number", changed(["shard"], 3))
for key in "order", "model", "profile", "life":
    value = {"order": "safe", "model": "intel-v4", "profile": "linux-6.1", "life": "none"}[key]
    refused(f"a cell of another {key}", "not the cell that the whole has there",
            changed(["cells", 0, key], value))

# Names are looked up: no path, no markup, no control character gets in by one.
for evil in "../../../x", "<b>x</b>", "x\x1b[31m", "x\u009b31m", "":
    for key in "orders", "profiles", "lives", "levels":
        refused(f"unknown name in {key}: {evil!r}", "unknown name",
                changed(["whole", key, 0], evil))
    refused(f"unknown model: {evil!r}", "unknown model",
            changed(["whole", "models", 0, "name"], evil))
    refused(f"unknown property: {evil!r}", "unknown property",
            changed(["cells", 1, "violations", 0, "property"], evil))
refused("a scope that is none", "'scope' is none", changed(["whole", "scope"], "between=<b>"))
refused("a scope in other words", "'scope' is none", changed(["whole", "scope"], "between=1"))
refused("a model of another name", "is another model",
        changed(["whole", "models", 0, "name"], "intel-v4"))
refused("a name that is there twice", "there twice",
        changed(["whole", "lives", 1], WHOLE["whole"]["lives"][0]))
for key in "state", "story", "script":
    for evil in "\x1b]0;x\x07", "\u009b31m", "a\rb", "\u202ex":
        refused(f"control characters in a {key}: {evil!r}", f"'{key}' has control characters",
                changed(["cells", 1, "violations", 0, key], evil))
refused("a number below 0", "'steps'", changed(["cells", 1, "violations", 0, "steps"], -1))
refused("a time below 0", "'seconds'", changed(["seconds"], -1))
refused("too many parts", "'shards'", changed(["shards"], 1 << 40))
refused("a wrong total", "'total'", changed(["total"], 1 << 30))
refused("an unknown member", "unknown member", changed(["x"], 1))

# What is text stays text.
marked = changed(["cells", 1, "violations", 0, "story"], "</pre><script>alert(1)</script>")
merge(marked, TWO, options=["--html", path("page"), "--counterexample", path("scripts")])
with open(path("page"), encoding="utf-8") as page:
    text = page.read()
check("a story is no markup", None if "&lt;script&gt;alert" in text and "<script>alert" not in text
      else "it is")
names = os.listdir(path("scripts"))
check("scripts are written into the folder", None if names and all(
    name.startswith("no-stop-intel-v2-linux-6.12-") for name in names) else str(names))
finish()
