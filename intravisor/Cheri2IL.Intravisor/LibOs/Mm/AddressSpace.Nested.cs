using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.LibOs.Mm;

/// <content>Ranges that are the slots of inner cVMs: their owner reads and writes them, and cannot change what is mapped there.</content>
public sealed unsafe partial class AddressSpace
{
    /// <summary>What no access from inside a slot gets beyond (ARCHITECTURE.md, "The check, and its window").</summary>
    private const ulong Around = GuestLayout.Guard;

    /// <summary>
    /// Keeps a range for an inner cVM, the lowest that is free above the addresses of programs, with a guard on either side: what the inner one may reach
    /// without a check beyond its slot is never mapped here either.
    /// </summary>
    /// <param name="size">Bytes of the inner slot.</param>
    /// <param name="name">What /proc/self/maps calls it.</param>
    /// <param name="start">Guest address of its first byte.</param>
    /// <returns>False where there is no such range.</returns>
    internal bool TryNest(ulong size, string name, out ulong start)
    {
        lock (_gate)
        {
            for (start = GuestLayout.MinimumSlotSize; size + Around <= _high && start <= _high - Around - size; start += GuestLayout.SlotGranularity)
            {
                if (_mappings.Count + 1 >= _mappingLimit || !_mappings.IsFree(start - Around, start + size + Around))
                    continue;
                _mappings.Set(new Mapping(start - Around, start + size + Around, 0, false, null, 0, name) { IsSealed = true });
                return true;
            }
        }

        return false;
    }

    /// <summary>The inner cVM has given its slot back.</summary>
    internal void EndNested(ulong start, ulong size)
    {
        lock (_gate)
            _mappings.Remove(start - Around, start + size + Around);
    }

    private bool HasSealed(ulong start, ulong end)
    {
        for (var index = _mappings.FirstEndingAfter(start); index < _mappings.Count && _mappings[index].Start < end; index++)
        {
            if (_mappings[index].IsSealed)
                return true;
        }

        return false;
    }
}
