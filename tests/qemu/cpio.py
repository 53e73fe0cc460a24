# SPDX-License-Identifier: MIT
"""The format that Linux unpacks at boot; what comes later wins."""
import os
import stat

# How the first program of a guest begins that has a busybox.
BEGIN = b'''#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
'''


def entry(name, mode, data):
    fields = (1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b'070701' + b''.join(b'%08x' % field for field in fields) + name + b'\0'
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def archive(files):
    """Of triples: a name, its mode with its kind, its bytes."""
    return b''.join(entry(*file) for file in files) + entry(b'TRAILER!!!', 0, b'')


def extend(old, new, files):
    """Writes an initrd that is another one, and then these files."""
    with open(old, 'rb') as before, open(new, 'wb') as after:
        data = before.read()
        after.write(data + bytes(-len(data) % 4) + archive(files))


def with_folders(files):
    """Programs and files by name (a path here, or bytes), with the folders that they are in."""
    made = set()
    for name, source in files:
        parts = name.split('/')
        for i in range(1, len(parts)):
            folder = '/'.join(parts[:i])
            if folder not in made:
                yield folder.encode(), stat.S_IFDIR | 0o755, b''
            made.add(folder)
        with open(os.path.realpath(source), 'rb') as file:
            yield name.encode(), stat.S_IFREG | 0o755, file.read()
