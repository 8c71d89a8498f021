#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The EXAMPLES of every manual page, and README's pipelines.  Each literal block is a piece of shell that must succeed
# and say nothing on standard error (a pipeline's status is its last command's: this is how the others are heard).  A
# page's blocks run one after the other in a folder of their own.  A comment before a block changes that:
#
#     .\" fails N       it must end with status N
#     .\" file NAME     it is the text of a file, to be written, not run
. "${0%/*}/lib.sh"

have_numpy || { echo "Bail out! python3 with numpy is needed: run scripts/install-deps"; exit 1; }
ln -s "$(command -v "$PYTHON")" "$T/python3"
EMFILTERS=$TOP
PATH=$T:$PATH
export EMFILTERS

# The blocks of a page as files NN, with what each is to do in NN.what.
blocks() {
	awk '
	/^\.\\" (fails|file) / { what = $2 " " $3 }
	/^\.Sh / { inside = ($2 == "EXAMPLES") }
	inside && /^\.Bd .*-literal/ { n++; file = sprintf("%02d", n); printf "" >file; literal = 1
		print (what == "" ? "succeeds" : what) >(file ".what"); close(file ".what"); what = ""; next }
	/^\.Ed/ { if (literal) close(file); literal = 0 }
	literal {
		gsub(/\\\(dq/, "\""); gsub(/\\\(aq/, "\047")
		gsub(/\\\(ti/, "~"); gsub(/\\\(ha/, "^"); gsub(/\\\(ga/, "`")
		gsub(/\\-/, "-"); gsub(/\\&/, ""); gsub(/\\e/, "\\")
		print >file
	}' "$1"
}

# The same of README.md: the indented runs of lines in its sections of pipelines and of the microscope.
readme_blocks() {
	awk '
	/^## / { inside = /pipelines|microscope/ }
	inside && /^    / { if (!literal) { file = sprintf("%02d", ++n); print "succeeds" >(file ".what") }
		literal = 1; sub(/^    /, ""); print >file; next }
	{ literal = 0 }' "$1"
}

for page in "$TOP"/man/*.[157] "$TOP/README.md"; do
	name=${page##*/}
	mkdir "$T/$name" "$T/$name/blocks" "$T/$name/run" || exit 1
	cd "$T/$name/blocks" || exit 1
	case $name in
	*.md) readme_blocks "$page" ;;
	*) blocks "$page" ;;
	esac
	cd ../run || exit 1
	cp "$DATA/demo.tif" "$DATA/demo2.tif" "$DATA/support.json" .
	found=0
	for block in ../blocks/??; do
		[ -f "$block" ] || continue
		found=$((found + 1))
		read -r what arg <"$block.what"
		case $what in
		file) cp "$block" "$arg" ;;
		fails)
			check_exit "$name: $(head -n 1 "$block")" "$arg" "sh -e '$block' </dev/null" ;;
		*)
			sh -e "$block" </dev/null >"$block.out" 2>"$block.err"
			check_is "$name: $(head -n 1 "$block")" "0 " "$? $(cat "$block.err")" ;;
		esac
	done
	[ "$found" -gt 0 ] || not_ok "$name has examples"
done

cd "$T" || exit 1
finish
