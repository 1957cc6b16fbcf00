using System.Runtime.CompilerServices;
using Cheri2IL.Runtime;
using Xunit;

namespace Cheri2IL.Intravisor.Tests;

/// <summary>Hardware traps inside the arena are catchable, everywhere and often; others stay what they were.</summary>
public sealed unsafe class FaultTrapTests
{
    [Fact]
    public void FaultTrap_ManyThreadsAndFaults_EachSeesItsOwnAddress()
    {
        using var slot = Arena.OfProcess.Allocate(GuestLayout.MinimumSlotSize);
        const int threads = 16;
        const int faults = 300;
        var right = 0;
        var workers = new Thread[threads];
        for (var t = 0; t < threads; t++)
        {
            var seed = t;
            workers[t] = new Thread(() =>
            {
                var random = new Random(seed);
                var entered = FaultTrap.EnterThread();
                for (var k = 0; k < faults; k++)
                {
                    var address = slot.Base + random.NextInt64((long)slot.Size - 8);
                    var write = (k & 1) == 0;
                    if (!Touches(address, write))
                    {
                        FaultTrap.TakeLast(out var seen, out var isWrite, out _);
                        if (seen == (long)address && isWrite == write)
                            Interlocked.Increment(ref right);
                    }
                }

                if (entered)
                    FaultTrap.LeaveThread();
            });
            workers[t].Start();
        }

        foreach (var worker in workers)
            worker.Join();
        Assert.Equal(threads * faults, right);
    }

    [Fact]
    public void FaultTrap_GuardsBesideTheArena_AreCovered()
    {
        var entered = FaultTrap.EnterThread();
        var arena = Arena.OfProcess;
        Assert.False(Touches(arena.Base - 1, write: false));
        Assert.False(Touches(arena.Base - GuestLayout.Guard, write: true));
        Assert.False(Touches(arena.Base + arena.Size, write: false));
        Assert.False(Touches(arena.Base + arena.Size + GuestLayout.Guard - 1, write: true));
        if (entered)
            FaultTrap.LeaveThread();
    }

    [Fact]
    public void NullReference_OutsideTheArena_StaysOrdinary()
    {
        using var slot = Arena.OfProcess.Allocate(GuestLayout.MinimumSlotSize);
        var entered = FaultTrap.EnterThread();
        Assert.False(Touches(slot.Base + 12345, write: false));
        var caught = 0;
        for (var k = 0; k < 100; k++)
        {
            try
            {
                _ = LengthOf(k < 0 ? "" : null!);
            }
            catch (NullReferenceException)
            {
                caught++;
            }
        }

        Assert.Equal(100, caught);
        FaultTrap.TakeLast(out var address, out _, out _);
        Assert.Equal((long)(slot.Base + 12345), address);
        if (entered)
            FaultTrap.LeaveThread();
    }

    [Fact]
    public void FaultTrap_InsideACatchBlockOfAnotherFault_IsCaught()
    {
        using var slot = Arena.OfProcess.Allocate(GuestLayout.MinimumSlotSize);
        var entered = FaultTrap.EnterThread();
        var depth = 0;
        Nest(slot.Base, 20, ref depth);
        Assert.Equal(20, depth);
        if (entered)
            FaultTrap.LeaveThread();
    }

    private static void Nest(byte* address, int levels, ref int depth)
    {
        if (levels == 0)
            return;
        try
        {
            Touch(address, write: true);
        }
        catch (NullReferenceException)
        {
            depth++;
            Nest(address + 4096, levels - 1, ref depth);
        }
    }

    private static bool Touches(byte* address, bool write)
    {
        try
        {
            Touch(address, write);
            return true;
        }
        catch (NullReferenceException)
        {
            return false;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Touch(byte* address, bool write)
    {
        if (write)
            Volatile.Write(ref *address, 1);
        else
            _ = Volatile.Read(ref *address);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int LengthOf(string text) => text.Length;
}
