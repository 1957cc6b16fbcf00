-- A mix of what Lua programs do. Prints one line per part, the same on every machine; the seconds go to standard
-- error. The optional argument multiplies the work.
local scale = tonumber(arg and arg[1]) or 1

local function part(name, work)
    local started = os.clock()
    local result = work()
    print(name, result)
    io.stderr:write(string.format("%s %.3f\n", name, os.clock() - started))
end

local seed = 1
local function random(n)
    seed = (seed * 48271) % 2147483647
    return seed % n
end

local function fib(n)
    if n < 2 then return n end
    return fib(n - 1) + fib(n - 2)
end

part("fib", function() return fib(27 + scale - 1) end)

part("sort", function()
    local list = {}
    for i = 1, 60000 * scale do list[i] = random(1000000) end
    table.sort(list)
    local by_digits = {}
    for i = 1, 5000 do by_digits[i] = tostring(list[i]) end
    table.sort(by_digits, function(a, b) return a:reverse() < b:reverse() end)
    return list[1] + list[#list // 2] * 7 + #by_digits[17]
end)

part("sieve", function()
    local limit, count = 400000 * scale, 0
    local composite = {}
    for i = 2, limit do
        if not composite[i] then
            count = count + 1
            for j = i * i, limit, i do composite[j] = true end
        end
    end
    return count
end)

part("strings", function()
    local parts = {}
    for i = 1, 20000 * scale do
        parts[#parts + 1] = string.format("%05d:%s", i, string.char(97 + random(26)):rep(1 + random(9)))
    end
    local text = table.concat(parts, ",")
    local words, total = 0, 0
    for number, letters in text:gmatch("(%d+):(%a+)") do
        words = words + 1
        total = (total + tonumber(number) * #letters) % 1000003
    end
    local replaced, changes = text:gsub("a+", function(run) return "<" .. #run .. ">" end)
    return words .. " " .. total .. " " .. changes .. " " .. #replaced
end)

part("objects", function()
    local Account = {}
    Account.__index = Account
    function Account.new(balance) return setmetatable({ balance = balance, log = {} }, Account) end
    function Account:move(other, amount)
        self.balance = self.balance - amount
        other.balance = other.balance + amount
        self.log[#self.log % 50 + 1] = amount
    end
    local accounts = {}
    for i = 1, 100 do accounts[i] = Account.new(1000) end
    for _ = 1, 300000 * scale do
        accounts[1 + random(100)]:move(accounts[1 + random(100)], random(50))
    end
    local sum, most = 0, -math.huge
    for _, account in ipairs(accounts) do
        sum = sum + account.balance
        most = math.max(most, account.balance)
    end
    return sum .. " " .. most
end)

part("closures", function()
    local function compose(f, g) return function(x) return g(f(x)) end end
    local f = function(x) return x end
    for i = 1, 40 do f = compose(f, function(x) return (x * 3 + i) % 65537 end) end
    local total = 0
    for i = 1, 8000 * scale do total = total + f(i) end
    return total
end)

part("coroutines", function()
    local function numbers(n)
        return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end)
    end
    local total = 0
    for value in numbers(150000 * scale) do total = total + value end
    return total
end)

part("errors", function()
    local caught = 0
    for i = 1, 30000 * scale do
        local ok, message = pcall(function() if i % 3 == 0 then error({ code = i }) end return i end)
        if not ok then caught = (caught + message.code) % 1000003 end
    end
    return caught
end)

part("spectral", function()
    local n = 80
    local function a(i, j) return 1 / ((i + j) * (i + j + 1) / 2 + i + 1) end
    local u, v = {}, {}
    for i = 0, n - 1 do u[i] = 1 end
    local function multiply(from, to, transposed)
        for i = 0, n - 1 do
            local sum = 0
            for j = 0, n - 1 do sum = sum + (transposed and a(j, i) or a(i, j)) * from[j] end
            to[i] = sum
        end
    end
    local t = {}
    for _ = 1, 8 * scale do
        multiply(u, t, false) multiply(t, v, true)
        multiply(v, t, false) multiply(t, u, true)
    end
    local uv, vv = 0, 0
    for i = 0, n - 1 do uv = uv + u[i] * v[i] vv = vv + v[i] * v[i] end
    return string.format("%.9f", math.sqrt(uv / vv))
end)

part("collect", function()
    local root
    for i = 1, 200000 * scale do root = { next = i % 1000 ~= 1 and root or nil, value = i } end
    collectgarbage()
    local n = 0
    while root do n, root = n + 1, root.next end
    return n
end)
