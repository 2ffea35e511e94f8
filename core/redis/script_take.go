package redis

// takeScript decides hits, one a key. It is the arithmetic of core's State in
// Lua, operation by operation the same, so that both round alike; what Lua
// leaves, core's Limit.Describe puts into words.
//
// KEYS are the hits' keys, ARGV what core's Limit.Parameters says of each. Then
// may come "take", "peek" or "tell", and a time in µs instead of the server's,
// for tests that move the clock.
//
// A value is "at used previous" (windows), "at debt 0" (buckets) or a list of
// times (sliding-log). A single negative number is a block and when it ends.
//
// The reply is the time in µs and four numbers a hit: 0 denied, 1 allowed or
// 2 blocked, and the three that tell its state. To "tell", where core's Words
// follow the time, of one hit that is allowed and need not wait, it is what the
// RateLimit field says of it instead, after a "=": "=99;t=60".
var takeScript = NewScript(`
local clock = tonumber(ARGV[#KEYS + 2])
if not clock then
  local time = redis.call('TIME')
  clock = time[1] * 1000000 + time[2]
end

-- A key's lifetime in ms: one more, since the server rounds its time down.
local function lifetime(us) return math.ceil(us / 1000) + 1 end

local function carried(previous, elapsed, window)
  if elapsed < 0 then elapsed = 0 end
  if previous == 0 or elapsed >= window then return 0 end
  return math.ceil(previous * (window - elapsed) / window)
end

-- How far into a window no more than room of the previous units count.
local function faded(previous, room, window)
  if room >= previous then return 0 end
  local elapsed = window - math.floor(room * window / previous)
  if elapsed < window and carried(previous, elapsed, window) > room then elapsed = elapsed + 1 end
  return elapsed
end

-- What core's Describe finds for RateLimit, nil if the hit has to wait.
local function told(h)
  local remaining, refill = h.count - h.b, h.at + h.window - clock
  if h.tag == 'sl' then
    refill = h.c + h.window - clock
  elseif h.tag == 'sw' then
    local kept = carried(h.c, clock - h.at, h.window)
    remaining = remaining - kept
    if kept > 0 then
      refill = h.at + faded(h.c, kept - 1, h.window) - clock
    else
      refill = refill + faded(h.b, h.b - 1, h.window)
    end
  elseif h.debt then
    local free, room = tonumber(ARGV[4]), tonumber(ARGV[5])
    if h.b > free then return nil end
    remaining = math.floor((room - h.b + math.min(1, h.interval / 1000)) / h.interval)
    refill = h.at - clock + math.ceil(math.min(h.b, h.b + (remaining + 1) * h.interval - room))
  end
  return string.format('=%.0f;t=%.0f', remaining, math.ceil(refill / 1000000))
end

local hits, all = {}, ARGV[#KEYS + 1] ~= 'peek'
for i, key in ipairs(KEYS) do
  local tag, dry, count, window, interval, ceiling, cost =
    string.match(ARGV[i], '(%a+) (%d) (%d+) (%d+) (%S+) (%S+) (%d+)')
  count, window, cost = tonumber(count), tonumber(window), tonumber(cost)
  local h = {tag = tag, count = count, cost = cost, window = window, verdict = 0, at = 0, b = 0, c = 0}
  local log = tag == 'sl'
  local first
  if log then
    first = redis.call('LINDEX', key, 0)
  else
    first = redis.call('GET', key)
  end
  local allowed = false
  local block = first and string.match(first, '^%-(%d+)$')
  if block and tonumber(block) > clock then
    h.verdict, h.at = 2, tonumber(block)
  elseif log then
    local now, gone, used = clock, 0, 0
    if block then
      gone = 1
    elseif first then
      local newest = tonumber(redis.call('LINDEX', key, -1))
      if newest > now then now = newest end
      used = redis.call('LLEN', key)
      -- The oldest times leave in order: usually none, so look at one first.
      local times, i = {first}, 1
      while times[i] and now - tonumber(times[i]) >= window do
        gone, i = gone + 1, i + 1
        if not times[i] then
          times, i = redis.call('LRANGE', key, gone, gone + 99), 1
        end
      end
      used = used - gone
      h.at = newest
    end
    h.gone, h.now, h.b = gone, now, used
    allowed = cost == 0 or used + cost <= count
    local leave = used + (allowed and 1 or cost) - count
    if leave > used then leave = used end
    if leave < 1 then leave = 1 end
    if used > 0 then
      h.c = tonumber(redis.call('LINDEX', key, gone + leave - 1))
    end
  else
    local at, b, c = 0, 0, 0
    if first and not block then
      at, b, c = string.match(first, '(%S+) (%S+) (%S+)')
      at, b, c = tonumber(at), tonumber(b), tonumber(c)
    end
    if tag == 'fw' then
      if b == 0 or clock - at >= window then at, b = clock, 0 end
      allowed = cost == 0 or b + cost <= count
    elseif tag == 'sw' then
      local elapsed = clock - at
      if (b == 0 and c == 0) or elapsed >= 2 * window then
        at, b, c = clock, 0, 0
      elseif elapsed >= window then
        -- Not in one line: miniredis's Lua would have set b before it reads it.
        c = b
        at, b = at + window, 0
      end
      allowed = cost == 0 or b + cost + carried(c, clock - at, window) <= count
    else
      if clock > at then
        b = b - (clock - at)
        if b < 0 then b = 0 end
        at = clock
      end
      h.interval, h.ceiling = tonumber(interval), tonumber(ceiling)
      h.debt = cost * h.interval
      allowed = cost == 0 or b + h.debt <= h.ceiling
    end
    h.at, h.b, h.c = at, b, c
  end
  if allowed then h.verdict = 1 end
  all = all and (allowed or dry == '1')
  hits[i] = h
end

local reply
for i, key in ipairs(KEYS) do
  local h = hits[i]
  if all and h.verdict == 1 and h.cost > 0 then
    local life
    if h.tag == 'sl' then
      if h.gone > 0 then redis.call('LTRIM', key, h.gone, -1) end
      local text = string.format('%.0f', h.now)
      -- A call has room for a few thousand arguments.
      for from = 1, h.cost, 1000 do
        local times = {}
        for n = 1, math.min(1000, h.cost - from + 1) do times[n] = text end
        redis.call('RPUSH', key, (unpack or table.unpack)(times))
      end
      if h.b == 0 then h.c = h.now end
      h.at, h.b = h.now, h.b + h.cost
      redis.call('PEXPIRE', key, lifetime(h.at + h.window - clock))
    else
      if h.debt then
        h.b = h.b + h.debt
        life = h.at - clock + h.b
      else
        h.b = h.b + h.cost
        life = h.at - clock + (h.tag == 'sw' and 2 or 1) * h.window
      end
      redis.call('SET', key, string.format('%.0f %.17g %.0f', h.at, h.b, h.c), 'PX', lifetime(life))
    end
    local words = ARGV[2] == 'tell' and told(h)
    if words then return redis.status_reply(words) end
  end
  reply = reply or {string.format('%.0f', clock)}
  reply[i + 1] = string.format('%d %.0f %.17g %.0f', h.verdict, h.at, h.b, h.c)
end
return redis.status_reply(table.concat(reply, ' '))
`)
