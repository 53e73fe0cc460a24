# SPDX-License-Identifier: MIT
# Cuts one piece out of a kernel source file; exits 1 if it is not there.
#   -v kind=definition -v name=REGEX              from the line that matches to the closing brace
#   -v kind=range -v name=REGEX -v last=REGEX     from one line to another
#   -v kind=case -v name=FUNCTION -v label=TEXT   one case of the function's outermost switch, with
#                                                 the labels that follow it at once; in TEXT a dot
#                                                 stands for a space
# The piece begins with a #line directive, so that the compiler's messages and the coverage name its place
# in the kernel's file, which is -v from=PATH.

function emit(line) {
	if (text == "")
		text = sprintf("#line %d \"%s\"\n", FNR, from)
	text = text line "\n"
}

BEGIN { gsub(/\./, " ", label) }

done { next }

kind == "range" {
	if ($0 ~ name)
		inside = 1
	if (inside) {
		emit($0)
		done = $0 ~ last
	}
	next
}

kind == "definition" {
	if (!inside && $0 ~ name) {
		inside = 1
		brace = 0
		text = ""
	}
	if (!inside)
		next
	emit($0)
	if (/\{/)
		brace = 1
	if (!brace && /;[ \t]*$/) # a prototype
		inside = 0
	if (brace && /^}/)
		done = 1
	next
}

kind == "case" {
	if (index($0, " " name "(") && !/;[ \t]*$/)
		infunction = 1
	if (infunction && /^}/)
		infunction = 0
	if (!infunction)
		next
	if (!inside && index($0, "\t" label) == 1)
		inside = 1
	if (!inside)
		next
	if (/^\t(case |default:|})/) {
		if (body && braces && /^\t}/)
			emit($0)
		if (body) {
			done = 1
			next
		}
		braces = /\{$/
	} else
		body = 1
	emit($0)
}

END {
	if (!done)
		exit 1
	printf "%s", text
}
