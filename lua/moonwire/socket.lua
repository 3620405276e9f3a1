--- Sending a text on an open WebSocket. By FFI, because LuaJIT does not compile past a call of the
--- other kind, and this one ends the path from an event to its order. Nothing calls back from it.

local ffi = require "moonwire.cdef"
local host = require "moonwire.host"
local C = ffi.C

local M = {}
local pool = ffi.cast("struct mw_ws_pool *", host.ws_pool())
local err = ffi.new "struct mw_err"

--- True, or nil and why not. What holds a secret (a list with handles) goes through host.ws_send.
---@param id integer     of the session
---@param text string
function M.send(id, text)
  if C.mw_ws_send(pool, id, text, #text, err) == 0 then return true end
  return nil, ffi.string(err.text)
end

return M
