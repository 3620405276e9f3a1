#!/usr/bin/env bash
# The ring between two threads and two processes under ThreadSanitizer; then with an order of memory
# broken on purpose, which must be noticed. Ends with one line: N passed, N failed.
set -u
cd "$(dirname "$0")/.." || exit 2
work=build/tsan
mkdir -p "$work" || exit 2
export TSAN_OPTIONS=halt_on_error=1:exitcode=66
passed=0 failed=0

build() {                               # build PROGRAM RING.c
    "${CC:-gcc}" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -O1 -g -fsanitize=thread -Iruntime \
        -Itests/runtime -o "$work/$1" tests/runtime/ring_test.c "$2" runtime/err.c -pthread
}

build ring runtime/ring.c && "$work/ring" >"$work/said" 2>&1
status=$?
counts=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$work/said")
if [ $status = 0 ] && [ -n "$counts" ]; then
    passed=${counts%% *}
else
    cat "$work/said"
    failed=1
fi

# Each end without its release: the other side may see it before what it stands for.
for end in head tail; do
    broken=$work/relaxed/$end
    mkdir -p "$broken"
    for file in ring.c ring_state.h; do
        sed "s/$end + len, memory_order_release/$end + len, memory_order_relaxed/" \
            "runtime/$file" >"$broken/$file"
    done
    if ! { cmp -s runtime/ring.c "$broken/ring.c" &&
        cmp -s runtime/ring_state.h "$broken/ring_state.h"; } &&
        build "relaxed_$end" "$broken/ring.c"; then
        "$work/relaxed_$end" >"$work/said" 2>&1
        status=$?
    else
        status=0
    fi
    if [ $status = 66 ] && grep -q 'ThreadSanitizer: data race' "$work/said"; then
        passed=$((passed + 1))
    else
        echo "not ok: a $end that is stored without release is not noticed"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
