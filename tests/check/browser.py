# SPDX-License-Identifier: MIT
"""A page in headless Chromium, spoken to through a pipe (--remote-debugging-pipe); no other package."""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PATIENCE = 60


def find():
    """A Chromium's path, or None."""
    return next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))),
                None)


class Browser:
    """One page. Every answer that does not come is an error after a while."""

    def __init__(self, program):
        self.home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        ours_in, its_out = os.pipe()
        its_in, ours_out = os.pipe()

        def hand_over():
            # Chromium reads from 3 and writes to 4, which may be the numbers of our own ends.
            kept = os.dup(its_in), os.dup(its_out)
            os.dup2(kept[0], 3)
            os.dup2(kept[1], 4)

        self.process = subprocess.Popen(
            [program, '--headless=new', '--remote-debugging-pipe', '--no-sandbox', '--disable-gpu',
             '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking',
             f'--user-data-dir={self.home.name}/profile', 'about:blank'],
            preexec_fn=hand_over, close_fds=False, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            env=dict(os.environ, HOME=self.home.name))
        os.close(its_out)
        os.close(its_in)
        self.reader, self.writer = ours_in, ours_out
        self.buffer, self.number, self.session, self.complaints = b'', 0, None, []
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        self.session = self.call('Target.attachToTarget', targetId=target,
                                 flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log'):
            self.call(f'{domain}.enable')

    def close(self):
        try:
            self.session = None
            self.call('Browser.close')
            self.process.wait(PATIENCE)
        except (OSError, RuntimeError, EOFError, subprocess.TimeoutExpired):
            os.killpg(self.process.pid, 9)
            self.process.wait()
        os.close(self.writer)
        os.close(self.reader)
        self.home.cleanup()

    def message(self):
        end = time.monotonic() + PATIENCE
        while b'\0' not in self.buffer:
            if not select.select([self.reader], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError('the browser does not answer')
            got = os.read(self.reader, 1 << 16)
            if not got:
                raise EOFError('the browser has ended')
            self.buffer += got
        text, self.buffer = self.buffer.split(b'\0', 1)
        message = json.loads(text)
        if message.get('method') in ('Runtime.exceptionThrown', 'Log.entryAdded'):
            self.complaints.append(json.dumps(message['params'])[:300])
        return message

    def call(self, method, **params):
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': params}
        if self.session:
            message['sessionId'] = self.session
        os.write(self.writer, json.dumps(message).encode() + b'\0')
        while (answer := self.message()).get('id') != self.number:
            pass
        if 'error' in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer['result']

    def wait_for(self, event):
        while self.message().get('method') != event:
            pass

    def size(self, width, height=900):
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height,
                  deviceScaleFactor=1, mobile=False)

    def open(self, path, fragment=''):
        # Not only another fragment of the page that is there.
        self.call('Page.navigate', url='about:blank')
        self.wait_for('Page.loadEventFired')
        self.call('Page.navigate', url=f'file://{path}{fragment}')
        self.wait_for('Page.loadEventFired')

    def ask(self, expression):
        """The value of a JavaScript expression, once what is under way has happened."""
        answer = self.call('Runtime.evaluate', returnByValue=True, awaitPromise=True, expression=
                           f'new Promise(r=>setTimeout(()=>r({expression}),50))')
        if 'exceptionDetails' in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer['result'].get('value')

    def key(self, name, code):
        for kind in ('rawKeyDown', 'char', 'keyUp'):
            self.call('Input.dispatchKeyEvent', type=kind, key=name, code=name,
                      windowsVirtualKeyCode=code, text='\r' if name == 'Enter' else '')

    def picture(self, path):
        data = self.call('Page.captureScreenshot')['data']
        with open(path, 'wb') as file:
            file.write(base64.b64decode(data))
