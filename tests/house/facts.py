#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the silicon says stands in src/arch, and what a kernel says in its profile: no other file
compares a vendor or a version, or has the number of a PMU's register.
  facts.py SOURCES          prints TAP"""

import pathlib
import re
import sys

# src/kernel is the kernel's own code and what it needs around it, tool/kernel/program.c draws what is run on
# it: without a word of src/arch, as witnesses.
AT_HOME = re.compile(r"src/arch/|src/core/profile_|src/kernel/|tool/kernel/program")

# Numbers of registers of every vendor's PMU, as vpmu models prints them.
RUNS = ((0xC1, 15), (0x186, 15), (0x1A0, 1), (0x1D9, 1), (0x309, 8), (0x329, 1), (0x345, 1), (0x38D, 6), (0x3F1, 1),
        (0x4C1, 15), (0xC0000300, 4), (0xC0010000, 8), (0xC0010200, 30))
NUMBERS = {first + i for first, count in RUNS for i in range(count) if first + i > 0xFF}

KINDS = {
    "a vendor is compared": re.compile(r"[!=]=\s*VPMU_VENDOR_[A-Z]|\bVPMU_VENDOR_[A-Z]+\s*[!=]=|\bcase VPMU_VENDOR_"),
    "a model's version is compared": re.compile(r"\bversion\s*(<|>|<=|>=|==|!=)\s*\d"),
    "a processor's family is compared": re.compile(r"\b[a-z_]*family\w*(\([^()]*\))?\s*(<|>|<=|>=|==|!=)\s*\w"),
}
HEX = re.compile(r"\b0x[0-9a-fA-F]+\b")

# What such a line may say all the same, and why.
EXCEPTIONS = (
    ("src/stream/foreign/kin.c", "model->version < 2", "a log tells of fixed counters that version 1 lacks"),
    ("src/stream/foreign/kernel_log.c", "traits->version > 1", "a driver's words"),
    ("src/stream/foreign/names.c", "version > 15", "of a CPU model, not of a PMU"),
    ("src/stream/foreign/known.c", "family < 0xf", "how CPUID writes a family"),
    ("src/stream/foreign/known.c", "family == 0xf", "how CPUID writes a family"),
    ("src/stream/foreign/known.c", "known[i].family == family", "the look-up in a table"),
    ("src/machine/saved/migrate_", "_family", "of a socket"),
    ("src/machine/saved/migrate_", "family == AF_", "of a socket"),
    ("src/machine/kvm/vm_run.c", "APIC_CURRENT_COUNT = 0x390", "an offset in the APIC's page"),
    ("tool/selector/name.c", "family", "the look-up in a table of libpfm4's names"),
)


def code_of(text):
    """The text without comments and strings, with its lines."""
    pattern = r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"'
    return re.sub(pattern, lambda found: "\n" * found.group().count("\n"), text, flags=re.DOTALL)


def is_excepted(path, line, used):
    for i, (file, words, _) in enumerate(EXCEPTIONS):
        if path.startswith(file) and words in line:
            used.add(i)
            return True
    return False


def look(files):
    """All that is wrong, and the exceptions that were needed."""
    wrong, used = [], set()
    for path, text in files:
        if AT_HOME.match(path):
            continue
        for number, line in enumerate(code_of(text).split("\n"), 1):
            what = [kind for kind, pattern in KINDS.items() if pattern.search(line)]
            if any(int(found, 16) in NUMBERS for found in HEX.findall(line)):
                what.append("the number of a PMU's register")
            if what and not is_excepted(path, line, used):
                wrong.append(f"{path}:{number}: {what[0]}: {line.strip()}")
    return wrong, used


def sources(root):
    for folder in ("src", "tool"):
        for path in sorted((root / folder).rglob("*.[ch]")):
            yield str(path.relative_to(root)), path.read_text(encoding="utf-8")


# A line of each kind: what the look must find, and what it must not.
FOUND = ("if (model->vendor == VPMU_VENDOR_AMD)", "if (VPMU_VENDOR_INTEL != v)", "case VPMU_VENDOR_AMD:",
         "if (model->version >= 2)", "if (signature_family(s) < 6)", "{.first = 0x1a0,", "msr = 0xC0010203;")
PASSED = ("[VPMU_VENDOR_AMD] = &amd,", "/* version >= 2 */", 'puts("wrmsr 0x38f 1");', "if (!model->version)",
          "mask = 0xc1;")


def main():
    root = pathlib.Path(sys.argv[1])
    wrong, used = look(sources(root))
    found = [line for line in FOUND if not look([("src/x.c", line)])[0]]
    passed = [line for line in PASSED if look([("src/x.c", line)])[0]]
    idle = [EXCEPTIONS[i][:2] for i in range(len(EXCEPTIONS)) if i not in used]
    results = (("facts stand where they are known", wrong),
               ("every exception is needed", idle),
               ("each kind of line is found", found),
               ("what is none is passed over", passed))
    print(f"1..{len(results)}")
    for number, (name, problems) in enumerate(results, 1):
        print(f"{'not ok' if problems else 'ok'} {number} - {name}")
        for problem in problems:
            print(f"# {problem}")


main()
