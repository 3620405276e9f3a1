#!/usr/bin/env bash
# Runs one test under valgrind: tests/memcheck.sh build/debug/tests/NAME | tests/e2e/NAME_test.lua.
# What valgrind says of any of its processes fails it, however that process ended: each has a file
# of its own for that.
set -u
cd "$(dirname "$0")/.." || exit 2
export PWD LUA_PATH="./?.lua" MW_PATIENCE=200 MW_PROGRAM=build/debug/moonwire
said=$(mktemp -d "${TMPDIR:-/tmp}/moonwire-memcheck-XXXXXX") || exit 2
trap 'rm -rf "$said"' EXIT
memcheck="valgrind -q --leak-check=full --show-leak-kinds=definite"
memcheck+=" --errors-for-leak-kinds=definite --suppressions=tests/valgrind.supp"
memcheck+=" --log-file=$said/%p"

if [[ $1 == *.lua ]]; then
    MW_WRAPPER=$memcheck build/debug/moonwire-test "$1"
else
    $memcheck "$1"
fi
status=$?
while read -r file; do
    echo "valgrind on a process of $1:"
    head -n 50 "$file"
    status=1
done < <(find "$said" -name '[0-9]*' -size +0)
exit $status
