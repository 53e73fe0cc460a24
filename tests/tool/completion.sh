#!/bin/bash
# SPDX-License-Identifier: MIT
# The bash completion knows what the tool knows.
. "$(dirname "$0")/tap.sh"

PATH=$(dirname "$vpmu"):$PATH
. "$SOURCE/tool/completion/vpmu"

# WORD…: sets COMPREPLY for a line that ends with the last word.
complete_line() {
	COMP_WORDS=(vpmu "$@")
	COMP_CWORD=$#
	_vpmu
}

offers() {
	printf '%s\n' "${COMPREPLY[@]}" | grep -qxF -- "$1"
}

complete_line r
check 'commands' same "${COMPREPLY[*]}" 'replay run'
complete_line run --ti
check 'options' same "${COMPREPLY[*]}" '--timeout --timeline'
complete_line run --model intel-v
check 'models of an option' offers intel-v5
complete_line plan --order s
check 'orders' same "${COMPREPLY[*]}" 'safe stop-first'
complete_line models z
check 'models of the command' offers zen4
complete_line help mo
check 'commands of help' same "${COMPREPLY[*]}" models
complete_line replay some
check 'files are left to bash' same "${#COMPREPLY[@]}" 0
finish
