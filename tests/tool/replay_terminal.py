#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vpmu replay with a person at a terminal: a pseudo-terminal, and what is typed at it.
  replay_terminal.py VPMU
Prints TAP; skips where no pseudo-terminal can be made."""
import os
import pty
import re
import select
import signal
import sys
import termios
import time

sys.dont_write_bytecode = True  # nothing is left in the sources
from tap import check, finish

VPMU = sys.argv[1]
PATIENCE = 20  # seconds, for a tool that hangs
HANGS = 'it hangs:'


class Terminal:
    def __init__(self, *arguments):
        self.text = ''
        self.process, self.fd = pty.fork()
        if not self.process:
            os.environ.update(TERM='xterm', HOME='/nonexistent', NO_COLOR='1')
            os.execv(VPMU, [VPMU, 'replay', *arguments])

    def read(self):
        """False: the other side has gone."""
        if not select.select([self.fd], [], [], 0.1)[0]:
            return True
        try:
            data = os.read(self.fd, 4096)
        except OSError:
            return False
        self.text += re.sub(r'\x1b\[[0-9;]*[A-Za-z]', '', data.decode(errors='replace')).replace('\r', '')
        return bool(data)

    def wait(self, holds):
        end = time.monotonic() + PATIENCE
        while not holds() and self.read():
            if time.monotonic() > end:
                return False
        return holds()

    def prompted(self, times):
        return self.wait(lambda: self.text.count('vpmu> ') >= times and self.text.endswith('vpmu> '))

    def is_raw(self):
        """The tool reads keys; before that the kernel would edit the line, and Ctrl-U take it away."""
        return not termios.tcgetattr(self.fd)[3] & termios.ICANON

    def type(self, keys, pattern='vpmu> $'):
        """What came of it, when that is there and a prompt behind it."""
        self.wait(self.is_raw)
        before = len(self.text)
        os.write(self.fd, keys.encode())
        self.wait(lambda: re.search(pattern, self.text[before:]) and self.text.endswith('\nvpmu> '))
        return self.text[before:]

    def end(self, keys):
        """The exit status."""
        end = time.monotonic() + PATIENCE / 2
        while time.monotonic() < end:
            os.write(self.fd, keys)
            for _ in range(20):
                self.read()
                done, status = os.waitpid(self.process, os.WNOHANG)
                if done:
                    return os.waitstatus_to_exitcode(status)
                time.sleep(0.05)
        return self.hangs()

    def hangs(self):
        """Where it stands, for who looks for the cause."""
        facts = [repr(self.text[-200:]), str(termios.tcgetattr(self.fd)[:4])]
        for name in 'wchan', 'syscall':
            try:
                with open(f'/proc/{self.process}/{name}', encoding='ascii') as file:
                    facts.append(f'{name} {file.read().strip()}')
            except OSError:
                pass
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        return ' '.join([HANGS, *facts])

    def type_while_busy(self, keys):
        """As while a command runs: the terminal is in its cooked mode."""
        os.kill(self.process, signal.SIGSTOP)
        os.waitpid(self.process, os.WUNTRACED)
        raw = termios.tcgetattr(self.fd)
        cooked = raw[:3] + [raw[3] | termios.ICANON] + raw[4:]
        termios.tcsetattr(self.fd, termios.TCSANOW, cooked)
        os.write(self.fd, keys)
        termios.tcsetattr(self.fd, termios.TCSANOW, raw)
        os.kill(self.process, signal.SIGCONT)


def tell(name, holds, text):
    check(name, None if holds else repr(text))


def answers(terminal, name, keys, pattern):
    text = terminal.type(keys, pattern)
    tell(name, re.search(pattern, text), text)


def converse():
    terminal = Terminal()
    tell('a prompt', terminal.prompted(1), terminal.text)
    answers(terminal, 'a command is answered', 'model zen4\n', r'\nok\n')
    answers(terminal, 'Tab completes a command and a register', 'wrm\tPerfEvtS\t0 0x5300c0\n',
            r'PerfEvtSel0 0x5300c0\n+ok\n')
    answers(terminal, 'an error is one line, and ends nothing', 'frobnicate\n',
            r'\nvpmu: unknown replay command .frobnicate.[^\n]*\nvpmu> $')
    answers(terminal, 'a name that is nearly one', 'rdmsr PerfCtr17\n', r"did you mean 'PerfCtr1'")
    answers(terminal, 'history: the line before', '\x1b[A\x1b[A\x1b[A\n', r'0x5300c0\n+ok\n')
    answers(terminal, 'a line that is edited', 'rdmsr PerfCtrX\x7f0\n', r'\n0x0\n')
    answers(terminal, 'Tab shows what there is', 'rd\t\t\x15\n', r'rdmsr  rdpmc')
    answers(terminal, 'help', 'help\n', r'  wrmsr INDEX VALUE\n')
    answers(terminal, 'help registers', 'help registers\n', r'  0xc0010201  PerfCtr0\n')
    answers(terminal, 'an empty line', '\n', r'^\n+vpmu> $')
    terminal.end(b'quit\n')


def ends(name, keys, lines, wanted):
    """On a busy machine a key may be lost: then once more, with another terminal."""
    for _ in range(3):
        terminal = Terminal()
        terminal.prompted(1)
        for line in lines:
            terminal.type(line)
        status = terminal.end(keys)
        if not str(status).startswith(HANGS):
            break
        print('#', status)
    tell(name, status == wanted, status)


def ends_early():
    terminal = Terminal()
    terminal.prompted(1)
    terminal.type('model zen4\n')
    terminal.type_while_busy(b'\x04')
    status = terminal.end(b'')
    tell('Ctrl-D while a command runs ends it after that', status == 0, status)


def differing():
    terminal = Terminal('-', '--trace')
    terminal.prompted(1)
    terminal.type('model intel-v2\n')
    answers(terminal, '--trace shows what has changed', 'wrmsr IA32_PMC0 5\n',
            r'# 2: wrmsr 0xc1 0x5\nok\n# IA32_PMC0: 0x0 -> 0x5\n')
    answers(terminal, 'an expect that fails', 'expect rdmsr 0xc1 = 0x6\n', r'expected 0x6 got 0x5\n')
    terminal.end(b'quit\n')


def main():
    try:
        os.close(os.openpty()[0])
    except OSError as error:
        print('1..0 # SKIP no pseudo-terminal:', error)
        return
    converse()
    differing()
    ends('Ctrl-D ends it with status 0', b'\x04', ['model zen4\n'], 0)
    ends_early()
    ends('quit ends it, with status 1 after an expect that failed', b'quit\n',
         ['model zen4\n', 'expect rdmsr PerfCtr0 = 0x1\n'], 1)
    finish()


main()
