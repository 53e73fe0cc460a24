#!/bin/bash
# SPDX-License-Identifier: MIT
# Every place that says the version says the one of meson.build. TAP.
# usage: versions.sh VPMU SOURCE BUILD VERSION
. "$(dirname "$0")/../tool/tap.sh" || exit
source=$2 build=$3 version=$4
IFS=. read -r major minor patch <<<"$version"

# NAME FILE SED-EXPRESSION WANTED: the first line that the expression prints of the file.
says_version() {
	check "$1" same "$(sed -nE "$3" "$source/$2" | head -n 1)" "$4"
}

header=include/vpmu/vpmu.h
says_version 'the header' $header 's/^#define VPMU_VERSION +"(.*)"$/\1/p' "$version"
says_version 'its major number' $header 's/^#define VPMU_VERSION_MAJOR (.*)$/\1/p' "$major"
says_version 'its minor number' $header 's/^#define VPMU_VERSION_MINOR (.*)$/\1/p' "$minor"
says_version 'its patch' $header 's/^#define VPMU_VERSION_PATCH (.*)$/\1/p' "$patch"
says_version 'the package' debian/changelog '1s/^vpmu \((.*)\) .*$/\1/p' "$version"
says_version 'the crate' bindings/rust/Cargo.toml 's/^version = "(.*)"$/\1/p' "$version"
says_version "Python's module" bindings/python/vpmu.py 's/^VERSION = \(([0-9]+), ([0-9]+)\).*$/\1.\2/p' \
	"$major.$minor"
says_version 'the changes' CHANGES.md 's/^## ([0-9.]+)(, [0-9-]+)?$/\1/p' "$version"
check "pkg-config's file" same "$(sed -n 's/^Version: //p' "$build"/meson-private/vpmu.pc)" "$version"
run --version
check 'the tool' same "$(cat "$scratch/out")" "vpmu $version"
finish
