package redis

// refundScript gives back what takeScript charged. KEYS are the keys, ARGV for
// each "tag stamp cost window interval".
var refundScript = NewScript(`
for i, key in ipairs(KEYS) do
  local tag, stamp, cost, window, interval =
    string.match(ARGV[i], '(%a+) (%d+) (%d+) (%d+) (%S+)')
  if tag == 'sl' then
    redis.call('LREM', key, -tonumber(cost), stamp)
  else
    local value = redis.call('GET', key)
    if value and string.sub(value, 1, 1) ~= '-' then
      local at, b, c = string.match(value, '(%S+) (%S+) (%S+)')
      at, b, c, cost, stamp = tonumber(at), tonumber(b), tonumber(c), tonumber(cost), tonumber(stamp)
      if tag == 'tb' or tag == 'lb' then
        local left = math.min(cost * tonumber(interval), stamp - at)
        if left > 0 then b = math.max(0, b - left) end
      elseif at == stamp and b >= cost then
        b = b - cost
      elseif tag == 'sw' and at == stamp + tonumber(window) and c >= cost then
        c = c - cost
      end
      redis.call('SET', key, string.format('%.0f %.17g %.0f', at, b, c), 'KEEPTTL')
    end
  end
end
return 'ok'
`)

// resetScript forgets a key.
var resetScript = NewScript(`
redis.call('DEL', KEYS[1])
return 'ok'
`)

// blockScript puts a block in the place of a key's state. ARGV is "tag µs", and
// a time in µs where a test moves the clock.
var blockScript = NewScript(`
local tag, length = string.match(ARGV[1], '(%a+) (%d+)')
local clock = tonumber(ARGV[2])
if not clock then
  local time = redis.call('TIME')
  clock = time[1] * 1000000 + time[2]
end
local value = string.format('-%.0f', clock + length)
local life = math.ceil(length / 1000) + 1
if tag == 'sl' then
  redis.call('DEL', KEYS[1])
  redis.call('RPUSH', KEYS[1], value)
  redis.call('PEXPIRE', KEYS[1], life)
else
  redis.call('SET', KEYS[1], value, 'PX', life)
end
return 'ok'
`)
