#!/usr/bin/env bash
# Checks the model of the ring, whole, and that spin finds each rule of it that is broken on
# purpose. Ends with "errors: 0", or says what is wrong.
set -u
cd "$(dirname "$0")/../.." || exit 2
work=build/model
mkdir -p "$work" || exit 2

# check NAME FLAG... : prints what spin's checker says of the model with these flags.
check() {
    local name=$1
    shift
    (cd "$work" && spin "$@" -a ../../tests/model/ring.pml &&
        ${CC:-gcc} -O2 -w -DSAFETY -DCOLLAPSE -DMEMLIM=1024 -o "$name" pan.c &&
        "./$name" -m1000000) 2>&1
}

said=$(check ring)
found=$(printf '%s\n' "$said" | grep -oE 'errors: [0-9]+' | tail -n 1)
unfinished='not completed|max search depth too small|MEMLIM'
if [ "$found" != "errors: 0" ] || printf '%s\n' "$said" | grep -qE "$unfinished"; then
    printf '%s\n' "$said"
    exit 1
fi
printf '%s\n' "$said" | grep -E 'states, stored$'
for rule in EARLY_COMMIT NO_ROOM STALE_HEAD EARLY_CONSUME MOVE_UNREAD BACK_EARLY NO_TURN \
    NEAR_FIRST TURN_FIRST; do
    found=$(check "$rule" "-D$rule" | grep -oE 'errors: [0-9]+' | tail -n 1)
    if [ "$found" = "errors: 0" ] || [ -z "$found" ]; then
        echo "tests/model/ring.pml: with $rule nothing was found: the model does not see it" >&2
        exit 1
    fi
    echo "  found   $rule"
done
echo "errors: 0"
