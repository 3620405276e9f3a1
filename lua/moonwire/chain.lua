--- An order that was replaced is several of the venue's, one after the other; here it stays one and
--- keeps its client_order_id. Each of the venue's is a link of its chain:
---   client_order_id, order_id, price
---   qty      of the whole order, as it was asked for: what the links before it executed included
---   base     what these executed; known when the venue has shown the link
---   sent_at  seconds since 1970
---   state    "asked", "refused" or "done": the venue has shown it
---   is_lost  asked, and its answer is missing
---   is_to_end  the order was canceled before the venue had shown it
--- This page is what the links are and how they are kept; what reports and answers make of them is
--- session_replace.lua's.

local decimal = require "moonwire.decimal"
local persist = require "moonwire.persist"
local record = require "moonwire.record"

local Chain = { __name = "moonwire.Chain" }
Chain.__index = Chain

local M = {}
local KEPT = 16                       -- links of one order; reports of older ones find the journal

-- Out of the reach of strategies. A chain does not lead to its order, which would keep both.
local chains = setmetatable({}, { __mode = "k" })
local has_any = false

--- The chain of an order; nil as long as nobody asked to replace it.
---@param order moonwire.Order
---@return moonwire.Chain|nil
function M.of(order) return chains[order] end

--- Whether this process knows any chain.
function M.has_any() return has_any end

local function add(order, chain)
  chains[order], has_any = chain, true
  return chain
end

local function begin(order)
  local first = { client_order_id = order.client_order_id, order_id = order.order_id,
                  price = order.price, qty = order.qty, base = decimal.ZERO, state = "done" }
  return add(order, setmetatable({ links = { first }, current = first, asked = nil, held = nil },
                                 Chain))
end

--- Begins a link, which is asked for from now on.
---@param order moonwire.Order
---@param client_order_id string  that the venue is to give it
---@param price moonwire.decimal
---@param qty moonwire.decimal    of the whole order
---@return table link
function M.ask(order, client_order_id, price, qty)
  local chain = chains[order] or begin(order)
  local link = { client_order_id = client_order_id, price = price, qty = qty, state = "asked" }
  chain.asked = link
  table.insert(chain.links, link)
  return link
end

--- Takes the oldest link when there are too many; nil when there are not.
function Chain:take_oldest()
  if #self.links <= KEPT then return nil end
  return table.remove(self.links, self.links[1] == self.current and 2 or 1)
end

--- The link was never sent.
function Chain:drop(link)
  if self.asked == link then self.asked = nil end
  for i = #self.links, 1, -1 do
    if self.links[i] == link then table.remove(self.links, i) end
  end
end

--- The link that ids of the venue speak of, or nil.
function Chain:find(client_order_id, order_id)
  for i = #self.links, 1, -1 do
    local link = self.links[i]
    if client_order_id and link.client_order_id == client_order_id
      or order_id and link.order_id == order_id then
      return link
    end
  end
end

--- What may still be executed of an order, whichever way a replacement ends; nil: nobody knows.
---@param order moonwire.Order
---@return moonwire.decimal|nil
function M.leaves_qty(order)
  local chain, leaves = chains[order], order.leaves_qty
  if not (chain and chain.asked and leaves) then return leaves end
  return decimal.max(leaves, chain.asked.qty - order.cum_qty)
end

-- The journal -------------------------------------------------------------------------------------

-- No venue's name has a colon, and no strategy's, beside whose texts these are kept.
local function chain_key(venue, id) return ("replace:%s:%s"):format(venue, id) end
local function link_key(venue, id) return ("replaced:%s:%s"):format(venue, id) end

local function link_fields(link)
  return { client_order_id = link.client_order_id, order_id = link.order_id, price = link.price,
           qty = link.qty, base = link.base, sent_at = link.sent_at, state = link.state }
end

--- Records how the chain of an order stands.
function M.record(order)
  local chain, links, current = chains[order], {}, nil
  for i, link in ipairs(chain.links) do
    links[i] = link_fields(link)
    if link == chain.current then current = i end
  end
  record.persist(chain_key(order.venue, order.client_order_id),
                 assert(persist.encode { links = links, current = current }))
end

--- Records a link before it is sent: the order is found by its client_order_id as well.
function M.record_link(order, link)
  record.persist(link_key(order.venue, link.client_order_id), order.client_order_id)
  M.record(order)
end

--- What an archive has of an order's chain, for M.restore; nil when there is none.
---@param archive table
---@param venue string
---@param client_order_id string
---@return table|nil
function M.archived(archive, venue, client_order_id)
  local text = archive:persist(chain_key(venue, client_order_id))
  return text and text ~= "" and assert(persist.decode(text)) or nil
end

--- The client_order_id of the order that has a link of that id, in an archive; nil: none.
function M.archived_order(archive, venue, client_order_id)
  return archive:persist(link_key(venue, client_order_id))
end

--- Gives an order of an earlier run its chain, and what its last link made of it. A link that was
--- asked for has lost its answer.
---@param order moonwire.Order
---@param archived table  of M.archived
function M.restore(order, archived)
  local chain = add(order, setmetatable({ links = archived.links,
                                          current = archived.links[archived.current] }, Chain))
  local last = chain.links[#chain.links]
  if last.state == "asked" then chain.asked, last.is_lost = last, true end
  return chain
end

return M
