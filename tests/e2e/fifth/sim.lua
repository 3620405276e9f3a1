--- The other side of acme.lua, in the test's own process: one member, one market, limit orders that
--- rest until the test executes them.

local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local json = require "moonwire.json"

local Sim = {}
Sim.__index = Sim

local SYMBOL = "TIN/CREDIT"
local FEE = "0.01"

--- Serves on a free port, with a certificate made in `directory`.
---@param directory string
---@param key string
---@param secret string
function Sim.start(directory, key, secret)
  local files = assert(host.make_certificate(directory))
  local self = setmetatable({ key = key, secret = assert(host.secret_text(secret)),
                              ca_file = files.ca_file, orders = {}, trades = {},
                              connections = {} },
                            Sim)
  local listener, port = host.serve { host = "127.0.0.1", port = 0, cert_file = files.cert_file,
                                      key_file = files.key_file }
  assert(listener, port)
  dispatch.bind(listener, self)
  self.url = ("wss://127.0.0.1:%d/acme"):format(port)
  return self
end

function Sim:on_server_upgrade(id, text)
  local function header(name) return text:match("\n" .. name .. ": ([^\r\n]*)") or "" end
  local signature = self.secret:hmac("sha256", header "[Aa]cme%-[Tt]ime", "hex")
  if header "[Aa]cme%-[Kk]ey" ~= self.key or header "[Aa]cme%-[Ss]ign" ~= signature then
    host.server_refuse(id, 401, {}, "no")
  end
end

function Sim:on_server_ws_open(id) self.connections[id] = true end
function Sim:on_server_ws_close(id) self.connections[id] = nil end
function Sim.on_server_ws_ping() end
function Sim.on_server_ws_pong() end

local function copy(order, trade)
  local row = {}
  for _, from in ipairs { order, trade } do
    for name, value in pairs(from) do row[name] = value end
  end
  return row
end

local operations = {}

function operations.markets()
  return json.array { { symbol = SYMBOL, price_step = "0.1", qty_step = "1" } }
end

function operations:place(message)
  for _, order in ipairs(self.orders) do
    if order.cid == message.cid then return nil, "the id is taken" end
  end
  local order = { cid = message.cid, oid = tostring(#self.orders + 1), symbol = message.symbol,
                  side = message.side, price = message.price, qty = message.qty, cum = "0",
                  status = "open" }
  self.orders[#self.orders + 1] = order
  return order
end

function operations:cancel(message)
  for _, order in ipairs(self.orders) do
    if order.cid == message.cid and order.status == "open" then
      order.status = "canceled"
      return order
    end
  end
  return nil, "no such order is open"
end

local function select_rows(rows, field, value)
  local found = {}
  for _, row in ipairs(rows) do if row[field] == value then found[#found + 1] = row end end
  return json.array(found)
end

function operations:open() return select_rows(self.orders, "status", "open") end
function operations:order(message) return select_rows(self.orders, "cid", message.cid) end
function operations:fills(message) return select_rows(self.trades, "cid", message.cid) end
function operations.balances() return { TIN = "100", CREDIT = "5000" } end

function Sim:on_server_ws_message(id, text)
  local message = json.decode(text)
  local result, err = operations[message.op](self, message)
  host.server_ws_send(id, json.encode { id = message.id, result = result, error = err })
end

--- The market executes so much of an order, by its number.
function Sim:execute(number, qty)
  local order = self.orders[number]
  local cum = decimal(order.cum) + qty
  order.cum, order.status = tostring(cum), cum == decimal(order.qty) and "filled" or "open"
  local trade = copy(order, { trade = tostring(#self.trades + 1), last_qty = qty,
                              last_price = order.price, fee = FEE,
                              time = dispatch.now() })
  self.trades[#self.trades + 1] = trade
  for id in pairs(self.connections) do host.server_ws_send(id, json.encode { order = trade }) end
end

--- Breaks all connections.
function Sim:drop()
  for id in pairs(self.connections) do host.server_drop(id) end
  self.connections = {}
end

return Sim
