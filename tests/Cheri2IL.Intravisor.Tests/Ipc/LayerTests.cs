using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.Tests.Attacks;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;
using Xunit;
using static Cheri2IL.Intravisor.Tests.Ipc.Scripts;
using static Cheri2IL.Intravisor.Tests.ScriptedGuest;

namespace Cheri2IL.Intravisor.Tests.Ipc;

/// <summary>cVMs inside cVMs: memory, system calls, and who ends whom.</summary>
public sealed unsafe class LayerTests : IDisposable
{
    private const long HandlerServe = 0x4200 + 11;
    private const long InnerKill = 0x4200 + 12;
    private const long FindInner = 0x4000 + 700;
    private const long Handler = Entry + 0x100;
    private const long InnerStart = 4L << 30;
    private const long InnerSize = 16L << 30;

    private readonly IntravisorInstance _intravisor = new();
    private readonly List<string> _reports = [];

    /// <inheritdoc/>
    public void Dispose() => _intravisor.Dispose();

    private static CorpusGuest Program(string folder, string name)
        => new(name, File.ReadAllBytes(Path.Combine(Cli.Repository.Root(), "corpus", folder, "bin", name + ".elf")));

    private (Cvm Cvm, QuietHost Host) Start(CorpusGuest program, string name, Cvm? outer, params string[] arguments)
    {
        var host = new QuietHost();
        var cvm = _intravisor.Create(program.Options(arguments, _reports.Add, host) with { Name = name, Outer = outer });
        program.Start(cvm);
        return (cvm, host);
    }

    private Cvm Create(ScriptedGuest guest, string name, Cvm? outer = null)
        => _intravisor.Create(guest.Options(new CvmLimits { MainHostStack = 16 << 20, ThreadHostStack = 4 << 20 }, _reports, null) with { Name = name, Outer = outer });

    private Cvm Start(ScriptedGuest guest, string name, Cvm? outer = null)
    {
        var cvm = Create(guest, name, outer);
        cvm.Start(Image());
        return cvm;
    }

    /// <summary>A guest whose main thread serves, with <paramref name="handler"/>: number, first argument, and the result.</summary>
    private static ScriptedGuest Serving(Func<nint, long, long, long> handler)
    {
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            state->Pc = Entry - 4;
            if (!Call(state, HandlerServe, Handler))
                state->Pc = Entry;
            else
                Exit(state, -state->X10);
        };
        guest[Handler] = state =>
        {
            var ra = state->X1;
            state->X10 = handler((nint)state, state->X10, state->X11);
            if (state->Interrupt == 0)
                state->Pc = ra;
        };
        return guest;
    }

    private static CvmExit EndOf(Cvm cvm)
    {
        Assert.True(cvm.Completion.Wait(TimeSpan.FromMinutes(2)), $"{cvm.Name} does not end");
        return cvm.Wait();
    }

    private static void Await(QuietHost host, string text)
        => Assert.True(SpinWait.SpinUntil(() => host.Output.Contains(text, StringComparison.Ordinal), TimeSpan.FromMinutes(2)), $"it does not print {text}");

    private static void Await(Task task) => Assert.True(task.Wait(TimeSpan.FromMinutes(2)), "it does not come so far");

    [Fact]
    public void ThreeLevels_CallsGoOutward_AndEndsAreReported()
    {
        var layer = Program("ipc", "layer");
        var (bottom, host) = Start(layer, "bottom", null, "middle");
        var (middle, _) = Start(layer, "middle", bottom, "top");
        var (top, _) = Start(Program("ipc", "inner"), "top", middle, "show");
        Assert.Equal(3, EndOf(top).Status);
        Assert.Equal(3, EndOf(middle).Status);
        Assert.Equal(3, EndOf(bottom).Status);
        Assert.Equal("middle: top: 6 opened\nmiddle: top ended: status 3, signal 0\nmiddle ended: status 3, signal 0\n", host.Output);
        Assert.Empty(_reports);
    }

    [Fact]
    public void TheInnermostFaults_OnlyItEnds_AndTheOthersAreTold()
    {
        var layer = Program("ipc", "layer");
        var (bottom, host) = Start(layer, "bottom", null, "middle");
        var (middle, _) = Start(layer, "middle", bottom, "top");
        var (top, _) = Start(Program("ipc", "inner"), "top", middle, "load", "ffffffffffff0000");
        Assert.Equal(new CvmExit(0, Signal.SIGSEGV), EndOf(top));
        Assert.Equal(128 + Signal.SIGSEGV, EndOf(middle).Status);
        Assert.Equal(128 + Signal.SIGSEGV, EndOf(bottom).Status);
        Assert.Equal("middle: top ended: status 0, signal 11\nmiddle ended: status 139, signal 0\n", host.Output);
        Assert.Single(_reports);
    }

    [Fact]
    public void TheOuterKillsTheInner()
    {
        var (outer, host) = Start(Program("ipc", "layer"), "outer", null, "inner", "kill");
        var (inner, _) = Start(Program("ipc", "inner"), "inner", outer, "show");
        Assert.Equal(new CvmExit(0, Signal.SIGKILL), EndOf(inner));
        Assert.Equal(128 + Signal.SIGKILL, EndOf(outer).Status);
        Assert.Contains("inner ended: status 0, signal 9", host.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void TheOuterForks_WhileItServes_TheChildHasNoInnerAndTheParentGoesOn()
    {
        var (outer, host) = Start(Program("ipc", "layer"), "outer", null, "inner", "fork");
        var (inner, _) = Start(Program("ipc", "inner"), "inner", outer, "show");
        Assert.Equal(3, EndOf(inner).Status);
        Assert.Equal(3, EndOf(outer).Status);
        Assert.Equal("child: 0\ninner: 6 opened\ninner ended: status 3, signal 0\n", host.Output);
        Assert.Empty(_reports);
    }

    /// <summary>Capabilities divide the inner one's slot; its outer one gets addresses, as from any other program.</summary>
    [Theory]
    [InlineData("purecap", "hello", "inner: Hello, world!\n")]
    [InlineData("hybrid", "buffer", "")]
    [InlineData("purecap", "tags", "")]
    [InlineData("purecap", "threads", "")]
    [InlineData("purecap", "signals", "")]
    public void ProgramWithCapabilities_Nested_RunsAndIsServed(string folder, string program, string output)
    {
        var (outer, host) = Start(Program("ipc", "layer"), "outer", null, "inner");
        var (inner, _) = Start(Program(Path.Combine("cheri", folder), program), "inner", outer);
        Assert.Equal(new CvmExit(0, 0), EndOf(inner));
        Assert.Equal(0, EndOf(outer).Status);
        Assert.Equal(output + "inner ended: status 0, signal 0\n", host.Output);
        Assert.Empty(_reports);
    }

    /// <summary>The outer one can store bytes, but make no capability of them.</summary>
    [Fact]
    public void TheOuterStores_WhereTheInnerHasACapability_ThatLosesItsTag()
    {
        const long changed = 1001;
        var outer = Start(
            Serving((state, number, address) =>
            {
                if (number == changed)
                    *(long*)(((GuestState*)state)->MemoryBase + InnerStart + address) = 0x1234;
                return 0;
            }),
            "outer");
        var tags = new List<bool>();
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            var space = ((CvmThread)GuestThread.Of(state).Host).Space;
            var capability = space.Tags!.At(space.Base, Data);
            CapabilityMemory.Store(capability, Capability.Omnipotent.SetBounds(64));
            foreach (var number in (long[])[changed - 1, changed])
            {
                Result(state, number, Data);
                tags.Add(CapabilityMemory.Load(capability, keepsTag: true).IsTagged);
            }

            Exit(state);
        };
        var inner = Create(guest, "inner", outer);
        inner.Start(PureImage());
        Assert.Equal(new CvmExit(0, 0), EndOf(inner));
        Assert.Equal([true, false], tags);
        Assert.Empty(_reports);
    }

    [Fact]
    public void ProgramWithCapabilities_HasNoInnerCvms_WhicheverIsMadeFirst()
    {
        var outer = Create(new ScriptedGuest(), "outer");
        using var inner = Create(new ScriptedGuest(), "inner", outer);
        Assert.Contains("inner is nested in it", Assert.Throws<CvmLoadException>(() => outer.Start(PureImage())).Message, StringComparison.Ordinal);
        outer.Dispose();

        var guest = new ScriptedGuest();
        guest[Entry] = state => state->Pc = Entry;
        using var other = Create(guest, "other");
        other.Start(PureImage());
        Assert.Contains("has capabilities", Assert.Throws<InvalidOperationException>(() => Create(new ScriptedGuest(), "late", other)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheOuterCrashes_WhileItServes_TheInnerEndsFirst()
    {
        var (outer, _) = Start(Program("ipc", "layer"), "outer", null, "inner", "crash");
        var (inner, _) = Start(Program("ipc", "inner"), "inner", outer, "show");
        Assert.Equal(new CvmExit(0, Signal.SIGSEGV), EndOf(outer));
        Assert.Equal(new CvmExit(0, Signal.SIGKILL), inner.Wait());
        Assert.Single(_reports);
    }

    [Fact]
    public void TheOuterIsKilled_WhileTheInnerRuns_TheInnerEndsFirst()
    {
        var (outer, host) = Start(Program("ipc", "layer"), "outer", null, "inner");
        var (inner, _) = Start(Program("ipc", "inner"), "inner", outer, "x");
        Await(host, "spinning");
        outer.Kill(Signal.SIGKILL);
        Assert.Equal(new CvmExit(0, Signal.SIGKILL), EndOf(outer));
        Assert.True(inner.Completion.IsCompleted);
        Assert.Equal(new CvmExit(0, Signal.SIGKILL), inner.Wait());
        Assert.Throws<InvalidOperationException>(() => Create(new ScriptedGuest(), "late", outer));
    }

    [Fact]
    public void TheInnerIsKilled_WhileTheOuterWaitsForIt_TheWaitIsInterruptedAndTheHandlerReturns()
    {
        var results = new List<long>();
        var (waiting, reported) = (new TaskCompletionSource(), new TaskCompletionSource());
        var outer = Start(
            Serving((state, number, a) =>
            {
                if (number == -1)
                {
                    results.Add(a);
                    reported.SetResult();
                    return 0;
                }

                // A second wait is not begun either: the reason to give up is still there.
                waiting.TrySetResult();
                results.Add(Result((GuestState*)state, 73));
                results.Add(Result((GuestState*)state, 73));
                return 0;
            }),
            "outer");
        var guest = new ScriptedGuest();
        guest[Entry] = state => Call(state, 1000);
        var inner = Start(guest, "inner", outer);
        Await(waiting.Task);
        inner.Kill(Signal.SIGKILL);
        Assert.Equal(new CvmExit(0, Signal.SIGKILL), EndOf(inner));
        Assert.True(reported.Task.IsCompleted);
        Assert.Equal([-Errno.EINTR, -Errno.EINTR, 0], results);
        Assert.False(outer.IsEnding);
    }

    [Fact]
    public void ASignalOfTheInner_InterruptsTheCallAndIsDelivered()
    {
        const long handlerOfSignal = Entry + 0x200;
        var waiting = new TaskCompletionSource();
        var outer = Start(
            Serving((state, number, a) =>
            {
                if (number == -1)
                    return 0;
                waiting.TrySetResult();
                return Result((GuestState*)state, 73);
            }),
            "outer");
        var order = new List<long>();
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            (*(long*)(state->MemoryBase + Data), *(long*)(state->MemoryBase + Data + 8), *(long*)(state->MemoryBase + Data + 16)) = (handlerOfSignal, 0, 0);
            Result(state, 134, Signal.SIGUSR1, Data, 0, 8);
            state->Pc = Entry + 4 - 4;
            if (!Call(state, 1000))
                return;
            order.Add(state->X10);
            Exit(state);
        };
        guest[Entry + 4] = state =>
        {
            order.Add(state->X10);
            Exit(state);
        };
        guest[handlerOfSignal] = state =>
        {
            order.Add(state->X10);
            state->Pc = state->X1;
        };
        var inner = Start(guest, "inner", outer);
        Await(waiting.Task);
        Assert.True(inner.Send(SignalInfo.OfSender(Signal.SIGUSR1, Signal.SI_USER, 0, 0)));
        Assert.Equal(new CvmExit(0, 0), EndOf(inner));
        Assert.Equal([Signal.SIGUSR1, -Errno.EINTR], order);
    }

    [Fact]
    public void TheInnersRange_IsSealedForTheOuter()
    {
        var results = new List<(string Call, long Result)>();
        var maps = "";
        var ready = new TaskCompletionSource();
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            ready.Task.Wait();
            foreach (var address in (long[])[InnerStart, InnerStart + InnerSize - 4096, InnerStart - 65536, InnerStart + InnerSize + 65536 - 4096, InnerStart + 0x1000_0000])
            {
                results.Add(("munmap", Result(state, 215, address, 4096)));
                results.Add(("mprotect", Result(state, 226, address, 4096, 3)));
                results.Add(("mmap", Result(state, 222, address, 4096, 3, 0x32, -1)));
                results.Add(("madvise", Result(state, 233, address, 4096, 4)));
                results.Add(("mremap", Result(state, 216, address, 4096, 8192, 1)));
            }

            // Over it, and to it.
            results.Add(("munmap", Result(state, 215, 1L << 20, 60L << 30)));
            var own = Map(state, 4096);
            results.Add(("mremap", Result(state, 216, own, 4096, 4096, 3, InnerStart)));
            for (var k = 0; k < 8; k++)
            {
                var big = Result(state, 222, 0, 4L << 30, 0, 0x22, -1);
                if (big < InnerStart + InnerSize + 65536 && big + (4L << 30) > InnerStart - 65536)
                    results.Add(("lies inside", big));
            }

            var file = Result(state, 56, -100, Name(state, "/proc/self/maps"), 0);
            var buffer = Map(state, 65536);
            maps = System.Text.Encoding.ASCII.GetString(Bytes(state, buffer, (int)Result(state, 63, file, buffer, 65536)));
            Exit(state);
        };
        var outer = Start(guest, "outer");
        var inner = Create(new ScriptedGuest(), "inner", outer);
        ready.SetResult();
        Assert.Equal(new CvmExit(0, 0), EndOf(outer));
        Assert.Equal(27, results.Count);
        Assert.All(results, r => Assert.Equal((r.Call, -Errno.EPERM), r));
        Assert.Contains("[cvm:inner]", maps, StringComparison.Ordinal);
        Assert.Equal(CvmState.Ended, inner.State);
        Assert.Throws<CvmLoadException>(() => inner.Start(Image()));
    }

    [Fact]
    public void TheRangeIsFree_WhenTheInnerHasEnded_AndThreeFitBesideEachOther()
    {
        var outer = Create(new ScriptedGuest(), "outer");
        var inner = Enumerable.Range(0, 3).Select(k => Create(new ScriptedGuest(), $"inner{k}", outer)).ToArray();
        Assert.Throws<InsufficientMemoryException>(() => Create(new ScriptedGuest(), "one more", outer));
        inner[1].Dispose();
        using var again = Create(new ScriptedGuest(), "again", outer);
        outer.Dispose();
        Assert.All(inner, c => Assert.Equal(CvmState.Ended, c.State));
        Assert.Equal(CvmState.Ended, again.State);
    }

    [Fact]
    public void CallsOfTheInner_ReachTheOuterWithSixArguments_OrAreItsOwn()
    {
        var seen = new List<(long Number, long Sum)>();
        var outer = Start(
            Serving((pointer, number, _) =>
            {
                var state = (GuestState*)pointer;
                if (number >= 0)
                    seen.Add((number, state->X11 + state->X12 + state->X13 + state->X14 + state->X15 + state->X16 + state->X17));
                return number + 1;
            }),
            "outer");
        var results = new List<long>();
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            foreach (var number in (long[])[56, 64, 113, 221, 260, 435, 5000, 0x4200, 0x4000 + 411, long.MaxValue - 1])
                results.Add(Result(state, number, 1, 2, 3, 4, 5, 6));
            // A child process is the outer one's affair, a page and the thread's number are not.
            results.Add(Result(state, 220, 17));
            results.Add(Result(state, 222, 0, 4096, 3, 2, 5));
            Assert.InRange(Map(state, 4096), 65536, InnerSize);
            results.Add(Result(state, 178));
            Exit(state);
        };
        var inner = Start(guest, "inner", outer);
        Assert.Equal(new CvmExit(0, 0), EndOf(inner));
        Assert.Equal([57, 65, 114, 222, 261, 436, 5001, 0x4201, 0x4000 + 412, long.MaxValue, 221, 223, Cvm.FirstProcessId], results);
        Assert.Equal(12, seen.Count);
        Assert.All(seen.Take(10), s => Assert.Equal(21 + InnerStart, s.Sum));
    }

    [Fact]
    public void TheOuterFindsTheInner_AndSignalsIt()
    {
        var inside = new TaskCompletionSource();
        var results = new List<long>();
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            inside.Task.Wait();
            results.Add(Result(state, FindInner, Name(state, "inner"), Data));
            results.Add(*(long*)(state->MemoryBase + Data));
            results.Add(Result(state, FindInner, Name(state, "outer"), Data));
            results.Add(Result(state, FindInner, Name(state, "inner"), -8));
            results.Add(Result(state, InnerKill, InnerStart, 0));
            results.Add(Result(state, InnerKill, InnerStart, 65));
            results.Add(Result(state, InnerKill, InnerStart + 4096, 0));
            results.Add(Result(state, InnerKill, 0, 9));
            results.Add(Result(state, InnerKill, InnerStart, Signal.SIGTERM));
            Exit(state);
        };
        var outer = Start(guest, "outer");
        var spinning = new ScriptedGuest();
        spinning[Entry] = state => state->Pc = Entry;
        var inner = Start(spinning, "inner", outer);
        inside.SetResult();
        EndOf(outer);
        Assert.Equal([InnerStart, InnerSize, -Errno.ENOENT, -Errno.EFAULT, 0, -Errno.EINVAL, -Errno.ESRCH, -Errno.ESRCH, 0], results);
        Assert.NotEqual(0, EndOf(inner).Signal);
    }
}
