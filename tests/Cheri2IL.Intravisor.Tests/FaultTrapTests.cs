using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
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
        var arena = Arena.OfProcess;
        var entered = FaultTrap.EnterThread();
        Assert.False(Touches(arena.Base - 1, write: false));
        Assert.False(Touches(arena.Base - GuestLayout.Guard, write: true));
        Assert.False(Touches(arena.Base + arena.Size, write: false));
        Assert.False(Touches(arena.Base + arena.Size + GuestLayout.Guard - 1, write: true));
        if (entered)
            FaultTrap.LeaveThread();
    }

    /// <summary>
    /// .NET finds the caller of a frame by its code: bytes inside an instruction that look like a return (c2, c3) or a jump (e9, eb) are taken for the end of a
    /// method. These methods' instructions have such a second byte: andn with a base from r8 on; arithmetic with xmm7 or xmm2.
    /// </summary>
    [Fact]
    public void FaultTrap_AtAnInstructionThatContainsAReturn_IsCaughtByTheCaller()
    {
        Assert.SkipUnless(Bmi1.X64.IsSupported && Avx.IsSupported, "the processor has neither such instructions");
        using var slot = Arena.OfProcess.Allocate(GuestLayout.MinimumSlotSize);
        var entered = FaultTrap.EnterThread();
        var nothing = (nint)(slot.Base + 12345);
        var caught = 0;
        foreach (var access in (Action[])[() => AndNot(1, 2, 3, 4, nothing, 0), () => AndNot(1, 2, 3, 4, 0, nothing), () => Product(0, 1, 2, 3, 4, 5, 6, 7, nothing), () => Sum(0, 1, 2, nothing), () => Single(0, 1, 2, nothing)])
        {
            try
            {
                access();
            }
            catch (NullReferenceException)
            {
                FaultTrap.TakeLast(out var address, out _, out _);
                caught += address == nothing ? 1 : 0;
            }
        }

        Assert.Equal(5, caught);
        if (entered)
            FaultTrap.LeaveThread();
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static ulong AndNot(ulong a, ulong b, ulong c, ulong d, nint address, nint offset) => Bmi1.X64.AndNot(a, *(ulong*)(address + offset)) + b + c + d;

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static double Product(double a, double b, double c, double d, double e, double f, double g, double h, nint address) => (h * *(double*)address) + a + b + c + d + e + f + g;

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static double Sum(double a, double b, double c, nint address) => (c + *(double*)address) * a * b;

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static float Single(float a, float b, float c, nint address) => (c - *(float*)address) * a * b;

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
