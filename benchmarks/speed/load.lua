-- What wrk asks for, and its figures as one line of JSON.
--     wrk … -s load.lua URL -- FILE FIRST
-- FILE has a path a line; they are asked for in turn. A * in a path becomes a number that was not there before, from
-- FIRST on. What follows a path, each after a tab, are header fields of its own. One thread only, or two would take the
-- same numbers.

local lines, at, number = {}, 0, 0

local function text(path, headers)
  return wrk.format("GET", path, headers)
end

local function with_own(line)
  local path, rest = line:match("^([^\t]*)(.*)$")
  local headers = {}
  for name, value in pairs(wrk.headers) do
    headers[name] = value
  end
  for name, value in rest:gmatch("\t([^:]*): ([^\t]*)") do
    headers[name] = value
  end
  return path, headers
end

function init(arguments)
  number = tonumber(arguments[2])
  local fixed = true
  for line in io.lines(arguments[1]) do
    local path, headers = with_own(line)
    local star = path:find("*", 1, true)
    fixed = fixed and not star and path == line
    lines[#lines + 1] = star and { path:sub(1, star - 1), path:sub(star + 1) } or text(path, headers)
  end
  if #lines == 1 and fixed then
    wrk.path = io.lines(arguments[1])()
    return -- the same request always: wrk makes it once, and runs no Lua under load
  end
  request = function()
    at = at % #lines + 1
    local line = lines[at]
    if type(line) == "string" then
      return line
    end
    number = number + 1
    return text(line[1] .. string.format("%d", number) .. line[2])
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'FIGURES {"requests":%d,"microseconds":%d,"bytes":%d,"p50":%d,"p99":%d,"errors":%d,"refused":%d}\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout, errors.status))
end
