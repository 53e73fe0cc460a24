#!/bin/bash
# SPDX-License-Identifier: MIT
# scripts/install: the whole of an installation, or nothing of it. TAP.
# usage: install.sh BUILD SOURCES CC
build=$1 top=$2 cc=$3
. "$top/tests/tool/tap.sh" || exit
unset PKG_CONFIG_PATH LD_LIBRARY_PATH
root=$scratch/root

# NAME ARGUMENT…: scripts/install ends so; sets $status, $scratch/out, $scratch/err.
install() {
	DESTDIR=$root "$top/scripts/install" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
	status=$?
}

tree() {
	[ ! -e "$root" ] || (cd "$root" && find . -mindepth 1 -printf '%P %y %l\n' | sort)
}

compiles() { # COMPILER FLAG…: the example, against what is installed, prints what it should
	local libdir=${pc%/pkgconfig/vpmu.pc}
	PKG_CONFIG_LIBDIR=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$root \
		eval '"$@" -o "$scratch/example" $(pkg-config --cflags --libs vpmu)' &&
		same "$(LD_LIBRARY_PATH=$libdir "$scratch/example")" '1 PMI, and 400 instructions since'
}

links_statically() { # EXAMPLE OUTPUT
	$cc -o "$scratch/example" -I "${header%/vpmu/vpmu.h}" "$top/examples/$1.c" "$archive" &&
		same "$("$scratch/example")" "$2"
}

# Every function of the map, with those of the kernel's interface where they are built.
has_every_function() {
	nm -g --defined-only "$archive" | awk '{ print $3 }' | sort >"$scratch/archive"
	nm -D --defined-only "$(find "$root" -name 'libvpmu.so.*' -type f)" |
		awk '$2 ~ /[TDRB]/ { sub("@.*", "", $3); print $3 }' | sort | comm -23 - "$scratch/archive" |
		sed 's/^/# missing: /' >"$scratch/missing"
	cat "$scratch/missing"
	[ ! -s "$scratch/missing" ]
}

foreign_names() {
	[ -z "$(nm -g --defined-only "$archive" | awk 'NF == 3 && $3 !~ /^vpmu_/')" ]
}

named_pages_are_there() {
	local page
	for page in $(grep -oh 'docs/[a-z-]*\.md' "$top"/man/*.1 | sort -u); do
		[ -f "${doc}/$page" ] || { echo "# missing: $page" && return 1; }
	done
}

install --remove /usr/local
check 'nothing to remove: status' same "$status" 1
check 'nothing to remove: one line' one_message
check 'nothing to remove: says so' says 'no vpmu is installed here'
check 'nothing to remove: makes nothing' same "$(tree)" ''

install "$build"
check 'installs' same "$status" 0
[ "$status" = 0 ] || sed 's/^/# /' "$scratch/err"
whole=$(tree)
tool=$(find "$root" -path '*/bin/vpmu') pc=$(find "$root" -name vpmu.pc)
archive=$(find "$root" -name libvpmu.a) header=$(find "$root" -path '*/include/vpmu/vpmu.h' ! -path '*/share/*')
doc=$(find "$root" -path '*/doc/vpmu' -type d) list=$(find "$root" -path '*/share/vpmu/installed')
prefix=${list%/share/vpmu/installed} prefix=${prefix#"$root"}
check 'the installed tool starts' same "$("$tool" models intel-v2 | head -n 1)" intel-v2
check 'the example compiles against it' compiles $cc -std=c11 -Wall -Werror "$top/examples/count.c"
if [ -n "$archive" ]; then
	check 'the example links with the static library' \
		links_statically count '1 PMI, and 400 instructions since'
	check 'so does an interpreter with a meter' links_statically meter "$("$build/examples/example-meter")"
	check 'the static library has every function of the shared one' has_every_function
	check 'the static library has no names of others' foreign_names
fi
check 'what the manual pages name is there' named_pages_are_there
check 'the example is there' cmp -s "$doc/examples/count.c" "$top/examples/count.c"

ln -s gone "$root$prefix/share/vpmu/older" # as an older version may have had it
mkdir "$root$prefix/share/vpmu/old"
touch "$root$prefix/share/vpmu/old/file" "$root$prefix/share/vpmu/own"
sed -i "1i ${prefix#/}/share/vpmu/old/" "$list"
printf '%s\n' "${prefix#/}/share/vpmu/older" "${prefix#/}/share/vpmu/old/file" >>"$list"
install "$build"
check 'over an older one: installs' same "$status" 0
check 'over an older one: every file of its own is there' \
	same "$(cd "$root" && xargs -d '\n' ls -d 2>&1 >/dev/null <"$list")" ''
check 'over an older one: its files are gone' \
	[ ! -L "$root$prefix/share/vpmu/older" -a ! -e "$root$prefix/share/vpmu/old/file" ]
check 'what is of another stays' [ -f "$root$prefix/share/vpmu/own" ]

before=$(tree)
rm "$tool" && mkdir "$tool"
install "$build"
check 'a folder in the way: status' same "$status" 1
check 'a folder in the way: says which' says "a folder is in the way: $tool"
rmdir "$tool" && touch "$tool"
check 'a folder in the way: nothing changes' same "$(tree)" "$before"

install --remove "$prefix"
check 'removes' same "$status" 0
check 'only what is of another stays' same "$(cd "$root" && find . ! -type d)" \
	"./${prefix#/}/share/vpmu/own"
rm "$root$prefix/share/vpmu/own"

root=$scratch/second
install "$build"
check 'two trees are alike' same "$(tree)" "$whole"
install --remove "$prefix"
check 'removes all of it, with its folders' same "$(tree)" ''

root=$scratch/third
touch "$root"
install "$build"
check 'a file for a folder: status' same "$status" 1
check 'a file for a folder: one line' one_message
check 'a file for a folder: says which' says "not a folder: $root"

root=$scratch/fourth
mkdir -p "$root"
chmod 555 "$root"
if [ -w "$root" ]; then
	skip 'a folder that cannot be written' 'root writes everywhere'
else
	install "$build"
	check 'a folder that cannot be written: status' same "$status" 1
	check 'a folder that cannot be written: one line' one_message
	check 'a folder that cannot be written: says which' says "cannot write: $root"
	check 'a folder that cannot be written: nothing in it' same "$(ls -A "$root")" ''
fi
chmod 755 "$root"

root=$scratch/fifth
if mkdir "$root" && mount -t tmpfs -o size=200k none "$root" 2>/dev/null; then
	install "$build"
	check 'a full disk: status' same "$status" 1
	check 'a full disk: says so' says 'No space left on device'
	check 'a full disk: nothing is left there' same "$(ls -A "$root")" ''
	umount "$root"
else
	skip 'a full disk' 'cannot mount one here'
fi
finish
