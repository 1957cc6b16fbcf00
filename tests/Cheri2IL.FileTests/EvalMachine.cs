using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;

namespace Cheri2IL.FileTests;

/// <summary>
/// A guest thread on a slot of 1 MiB, of which all but the first and last 64 KiB is mapped, for one eval case.
/// </summary>
/// <remarks>
/// State is written as <c>x5=-1</c>, <c>f1=1.5d</c> (binary64), <c>f1=1.5s</c> (NaN-boxed binary32), <c>f1=0x7ff0000000000001</c>,
/// <c>[0x20000]=0a0b</c> (bytes in address order), <c>frm=1</c>, <c>fflags=0</c>, <c>reservation=8@0x20000:5</c> (value 5),
/// <c>interrupt=1</c>. An outcome also has <c>next=PC</c>, or <c>fault KIND pc=PC address=ADDRESS</c>, or (hardware)
/// <c>trap read|write pc=PC address=ADDRESS</c>, or <c>fault behind pc=PC</c> of a commit, and <c>ecall@PC</c> and <c>invalidate</c> as they happen.
/// </remarks>
internal sealed unsafe partial class EvalMachine : IDisposable
{
    /// <summary>Test collection of everything that uses the machine: the fault trap serves one arena, and so one slot, per process.</summary>
    public const string TestCollection = "evaluation";

    /// <summary>Bytes of the slot.</summary>
    public const int SlotSize = 1 << 20;
    private const int Edge = 64 * 1024;
    private const ulong HostStackBytes = 512 * 1024;
    private const ulong ArenaSize = 4 * SlotSize;

    /// <summary>What an outcome ends with where translated code did not keep the registers for the fault.</summary>
    public const string RegistersLost = " registers lost";

    /// <summary>What an outcome ends with, before a pc, where something behind the commit there faulted.</summary>
    public const string FaultBehind = "fault behind pc=";

    /// <summary>The slot of every machine, inside an arena for which the fault trap is installed: one machine exists at a time.</summary>
    private static readonly byte* Slot = MakeArena() + SlotSize;

    private readonly bool _trapped;
    private readonly DispatchTable _dispatch = new(SlotSize);
    private readonly EvalHost _host;
    private readonly GuestThread _thread;

    /// <summary>A machine with zero registers and memory.</summary>
    /// <param name="module">Code for <see cref="Dispatch"/>; null when only <see cref="Run"/> is used.</param>
    public EvalMachine(TranslatedModule? module = null)
    {
        _host = new EvalHost { Module = module };
        HostMemory.MapFixedZero(Slot + Edge, SlotSize - (2 * Edge), HostMemory.Read | HostMemory.Write);
        _thread = new GuestThread(_host, _host, _dispatch, Slot, SlotSize);
        _trapped = FaultTrap.EnterThread();
    }

    private GuestState* State => _thread.State;

    private static Span<byte> Mapped => new(Slot + Edge, SlotSize - (2 * Edge));

    /// <summary>Registers that an outcome describes, as bits: all, or those that mattered to the last commit before a fault.</summary>
    public ulong Seen { get; set; } = ulong.MaxValue;

    /// <summary>Sets state as <paramref name="input"/> says.</summary>
    public void Apply(string input)
    {
        foreach (var item in input.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = item.Split('=');
            if (parts.Length != 2)
                throw new FormatException($"'{item}' is not KEY=VALUE");
            Apply(parts[0], parts[1]);
        }
    }

    /// <summary>Executes the function with the evaluator and describes the outcome.</summary>
    public string Run(IrFunction function) => Observe(() => Evaluate(function, new IrEvaluator()));

    /// <summary>Flags at the end; and each commit since which memory has not changed, in order.</summary>
    public (int Flags, IReadOnlyList<CommittedState> Commits) RunWithCommits(IrFunction function)
    {
        var commits = new List<CommittedState>();
        var memory = Mapped.ToArray();
        var evaluator = new IrEvaluator
        {
            Committed = i =>
            {
                DropOld();
                commits.Add(new CommittedState(i.Pc, i.LiveRegisters, *State));
            },
        };
        Evaluate(function, evaluator);
        DropOld();
        return (State->FloatFlags, commits);

        void DropOld()
        {
            if (Mapped.SequenceEqual(memory))
                return;
            commits.Clear();
            memory = Mapped.ToArray();
        }
    }

    /// <summary>The registers of a commit, flags apart, in which it differs from the machine; and its pc.</summary>
    public string Describe(CommittedState commit)
    {
        var text = new StringBuilder();
        var state = commit.State;
        DescribeRegisters(&state, *State, text);
        return $"{Flags().Replace(text.ToString(), "")}at {Number(commit.Pc)}";
    }

    /// <summary>Flags in an outcome.</summary>
    [GeneratedRegex("fflags=[^ ]+ ")]
    public static partial Regex Flags();

    /// <summary>The same, but until the second poll behind the first block.</summary>
    public string RunToPoll(IrFunction function) => Observe(() => $"next={Number(new IrEvaluator { MostPolls = 1 }.Run(function, State))}");

    /// <summary>The same, but if it faults, with the registers that mattered to the last commit before, which are <see cref="Seen"/> from then on.</summary>
    public string RunToCommit(IrFunction function) => Observe(() =>
    {
        var committed = new CommittedState(0, Seen, *State);
        var evaluator = new IrEvaluator
        {
            Committed = i =>
            {
                committed = new CommittedState(i.Pc, i.LiveRegisters, *State);
            },
        };
        try
        {
            return $"next={Number(evaluator.Run(function, State))}";
        }
        catch (Exception exception) when (exception is GuestFault or NullReferenceException)
        {
            var flags = State->FloatFlags;
            *State = committed.State;
            State->FloatFlags = flags;
            Seen = committed.Registers;
            return Behind(committed.Pc);
        }
    });

    /// <summary>Executes the translated function at <paramref name="pc"/> by the dispatcher and describes the outcome in the same words.</summary>
    public string Dispatch(long pc)
    {
        State->Pc = pc;
        return Observe(() =>
        {
            _thread.Run(HostStackBytes);
            var fault = _host.LastFault!;
            if (_host.Searched is { } pc)
                return Behind(pc);
            if (fault.Kind == GuestFaultKind.InstructionAccess)
                return $"next={Number(fault.Pc)}";
            // The dispatcher makes the fault for a hardware trap itself, and throws it nowhere.
            return fault.StackTrace is not null
                ? Describe(fault) + (fault.AreRegistersExact ? "" : RegistersLost)
                : $"trap {(fault.Kind == GuestFaultKind.StoreAccess ? "write" : "read")} pc={Number(fault.Pc)} address={Number(fault.Address)}";
        });
    }

    private static string Behind(long pc) => $"{FaultBehind}{Number(pc)}";

    private static string Describe(GuestFault fault)
        => $"fault {fault.Kind.ToString().ToLowerInvariant()} pc={Number(fault.Pc)} address={Number(fault.Address)}";

    private string Evaluate(IrFunction function, IrEvaluator evaluator)
    {
        try
        {
            var next = evaluator.Run(function, State);
            return $"next={Number(next)}{(State->Pc == next ? "" : " pc differs")}";
        }
        catch (GuestFault fault)
        {
            return Describe(fault);
        }
        catch (NullReferenceException)
        {
            FaultTrap.TakeLast(out var address, out var isWrite, out _);
            return $"trap {(isWrite ? "write" : "read")} pc={Number(State->Pc)} address={Number(address - (long)Slot)}";
        }
    }

    private string Observe(Func<string> run)
    {
        var before = *State;
        var memory = Mapped.ToArray();
        var outcome = new StringBuilder();
        var end = run();
        DescribeRegisters(State, before, outcome);
        DescribeMemory(memory, outcome);
        foreach (var pc in _host.SystemCalls)
            outcome.Append("ecall@").Append(Number(pc)).Append(' ');
        if (_host.Invalidated)
            outcome.Append("invalidate ");
        return outcome.Append(end).ToString();
    }

    public void Dispose()
    {
        _thread.Dispose();
        _dispatch.Dispose();
        if (_trapped)
            FaultTrap.LeaveThread();
    }

    private static byte* MakeArena()
    {
        var arena = HostMemory.Reserve(ArenaSize);
        FaultTrap.Install(arena, ArenaSize);
        return arena;
    }

    private void Apply(string key, string value)
    {
        switch (key)
        {
            case "frm":
                State->RoundingMode = (int)ParseNumber(value);
                break;
            case "fflags":
                State->FloatFlags = (int)ParseNumber(value);
                break;
            case "interrupt":
                State->Interrupt = (int)ParseNumber(value);
                break;
            case "reservation":
                var parts = value.Split('@', ':');
                State->ReservationSize = (int)ParseNumber(parts[0]);
                State->ReservationAddress = ParseNumber(parts[1]);
                State->ReservationValue = ParseNumber(parts[2]);
                break;
            case ['[', .., ']']:
                Convert.FromHexString(value).CopyTo(Mapped[((int)ParseNumber(key[1..^1]) - Edge)..]);
                break;
            case ['x', ..]:
                GuestState.X(State, int.Parse(key[1..], CultureInfo.InvariantCulture)) = ParseNumber(value);
                break;
            case ['f', ..]:
                GuestState.F(State, int.Parse(key[1..], CultureInfo.InvariantCulture)) = FloatText.Parse(value);
                break;
            default:
                throw new FormatException($"unknown state '{key}'");
        }
    }

    private void DescribeRegisters(GuestState* state, GuestState before, StringBuilder outcome)
    {
        for (var r = 0; r < 32; r++)
        {
            var value = GuestState.X(state, r);
            if (IsSeen(r) && value != GuestState.X(&before, r))
                outcome.Append('x').Append(r).Append('=').Append(Number(value)).Append(' ');
        }

        for (var r = 0; r < 32; r++)
        {
            var value = GuestState.F(state, r);
            if (IsSeen(GuestRegister.F0 + r) && BitConverter.DoubleToInt64Bits(value) != BitConverter.DoubleToInt64Bits(GuestState.F(&before, r)))
                outcome.Append('f').Append(r).Append('=').Append(FloatText.Format(value)).Append(' ');
        }

        if (state->FloatFlags != before.FloatFlags)
            outcome.Append("fflags=").Append(state->FloatFlags).Append(' ');
        if (state->RoundingMode != before.RoundingMode)
            outcome.Append("frm=").Append(state->RoundingMode).Append(' ');
        if (state->Interrupt != before.Interrupt)
            outcome.Append("interrupt=").Append(state->Interrupt).Append(' ');
        if (state->ReservationSize != before.ReservationSize || (state->ReservationSize != 0 && state->ReservationValue != before.ReservationValue))
        {
            outcome.Append("reservation=").Append(state->ReservationSize);
            if (state->ReservationSize != 0)
                outcome.Append('@').Append(Number(state->ReservationAddress)).Append(':').Append(Number(state->ReservationValue));
            outcome.Append(' ');
        }

        bool IsSeen(int register) => (Seen >> register & 1) != 0;
    }

    private static void DescribeMemory(byte[] before, StringBuilder outcome)
    {
        var after = Mapped;
        for (var k = 0; (k += after[k..].CommonPrefixLength(before.AsSpan(k))) < before.Length;)
        {
            var end = k;
            while (end < before.Length && before[end] != after[end])
                end++;
            outcome.Append('[').Append(Number(Edge + k)).Append("]=").Append(Convert.ToHexStringLower(after[k..end])).Append(' ');
            k = end;
        }
    }

    private static long ParseNumber(string text)
    {
        var negative = text.StartsWith('-');
        var digits = negative ? text[1..] : text;
        var value = digits.StartsWith("0x", StringComparison.Ordinal)
            ? ulong.Parse(digits.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)
            : ulong.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
        return negative ? -(long)value : (long)value;
    }

    private static string Number(long value)
        => value is > -0x1000 and < 0x1000 ? value.ToString(CultureInfo.InvariantCulture) : "0x" + value.ToString("x", CultureInfo.InvariantCulture);
}

/// <summary>What evaluation had at a commit.</summary>
/// <param name="Pc">Its pc.</param>
/// <param name="Registers">Those that matter to it, as bits.</param>
/// <param name="State">All of them, and the rest.</param>
internal sealed record CommittedState(long Pc, ulong Registers, GuestState State);
