#!/bin/bash
# SPDX-License-Identifier: MIT
# vpmu stat: what is wrong is said before there is a guest.
. "$(dirname "$0")/tap.sh" || exit

if ! "$vpmu" help | grep -q '^  stat '; then
	skip 'vpmu stat' 'this build has no plugin for QEMU'
	finish
fi
kernel=$scratch/kernel
modules=$scratch/modules
export TMPDIR=$scratch
mkdir "$modules"
echo 'kernel/fs/9p/9p.ko:' >"$modules/modules.dep"
for name in virtio_pci virtio_console 9pnet_virtio; do
	echo "kernel/$name.ko" >>"$modules/modules.builtin"
done
echo 'no kernel' >"$kernel"

refused 'no program' 2 'missing argument: -- PROGRAM' stat
refused 'no program behind the dashes' 2 'missing argument: -- PROGRAM' stat --cpus 1 --
refused 'an unknown event' 2 'did you mean instructions?' stat --events instruction:u -- true
refused 'an unknown modifier' 2 'unknown event: cycles:z' stat --events cycles:z -- true
refused 'an event after -e' 2 'unknown event: cycles:z' stat -e cycles:z -- true
refused 'an event in the same word as -e' 2 'unknown event: cycles:z' stat -ecycles:z -- true
refused 'the second -e' 2 'unknown event: cycles:z' stat -e cycles:u -e cycles:z -- true
refused 'the first of two -e' 2 'unknown event: cycles:z' stat -e cycles:z -e cycles:u -- true
refused '-e without events' 2 'needs a value: --events LIST' stat -e
refused 'an unknown letter' 2 'unknown option: -z' stat -z -- true
refused 'too many -e' 2 'too many: --events (at most 16)' stat $(printf -- '-e cycles %.0s' {1..17}) -- true
refused 'a limit that is none' 2 'EVENT=N is wanted' stat --limit instructions:u -- true
refused 'a limit of another kind' 2 'not a number: instructions:u=few' \
	stat --limit instructions:u=few -- true
refused 'no such kernel' 2 'cannot read: /no/such: No such file' stat --kernel /no/such -- true
refused 'a folder for a kernel' 2 'cannot read' stat --kernel "$scratch" --modules "$modules" -- true
refused 'a kernel that does not say its version, and no modules' 3 'name their folder with --modules' \
	stat --kernel "$kernel" -- true
refused 'modules that are not there' 3 'has no module virtio_pci' \
	stat --kernel "$kernel" --modules /no/such -- true
refused 'a module that is listed and not there' 2 '9p.ko' \
	stat --kernel "$kernel" --modules "$modules" -- true
refused 'an output that cannot be written' 3 'cannot write: /no/such/file' \
	stat --kernel "$kernel" --modules "$modules" --output /no/such/file -- true
mkdir -p "$modules/kernel/fs/9p" && : >"$modules/kernel/fs/9p/9p.ko"
if [ -e "$BUILD/src/qemu/libvpmu-qemu.so" ]; then
	refused 'no such QEMU' 3 '/no/such/qemu' \
		stat --kernel "$kernel" --modules "$modules" --qemu /no/such/qemu -- true
	refused 'no such timing model' 2 'timing' \
		stat --timing clock --kernel "$kernel" --modules "$modules" --qemu /no/such/qemu -- true
	# A QEMU that begins to read its initrd, and does not end by itself.
	cat >"$scratch/qemu-system-x86_64" <<-'END'
		#!/bin/sh
		[ "$2" = none ] && echo 'vpmu: no model' >&2 && exit 1
		while [ "$1" != -initrd ]; do shift; done
		head -c 6 "$2" >"$TMPDIR/initrd"
		echo $$ >"$TMPDIR/new" && mv "$TMPDIR/new" "$TMPDIR/process"
		exec sleep 100
	END
	chmod +x "$scratch/qemu-system-x86_64"
	"$vpmu" stat --kernel "$kernel" --modules "$modules" --qemu "$scratch/qemu-system-x86_64" -- true \
		>"$scratch/out" 2>"$scratch/err" &
	for _ in {1..300}; do
		[ -e "$scratch/process" ] && break
		sleep 0.05
	done
	check 'QEMU reads an initrd' same "$(cat "$scratch/initrd")" 070701
	kill -TERM $!
	wait $!
	check 'SIGTERM: status' same $? 143
	for _ in {1..300}; do
		kill -0 "$(cat "$scratch/process")" 2>"$scratch/err" || break
		sleep 0.05
	done
	check 'SIGTERM: QEMU has ended' says 'No such process'
	check 'nothing is left in TMPDIR' same "$(ls "$scratch" | grep -c vpmu-stat-)" 0
else
	skip 'no such QEMU' 'this build has no plugin'
fi
finish
