"""What Redis does in one step each, as Lua.

Keys of Redis, beside the entries': ``cache:tag:T`` the token of a tag; ``cache:version`` a token
drawn anew with each of these; ``cache:lock:K`` who computes an entry; ``cache:changing:K`` and
``cache:changing:tag:T`` the builds that are about to change it; ``cache:builds`` the builds whose
changes Redis knows of; ``cache:counters``.

An entry is text: a line of ``tag=token``, then the value. It counts while every token in that line
is the tag's. So one write forgets all entries of a tag, and what was computed before it is void.

A script that deletes first may write even while Redis is full: what forgets entries does, what
stores them does not.
"""

from __future__ import annotations

import hashlib


class Script:
    """A script and the digest by which Redis knows it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


#: Gives back, as a table, the line of the tags' tokens, or an error of Redis; makes missing ones.
_TOKENS = """
local function tokens(first, fresh)
  local parts = {}
  for i = first, #ARGV do
    local token = redis.pcall('GET', 'cache:tag:' .. ARGV[i])
    if type(token) ~= 'string' then
      token = fresh
      local set = redis.pcall('SET', 'cache:tag:' .. ARGV[i], token)
      if set.err then return set end
    end
    parts[#parts + 1] = ARGV[i] .. '=' .. token
  end
  return {line = table.concat(parts, ' ')}
end
"""

#: KEYS entry, lock; ARGV a fresh token, ms of the lock, ms at the end of its time in which an entry
#: is aged, key, tags known before. Gives [state, value or nil, detail]:
#: fresh (detail: ms until aged), claimed (the claim), aged or busy (somebody else computes),
#: changing (ms that the fence has left), refused (Redis takes no writes; its reason).
READ_OR_CLAIM = Script("""
local stored = redis.pcall('GET', KEYS[1])
local value = false
if type(stored) == 'string' then
  local line_end = string.find(stored, '\\n', 1, true)
  local valid = false
  if line_end then
    for tag, token in string.gmatch(string.sub(stored, 1, line_end - 1), '(%S+)=(%S+)') do
      valid = redis.call('GET', 'cache:tag:' .. tag) == token
      if not valid then break end
    end
  end
  if valid then
    value = string.sub(stored, line_end + 1)
    local left = redis.call('PTTL', KEYS[1]) - tonumber(ARGV[3])
    if left > 0 then return {'fresh', value, left} end
  end
end
for i = 4, #ARGV do
  local name = (i == 4 and '' or 'tag:') .. ARGV[i]
  local left = redis.call('PTTL', 'cache:changing:' .. name)
  if left ~= -2 then return {'changing', value, left} end
end
local version = redis.call('GET', 'cache:version')
if not version then
  version = ARGV[1]
  local set = redis.pcall('SET', 'cache:version', version)
  if set.err then return {'refused', value, set.err} end
end
local claim = ARGV[1] .. ' ' .. version
local lock = redis.pcall('SET', KEYS[2], claim, 'NX', 'PX', ARGV[2])
if not lock then
  local held = redis.pcall('GET', KEYS[2])
  if type(held) == 'string' and string.sub(held, -#version - 1) == ' ' .. version then
    return {value and 'aged' or 'busy', value}
  end
  -- Whoever computes it began before a clearing, and will not be able to store it.
  lock = redis.pcall('SET', KEYS[2], claim, 'PX', ARGV[2])
end
if lock.err then return {'refused', value, lock.err} end
return {'claimed', value, claim}
""")

#: KEYS entry, lock; ARGV the claim, a fresh token, ms to live, value, tags. 1 when stored, 0 when
#: the claim is void: something was published or cleared since.
STORE = Script(
    _TOKENS
    + """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
local done = 0
local version = redis.call('GET', 'cache:version')
if version and string.sub(ARGV[1], -#version - 1) == ' ' .. version then
  local line = tokens(5, ARGV[2])
  local set = line.err and line
    or redis.pcall('SET', KEYS[1], line.line .. '\\n' .. ARGV[4], 'PX', ARGV[3])
  done = set.err and set or 1
end
redis.call('DEL', KEYS[2])
return done
"""
)

#: KEYS lock; ARGV the claim. Gives the claim up.
RELEASE = Script("""
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
""")

#: KEYS (entry, lock, changing) of each; ARGV build, ms. Forgets them, and lets nobody store them.
FENCE = Script("""
for i = 1, #KEYS, 3 do
  redis.call('DEL', KEYS[i], KEYS[i + 1])
  redis.call('SADD', KEYS[i + 2], ARGV[1])
  redis.call('PEXPIRE', KEYS[i + 2], ARGV[2])
end
return #KEYS
""")

#: KEYS entry, lock, changing; ARGV build, ms to live, value or nothing, the version before it was
#: read, a fresh token, tags. Ends the build's fence; the value takes the entry's place unless
#: another build changes the entry too, or has since this one's fence.
LIFT = Script(
    _TOKENS
    + """
local overlap = redis.call('SISMEMBER', KEYS[3], 'overlap')
local others = redis.call('SCARD', KEYS[3]) - overlap - redis.call('SISMEMBER', KEYS[3], ARGV[1])
local keep = ARGV[3] ~= '' and others + overlap == 0
  and redis.call('GET', 'cache:version') == ARGV[4]
for i = 6, #ARGV do
  keep = keep and redis.call('EXISTS', 'cache:changing:tag:' .. ARGV[i]) == 0
end
local kept = 0
if keep then
  local line = tokens(6, ARGV[5])
  local set = line.err and line
    or redis.pcall('SET', KEYS[1], line.line .. '\\n' .. ARGV[3], 'PX', ARGV[2])
  kept = set.err and 0 or 1
end
if kept == 0 then redis.call('DEL', KEYS[1]) end
redis.call('DEL', KEYS[2])
redis.call('SREM', KEYS[3], ARGV[1])
if others > 0 then
  redis.call('SADD', KEYS[3], 'overlap')
else
  redis.call('DEL', KEYS[3])
end
return kept
"""
)

#: ARGV build, ms, a fresh token, tag. The same as FENCE for all entries of a tag.
FENCE_TAG = Script("""
redis.call('DEL', 'cache:version')
redis.call('SET', 'cache:version', ARGV[3])
redis.call('SET', 'cache:tag:' .. ARGV[4], ARGV[3])
redis.call('SADD', 'cache:changing:tag:' .. ARGV[4], ARGV[1])
redis.call('PEXPIRE', 'cache:changing:tag:' .. ARGV[4], ARGV[2])
return 1
""")

#: ARGV build, a fresh token, tag. Ends the build's fence of a tag.
LIFT_TAG = Script("""
redis.call('SREM', 'cache:changing:tag:' .. ARGV[3], ARGV[1])
redis.call('SET', 'cache:version', ARGV[2])
redis.call('SET', 'cache:tag:' .. ARGV[3], ARGV[2])
return 1
""")

#: ARGV build. Redis has been told what it is about to change.
KNOW = Script("""
redis.call('DEL', 'cache:nothing')
redis.call('ZADD', 'cache:builds', ARGV[1], ARGV[1])
return redis.call('ZREMRANGEBYRANK', 'cache:builds', 0, -2001)
""")

#: ARGV a fresh token, the last published builds. When Redis was not told of one of them, or has
#: lost what it knew, every entry is forgotten. Writes in any case, which a replica refuses. Gives
#: [version, 1 when all was forgotten].
CHECK = Script("""
redis.call('DEL', 'cache:nothing')
local known = redis.call('EXISTS', 'cache:tag:all') == 1
for i = 2, #ARGV do
  known = known and redis.call('ZSCORE', 'cache:builds', ARGV[i])
end
if not known then
  redis.call('SET', 'cache:tag:all', ARGV[1])
  redis.call('SET', 'cache:version', ARGV[1])
  for i = 2, #ARGV do redis.call('ZADD', 'cache:builds', ARGV[i], ARGV[i]) end
  redis.call('ZREMRANGEBYRANK', 'cache:builds', 0, -2001)
end
return {redis.call('GET', 'cache:version') or '', known and 0 or 1}
""")

#: ARGV a fresh token, tags. Forgets all entries with one of these tags.
CLEAR_TAGS = Script("""
redis.call('DEL', 'cache:version')
redis.call('SET', 'cache:version', ARGV[1])
for i = 2, #ARGV do redis.call('SET', 'cache:tag:' .. ARGV[i], ARGV[1]) end
return 1
""")

#: KEYS (entry, lock) of each; ARGV a fresh token. Forgets these entries; how many there were.
CLEAR_KEYS = Script("""
local found = 0
for i = 1, #KEYS, 2 do
  found = found + redis.call('DEL', KEYS[i])
  redis.call('DEL', KEYS[i + 1])
end
redis.call('SET', 'cache:version', ARGV[1])
return found
""")

#: ARGV a counter's name and what to add to it, for each.
COUNT = Script("""
redis.call('DEL', 'cache:nothing')
for i = 1, #ARGV, 2 do redis.call('HINCRBY', 'cache:counters', ARGV[i], ARGV[i + 1]) end
return 1
""")
