"""What Valkey does in one step, as Lua: each step first checks that the caller owns the world.

``KEYS[1]`` is the hash of a world: ``owner``, ``url`` (which the owner advertises), ``until`` (the
end of its lease, by the server's clock), ``epoch``, ``attempt``, ``generation``, ``snapshot`` (the
generation of the snapshot), ``head`` and ``used``; ``count:N`` is the number of records in the log
N. The snapshot and the logs are next to it.

A request that was given up can still arrive. So the requests of one owner have growing numbers, the
attempts, and one that arrives after a later one is refused.
"""

_COMMON = """
local state = KEYS[1]
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function log(generation) return state .. ':log:' .. generation end
local function count_of(generation) return 'count:' .. generation end
local function snapshot(generation) return state .. ':snapshot:' .. generation end
-- Restore the secret of the peers if it is lost; another may have been set meanwhile.
local function shared(key, secret)
  if secret == '' then return '' end
  redis.call('SET', key, secret, 'NX')
  return redis.call('GET', key)
end
"""

_ALWAYS = "#!lua flags=allow-oom\n"
"""For what adds nothing: it has to work, above all, where the server has no memory left."""

_OWNED = (
    _COMMON
    + """
local found = redis.call('HMGET', state, 'epoch', 'owner', 'attempt', 'generation', 'snapshot',
  'url')
if not found[1] then return {'gone'} end
if found[1] ~= ARGV[1] then return {'lost', found[2], found[6] or ''} end
local attempt = found[3]
if ARGV[2] ~= '' then
  if tonumber(attempt) >= tonumber(ARGV[2]) then return {'late'} end
  attempt = ARGV[2]
end
local time = now()
local function renew(...)
  redis.call('HSET', state, 'attempt', attempt, 'until', time + ARGV[3], ...)
end
local generation = tonumber(found[4])
-- Remove from a log what was never acknowledged.
local function acknowledged(count)
  local length = redis.call('LLEN', log(generation))
  if length > count then
    if count == 0 then redis.call('DEL', log(generation))
    else redis.call('LTRIM', log(generation), 0, count - 1) end
    redis.call('HSET', state, count_of(generation), count)
  end
  return length >= count
end
"""
)
"""Arguments: the epoch, the attempt or nothing, the milliseconds of the lease, and what follows.

Each script calls ``renew`` once; a call of a command takes longer than all else in a script.
"""

CLAIM = (
    _ALWAYS
    + _COMMON
    + """
local found = redis.call('HMGET', state, 'owner', 'until', 'epoch', 'url')
local time = now()
local secret = shared(ARGV[8], ARGV[9])
if found[1] and found[1] ~= ARGV[1] and tonumber(found[2]) > time then
  return {'lost', found[1], found[4] or '', secret, found[2] - time}
end
local held = ARGV[4] ~= '' and tonumber(ARGV[4]) >= (tonumber(found[3]) or 0)
if not held and (found[1] or redis.call('EXISTS', ARGV[6]) == 0) then
  local up = string.match(redis.call('INFO', 'server'), 'uptime_in_seconds:(%d+)')
  if up * 1000 < tonumber(ARGV[5]) then return {'restarted', secret} end
end
redis.call('SET', ARGV[6], ARGV[7], 'NX')
local epoch = math.max(time, (tonumber(found[3]) or 0) + 1)
redis.call('HSET', state, 'owner', ARGV[1], 'until', time + ARGV[2], 'epoch', epoch,
  'attempt', 0, 'used', time, 'url', ARGV[3])
redis.call('HSETNX', state, 'generation', 0)
return {'ok', epoch, time, secret}
"""
)
"""Arguments: the owner, the milliseconds of the lease, the URL, the epoch of an ownership that has
not ended or nothing, the milliseconds after a start of the server in which it may have forgotten
who the owner is, the key of the format and its record, the key of the secret of the peers and what
it was. Returns the epoch, the server's time, and the secret as it is; the secret also follows any
other status, and then the milliseconds that are left to the owner.

A server that is restarted can have forgotten the last claims, or all of them: until the leases that
it may have granted have ended, only their owners can claim. Nor is the former owner to be asked:
if it has released the world, or was started again, it has to wait as well.
"""

LOAD = (
    _ALWAYS
    + _OWNED
    + """
renew()
if not found[5] then return {'ok'} end
local logs = {}
for number = tonumber(found[5]), generation do
  local records = redis.call('LRANGE', log(number), 0, -1)
  local count = tonumber(redis.call('HGET', state, count_of(number)) or 0)
  if #records < count then return {'short', 'log ' .. number, count, #records} end
  logs[#logs + 1] = records
end
return {'ok', found[5], redis.call('GET', snapshot(found[5])), logs}
"""
)
"""Returns the generation of the snapshot, which is that of the first log, the snapshot and the
logs; nothing of a world that is not stored."""

APPEND = (
    _OWNED
    + """
if generation ~= tonumber(ARGV[4]) or redis.call('EXISTS', snapshot(found[5] or '')) == 0
  or not acknowledged(tonumber(ARGV[5])) then
  renew()
  return {'gone'}
end
for index = 6, #ARGV do redis.call('RPUSH', log(generation), ARGV[index]) end
renew('used', time, count_of(generation), ARGV[5] + #ARGV - 5)
return {'ok'}
"""
)
"""Further arguments: the generation, the number of records in its log, and the new ones."""

APPEND_ALWAYS = _ALWAYS + APPEND
"""The same for what has to be stored for reading a world."""

ROTATE = (
    _ALWAYS
    + _OWNED
    + """
renew()
if ARGV[4] ~= '' and generation == tonumber(ARGV[4]) then acknowledged(tonumber(ARGV[5])) end
return {'ok', redis.call('HINCRBY', state, 'generation', 1)}
"""
)
"""Further arguments: the generation, if the caller knows it, and the number of records."""

SNAPSHOT = (
    _OWNED
    + """
renew()
local number = tonumber(ARGV[4])
local former = tonumber(found[5]) or number
if former > number then return {'ok'} end
redis.call('SET', snapshot(number), ARGV[5])
redis.call('HSET', state, 'snapshot', number, 'head', ARGV[6], 'used', time)
for old = former, number - 1 do
  redis.call('DEL', snapshot(old), log(old))
  redis.call('HDEL', state, count_of(old))
end
return {'ok'}
"""
)
"""Further arguments: the generation, the snapshot, and its first record."""

RENEW = (
    _ALWAYS
    + _OWNED
    + """
renew()
if ARGV[4] ~= '' and generation == tonumber(ARGV[4]) then
  local length, count = redis.call('LLEN', log(generation)), tonumber(ARGV[5])
  if length < count then return {'gone'} end
  -- A request without a number may arrive late.
  if ARGV[2] ~= '' then acknowledged(count) end
end
return {'ok', time, shared(ARGV[6], ARGV[7])}
"""
)
"""Further arguments: the generation, if the caller knows it, the number of records, and the key
of the secret of the peers with what it was. Returns the server's time, and the secret as it is."""

RELEASE = (
    _ALWAYS + _OWNED + "renew('used', time) redis.call('HSET', state, 'until', 0) return {'ok'}"
)

_OWNER = """
local found = {}
if redis.call('TYPE', state).ok == 'hash' then
  found = redis.call('HMGET', state, 'until', 'snapshot', 'generation', 'owner')
end
local owned = (tonumber(found[1]) or 0) > now()
"""

OWNER = _ALWAYS + _COMMON + _OWNER + "return {'ok', owned and found[4] or nil}"

DELETE = (
    _ALWAYS
    + _COMMON
    + _OWNER
    + """
if owned then return {'ok'} end
for number = tonumber(found[2]) or 0, tonumber(found[3]) or 0 do
  redis.call('DEL', snapshot(number), log(number))
end
redis.call('DEL', state)
return {'ok', 1}
"""
)
"""Returns nothing of a world that a mock owns. A key that is damaged is removed, too."""

CONTENT = (
    _COMMON
    + """
local found = redis.call('HMGET', state, 'snapshot', 'generation')
if not found[1] then return {} end
local logs = {}
for number = tonumber(found[1]), tonumber(found[2]) do
  logs[#logs + 1] = redis.call('LRANGE', log(number), 0, -1)
end
return {found[1], redis.call('GET', snapshot(found[1])), logs}
"""
)
"""As LOAD, for any process: it changes nothing. Nothing is returned of a world that was removed."""

DESCRIBE = (
    _COMMON
    + """
local found = redis.call('HMGET', state, 'snapshot', 'generation', 'head', 'used')
if not found[1] then return {} end
local size, records = redis.call('STRLEN', snapshot(found[1])), 0
local problem = size == 0 and 'its snapshot is missing' or ''
for number = tonumber(found[1]), tonumber(found[2]) do
  local length = redis.call('LLEN', log(number))
  local count = tonumber(redis.call('HGET', state, count_of(number)) or 0)
  if length < count then
    problem = 'log ' .. number .. ': expected ' .. count .. ' records, got ' .. length
  end
  records = records + length
  size = size + (redis.call('MEMORY', 'USAGE', log(number)) or 0)
end
return {found[3] or '', found[4] or '0', size, records, problem}
"""
)

MEET = (
    _ALWAYS
    + _COMMON
    + """
local time, ended, blocks = now(), ARGV[3], ARGV[5]
if ARGV[2] == '' then redis.call('ZREM', state, ARGV[1])
else redis.call('ZADD', state, time + ARGV[2], ARGV[1]) end
redis.call('ZREMRANGEBYSCORE', state, '-inf', time)
for index = 11, #ARGV do redis.call('ZADD', ended, time + ARGV[4], ARGV[index]) end
redis.call('ZREMRANGEBYSCORE', ended, '-inf', time)
local known = redis.call('HMGET', blocks, 'newest', 'used')
local newest = math.max(tonumber(known[1]) or 0, ARGV[6])
local used, block = math.max(tonumber(known[2]) or 0, ARGV[7]), ''
if ARGV[8] ~= '' or tonumber(ARGV[6]) < used then
  newest = newest + 1
  block = newest
end
redis.call('HSET', blocks, 'newest', newest, 'used', used)
return {'ok', time, redis.call('ZRANGE', state, 0, -1), redis.call('ZRANGE', ended, 0, -1), block,
  shared(ARGV[9], ARGV[10])}
"""
)
"""Its key is that of the mocks that are there. Arguments: the URL of the caller, the milliseconds
for which it is there or nothing if it leaves, the key of the sessions that have ended, the
milliseconds for which they are kept, the key of the blocks of numbers, the block that the caller
has, the same or 0 if it has used none of it, whether it needs another one, the key of the secret of
the peers with what it was, and further sessions. Returns the server's time, the URLs, the sessions,
another block if there is a newer one in use, and the secret."""

TRY_OUT = _ALWAYS + "redis.call('SET', KEYS[1], 1) return {'ok'}"
"""It writes, as almost all that is asked of the server."""
