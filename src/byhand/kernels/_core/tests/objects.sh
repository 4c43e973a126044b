#!/bin/sh
# Look into the objects of each instruction set: nothing in one may end up in another's table, and the
# baseline may use no register that its processors lack.
#   sh objects.sh FOLDER      after test.sh has compiled into it, without sanitizers
set -eu
folder=$1
failed=0
fail() {
  echo "FAILED $1"
  failed=1
}

# What two objects define under one name, the linker takes from either (isa.cpp).
for object in "$folder"/isa_*.o; do
  shared=$(nm -C "$object" | grep ' [WVu] ' || true)
  [ -z "$shared" ] || fail "$object shares symbols: $shared"
done

if [ -f "$folder/isa_baseline.o" ]; then
  wide() { objdump -d --no-show-raw-insn "$1" | grep -cE '%[yz]mm[0-9]|%xmm(1[6-9]|2[0-9]|3[01])|%k[0-7]|[[:space:]]v[a-z0-9]+[[:space:]]' || true; }
  [ "$(wide "$folder/isa_avx2.o")" -gt 0 ] || fail "the search for wider registers finds none in isa_avx2.o either"
  found=$(wide "$folder/isa_baseline.o")
  [ "$found" -eq 0 ] || fail "isa_baseline.o has $found instructions of AVX or later"
fi
[ "$failed" -eq 0 ] && echo "objects all right"
exit "$failed"
