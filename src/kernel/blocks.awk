# SPDX-License-Identifier: MIT
# Coverage without a runtime library: replaces each call that -fsanitize-coverage=trace-pc has put at the
# start of a basic block by a store of 1 into the block's byte of `kernel_blocks`, does the same at each
# function's start, and appends a line for each block to the file `table`:
#   BLOCK FUNCTION FILE:LINE...      the lines of the kernel's own files that the block executes
# Reads assembly that the compiler wrote with -S -g, and writes assembly. -v first=N: the number of the first
# block. The number after the last one goes to the file `count`.

function path_of(dir, name) { return name ~ /^\// || dir == "" ? name : dir "/" name }

function open_block() {
	close_block()
	block = first++
	printf "\tmovb\t$1, kernel_blocks+%d(%%rip)\n", block
}

function close_block(    text, i) {
	if (block != "" && lines > 0) {
		text = block " " name
		for (i = 1; i <= lines; i++)
			text = text " " line[i]
		print text >> table
	}
	block = ""
	lines = 0
	split("", seen)
}

function settle(    i) { # the lines announced since the last instruction belong to this block
	for (i = 1; i <= waiting; i++)
		if (!(wait[i] in seen)) {
			seen[wait[i]] = 1
			line[++lines] = wait[i]
		}
	waiting = 0
}

$1 == ".file" && NF > 2 {
	split($0, part, "\"")
	file[$2] = part[4] == "" ? part[2] : path_of(part[2], part[4])
	sub(/^.*\/arch\/x86\//, "arch/x86/", file[$2])
}

$1 == ".loc" {
	if ($3 > 0 && file[$2] ~ /^arch\/x86\/kvm\/.*[ch]$/)
		wait[++waiting] = file[$2] ":" $3
	print
	next
}

$1 == ".type" && /@function/ {
	name = $2
	sub(/[,.].*/, "", name)
}

$1 == ".cfi_startproc" {
	print
	open_block()
	next
}

$1 == ".cfi_endproc" { close_block() }

$1 == "call" && $2 ~ /^__sanitizer_cov_trace_pc/ {
	open_block()
	settle()
	next
}

/^\t[a-z]/ { settle() }

{ print }

END { print first > count }
