#!/bin/sh
# Compile the kernels for each instruction set of this machine's kind, and run their tests.
#   sh test.sh FOLDER "FLAGS"      CXX chooses the compiler
set -eu
here=$(dirname "$0")
folder=$1
flags="-std=c++20 -fPIC -Wall -Wextra $2"
mkdir -p "$folder"
isa() {
  name=$1
  shift
  # shellcheck disable=SC2086
  ${CXX:-g++} $flags "$@" -DBYHAND_ISA_NAME="$name" -c "$here/isa.cpp" -o "$folder/isa_$name.o"
}
case $(uname -m) in
  x86_64 | amd64)
    isa baseline -Wno-psabi
    isa avx2 -mavx2 -mfma
    isa avx512 -mavx512f -mavx512vl -mavx512dq -mavx512bw -mfma -mprefer-vector-width=256
    ;;
  *) isa neon ;;
esac
# shellcheck disable=SC2086
${CXX:-g++} $flags "$here/driver.cpp" "$here/dispatch.cpp" "$here/threads.cpp" "$folder"/isa_*.o \
  -pthread -o "$folder/driver"
exec "$folder/driver"
