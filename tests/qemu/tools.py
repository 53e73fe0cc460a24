#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Other people's tools on the plugin's PMU, in a guest of vpmu stat's: rr records and replays, PAPI counts.
  tools.py VPMU PLUGIN FOLDER [MODEL…]
FOLDER as for stat.py. The tools are those of the system that QEMU runs in (Debian: rr, papi-tools).
Prints TAP; skips without a QEMU that fits, and what needs a tool that is not there. Takes minutes."""
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing is left in the sources
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '../tool'), HERE]
import qemu
import tap

VPMU, PLUGIN, FOLDER = map(os.path.abspath, sys.argv[1:4])
MODELS = sys.argv[4:] or ['skylake', 'zen2']
PATIENCE = 1800

# Each line of the guest's: a name, and "ok", "missing", or what went wrong.
SCRIPT = '''
export TMPDIR=/tmp HOME=/tmp
echo 0 >/proc/sys/kernel/perf_cpu_time_max_percent
echo 1 >/proc/sys/kernel/perf_event_paranoid # Debian's 3 makes PAPI give up, also as root
replay() {
	name=$1; shift
	command -v rr >/dev/null || { echo "$name: missing"; return; }
	rr record "$@" >/tmp/recorded 2>/tmp/errors || { echo "$name: record: $(tail -n 1 /tmp/errors)"; return; }
	rr replay -a >/tmp/replayed 2>/tmp/errors || { echo "$name: replay: $(tail -n 1 /tmp/errors)"; return; }
	cmp -s /tmp/recorded /tmp/replayed && [ -s /tmp/recorded ] && echo "$name: ok" || echo "$name: another output"
}
replay 'rr: ls' ls -l /usr
replay 'rr: two processes' sh -c 'ls /usr | sort -r'
replay 'rr: chaos' -h sh -c 'ls /usr | sort -r'
if command -v papi_command_line >/dev/null; then
	papi_command_line PAPI_TOT_INS PAPI_BR_INS 2>&1 | grep -c -E '^PAPI_(TOT|BR)_INS : *[[:space:]]*[1-9][0-9]{6}' | sed 's/^2$/ok/; s/^/papi: /'
else
	echo 'papi: missing'
fi
'''
WANTED = ('rr: ls', 'rr: two processes', 'rr: chaos', 'papi')


def guest(program, model):
    """What the script's lines say, by name; and stderr."""
    done = subprocess.run(
        [VPMU, 'stat', '--model', model, '--qemu', program, '--kernel', f'{FOLDER}/vmlinuz',
         '--modules', f'{FOLDER}/modules', '--', '/bin/sh', '-c', SCRIPT], cwd=FOLDER,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    found = re.findall(r'^((?:rr: )?[\w ]+): (.*)$', done.stdout, re.M)
    return dict(found), f'{done.stdout[-300:]!r} {done.stderr[-300:]!r}'


command, reason = qemu.find(PLUGIN)
if command and not os.path.exists(f'{FOLDER}/vmlinuz'):
    command, reason = None, f'no kernel in {FOLDER} (tests/qemu/linux/make-guest makes one)'
for model in MODELS:
    if not command:
        tap.skip(model, reason)
        continue
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        said, text = guest(qemu.stand_in(command, folder), model)
    for name in WANTED:
        if said.get(name) == 'missing':
            tap.skip(f'{model}: {name}', 'the system that QEMU runs in lacks the tool')
        else:
            tap.check(f'{model}: {name}', '' if said.get(name) == 'ok' else
                      f'{said.get(name)} {text}')
tap.finish()
