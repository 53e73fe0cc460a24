#!/bin/bash
# SPDX-License-Identifier: MIT
# What bash, fish and zsh complete is what the tool knows.
. "$(dirname "$0")/tap.sh" || exit

PATH=$(cd "$(dirname "$vpmu")" && pwd):$PATH
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
complete_line models --host p
check "keys of a profile's host" same "${COMPREPLY[*]}" 'pdcm= perfmon-v2= pebs='
complete_line models z
check 'models of the command' offers zen4
complete_line kernel di
check 'commands of kernel' same "${COMPREPLY[*]}" "$("$vpmu" help | sed -n 's/^  kernel .*/diff/p')"
if "$vpmu" help | grep -q '^  watch '; then
	complete_line watch d
	check 'commands of watch' same "${COMPREPLY[*]}" diff
	complete_line watch diff --reg
	check 'options of watch diff' same "${COMPREPLY[*]}" --registers
fi
complete_line help mo
check 'commands of help' same "${COMPREPLY[*]}" models
complete_line replay some
check 'files are left to bash' same "${#COMPREPLY[@]}" 0
complete_line run --cpu e
check 'values of an option' same "${COMPREPLY[*]}" emulated

mkdir "$scratch/empty"
# LINE: what fish offers for it, on one line.
fish_offers() {
	HOME=$scratch fish -c "source '$SOURCE/tool/completion/vpmu.fish'; cd '$scratch/empty'; complete -C '$1'" |
		cut -f1 | sort | tr '\n' ' '
}

if command -v fish >/dev/null; then
	check 'fish: commands' same "$(fish_offers 'vpmu ru')" 'run '
	check 'fish: options' same "$(fish_offers 'vpmu run --ti')" '--timeline --timeout '
	check 'fish: orders' same "$(fish_offers 'vpmu plan --order s')" 'safe stop-first '
	check "fish: keys of a profile's host" same "$(fish_offers 'vpmu models --host pd')" 'pdcm= '
	check 'fish: values of an option' same "$(fish_offers 'vpmu run --cpu em')" 'emulated '
	check 'fish: commands of state' same "$(fish_offers 'vpmu state sh')" 'show '
	check 'fish: what is behind the dashes is left alone' \
		same "$(fish_offers 'vpmu stat -- --mo')" ''
else
	skip 'fish' 'no fish here'
fi

# The tree that zsh's file expects beside it.
mkdir -p "$scratch/share/zsh/site-functions" "$scratch/share/bash-completion/completions"
cp "$SOURCE/tool/completion/_vpmu" "$scratch/share/zsh/site-functions"
cp "$SOURCE/tool/completion/vpmu" "$scratch/share/bash-completion/completions"
zsh_offers_orders() {
	timeout 60 zsh -f <<-END >/dev/null 2>&1
		zmodload zsh/zpty
		zpty z zsh -f -i
		zpty -w z 'fpath=("$scratch/share/zsh/site-functions" \$fpath); autoload -Uz compinit; compinit -D -u; echo rea""dy'
		zpty -r z out '*ready*'
		zpty -w -n z \$'vpmu plan --order s\t\t'
		zpty -r z out '*stop-first*'
	END
}

if command -v zsh >/dev/null && have_terminals; then
	check 'zsh: orders' zsh_offers_orders
else
	skip 'zsh' 'no zsh, or no terminal here'
fi
finish
