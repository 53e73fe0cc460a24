# SPDX-License-Identifier: MIT
"""Other people's suites, as suites/make-suites builds them: which tests each has, and what became of one."""
import glob
import os
import re


def last_line(printed, pattern=r'\S'):
    found = [line.strip() for line in printed.splitlines() if re.search(pattern, line)]
    return found[-1][:200] if found else 'it prints nothing'


def by_status(status, printed):
    if status in (124, 137):
        return 'fail', 'not done in time'
    return ('fail', f'status {status}: {last_line(printed)}') if status else ('pass', '')


class Suite:
    """What each has: the folder that it is built in, and its guest."""
    FOLDER = None
    VCPUS = 1
    TIMING = 'none'
    SECONDS = 400  # a test's: emulators are slow, and machines busy


class Papi(Suite):
    """PAPI's test programs say themselves whether they have passed."""
    FOLDERS = ('ctests', 'ftests', 'validation_tests', 'components/perf_event/tests',
               'components/perf_event_uncore/tests', 'components/sysdetect/tests')
    FOLDER = 'papi'
    VCPUS = 2

    @classmethod
    def tests(cls, suites):
        top = f'{suites}/papi'
        # PAPI's own list of what is no test, or takes too long.
        without = set(open(f'{top}/run_tests_exclude.txt').read().split())
        for folder in cls.FOLDERS:
            for path in sorted(glob.glob(f'{top}/{folder}/*')):
                name = os.path.relpath(path, top)
                if os.path.isfile(path) and os.access(path, os.X_OK) and name not in without:
                    yield (re.sub(r'^components/|/tests(?=/)', '', name), cls.SECONDS,
                           f'ln -s {top}/{folder}/* .; ./{os.path.basename(path)}')

    @staticmethod
    def judge(_, status, printed):
        if status in (124, 137):
            return 'fail', 'not done in time'
        if 'FAILED!!!' in printed or status:
            return 'fail', f'status {status}: ' + last_line(printed, r'Line #|[Ee]rror')
        if re.search(r'^ *SKIPPED', printed, re.M):
            return 'skip', last_line(printed.replace('SKIPPED', ''))
        return 'pass', 'with warnings' if 'WARNING' in printed else ''


class PapiTimed(Papi):
    """Those of PAPI's tests that want cache misses or branch misses, and do not take minutes."""
    TIMING = 'cache'
    NAMES = ('ctests/derived', 'ctests/multiplex2', 'validation_tests/papi_br_msp', 'validation_tests/papi_br_prc')

    @classmethod
    def tests(cls, suites):
        return [test for test in super().tests(suites) if test[0] in cls.NAMES]


# A program's counts: those of linux/known.S, and on AMD models the IRETs back to it.
KNOWN = r'10,?02[1-5],?\d{3} +instructions:u(.|\n)*1,?0(0[67]|1\d),?\d{3} +branches:u'


class Libpfm4(Suite):
    """libpfm4's examples, and what each must print."""
    FOLDER = 'libpfm4'
    ROWS = (
        ('check_events', '{top}/examples/check_events INST_RETIRED || '
         '{top}/examples/check_events RETIRED_INSTRUCTIONS', r'Codes +: 0x5[13]00c0'),
        ('showevtinfo', '{top}/examples/showevtinfo | grep -c ^Name', r'^[1-9]\d{2,}$'),
        ('validate', '{top}/tests/validate', r'All tests passed'),
        ('evt2raw', '{perf}/evt2raw INST_RETIRED || {perf}/evt2raw RETIRED_INSTRUCTIONS', r'^r[0-9a-f]*c0\b'),
        ('self', '{perf}/self', r'FINAL: +[\d,]+ cycles(.|\n)*FINAL: +[1-9][\d,]+ instructions'),
        ('self_basic', '{perf}/self_basic', r'count=[1-9][\d,]{6,}'),
        ('self_count', '{perf}/self_count', r'^ +[1-9]\d{6,} (cycles|instructions)'),
        ('self_pipe', '{perf}/self_pipe -d 5', r'[1-9][\d,]{4,} +instructions:u'),
        ('self_smpl_multi', '{perf}/self_smpl_multi -t 5 -n 2 -f', r'total = +[1-9]\d*, mismatch = 0, bad_msg = 0'),
        ('notify_self', '{perf}/notify_self', r'Notification:? ?19'),
        # It wants 1,024 notifications of 2,400,000,000 cycles.
        ('notify_group', 'stdbuf -oL timeout 90 {perf}/notify_group || true', r'Notification 1\d*:'),
        ('task', '{perf}/task -e instructions:u,branches:u {known}', KNOWN),
        ('task-i', '{perf}/task -i -e instructions:u sh -c "{known}; {known}"', r'20,?[0-4]\d\d,?\d{3} +instr'),
        ('task_cpu', '{perf}/task_cpu -e instructions:u,branches:u {known}', KNOWN),
        ('task_attach_timeout', 'sh -c "while :; do :; done" & {perf}/task_attach_timeout -d 3 $!; kill $!',
         r'[1-9][\d,]{5,} +instructions:u'),
        ('task_smpl', '{perf}/task_smpl -m 8 -e instructions:u:period=100003 {known}', r'\b100 samples.* 0 lost'),
        ('branch_smpl', '{perf}/branch_smpl -e branches:u:period=10007 {known}',
         r'FROM:0x0000000000401022 TO:0x0000000000401005'),
        ('syst', '{perf}/syst -d 3', r'CPU0 .*[1-9]\d{4,} .* instructions'),
        ('syst_count', '{perf}/syst_count -d 3 -e instructions,branches', r'[1-9][\d,]{5,}.* instructions'),
        ('syst_smpl', '{perf}/syst_smpl -c 0 -d 5 -e instructions:period=100003', r'[1-9]\d* samples'),
        ('rtop', 'TERM=linux timeout -s INT 8 script -qc {perf}/rtop /dev/null || true', r'CPU0'),
        ('bts_smpl', '{perf}/x86/bts_smpl {known}', r'FROM:'),
    )

    @classmethod
    def tests(cls, suites):
        words = {'top': f'{suites}/libpfm4', 'perf': f'{suites}/libpfm4/perf_examples',
                 'known': f'{suites}/../linux/known'}
        for name, command, _ in cls.ROWS:
            yield name, cls.SECONDS, command.format(**words)

    @classmethod
    def judge(cls, name, status, printed):
        if status:
            return by_status(status, printed)
        wanted, = [row[2] for row in cls.ROWS if row[0] == name]
        return ('pass', '') if re.search(wanted, printed, re.M) else ('fail', last_line(printed))


class Rr(Suite):
    """rr's tests: each records a program, replays it and compares. Those that lead debuggers through a replay (gdb, and
    then lldb) are left out, and what runs without a buffer for system calls."""
    FOLDER = 'rr'

    @classmethod
    def tests(cls, suites):
        top = f'{suites}/rr'
        text = open(f'{top}/obj/CTestTestfile.cmake').read()
        for name, script, program, option in re.findall(
                r'add_test\((?:\[=\[)?(\S+?)(?:\]=\])? "bash" "source_dir/(\S+)" "(\S+)" "(\S*)"', text):
            # Some have no program of their own; of the others those are left out that did not compile.
            if option or glob.glob(f'{top}/src/test/{name}.c*') and not os.path.exists(f'{top}/obj/bin/{program}'):
                continue
            if not re.search(r'\bdebug|checkpoint_test|lldb', open(f'{top}/{script}').read()):
                yield (name, cls.SECONDS, f'ln -s {top} source_dir; ln -s {top}/obj bin_dir; bash '
                       f'source_dir/{script} {program} "" bin_dir {cls.SECONDS}')

    @staticmethod
    def judge(_, status, printed):
        if 'NOTE: Skipping' in printed or status == 77:
            return 'skip', last_line(printed, 'NOTE|[Ss]kip')
        if status or 'FAILED' in printed:
            return 'fail', f'status {status}: ' + last_line(printed, 'FAILED|ERROR|FATAL|Assertion|Error')
        return 'pass', ''


class Perf(Suite):
    """perf test, each of its numbers on its own."""
    FOLDER = 'perf'
    SECONDS = 150

    @classmethod
    def tests(cls, suites):
        for number in sorted(set(map(int, re.findall(r'^ *(\d+):', open(f'{suites}/perf/list').read(), re.M)))):
            yield str(number), cls.SECONDS, f'perf test -vv {number}'

    @staticmethod
    def judge(_, status, printed):
        if status in (124, 137):
            return 'fail', 'not done in time'
        # What a part that does not pass says last: with "-vv" each says why it skips itself, too.
        said = last_line('\n'.join(re.findall(r'^(.*)\n+---- end\(-\d+\)', printed, re.M)))
        if re.search(r': FAILED!', printed):
            return 'fail', said
        if re.search(r': Ok', printed):
            return 'pass', 'some skipped' if ': Skip' in printed else ''
        return 'skip', said


SUITES = {'papi': Papi, 'papi-timed': PapiTimed, 'libpfm4': Libpfm4, 'rr': Rr, 'perf': Perf}
