#!/usr/bin/env bash
# Looks the code over: a few greps, gcc and clang with every warning as an error, cppcheck,
# luacheck, clang-tidy. Prints file:line and what is wrong, ends with `lint: clean` or
# `lint: N problems`.
set -u
cd "$(dirname "$0")/.." || exit 2
export LC_ALL=C.UTF-8                   # a column is a character
work=$(mktemp -d "${TMPDIR:-/tmp}/moonwire-lint-XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
: >"$work/problems"

find_files() {                          # find_files NAME... : of the project's folders, sorted
    local name tests=()
    for name in "$@"; do tests+=(-o -name "$name"); done
    find Makefile runtime lua strategies examples tests -path tests/fuzz/corpus -prune -o \
        -type f \( "${tests[@]:1}" \) -print 2>/dev/null | sort
}
mapfile -t c_files < <(find_files '*.c' '*.h')
mapfile -t lua_files < <(find_files '*.lua')
mapfile -t text_files < <(find_files '*.c' '*.h' '*.lua' '*.sh' '*.py' '*.js' Makefile)
mapfile -t units < <(find_files '*.c')
mapfile -t runtime_files < <(find runtime -name '*.[ch]' | sort)

# forbid WHAT PATTERN FILE... : no line may match (PCRE).
forbid() {
    local what=$1 pattern=$2
    shift 2
    [ $# -gt 0 ] && grep -nHP -- "$pattern" "$@" | cut -d : -f 1,2 | sed "s|\$|: $what|" \
        >>"$work/problems"
}

# What is written ---------------------------------------------------------------------------------
forbid 'a tab' '\t' "${c_files[@]}" "${lua_files[@]}"
forbid 'blanks at the end of the line' '[ \t]+$' "${text_files[@]}"
forbid 'more than 100 columns' '^.{101}' "${text_files[@]}"
forbid 'sprintf, strcpy, strcat: no limit (snprintf, memcpy)' \
    '\b(v?sprintf|st[rp]cpy|strcat)\s*\(' "${c_files[@]}"
mapfile -t outside_decimal < <(printf '%s\n' "${runtime_files[@]}" | grep -v '^runtime/decimal\.c$')
forbid 'strtod, atof: money is never a double' '\b(strtod|strtof|atof)\s*\(' "${outside_decimal[@]}"
forbid 'a path of somebody'"'"'s machine' \
    '(?<![\w.}])/(?!home/trader/)(home|root|work|Users|usr/local|opt|mnt)/[\w.]' "${text_files[@]}"
forbid 'a temporary name that others can guess: mkdtemp' \
    '["'"'"']/tmp/(?![\w./-]*XXXXXX)' "${c_files[@]}" "${lua_files[@]}"
# The boundary: one door into Lua, one way out of the process, time from the runtime.
mapfile -t outside_script < <(printf '%s\n' "${runtime_files[@]}" | grep -v '^runtime/script\.c$')
forbid 'lua_pcall stands in script.c alone' '\blua_pcall\s*\(' "${outside_script[@]}"
mapfile -t outside_main < <(printf '%s\n' "${runtime_files[@]}" | grep -v '^runtime/main\.c$')
forbid 'only main.c exits' '(?<![\w.])exit\s*\(' "${outside_main[@]}"
# (sandbox.lua is where a strategy's os.time is made.)
mapfile -t library < <(find lua -name '*.lua' | grep -v '^lua/moonwire/sandbox\.lua$' | sort)
forbid 'time comes from the runtime: dispatch.now()' '\bos\.(time|clock)\s*\(' "${library[@]}"

# Compilers ---------------------------------------------------------------------------------------
warnings=$(make -pn help 2>/dev/null | sed -n 's/^WARNINGS := //p')
modules=$(make -pn help 2>/dev/null | sed -n 's/^MODULES := //p')
read -r -a flags <<<"-std=c11 -D_GNU_SOURCE -Iruntime -Itests/runtime $warnings \
    $(pkg-config --cflags $modules)"

# units PROGRAM... : runs it on every C file, which stands for {}, two at a time.
units() {
    printf '%s\n' "${units[@]}" |
        xargs -P 2 -I '{}' sh -c '"$@" >"$0/out.$$" 2>&1' "$work" "$@"
    local status=$?
    cat "$work"/out.*
    rm -f "$work"/out.*
    return $status
}

kinds='fatal error|error|warning|portability|performance'
diagnostic="s/^([^:]+:[0-9]+)(:[0-9]+)?: ($kinds): /\\1: /p"

# report NAME STATUS: what a tool said (standard input) as problems; one that failed without a word
# about a line is a problem as well. Lines of the system's headers are not ours.
report() {
    local name=$1 status=$2 found
    sed -nE "s#^$PWD/##; $diagnostic" "$work/said" | grep -v '^/usr/' | sed "s/\$/ ($name)/" |
        sort -u >"$work/found"
    cat "$work/found" >>"$work/problems"
    if [ "$status" != 0 ] && [ ! -s "$work/found" ]; then
        echo "tests/lint.sh:1: $name failed: $(tail -n 1 "$work/said")" >>"$work/problems"
    fi
}

units gcc "${flags[@]}" -O2 -D_FORTIFY_SOURCE=2 -Werror -c -o /dev/null '{}' >"$work/said"
report gcc $?
units clang "${flags[@]}" -Werror -fsyntax-only '{}' >"$work/said"
report clang $?

# Analysers ---------------------------------------------------------------------------------------
# unknownMacro: the X-macros of event.h and the test tables are read by the compilers above.
cppcheck -q -j 2 --enable=warning,performance,portability --std=c11 --inline-suppr -Iruntime \
    -Itests/runtime -D_GNU_SOURCE --suppress=missingIncludeSystem --suppress=unknownMacro \
    --template='{file}:{line}: {severity}: {message} [{id}]' "${units[@]}" >"$work/said" 2>&1
report cppcheck $?
# Columns were counted above, as characters.
luacheck -q --no-color --no-max-line-length --formatter plain --codes "${lua_files[@]}" \
    >"$work/luacheck" 2>&1
status=$?
sed -E 's/^([^:]+:[0-9]+:[0-9]+): /\1: warning: /' "$work/luacheck" >"$work/said"
report luacheck $status
units clang-tidy --quiet '{}' -- "${flags[@]}" >"$work/said"
report clang-tidy $?

# What Lua can call is what is documented ---------------------------------------------------------
# of a secret, of a journal, of a tape
methods='"(hmac|jwt|jwt_expiry|reload|quoted|query|close|take|is_interrupted|write|end_run)"'
grep -noE '\{"[a-z_0-9]+", l_' runtime/lua_*.c | grep -vE "$methods" |
    while IFS=: read -r file line found; do
        name=${found#*\"} name=${name%%\"*}
        grep -qE "^(/\*| \*).*host\.$name\b" "$file" ||
            echo "$file:$line: host.$name is registered and has no comment" >>"$work/problems"
    done
grep -noE '^/\* host\.[a-z_0-9]+' runtime/lua_*.c | while IFS=: read -r file line found; do
    grep -q "{\"${found##*.}\"," "$file" ||
        echo "$file:$line: host.${found##*.} has a comment and is not registered" >>"$work/problems"
done

sort -u "$work/problems" | sort -s -t : -k 1,1 -k 2,2n >"$work/sorted"
cat "$work/sorted"
count=$(wc -l <"$work/sorted")
if [ "$count" = 0 ]; then
    echo "lint: clean"
else
    echo "lint: $count problems"
    exit 1
fi
