# SPDX-License-Identifier: MIT
"""Which QEMU the tests run: VPMU_QEMU, a command; the one in PATH; or that of the Debian 13 root of
scripts/debian13, where there is one already. And a stand-in for it that is one program."""
import os
import shlex
import shutil
import subprocess

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TIMING = ('cycles', 'branch-misses', 'llc', 'slots', 'LLC')


def candidates():
    named = os.environ.get('VPMU_QEMU')
    if named:
        return [shlex.split(named)]
    found = [['qemu-system-x86_64']] if shutil.which('qemu-system-x86_64') else []
    script = os.path.join(SOURCE, 'scripts/debian13')
    root = os.path.join(SOURCE, 'build-debian/debian13')
    if os.path.exists(root + '/usr/bin/qemu-system-x86_64') and os.path.exists(script):
        found.append([script, '--root', root, 'qemu-system-x86_64'])
    return found


def loads(command, plugin):
    """Whether the QEMU loads the plugin; without a model that is all it does."""
    try:
        tried = subprocess.run([*command, '-M', 'none', '-display', 'none', '-plugin', plugin],
                               stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if 'vpmu: no model' in tried.stderr:
        return None
    return (tried.stderr.strip().splitlines() or ['it says nothing'])[-1]


def find(plugin):
    """The command's words, or None and the reason."""
    reason = 'no qemu-system-x86_64 here'
    for command in candidates():
        problem = loads(command, plugin)
        if not problem:
            return command, None
        reason = f'{shlex.join(command)} does not load the plugin: {problem}'
    return None, reason


def stand_in(command, folder):
    """A program that is the QEMU, whatever words call it."""
    path = os.path.join(folder, 'qemu-system-x86_64')
    with open(path, 'w') as file:
        file.write(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    os.chmod(path, 0o755)
    return path
