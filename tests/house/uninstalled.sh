#!/bin/bash
# SPDX-License-Identifier: MIT
# A program is built with the library as it lies in the build folder, by meson-uninstalled's vpmu.pc. TAP.
# usage: uninstalled.sh BUILD CC...
build=$1
shift
if ! command -v pkg-config >/dev/null; then
	echo '1..0 # SKIP no pkg-config'
	exit 0
fi
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
printf '#include <stdio.h>\n#include <vpmu/vpmu.h>\nint main(void)\n{\n\treturn puts(vpmu_version()) < 0;\n}\n' >"$scratch/a.c"
flags=$(PKG_CONFIG_PATH=$build/meson-uninstalled pkg-config --cflags --libs vpmu)
if "$@" -o "$scratch/a" "$scratch/a.c" $flags &&
	[ "$(LD_LIBRARY_PATH=$build "$scratch/a")" = "$(PKG_CONFIG_PATH=$build/meson-uninstalled pkg-config --modversion vpmu)" ]; then
	echo "ok 1 - vpmu.pc of the build folder"
	echo 1..1
else
	printf 'not ok 1 - vpmu.pc of the build folder\n# %s\n1..1\n' "$flags"
	exit 1
fi
