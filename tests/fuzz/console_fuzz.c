/* Any bytes as the lines of clients at the prompt's socket. What is checked stands in console.lua,
 * next to this. */
#include "fuzz_lua.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!fuzz_script)
        fuzz_lua_open("tests/fuzz/console.lua");
    fuzz_lua_message(data, size);
    return 0;
}
