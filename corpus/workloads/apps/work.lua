-- Calls, tables, sorting and strings.
local function fib(n)
    if n < 2 then return n end
    return fib(n - 1) + fib(n - 2)
end

print(fib(30))

local state = 42
local function random()
    state = (state * 1103515245 + 12345) % 2147483648
    return state
end

local numbers = {}
for i = 1, 100000 do numbers[i] = random() end
table.sort(numbers)
print(numbers[1], numbers[50000], numbers[100000])

local words = {}
for i = 1, 50000 do
    local word = string.format("%x", random() % 4096)
    words[word] = (words[word] or 0) + 1
end
local names = {}
for word in pairs(words) do names[#names + 1] = word end
table.sort(names)
print(#names, table.concat(names, ","):gsub("[aeiou]", "."):sub(1, 60))
