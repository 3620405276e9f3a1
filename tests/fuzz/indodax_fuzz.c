/* Any bytes as what Indodax says: on its two WebSockets and in answers of its REST interfaces. What
 * is checked stands in indodax.lua, next to this. */
#include "fuzz_lua.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!fuzz_script)
        fuzz_lua_open("tests/fuzz/indodax.lua");
    fuzz_lua_message(data, size);
    return 0;
}
