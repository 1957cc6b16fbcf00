using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime.Execution;
using Xunit;
using static Cheri2IL.Intravisor.Tests.ScriptedGuest;

namespace Cheri2IL.Intravisor.Tests;

/// <summary>clone, futexes, and the end of threads.</summary>
public sealed unsafe class ThreadTests
{
    private const long Child = Entry + 0x104;
    private const long Word = Data + 0x100;
    private const long Count = Data + 0x140;
    private const long ChildId = Data + 0x180;
    private const long FutexCall = 98;
    private const long Exit = 93;
    private const long ExitGroup = 94;
    private const long Clone = 220;
    private const long GetTid = 178;
    private const int Wait = 128;
    private const int Wake = 129;

    /// <summary>What pthread_create passes.</summary>
    private const long PthreadFlags = 0x7d0f00;

    [Fact]
    public void Clone_Threads_IncrementUnderAFutexLock()
    {
        const int threads = 8;
        const int rounds = 2000;
        var guest = new ScriptedGuest();
        var total = 0;
        guest[Entry] = state =>
        {
            state->X9 = 0;
            state->Pc = Entry + 0x100;
        };
        guest[Entry + 0x100] = state =>
        {
            // The child comes back at the instruction behind the ecall, 0x104, with a0 = 0.
            if (Call(state, Clone, PthreadFlags, Data + 0x1800, ChildId, 0x1234, ChildId))
                state->Pc = Child;
        };
        guest[Child] = state =>
        {
            if (state->X10 != 0)
            {
                Assert.True(state->X10 > Cvm.FirstProcessId);
                state->Pc = ++state->X9 < threads ? Entry + 0x100 : Entry + 0x300;
                return;
            }

            Assert.Equal(0x1234, state->X4);
            Assert.Equal(Data + 0x1800, state->X2);
            for (var k = 0; k < rounds; k++)
                Increment(state);
            Call(state, Exit, 9);
        };
        guest[Entry + 0x300] = state =>
        {
            var memory = Thread(state).Memory;
            while (true)
            {
                memory.TryLoad32(Count, out total);
                if (total == threads * rounds)
                    break;
                Call(state, 124);
            }

            Call(state, ExitGroup, 0);
        };
        Assert.Equal(0, guest.Run().ShellStatus);
        Assert.Equal(threads * rounds, total);
    }

    [Fact]
    public void ThreadEnd_ClearsItsIdAndWakesWhoJoins()
    {
        var guest = new ScriptedGuest();
        var (id, left, joined) = (0L, -1, 0L);
        using var childMayEnd = new ManualResetEventSlim();
        guest[Entry] = state =>
        {
            if (Call(state, Clone, PthreadFlags, Data + 0x1800, ChildId, 0, ChildId))
                state->Pc = Entry + 4;
        };
        guest[Entry + 4] = state =>
        {
            if (state->X10 == 0)
            {
                childMayEnd.Wait(TestContext.Current.CancellationToken);
                Call(state, Exit, 0);
                return;
            }

            id = state->X10;
            Assert.True(Thread(state).Memory.TryLoad32(ChildId, out var stored));
            Assert.Equal(id, stored);
            childMayEnd.Set();
            do
            {
                Call(state, FutexCall, ChildId, 0, id);
                joined = state->X10;
                Thread(state).Memory.TryLoad32(ChildId, out left);
            }
            while (left != 0);
            Call(state, ExitGroup, 0);
        };
        Assert.Equal(0, guest.Run().ShellStatus);
        Assert.Equal(Cvm.FirstProcessId + 1, id);
        Assert.Contains(joined, (long[])[0, -Errno.EAGAIN]);
    }

    [Fact]
    public void RobustFutex_OfAnEndedThread_IsMarkedOwnerDied()
    {
        const long head = Data + 0x400;
        const long entry = Data + 0x440;
        var guest = new ScriptedGuest();
        var word = 0;
        guest[Entry] = state =>
        {
            if (Call(state, Clone, PthreadFlags, Data + 0x1800, ChildId, 0, ChildId))
                state->Pc = Entry + 4;
        };
        guest[Entry + 4] = state =>
        {
            var memory = Thread(state).Memory;
            if (state->X10 == 0)
            {
                // head: first entry, offset of the futex word from an entry, pending; the entry points back to the head.
                Call(state, GetTid);
                memory.TryWrite(entry + 16, (int)state->X10);
                memory.TryWrite(head, entry);
                memory.TryWrite(head + 8, 16L);
                memory.TryWrite(head + 16, 0L);
                memory.TryWrite(entry, head);
                Call(state, 99, head, 24);
                Call(state, Exit, 0);
                return;
            }

            for (var left = 1; left != 0;)
            {
                memory.TryLoad32(ChildId, out left);
                Call(state, 124);
            }

            memory.TryLoad32(entry + 16, out word);
            Call(state, ExitGroup, 0);
        };
        Assert.Equal(0, guest.Run().ShellStatus);
        Assert.Equal(0x4000_0000, word);
    }

    [Fact]
    public void RobustList_EndlessOrUnmapped_DoesNotStopTheEnd()
    {
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            var memory = Thread(state).Memory;
            memory.TryWrite(Data + 0x400, Data + 0x440);
            memory.TryWrite(Data + 0x440, Data + 0x448);
            memory.TryWrite(Data + 0x448, Data + 0x440);
            Call(state, 99, Data + 0x400, 24);
            Call(state, Exit, 4);
        };
        Assert.Equal(4, guest.Run().ShellStatus);
        guest[Entry] = state =>
        {
            Call(state, 99, 0x7777_0001, 24);
            Call(state, Exit, 4);
        };
        Assert.Equal(4, guest.Run().ShellStatus);
    }

    [Fact]
    public void Clone_AtTheThreadLimit_IsRefused()
    {
        var guest = new ScriptedGuest();
        var results = new List<long>();
        guest[Entry] = state => state->Pc = Call(state, Clone, PthreadFlags, Data + 0x1800, ChildId, 0, ChildId) ? Entry + 4 : state->Pc;
        guest[Entry + 4] = state =>
        {
            if (state->X10 == 0)
            {
                Call(state, 133, Data, 8);
                return;
            }

            results.Add(state->X10);
            state->Pc = results.Count < 5 ? Entry : Entry + 0x200;
        };
        guest[Entry + 0x200] = state => Call(state, ExitGroup, 0);
        using var cvm = guest.Create(new CvmLimits { SlotSize = Runtime.GuestLayout.MinimumSlotSize, Threads = 3, MainHostStack = 4 << 20, ThreadHostStack = 4 << 20 });
        cvm.Start(Image());
        Assert.Equal(0, cvm.Wait().ShellStatus);
        Assert.Equal([101, 102, -Errno.EAGAIN, -Errno.EAGAIN, -Errno.EAGAIN], results);
    }

    [Theory]
    [InlineData(0x2000_0000L | 17, -Errno.EPERM)]
    [InlineData(0x2_0000L | 0x200, -Errno.EINVAL)]
    [InlineData(0x1_0000L, -Errno.EINVAL)]
    [InlineData(0x800L, -Errno.EINVAL)]
    [InlineData(0x8000L | 17, -Errno.ENOSYS)]
    [InlineData(66L, -Errno.EINVAL)]
    public void Clone_FlagsThatCannotBe_AreRefused(long flags, int expected)
    {
        var guest = new ScriptedGuest();
        var result = 0L;
        guest[Entry] = state =>
        {
            Call(state, Clone, flags);
            result = state->X10;
            Call(state, ExitGroup, 0);
        };
        guest.Run();
        Assert.Equal(expected, result);
    }

    [Fact]
    public void FutexWait_Timeouts_AreRelativeOrAbsolute()
    {
        var results = new List<long>();
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            var memory = Thread(state).Memory;
            memory.TryWrite(Data, 0L);
            memory.TryWrite(Data + 8, 2_000_000L);
            foreach (var (operation, bits) in ((long, long)[])[(0, 0), (9, 1), (9 | 256, 1), (9, 0)])
            {
                Call(state, FutexCall, Word, operation, 0, Data, 0, bits);
                results.Add(state->X10);
            }

            memory.TryWrite(Data + 8, 1_000_000_000L);
            Call(state, FutexCall, Word, 0, 0, Data);
            results.Add(state->X10);
            Call(state, FutexCall, Word + 2, 0);
            results.Add(state->X10);
            Call(state, FutexCall, 8, 0);
            results.Add(state->X10);
            Call(state, FutexCall, Word, 0, 1);
            results.Add(state->X10);
            Call(state, ExitGroup, 0);
        };
        guest.Run();
        Assert.Equal(
            [-Errno.ETIMEDOUT, -Errno.ETIMEDOUT, -Errno.ETIMEDOUT, -Errno.EINVAL, -Errno.EINVAL, -Errno.EINVAL, -Errno.EFAULT, -Errno.EAGAIN],
            results);
    }

    [Fact]
    public void FutexRequeue_MovedWaiters_AreWokenAtTheNewAddress()
    {
        const int waiters = 4;
        const long other = Word + 0x20;
        var guest = new ScriptedGuest();
        var (woken, moved, late) = (0, 0L, 0L);
        guest[Entry] = state => state->Pc = Call(state, Clone, PthreadFlags, Data + 0x1800, ChildId, 0, 0) ? Entry + 4 : state->Pc;
        guest[Entry + 4] = state =>
        {
            if (state->X10 == 0)
            {
                Call(state, FutexCall, Word, Wait, 0);
                if (state->X10 == 0)
                    Interlocked.Increment(ref woken);
                Call(state, Exit, 0);
                return;
            }

            state->Pc = ++state->X9 < waiters ? Entry : Entry + 0x200;
        };
        guest[Entry + 0x200] = state =>
        {
            // All wait once requeues have moved all of them.
            for (long seen = 0; seen < waiters;)
            {
                Call(state, FutexCall, Word, 4 | 128, 0, waiters, other, 0);
                moved += state->X10;
                seen += state->X10;
            }

            Call(state, FutexCall, Word, Wake, waiters);
            late = state->X10;
            Call(state, FutexCall, other, Wake, 2);
            Assert.Equal(2, state->X10);
            Call(state, FutexCall, other, Wake, waiters);
            Assert.Equal(waiters - 2, state->X10);
            while (Volatile.Read(ref woken) < waiters)
                Call(state, 124);
            Call(state, ExitGroup, 0);
        };
        Assert.Equal(0, guest.Run().ShellStatus);
        Assert.Equal(waiters, moved);
        Assert.Equal(0, late);
        Assert.Equal(waiters, woken);
    }

    private static CvmThread Thread(GuestState* state) => (CvmThread)GuestThread.Of(state).Host;

    /// <summary>Adds 1 to a counter under the classic three-state futex lock.</summary>
    private static void Increment(GuestState* state)
    {
        var memory = Thread(state).Memory;
        memory.TryCompareExchange32(Word, 1, 0, out var found);
        while (found != 0)
        {
            if (found == 2 || (memory.TryCompareExchange32(Word, 2, 1, out found) && found != 0))
                Call(state, FutexCall, Word, Wait, 2);
            memory.TryCompareExchange32(Word, 2, 0, out found);
        }

        memory.TryLoad32(Count, out var count);
        memory.TryWrite(Count, count + 1);
        memory.TryCompareExchange32(Word, 0, 1, out found);
        if (found != 1)
        {
            memory.TryWrite(Word, 0);
            Call(state, FutexCall, Word, Wake, 1);
        }
    }
}
