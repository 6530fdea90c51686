-- Every request carries the token of another person, at random. Arguments: path, file with one token a line.
local requests = {}
local count = 0

function init(arguments)
  math.randomseed(os.time())
  for token in io.lines(arguments[2]) do
    count = count + 1
    local headers = { ["Authorization"] = "Bearer " .. token, ["User-Agent"] = "wrk" }
    requests[count] = wrk.format("GET", arguments[1], headers)
  end
end

function request()
  return requests[math.random(count)]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    "\nRESULT {\"requests\": %d, \"seconds\": %f, \"refused\": %d, \"broken\": %d, \"p50_ms\": %f, \"p99_ms\": %f}\n",
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
