/* Any text as the configuration file. What is checked stands in config.lua, next to this. */
#include "fuzz_lua.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!fuzz_script)
        fuzz_lua_open("tests/fuzz/config.lua");
    fuzz_lua_message(data, size);
    return 0;
}
