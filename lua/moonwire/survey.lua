--- What a desk has, as lists of plain records: for the prompt's tables and its live screen.

local M = {}

--- The venues and their sessions.
---@param desk moonwire.Desk
---@return { venue: string, protocol: string, session: string, since_at: number,
---          open_orders: integer, remark: string|nil }[]
function M.sessions(desk)
  local list = {}
  for _, each in ipairs(desk.session_list) do
    list[#list + 1] = {
      venue = each.name, protocol = each.protocol.name, session = each.state,
      since_at = each.state_since, open_orders = #desk.orders:list_open { venue = each.name },
      remark = each.stopped_why or each.suspended or each.ambiguity or nil,
    }
  end
  return list
end

--- The strategies; orders by hand belong to none of these.
---@param desk moonwire.Desk
---@return { name: string, state: string, errors: integer, file: string, open_orders: integer }[]
function M.strategies(desk)
  local list = {}
  for _, runner in ipairs(desk.runner_list) do
    if not runner.is_console then
      list[#list + 1] = {
        name = runner.name, state = runner.state, errors = runner.errors, file = runner.file,
        open_orders = #desk.orders:list_open { strategy = runner.name },
      }
    end
  end
  return list
end

--- What each strategy holds and earned, sorted by strategy, venue and symbol.
---@param desk moonwire.Desk
---@param strategy string|nil  of this one alone
---@return table[]  with the fields of moonwire.Position, unrealized where a price is known, and
---                 fees as a text
function M.positions(desk, strategy)
  local list = {}
  for _, position in pairs(desk.positions) do
    if not strategy or position.strategy == strategy then
      local book = desk:book(position.venue, position.symbol)
      list[#list + 1] = {
        strategy = position.strategy, venue = position.venue, symbol = position.symbol,
        qty = position.qty, avg_price = position.avg_price, realized = position.realized,
        unrealized = book and book.mid and position:unrealized(book.mid),
        fees = position:fees_text(),
      }
    end
  end
  table.sort(list, function(a, b)
    return a.strategy .. a.venue .. a.symbol < b.strategy .. b.venue .. b.symbol
  end)
  return list
end

return M
