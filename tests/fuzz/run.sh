#!/usr/bin/env bash
# tests/fuzz/run.sh NAME...: runs fuzz targets (build/fuzz/NAME), two at a time, each for
# FUZZ_SECONDS. One line a target. Each starts from tests/fuzz/corpus/NAME, which stays as it is,
# and knows the words of tests/fuzz/NAME.dict. Inputs that were found stay in build/fuzz/findings:
# repeat one with `build/fuzz/NAME FILE`, from the project's root. Exit status 1 when there is any.
set -um
cd "$(dirname "$0")/../.." || exit 2
if [ $# = 0 ]; then
    echo "usage: tests/fuzz/run.sh NAME..." >&2
    exit 2
fi
seconds=${FUZZ_SECONDS:-120}
findings=$PWD/build/fuzz/findings
work=$(mktemp -d "${TMPDIR:-/tmp}/moonwire-fuzz-XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
trap 'for job in $(jobs -p); do kill -KILL -- "-$job" 2>/dev/null; done; exit 130' INT TERM
mkdir -p "$findings"
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1} UBSAN_OPTIONS=print_stacktrace=1
export LSAN_OPTIONS=suppressions=tests/leaks.txt:print_suppressions=0

# What is said of one target: how much was tried, or what was found and where the input is.
tell() {
    local name=$1 status=$2 log=$work/$1.log runs covered found what
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    covered=$(sed -n 's/^#.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    if [ "$status" = 0 ]; then
        printf '  ok      %-14s %s inputs in %s s, %s edges covered\n' "$name" "${runs:-?}" \
            "$seconds" "${covered:-?}"
        return
    fi
    found=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    what=$(grep -m 1 -E ': expected |^SUMMARY|runtime error: ' "$log" || tail -n 1 "$log")
    cp "$log" "$findings/$name.log"
    printf '  FOUND   %-14s %s\n          input: %s, log: %s\n' "$name" "$what" "${found:-none}" \
        "$findings/$name.log"
    touch "$work/failed"
}

run() {
    local name=$1 dictionary=()
    mkdir -p "$work/$name"
    if [ ! -x "build/fuzz/$name" ]; then
        echo "build/fuzz/$name is not there: make build/fuzz/$name" >"$work/$name.log"
        tell "$name" 2
        return
    fi
    [ -e "tests/fuzz/$name.dict" ] && dictionary=("-dict=tests/fuzz/$name.dict")
    timeout --foreground -s KILL $((seconds + 60)) "build/fuzz/$name" -max_total_time="$seconds" \
        -max_len="${FUZZ_MAX_LEN:-2048}" -timeout=10 -print_final_stats=1 "${dictionary[@]}" \
        -artifact_prefix="$findings/$name-" "$work/$name" "tests/fuzz/corpus/$name" \
        >"$work/$name.log" 2>&1 </dev/null
    tell "$name" $?
}

for name in "$@"; do
    while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
    run "$name" &
done
wait
[ ! -e "$work/failed" ]
