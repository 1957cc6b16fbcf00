using System.Text;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Runtime.Execution;
using Xunit;
using static Cheri2IL.Intravisor.Tests.ScriptedGuest;

namespace Cheri2IL.Intravisor.Tests;

/// <summary>Life of a cVM: loading, ending, being killed, and what it gives back.</summary>
public sealed unsafe class CvmTests
{
    private const long Exit = 93;
    private const long ExitGroup = 94;

    [Fact]
    public void Start_StaticProgram_SeesLinuxInitialStack()
    {
        var seen = new List<string>();
        var auxiliary = new Dictionary<long, long>();
        var aligned = false;
        var stack = 0L;
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            var memory = ((CvmThread)GuestThread.Of(state).Host).Memory;
            var sp = stack = state->X2;
            aligned = sp % 16 == 0;
            memory.TryRead(sp, out long count);
            var at = sp + 8;
            for (var list = 0; list < 2; list++, at += 8)
            {
                for (; Word(memory, at) != 0; at += 8)
                    seen.Add(Text(memory, Word(memory, at)));
                seen.Add($"({count})");
            }

            for (; Word(memory, at) != 0; at += 16)
                auxiliary.Add(Word(memory, at), Word(memory, at + 8));
            seen.Add(Text(memory, auxiliary[31]));
            Call(state, ExitGroup, 0);
        };
        Assert.Equal(new CvmExit(0, 0), guest.Run());
        Assert.Equal(["test", "argument", "(2)", "NAME=value", "(2)", "/test"], seen);
        Assert.True(aligned);
        Assert.InRange(stack, GuestLayout.StackTop(GuestLayout.MinimumSlotSize) - 4096, GuestLayout.StackTop(GuestLayout.MinimumSlotSize));

        // AT_ENTRY, AT_PAGESZ, AT_HWCAP = IMAFDC, AT_PHNUM, AT_BASE; AT_RANDOM points to the stack.
        Assert.Equal(Entry, auxiliary[9]);
        Assert.Equal(4096, auxiliary[6]);
        Assert.Equal(0x112d, auxiliary[16]);
        Assert.Equal(2, auxiliary[5]);
        Assert.Equal(0, auxiliary[7]);
        Assert.InRange(auxiliary[25], stack, GuestLayout.StackTop(GuestLayout.MinimumSlotSize));
    }

    [Fact]
    public void Start_Segments_HaveContentRightsAndZeroedTail()
    {
        var guest = new ScriptedGuest();
        byte[] content = new byte[32];
        var (codeWritable, dataWritable, beyond) = (true, false, true);
        guest[Entry] = state =>
        {
            var memory = ((CvmThread)GuestThread.Of(state).Host).Memory;
            memory.TryRead(Data, content);
            codeWritable = memory.TryWrite(Entry, 1);
            dataWritable = memory.TryWrite(Data + 0x1fff, (byte)1);
            beyond = memory.TryWrite(Data + 0x2000, (byte)1);
            Call(state, ExitGroup, 0);
        };
        guest.Run();
        Assert.Equal((0x2000 % 251) + 1, content[1]);
        Assert.All(content[16..], b => Assert.Equal(0, b));
        Assert.False(codeWritable);
        Assert.True(dataWritable);
        Assert.False(beyond);
    }

    [Fact]
    public void Start_ProgramInTheGuard_IsRefused()
    {
        var elf = TestElf.Build(
            false,
            0x1000,
            new ProgramHeader(SegmentType.Load, SegmentFlags.Read | SegmentFlags.Execute, 0x1000, 0x1000, 8, 8, 4096));
        using var cvm = new ScriptedGuest().Create();
        Assert.Throws<CvmLoadException>(() => cvm.Start(elf));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(7, 7)]
    [InlineData(256 + 3, 3)]
    [InlineData(-1, 255)]
    public void ExitGroup_Status_IsTheLowByte(int status, int expected)
    {
        var guest = new ScriptedGuest();
        guest[Entry] = state => Call(state, ExitGroup, status);
        Assert.Equal(new CvmExit(expected, 0), guest.Run());
    }

    [Fact]
    public void Exit_OfTheOnlyThread_EndsTheCvm()
    {
        var guest = new ScriptedGuest();
        guest[Entry] = state => Call(state, Exit, 5);
        Assert.Equal(5, guest.Run().ShellStatus);
    }

    [Fact]
    public void EndlessLoop_Killed_EndsAndGivesItsSlotBack()
    {
        var guest = new ScriptedGuest();
        using var started = new ManualResetEventSlim();
        guest[Entry] = state =>
        {
            started.Set();
            while (Volatile.Read(ref state->Interrupt) == 0)
            {
            }
        };
        using var cvm = guest.Create();
        cvm.Start(Image());
        started.Wait(TestContext.Current.CancellationToken);
        cvm.Kill(Signal.SIGKILL);
        Assert.Equal(128 + 9, cvm.Wait().ShellStatus);
        var entered = FaultTrap.EnterThread();
        Assert.False(cvm.Init.Image.Space.Memory.TryRead(Data, out byte _));
        if (entered)
            FaultTrap.LeaveThread();
    }

    [Theory]
    [InlineData(115L)]
    [InlineData(98L)]
    [InlineData(133L)]
    [InlineData(137L)]
    public void BlockedCall_Killed_Ends(long call)
    {
        var guest = new ScriptedGuest();
        using var started = new ManualResetEventSlim();
        guest[Entry] = state =>
        {
            var memory = ((CvmThread)GuestThread.Of(state).Host).Memory;
            memory.TryWrite(Data, 1L << 20);
            memory.TryWrite(Data + 8, 0L);
            started.Set();

            // clock_nanosleep(1, 0, Data), futex(Data + 8, WAIT, 0), rt_sigsuspend(Data, 8), rt_sigtimedwait(Data, 0, 0, 8)
            _ = call switch
            {
                115 => Call(state, call, 1, 0, Data),
                98 => Call(state, call, Data + 8),
                133 => Call(state, call, Data, 8),
                _ => Call(state, call, Data, 0, 0, 8),
            };
        };
        using var cvm = guest.Create();
        cvm.Start(Image());
        started.Wait(TestContext.Current.CancellationToken);
        Thread.Sleep(20);
        cvm.Kill(Signal.SIGTERM);
        Assert.Equal(128 + 15, cvm.Wait().ShellStatus);
    }

    [Fact]
    public void Fault_InOneCvm_LeavesAnotherUnchanged()
    {
        var quiet = new ScriptedGuest();
        using var goOn = new ManualResetEventSlim();
        var value = 0L;
        quiet[Entry] = state =>
        {
            var memory = ((CvmThread)GuestThread.Of(state).Host).Memory;
            memory.TryWrite(Data, 4711L);
            goOn.Wait(TestContext.Current.CancellationToken);
            memory.TryRead(Data, out value);
            Call(state, ExitGroup, 0);
        };
        using var survivor = quiet.Create();
        survivor.Start(Image());
        var exits = new List<int>();
        var reports = new List<string>();
        for (var k = 0; k < 20; k++)
        {
            var guest = new ScriptedGuest();
            guest[Entry] = state => throw new GuestFault(GuestFaultKind.StoreAccess, state->Pc, 0x5000_0000);
            exits.Add(guest.Run(reports).ShellStatus);
        }

        goOn.Set();
        Assert.Equal(Enumerable.Repeat(128 + Signal.SIGSEGV, 20), exits);
        Assert.Equal(20, reports.Count);
        Assert.All(reports, r => Assert.StartsWith("cvm 1: thread 100 killed by SIGSEGV (SEGV_MAPERR): store to address 0x50000000 (not mapped)\n  at 0x10001000 ", r, StringComparison.Ordinal));
        Assert.Equal(0, survivor.Wait().ShellStatus);
        Assert.Equal(4711, value);
    }

    [Fact]
    public void UnknownCall_IsEnosysAndTracedOnce()
    {
        var trace = new List<string>();
        var results = new List<long>();
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            foreach (var number in (ReadOnlySpan<long>)[4096, 4096, -1, long.MinValue, 0, 38])
            {
                Call(state, number);
                results.Add(state->X10);
            }

            Call(state, ExitGroup, 0);
        };
        guest.Run(trace: trace);
        Assert.All(results, r => Assert.Equal(-Errno.ENOSYS, r));
        Assert.Equal(6, results.Count);
        Assert.Equal(5, trace.Count(line => line.Contains("ENOSYS", StringComparison.Ordinal)));
    }

    [Fact]
    public void HandlerDefect_EndsThatCvmOnly()
    {
        var reports = new List<string>();
        var guest = new ScriptedGuest();
        guest[Entry] = _ => throw new InvalidOperationException("defect");
        Assert.Equal(128 + Signal.SIGABRT, guest.Run(reports).ShellStatus);
        Assert.Contains("defect", Assert.Single(reports), StringComparison.Ordinal);
    }

    private static long Word(LibOs.Mm.GuestMemory memory, long address)
    {
        Assert.True(memory.TryRead(address, out long word));
        return word;
    }

    private static string Text(LibOs.Mm.GuestMemory memory, long address)
    {
        var buffer = new byte[64];
        return Encoding.UTF8.GetString(buffer.AsSpan(0, memory.ReadString(address, buffer)));
    }
}
