# SPDX-License-Identifier: MIT
"""vpmu run --interval and --csv: the intervals are the whole, whatever a run lives through. TAP.

intervals.py VPMU GUESTS
"""
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from tap import check, finish

VPMU, GUESTS = sys.argv[1:]
# Rings, exceptions and interrupts, in fewer than a million instructions.
GUEST = f'{GUESTS}/rings.elf'
scratch = tempfile.TemporaryDirectory()


def run(*options, guest=(GUEST,)):
    """Status, and the lines on stderr."""
    result = subprocess.run([VPMU, 'run', '--timeout', '120', *options, *guest],
                            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return result.returncode, result.stderr.splitlines()


def rows(*options, guest=(GUEST,)):
    """Of --stat --csv: intervals as {at: {event: (value, over)}}, and the rest as lines."""
    intervals, rest = {}, []
    for line in run('--stat', '--csv', ';', *options, guest=guest)[1]:
        fields = line.split(';')
        if len(fields) == 6:
            at, value, _, event, over, _ = fields
            intervals.setdefault(int(at), {})[event] = (
                0 if value == '<not counted>' else int(value), int(over))
        else:
            rest.append(line)
    return intervals, rest


def totals(lines):
    """{event: (value, over)} of a whole run."""
    fields = [line.split(';') for line in lines]
    return {event: (0 if value == '<not counted>' else int(value), int(over))
            for value, _, event, over, _ in fields if '/' not in event}


def sums(intervals):
    result = {}
    for row in intervals.values():
        for event, (value, over) in row.items():
            before = result.get(event, (0, 0))
            result[event] = before[0] + value, before[1] + over
    return result


def compare(name, intervals, whole):
    got = {event: pair for event, pair in sums(intervals).items() if pair != (0, 0)}
    wanted = {event: pair for event, pair in whole.items() if pair != (0, 0)}
    check(name, '' if got == wanted and got else f'{got} is not {wanted}')


none, PLAIN = rows()
WHOLE = totals(PLAIN)
END = WHOLE['instructions'][0]
check('without --interval there are none', none)
check('exact classes are measured over all',
      '' if WHOLE['instructions'][1] == WHOLE['branches'][1] == END > 0 else WHOLE)
for step in 1000, 65537, END - 1, END, END + 1:
    found, rest = rows('--interval', str(step))
    compare(f'intervals of {step}: their sum is the whole', found, WHOLE)
    check(f'intervals of {step}: the run is no other', '' if rest == PLAIN else f'{rest}')
    ends = list(range(step, END + 1, step))
    check(f'intervals of {step}: each ends where it must',
          '' if list(found) == ends + [END] * (not ends or ends[-1] != END) else f'{list(found)[:9]}')
again, _ = rows('--interval', '65537')
found, _ = rows('--interval', '65537')
check('another run has the same', '' if again == found else f'{again}')
found, rest = rows('--interval', '65537', '--migrate-at', '65537,70000,200000')
check('so has one that migrates', '' if found == again and rest == PLAIN else f'{found}')

# A reset begins anew; the numbers of instructions go on.
found, rest = rows('--interval', '65537', '--reset-at', '100000')
check('a reset: what was before it is shown', '' if 100000 in found else f'{list(found)}')
check('a reset: then as without it',
      '' if {at - 100000: row for at, row in found.items() if at > 100000} == again else 'it is not')

# What a saved machine goes on with is what it was not saved with.
saved = os.path.join(scratch.name, 'saved')
first, _ = rows('--interval', '65537', '--save', saved, '--at', '100000')
second, rest = rows('--interval', '65537', '--restore', saved, guest=())
compare('saved and restored: their sum is the whole', first | second, WHOLE)
check('saved and restored: the same whole', '' if totals(rest) == WHOLE else f'{rest}')

status, lines = run('--stat', '--interval', '65537')
check('as a table: a head, then rows', '' if status == 1 and lines[0].split() ==
      ['#', 'instructions', 'counts', 'event'] and lines[1].split() ==
      ['65,537', '65,537', 'instructions'] else f'{lines[:3]}')
check('as a table: the real time', '' if lines[-2].endswith('  seconds time elapsed')
      else f'{lines[-2:]}')
for name, options in {'no separator': ('--stat', '--csv', ''), 'a digit': ('--stat', '--csv', '1'),
                      'a control character': ('--stat', '--csv', '\x1b'),
                      'nothing to print': ('--csv', ','), 'too short': ('--interval', '999'),
                      'on KVM': ('--cpu', 'kvm', '--interval', '1000')}.items():
    status, lines = run(*options)
    check(f'{name}: refused in one line', '' if status == 2 and len(lines) == 1 else f'{status} {lines}')
finish()
