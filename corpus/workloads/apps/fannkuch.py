"""Most reversals of a prefix that any permutation of eight numbers needs, and a checksum over all permutations."""

from itertools import permutations


def flips(permutation):
    numbers = list(permutation)
    count = 0
    while (first := numbers[0]) != 0:
        numbers[:first + 1] = numbers[first::-1]
        count += 1
    return count


most = checksum = 0
for k, permutation in enumerate(permutations(range(8))):
    count = flips(permutation)
    most = max(most, count)
    checksum += count if k % 2 == 0 else -count
print(most, checksum)
