#!/usr/bin/env bash
# Runs all tests and ends with one line: N passed, N failed. With `valgrind`: the C tests and the
# end-to-end suite under valgrind. Needs the builds that `make test` makes first.
set -u
cd "$(dirname "$0")/.." || exit 2
mode=${1:-all}
export PWD LUA_PATH="./?.lua"
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0
export LSAN_OPTIONS=suppressions=tests/leaks.txt:print_suppressions=0
export UBSAN_OPTIONS=print_stacktrace=1

# Most programs wait most of the time (for venues, countdowns, deaths): more than one a core runs.
at_once=${MW_TEST_JOBS:-$(($(nproc) + 1))}
limit=3600 # seconds for one program: what hangs is named
results=$(mktemp -d "${TMPDIR:-/tmp}/moonwire-test-XXXXXX") || exit 2
trap 'rm -rf "$results"' EXIT

# one NAME COMMAND...: runs one test program as soon as there is room for it.
one() {
    while [ "$(jobs -rp | wc -l)" -ge "$at_once" ]; do wait -n; done
    run_one "$@" &
}

# ... leaves its counts in a file, shows its output when it failed.
run_one() {
    local name=$1 out status counts
    shift
    SECONDS=0
    out=$(timeout -s KILL "$limit" "$@" 2>&1 </dev/null)
    status=$?
    [ $status = 137 ] && out+=$'\n'"it did not end within $limit s"
    counts=$(printf '%s\n' "$out" | grep -E '^[0-9]+ passed, [0-9]+ failed$' | tail -n 1)
    if [ -z "$counts" ]; then
        counts="0 passed, 1 failed"
    elif [ $status -ne 0 ] && [[ $counts == *" 0 failed" ]]; then
        counts="${counts% 0 failed} 1 failed"
    fi
    printf '%s\n' "$counts" >"$results/$BASHPID"
    counts=${counts#*, }
    if [ $status -ne 0 ] || [ "${counts%% *}" != 0 ]; then
        printf -- '--- %s (exit status %s)\n%s\n' "$name" "$status" \
            "$(printf '%s\n' "$out" | tail -n 60)"
    else
        printf '  ok %4d s  %s\n' "$SECONDS" "$name"
    fi
}

if [ "$mode" = valgrind ]; then
    for test in tests/e2e/*_test.lua build/debug/tests/*; do
        [ -x "$test" ] || [ "${test%.lua}" != "$test" ] && one "$test" tests/memcheck.sh "$test"
    done
else
    for test in tests/e2e/*_test.lua; do
        [ -e "$test" ] || continue
        MW_PROGRAM=build/asan/moonwire one "$test" build/release/moonwire-test "$test"
    done
    for test in build/asan/tests/*; do
        [ -x "$test" ] && [ "${test%.d}" = "$test" ] && one "$test" "$test"
    done
    one tests/tsan.sh tests/tsan.sh
    for test in tests/moonwire/*_test.lua tests/properties/*_test.lua; do
        [ -e "$test" ] || continue
        one "$test" build/release/moonwire-test "$test"
    done
    for test in tests/moonwire/*_test.lua; do
        [ -e "$test" ] || continue
        MW_TEST_JIT=off one "$test (no jit)" build/asan/moonwire-test "$test"
        MW_TEST_GC=full one "$test (gc)" build/release/moonwire-test "$test"
    done
fi
wait
passed=$(cat "$results"/* | awk '{ n += $1 } END { print n + 0 }')
failed=$(cat "$results"/* | awk '{ n += $3 } END { print n + 0 }')
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
