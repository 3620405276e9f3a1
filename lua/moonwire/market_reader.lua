--- Which market a message speaks of. Its name is the same again and again: no new string is made of
--- it then.

local decode = require "moonwire.decode"

--- A reader for one kind of message: function(session, field of the decoder) -> the market, or nil;
--- and the name that stands there.
---@return fun(session: table, field: ffi.cdata*): table|nil, string
return function()
  local last = ""
  return function(session, field)
    local name = decode.text_like(field, last) or ""
    local market = session.by_venue_symbol[name]
    if market and name ~= last then last = name end
    return market, name
  end
end
