-- What Lua declares of C is what C declares: layouts and prototypes are compared with the headers'
-- own text, and sizes with what the functions of C really write.

local t = require "tests.tap"
local files = require "tests.files"
local ffi = require "moonwire.cdef"
local decimal = require "moonwire.decimal"
local decode = require "moonwire.decode"
local C = ffi.C

local read = files.read

-- The headers and the declarations of Lua without comments, and without what only a compiler wants.
local function stripped(text)
  return (text:gsub("/%*.-%*/", " "):gsub("\\\n", " "):gsub("#[^\n]*", ""):gsub("MW_MUST_USE", "")
          :gsub("_Atomic ", ""):gsub("struct mw_plan plan;", ""))
end

local HEADERS = {}
for _, name in ipairs { "counter", "decimal", "decode", "err", "event", "journal_chunk",
                        "json_text", "places", "record", "shared", "tally", "utf8", "ws" } do
  HEADERS[#HEADERS + 1] = stripped(read("runtime/" .. name .. ".h"))
end
local HEADER = table.concat(HEADERS, "\n")
local DECLARED = {}
for text in read("lua/moonwire/cdef.lua"):gmatch "ffi%.cdef %[%[(.-)%]%]" do
  DECLARED[#DECLARED + 1] = stripped(text)
end
DECLARED = table.concat(DECLARED, "\n")

-- Layouts -----------------------------------------------------------------------------------------

-- The structs of C under names of their own: struct mw_event is struct c_event here.
for constants in HEADER:gmatch "\n(enum %b{};)" do
  if constants:find "MW_FEES_MAX" or constants:find "MW_DECODE_" or constants:find "MW_ERR_MAX"
    or constants:find "MW_NAMES_MAX" then
    ffi.cdef(constants)
  end
end

local function declare(name)
  local body = HEADER:match("struct mw_" .. name .. " (%b{});") or error("no struct mw_" .. name)
  ffi.cdef("struct c_" .. name .. " " .. body:gsub("struct mw_", "struct c_") .. ";")
end
for _, name in ipairs { "counter", "decimal", "err", "event", "field", "decoder_view",
                        "execution", "execution_words", "order_totals", "order_words",
                        "position_totals", "record", "shared" } do declare(name) end

-- The members of a struct as Lua declares it, in their order.
local function members_of(name)
  local body = DECLARED:match("struct mw_" .. name .. " (%b{});") or error("not declared: " .. name)
  local members = {}
  for statement in body:sub(2, -2):gmatch "[^;]+" do
    for member in (statement:gsub("%b[]", "") .. ","):gmatch "([%w_]+)%s*," do
      members[#members + 1] = member
    end
  end
  return members
end

-- What C has in arrays: of fees, assets and trades.
local ELEMENTS = { fee = "struct c_decimal", asset = "uint16_t", trade = "double" }

-- Where C has a member: fee_3 is fees[2] there, and a decimal's words are w[0] and w[1].
local function place_in_c(name, member)
  if name == "decimal" then return member == "low" and 0 or 8, 8 end
  local list, number = member:match "^(%l+)_(%d)$"
  if not list then
    return ffi.offsetof("struct c_" .. name, member)
  end
  return ffi.offsetof("struct c_" .. name, list .. "s") + (number - 1) * ffi.sizeof(ELEMENTS[list])
end

for _, name in ipairs { "counter", "decimal", "err", "event", "field", "decoder_view",
                        "execution", "execution_words", "order_totals", "order_words",
                        "position_totals", "record", "shared" } do
  t.test("struct mw_" .. name .. " has C's size, and each member stands where C has it", function()
    t.equal(ffi.sizeof("struct mw_" .. name), ffi.sizeof("struct c_" .. name), "size")
    t.equal(ffi.alignof("struct mw_" .. name), ffi.alignof("struct c_" .. name), "alignment")
    local members = members_of(name)
    t.ok(#members > 0, "no members were found")
    local last = -1
    for _, member in ipairs(members) do
      local offset = ffi.offsetof("struct mw_" .. name, member)
      t.equal(offset, (place_in_c(name, member)), member)
      t.ok(offset > last, member .. " overlaps the one before it")
      last = offset
    end
  end)
end

-- All bits are set: a number shows by its value how wide it is and whether it has a sign.
local function all_ones(kind)
  local object = ffi.new(kind)
  ffi.fill(object, ffi.sizeof(kind), 0xFF)
  return object
end

t.test("numbers and pointers are as wide as C's and have its signs", function()
  local compared = 0
  for _, name in ipairs { "event", "field", "decoder_view", "order_totals", "order_words",
                          "position_totals", "execution", "execution_words", "shared" } do
    local ours, theirs = all_ones("struct mw_" .. name), all_ones("struct c_" .. name)
    for _, member in ipairs(members_of(name)) do
      local list, number = member:match "^(%l+)_(%d)$"
      local value
      if not list then value = theirs[member]
      elseif list ~= "fee" then value = theirs[list .. "s"][number - 1] end
      local is_plain = type(value) == "number" or type(value) == "cdata"
        and not tostring(value):find "[%]&]"
      if is_plain then
        compared = compared + 1
        t.equal((tostring(ours[member]):gsub("mw_", "c_")), tostring(value), name .. "." .. member)
      end
    end
  end
  t.ok(compared >= 30, "only " .. compared .. " members were compared")
end)

t.test("there are as many places for fees as C has", function()
  local function count(name, word)
    local number = 0
    for _, member in ipairs(members_of(name)) do
      if member:find("^" .. word .. "_%d$") then number = number + 1 end
    end
    return number
  end
  t.equal(count("execution", "fee"), tonumber(C.MW_FEES_MAX))
  t.equal(count("execution", "asset"), tonumber(C.MW_FEES_MAX))
  t.equal(count("position_totals", "fee"), tonumber(C.MW_FEE_ASSETS_MAX))
  t.equal(count("position_totals", "asset"), tonumber(C.MW_FEE_ASSETS_MAX))
end)

t.test("what a strategy can reach has no array", function()
  for _, name in ipairs { "decimal", "execution", "order_totals", "position_totals" } do
    local body = DECLARED:match("struct mw_" .. name .. " (%b{});")
    t.equal(body:find("[", 1, true), nil, name)
    t.equal(body:find("*", 1, true), nil, name .. " has a pointer")
  end
end)

-- Prototypes --------------------------------------------------------------------------------------

-- One blank between words, none beside signs: so that only the words count.
local function normal(text)
  return (text:gsub("%s+", " "):gsub(" ?([%(%),%*]) ?", "%1"):gsub("^ ", ""):gsub(" $", ""))
end

local function prototypes(text)
  local found = {}
  text = text:gsub("struct [%w_]+ %b{};", ""):gsub("enum [%w_]* ?%b{};", "")
  for statement in text:gmatch "([^;{}]+%b());" do
    local name = statement:match "([%w_]+)%s*%b()$"
    if name and name:find "^mw_" then found[name] = normal(statement) end
  end
  return found
end

t.test("every function is declared to Lua as its header declares it", function()
  local in_c, count = prototypes(HEADER), 0
  for name, prototype in pairs(prototypes(DECLARED)) do
    count = count + 1
    t.ok(in_c[name], name .. " stands in no header")
    t.equal(prototype, in_c[name], name)
  end
  t.ok(count >= 40, "only " .. count .. " functions were found")
end)

t.test("every function that is declared is there to be called", function()
  for name in pairs(prototypes(DECLARED)) do
    t.ok(pcall(function() return C[name] end), name)
  end
end)

-- What C writes -----------------------------------------------------------------------------------

local GUARD = 0xA5

-- How many bytes `fill` writes at the beginning of memory that was full of guards.
local function bytes_written(fill)
  local memory = ffi.new("uint8_t[4096]")
  ffi.fill(memory, 4096, GUARD)
  fill(memory)
  local last = 0
  for i = 0, 4095 do
    if memory[i] ~= GUARD then last = i + 1 end
  end
  return last
end

t.test("C writes a decimal of as many bytes as Lua has for one", function()
  local source = ffi.new("uint8_t[64]")
  ffi.fill(source, 64, 0x5A)
  t.equal(bytes_written(function(memory)
    C.mw_decimal_copy(ffi.cast("struct mw_decimal *", memory),
                      ffi.cast("const struct mw_decimal *", source))
  end), ffi.sizeof "struct mw_decimal")
end)

t.test("C makes a position's totals of as many bytes as Lua has for them", function()
  t.equal(bytes_written(function(memory)
    C.mw_position_totals_init(ffi.cast("struct mw_position_totals *", memory))
  end), ffi.sizeof "struct mw_position_totals")
end)

t.test("C makes an order's totals of as many bytes as Lua has for them", function()
  t.equal(bytes_written(function(memory)
    C.mw_order_totals_init(ffi.cast("struct mw_order_totals *", memory), decimal "5")
  end), ffi.sizeof "struct mw_order_totals")
end)

t.test("C cuts an error off where Lua's text ends", function()
  local paths = ffi.new("const char *[1]")
  local path = ("x"):rep(3000) .. "[x]"
  paths[0] = path
  t.equal(bytes_written(function(memory)
    t.ok(C.mw_decoder_new(paths, 1, ffi.cast("struct mw_err *", memory)) == nil)
    t.equal(#ffi.string(memory), ffi.sizeof "struct mw_err" - 1)
  end), ffi.sizeof "struct mw_err")
end)

t.test("fees that C adds stand where Lua reads them", function()
  local x = ffi.new "struct mw_execution"
  local names = { "IDR", "BTC", "USDT", "ETH" }
  for i, name in ipairs(names) do
    t.equal(C.mw_execution_add_fee(x, decimal(i), C.mw_asset_number(name, #name)), 0)
    t.equal(tostring(x["fee_" .. i]), tostring(i))
    t.equal(ffi.string(C.mw_asset_name(x["asset_" .. i])), name)
    t.equal(x.fee_count, i)
  end
  t.equal(x.time, 0)
  t.equal(x.liquidity, 0)
end)

t.test("what Lua writes into an order's totals is where C looks for it", function()
  local totals = ffi.new "struct mw_order_totals"
  C.mw_order_totals_init(totals, nil)
  t.equal(totals.has_qty, 0)
  t.equal(C.mw_order_state(totals), 0)
  decimal.set(totals.cum, decimal "2")
  t.equal(C.mw_order_state(totals), 1, "begun")
  decimal.set(totals.told, decimal "3")
  t.equal(C.mw_order_state(totals), 3, "begun and missing")
  decimal.set(totals.qty, decimal "2")
  totals.has_qty = 1
  t.equal(C.mw_order_state(totals), 7, "and complete")
end)

t.test("rows of a message stand one behind the other as Lua steps through them", function()
  local decoder = decode.new { "rows[].a", { "rows[].b", words = { "x", "y" } }, "rows[].c", "id" }
  t.ok(decoder:read '{"rows":[{"a":"1","b":"y","c":true},{"a":"22","b":"x","c":null}],"id":7}\n{}')
  t.equal(decoder.view.row_count, 2)
  t.equal(decoder.view.row_width, 3)
  t.equal(decoder.view.has_more, 1)
  for r, expected in ipairs { { "1", 2, 3 }, { "22", 1, 5 } } do
    local row = decoder:row(r - 1)
    t.equal(ffi.string(row[0].text, row[0].len), expected[1])
    t.equal(row[1].word, expected[2])
    t.equal(row[2].type, expected[3])
  end
  t.equal(ffi.string(decoder.view.head[0].text, decoder.view.head[0].len), "7")
  t.equal(decoder:text():sub(1, 8), '{"rows":')
  t.equal(decoder:read "{", nil)
  t.ok(ffi.string(decoder.view.error) ~= "")
end)

t.done()
