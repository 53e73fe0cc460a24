#!/bin/sh
# What a sanitizer finds in a guest's run fails the test, whatever the test's wrapper makes of exit
# statuses. Run in sanitized builds only.
#   planted.sh SOURCE PLANTED
source=$1 planted=$2
sanitized=$source/scripts/sanitized guests=$source/tests/guests
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
n=0

# WANTED NAME COMMAND…: 0, or "seen": any other status.
is() {
	wanted=$1 name=$2
	shift 2
	"$@" >"$folder/out" 2>&1
	status=$?
	n=$((n + 1))
	case $wanted:$status in
	0:0 | seen:[1-9]*) echo "ok $n - $name" ;;
	*)
		echo "not ok $n - $name"
		echo "# status $status:"
		sed 's/^/# /' "$folder/out"
		;;
	esac
}

is 0 'a program without a fault passes' "$sanitized" "$guests/expect-status" 1 "$planted"
for fault in overflow undefined leak; do
	for wrapper in expect-status same-twice; do
		is seen "$wrapper: $fault" "$sanitized" "$guests/$wrapper" 1 "$planted" "$fault"
	done
	is seen "a test that ignores the status: $fault" \
		"$sanitized" --reports "$folder/reports" sh -c "'$planted' $fault; exit 0"
done
is 0 'reports: nothing found' "$sanitized" --reports "$folder/reports" "$guests/expect-status" \
	1 "$planted"
echo "1..$n"
