--- Faults between a simulator and its clients: a layer that the protocol code does not know. A
--- request or a frame belongs to one or more *subjects* (the venue names them); a fault meets the
--- subject and says what becomes of it (M.help is the language). All chance comes from the seed and
--- the fault's place in the list, so a run can be repeated.

local Random = require "moonwire.random"
local sorted = require "moonwire.sorted"

local M = {}

M.help = [[
FAULT  = ACTION ":" SUBJECT { ":" OPTION }          several: joined by "," or --fault repeated
OPTION = 0.1 or 10%   chance of each                3        only the next 3 times
         every=200    each 200th                    after=10 not the first 10
         50ms, 2s     how long (delay, reorder)     for=10s  only in the first 10 s from now
         before       the request is not processed  after    it is, and the answer suffers
on requests:
  swallow      no answer ever                       cut      the connection drops
  delay:...:T  before or after                      html     a page of the proxy, status 200
  http:STATUS:...  that status, with a page of the proxy (429: the venue's JSON)
on frames:
  lose  delay  duplicate                            reorder  the next frame overtakes
  junk[:text|nested|huge|empty]  one before it      silent   the line is mute from now on
  drop  half_open  mid_frame     the line breaks    close:CODE  expire
for example: swallow:query:0.1  http:503:rest:3  delay:ws:50ms  drop:ws:every=200]]

local request_actions = { swallow = "after", cut = "after", delay = "after", http = "before",
                          html = "before" }
local frame_actions = { lose = true, delay = true, duplicate = true, reorder = true, junk = true,
                        silent = true, drop = true, half_open = true, mid_frame = true,
                        close = true, expire = true }
local junk_kinds = { text = true, nested = true, huge = true, empty = true }

local function sorted_names(...)
  local all = {}
  for _, set in ipairs { ... } do
    for name in pairs(set) do all[name] = true end
  end
  return table.concat(sorted.keys(all), " ")
end

local units = { ms = 1, s = 1000, m = 60000 }
local function duration_ms(text)
  local number, unit = text:match("^(%d+%.?%d*)(m?s?)$")
  return number and units[unit] and tonumber(number) * units[unit]
end

local function positive_integer(text)
  return text:match("^[1-9]%d*$") and tonumber(text)
end

-- Each reader of an option returns true when the text was its own, nil when not, or false and what
-- is wrong.
local options = {}

function options.number(fault, text)
  local percent = text:match("^(%d+%.?%d*)%%$")
  local chance = percent and tonumber(percent) / 100 or text:find("%.") and tonumber(text)
  if chance then
    if chance > 1 then return false, "a chance is at most 1.0 or 100%" end
    fault.chance = chance
    return true
  end
  local count = positive_integer(text)
  if not count then return nil end
  fault.times = count
  return true
end

function options.named(fault, text)
  local name, value = text:match("^(%a+)=(.*)$")
  if not name then return nil end
  if name == "for" then
    fault.lasts_ms = duration_ms(value)
    if not fault.lasts_ms then return false, "for= wants a time such as 10s" end
  elseif name == "every" or name == "after" then
    fault[name] = positive_integer(value)
    if not fault[name] then return false, name .. "= wants a whole number" end
  else
    return false, "there is every= after= for="
  end
  return true
end

function options.duration(fault, text)
  local ms = duration_ms(text)
  if ms then fault.ms = ms end
  return ms and true
end

function options.moment(fault, text)
  if (text ~= "before" and text ~= "after") or not fault.is_request then return nil end
  fault.moment = text
  return true
end

function options.junk(fault, text)
  if fault.action ~= "junk" or not junk_kinds[text] then return nil end
  fault.junk = text
  return true
end

local readers = { options.number, options.named, options.duration, options.moment, options.junk }

local function read_option(fault, text)
  for _, read in ipairs(readers) do
    local ok, problem = read(fault, text)
    if ok then return true end
    if ok == false then return nil, string.format('option "%s": %s', text, problem) end
  end
  return nil, string.format('option "%s": there is 0.1 10%% 3 every=N after=N for=10s 50ms%s', text,
    fault.is_request and " before after"
    or fault.action == "junk" and " text nested huge empty" or "")
end

-- The requests that an action can meet: a handshake is answered at once or not at all.
local function requests_of(action, subjects)
  if action ~= "delay" then return subjects.requests end
  local names = {}
  for name in pairs(subjects.requests) do names[name] = not subjects.handshakes[name] or nil end
  return names
end

local function read_action(fault, pieces, subjects)
  local action = table.remove(pieces, 1)
  if not request_actions[action] and not frame_actions[action] then
    return nil, string.format('no action "%s": there is %s', action,
                              sorted_names(request_actions, frame_actions))
  end
  fault.action = action
  if action == "http" or action == "close" then
    fault.code = pieces[1] and pieces[1]:match("^%d%d%d%d?$") and tonumber(table.remove(pieces, 1))
    if not fault.code then
      return nil, action .. " wants a " .. (action == "http" and "status: http:503:trade"
                                                             or "code: close:3001:private")
    end
  end
  local subject = table.remove(pieces, 1)
  local requests = request_actions[action] and requests_of(action, subjects) or {}
  local frames = frame_actions[action] and subjects.frames or {}
  local fits = requests[subject]
  fault.is_request = fits or false
  if not fits and not frames[subject] then
    return nil, string.format('%s has no subject "%s": there is %s', action, subject or "",
                              sorted_names(requests, frames))
  end
  fault.subject = subject
  fault.moment = fits and request_actions[action] or nil
  return true
end

--- Reads one fault.
---@param subjects { requests: table<string, true>, handshakes: table<string, true>,
---                   frames: table<string, true> }  handshakes are among the requests
---@return table|nil fault
---@return string|nil err
function M.parse(spec, subjects)
  local fault, pieces = { spec = spec }, {}
  for piece in (spec .. ":"):gmatch("([^:]*):") do pieces[#pieces + 1] = piece end
  local ok, problem = read_action(fault, pieces, subjects)
  for _, text in ipairs(ok and pieces or {}) do
    ok, problem = read_option(fault, text)
    if not ok then break end
  end
  if ok and fault.action == "delay" and not fault.ms then
    ok, problem = nil, "delay wants a time: delay:ws:50ms"
  end
  if not ok then return nil, string.format('fault "%s": %s', spec, problem) end
  return fault
end

---@class moonwire.sim.Faults
local Faults = { __name = "moonwire.sim.Faults" }
Faults.__index = Faults

---@param subjects table  as M.parse wants them
function M.new(subjects, seed)
  return setmetatable({ subjects = subjects, seed = seed, list = {}, made = 0 }, Faults)
end

--- Adds the faults of a text (joined by ","); all of them or, with an error, none.
function Faults:add(text, now)
  local added = {}
  for spec in text:gmatch("[^,%s]+") do
    local fault, err = M.parse(spec, self.subjects)
    if not fault then return nil, err end
    added[#added + 1] = fault
  end
  if #added == 0 then return nil, "fault: empty; for example swallow:query:0.1" end
  for _, fault in ipairs(added) do
    self.made = self.made + 1
    fault.id, fault.seen, fault.hits = self.made, 0, 0
    fault.random = Random.new(self.seed, "fault " .. self.made)
    fault.ends = fault.lasts_ms and now + fault.lasts_ms
    table.insert(self.list, fault)
  end
  return added
end

--- Removes the fault of that id, or all; says how many went.
function Faults:clear(id)
  local kept = {}
  for _, fault in ipairs(self.list) do
    if id and fault.id ~= id then kept[#kept + 1] = fault end
  end
  local gone = #self.list - #kept
  self.list = kept
  return gone
end

local function strikes(fault, now)
  fault.seen = fault.seen + 1
  if fault.ends and now >= fault.ends then return false end
  if fault.times and fault.hits >= fault.times then return false end
  local n = fault.seen - (fault.after or 0)
  if n <= 0 then return false end
  if fault.every and n % fault.every ~= 0 then return false end
  if fault.chance and fault.random:number() >= fault.chance then return false end
  fault.hits = fault.hits + 1
  return true
end

--- The language and this venue's subjects, for people.
function M.describe(subjects)
  return M.help .. "\nsubjects of requests: " .. sorted_names(subjects.requests)
         .. "\nsubjects of frames:   " .. sorted_names(subjects.frames)
end

--- The faults that strike what belongs to all these subjects, in the order in which they were set.
---@param subjects string[]
function Faults:strike(is_request, subjects, now)
  if #self.list == 0 then return self.list end
  local struck = {}
  for _, fault in ipairs(self.list) do
    if fault.is_request == is_request then
      for _, subject in ipairs(subjects) do
        if fault.subject == subject then
          if strikes(fault, now) then struck[#struck + 1] = fault end
          break
        end
      end
    end
  end
  return struck
end

local junk = {
  text   = function() return "<html><body>502 Bad Gateway</body></html>" end,
  nested = function() return string.rep("[", 100000) .. string.rep("]", 100000) end,
  huge   = function() return '{"push":{"junk":"' .. string.rep("x", 1024 * 1024) .. '"}}' end,
  empty  = function() return "" end,
}

--- The junk frame that a junk fault sends before the frame that it struck.
function M.junk_of(fault)
  return junk[fault.junk or "text"]()
end

return M
