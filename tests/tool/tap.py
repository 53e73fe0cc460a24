# SPDX-License-Identifier: MIT
"""TAP for the tests in Python: one line a test, the plan at the end."""
import sys

tests = failures = 0


def check(name, problem):
    """One test: it holds when there is no problem."""
    global tests, failures
    tests += 1
    failures += bool(problem)
    print(f"{'not ok' if problem else 'ok'} {tests} - {name}")
    if problem:
        print(f"# {problem}"[:2000])
    sys.stdout.flush()


def skip(name, reason):
    """One test that cannot be made here."""
    global tests
    tests += 1
    print(f"ok {tests} - {name} # SKIP {reason}")


def finish():
    print(f"1..{tests}")
    sys.exit(failures != 0)
