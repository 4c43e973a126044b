#!/bin/sh
# Compile the kernels for each instruction set of this machine's kind, and run their tests.
#   sh test.sh FOLDER "FLAGS" [TOPIC ...]      CXX chooses the compiler, JOBS how many run at once
#   sh test.sh FOLDER "FLAGS" bench            compile FOLDER/bench instead, which measures
set -eu
here=$(dirname "$0")
folder=$1
flags=$2
shift 2
program=driver
[ "${1:-}" = bench ] && program=bench
# Not the options of the make that calls this script.
MAKEFLAGS='' make --silent --no-print-directory -j "${JOBS:-2}" -f "$here/tests/Makefile" \
  FOLDER="$folder" FLAGS="$flags" CXX="${CXX:-g++}" "$folder/$program"
[ "$program" = bench ] && exit 0
"$folder/driver" "$@"
case $flags in
  *-fsanitize*) ;; # brings instructions and symbols of its own
  *) sh "$here/tests/objects.sh" "$folder" ;;
esac
