using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Syscalls;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Intravisor.LibOs.Tracing;

/// <summary>A call whose arguments are shown.</summary>
/// <param name="Memory">Memory of the guest, in which pointers may lead anywhere.</param>
/// <param name="Arguments">a0 to a5.</param>
/// <param name="Result">What the call returned; null before it is made.</param>
/// <param name="IsPure">Whether pointers in structures are capabilities.</param>
internal readonly record struct ShownCall(GuestMemory Memory, SyscallArguments Arguments, long? Result, bool IsPure)
{
    /// <summary>Bytes of a pointer in a structure.</summary>
    public long PointerBytes => IsPure ? CapabilityState.Granule : sizeof(long);

    /// <summary>Reads a pointer in a structure; one that is an integer has neither tag nor metadata.</summary>
    public bool TryReadPointer(long address, out Capability pointer)
    {
        if (IsPure)
            return Memory.TryRead(address, out pointer);
        var isRead = Memory.TryRead(address, out ulong integer);
        pointer = Capability.FromInteger(integer);
        return isRead;
    }
}

/// <summary>Shows one argument, or nothing where null.</summary>
internal delegate string? ArgumentFormat(in ShownCall call, long value, int index);

/// <summary>
/// The words of <see cref="SyscallRow.Arguments"/>. A pointer that cannot be followed, for whatever reason, is shown as an address.
/// </summary>
internal static class ArgumentFormats
{
    private const int MaxElements = 8;

    private static readonly Dictionary<string, ArgumentFormat> Formats = new()
    {
        ["int"] = (in _, value, _) => Decimal((int)value),
        ["long"] = (in _, value, _) => Decimal(value),
        ["size"] = (in _, value, _) => ((ulong)value).ToString(CultureInfo.InvariantCulture),
        ["hex"] = (in _, value, _) => Hex(value),
        ["address"] = (in _, value, _) => Address(value),
        ["fd"] = (in _, value, _) => Decimal((int)value),
        ["at"] = (in _, value, _) => (int)value == FileAbi.AT_FDCWD ? nameof(FileAbi.AT_FDCWD) : Decimal((int)value),
        ["mode"] = (in _, value, _) => Octal(value),
        ["path"] = Path,
        ["data"] = Data,
        ["vector"] = Vector,
        ["polls"] = Polls,
        ["time"] = Time,
        ["stat"] = Stat,
        ["fdpair"] = DescriptorPair,
        ["signal"] = (in _, value, _) => SignalName((int)value),
        ["signals"] = Signals,
        ["action"] = Action,
        ["stack"] = Stack,
        ["openmode"] = (in call, value, index) => (call.Arguments[index - 1] & (FileAbi.O_CREAT | FileAbi.O_TMPFILE)) == 0 ? null : Octal(value),
        ["open"] = Names(NameTables.Open),
        ["descriptor"] = Names(NameTables.Descriptor),
        ["lookup"] = Names(NameTables.Lookup),
        ["unlink"] = Names(NameTables.Unlink),
        ["rename"] = Names(NameTables.Rename),
        ["access"] = Names(NameTables.Access),
        ["whence"] = Names(NameTables.Whence),
        ["fcntl"] = Names(NameTables.Fcntl),
        ["ioctl"] = Names(NameTables.Ioctl),
        ["flock"] = Names(NameTables.Flock),
        ["protection"] = Names(NameTables.Protection),
        ["map"] = Names(NameTables.Map),
        ["mremap"] = Names(NameTables.Mremap),
        ["msync"] = Names(NameTables.Msync),
        ["advice"] = Names(NameTables.Advice),
        ["futex"] = Names(NameTables.Futex),
        ["clone"] = Names(NameTables.Clone),
        ["clock"] = Names(NameTables.Clock),
        ["timer"] = Names(NameTables.Timer),
        ["how"] = Names(NameTables.How),
        ["resource"] = Names(NameTables.Resource),
        ["prctl"] = Names(NameTables.Prctl),
        ["call"] = Names(NameTables.Call),
        ["stream"] = Names(NameTables.Stream),
        ["rights"] = Names(NameTables.Rights),
        ["random"] = Names(NameTables.Random),
    };

    /// <summary>The format that a word names.</summary>
    /// <exception cref="KeyNotFoundException">The table of system calls has a word that is none.</exception>
    public static ArgumentFormat Find(string word) => Formats[word];

    /// <summary>An address, NULL for 0.</summary>
    public static string Address(long value) => value == 0 ? "NULL" : Hex(value);

    /// <summary>A signal's name, or the number if no signal has it.</summary>
    public static string SignalName(int signal) => signal is > 0 and <= Signal.Last ? Signal.Name(signal) : Decimal(signal);

    private static ArgumentFormat Names(NameTable table) => (in _, value, _) => table.Format((uint)value);

    private static string Decimal(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Hex(long value) => "0x" + value.ToString("x", CultureInfo.InvariantCulture);

    private static string Octal(long value) => "0" + Convert.ToString((int)value, 8);

    private static string Path(in ShownCall call, long value, int index)
    {
        Span<byte> buffer = stackalloc byte[FileAbi.PATH_MAX];
        return call.Memory.ReadString(value, buffer) is var length and >= 0 ? QuotedText.Quote(buffer[..length], length == buffer.Length) : Address(value);
    }

    /// <summary>As many bytes as the next argument says or, after the call, its result.</summary>
    private static string Data(in ShownCall call, long value, int index)
        => Bytes(call.Memory, value, Math.Min((ulong)call.Arguments[index + 1], (ulong)(call.Result ?? long.MaxValue)));

    private static string Bytes(GuestMemory memory, long address, ulong length)
    {
        Span<byte> buffer = stackalloc byte[(int)Math.Min(length, QuotedText.MaxBytes)];
        return address != 0 && memory.TryRead(address, buffer) ? QuotedText.Quote(buffer, length > QuotedText.MaxBytes) : Address(address);
    }

    /// <summary>Elements of an array whose length the next argument says.</summary>
    private static string Elements<T>(in ShownCall call, long value, int index, Func<GuestMemory, T, string> format)
        where T : unmanaged
    {
        var count = (ulong)(uint)call.Arguments[index + 1];
        var elements = new List<string>();
        var size = (ulong)Unsafe.SizeOf<T>();
        for (var k = 0UL; k < Math.Min(count, MaxElements); k++)
        {
            if (!call.Memory.TryRead(unchecked(value + (long)(k * size)), out T element))
                return Address(value);
            elements.Add(format(call.Memory, element));
        }

        return $"[{string.Join(", ", elements)}{(count > MaxElements ? ", ..." : "")}]";
    }

    private static string Vector(in ShownCall call, long value, int index)
    {
        if (!call.IsPure)
            return Elements<(long Base, ulong Length)>(call, value, index, static (memory, v) => $"{{iov_base={Bytes(memory, v.Base, v.Length)}, iov_len={v.Length}}}");
        var count = (ulong)(uint)call.Arguments[index + 1];
        var elements = new List<string>();
        for (var k = 0L; k < (long)Math.Min(count, MaxElements); k++)
        {
            var vector = unchecked(value + (2 * call.PointerBytes * k));
            if (!call.TryReadPointer(vector, out var start) || !call.Memory.TryRead(unchecked(vector + call.PointerBytes), out ulong length))
                return Address(value);
            elements.Add($"{{iov_base={Pointer(start)}, iov_len={length}}}");
        }

        return $"[{string.Join(", ", elements)}{(count > MaxElements ? ", ..." : "")}]";
    }

    private static string Polls(in ShownCall call, long value, int index)
        => Elements<PollDescriptor>(call, value, index, static (_, p) => $"{{fd={p.Descriptor}, events={NameTables.Poll.Format((ushort)p.Events)}}}");

    private static string Time(in ShownCall call, long value, int index)
        => call.Memory.TryRead(value, out TimeSpecification time) ? $"{{tv_sec={time.Seconds}, tv_nsec={time.Nanoseconds}}}" : Address(value);

    private static string Stat(in ShownCall call, long value, int index)
    {
        // struct stat, include/uapi/asm-generic/stat.h.
        const int ModeOffset = 16;
        const int SizeOffset = 48;
        const int TypeMask = FileAbi.S_IFMT;
        if (!call.Memory.TryRead(unchecked(value + ModeOffset), out int mode) || !call.Memory.TryRead(unchecked(value + SizeOffset), out long size))
            return Address(value);
        return $"{{st_mode={NameTables.FileType.Format(mode & TypeMask)}|{Octal(mode & ~TypeMask)}, st_size={size}, ...}}";
    }

    private static string DescriptorPair(in ShownCall call, long value, int index)
        => call.Memory.TryRead(value, out (int First, int Second) pair) ? $"[{pair.First}, {pair.Second}]" : Address(value);

    private static string Signals(in ShownCall call, long value, int index)
        => call.Memory.TryRead(value, out ulong set) ? SignalSet(set) : Address(value);

    private static string Action(in ShownCall call, long value, int index)
    {
        if (!call.TryReadPointer(value, out var pointer)
            || !call.Memory.TryRead(unchecked(value + call.PointerBytes), out long flags)
            || !call.Memory.TryRead(unchecked(value + call.PointerBytes + sizeof(long)), out ulong mask))
            return Address(value);
        var handler = (long)pointer.Address switch
        {
            Signal.SIG_DFL => nameof(Signal.SIG_DFL),
            Signal.SIG_IGN => nameof(Signal.SIG_IGN),
            _ => Pointer(pointer),
        };
        return $"{{sa_handler={handler}, sa_mask={SignalSet(mask)}, sa_flags={NameTables.Action.Format(flags)}}}";
    }

    private static string Stack(in ShownCall call, long value, int index)
        => call.TryReadPointer(value, out var pointer)
            && call.Memory.TryRead(unchecked(value + call.PointerBytes), out int flags)
            && call.Memory.TryRead(unchecked(value + call.PointerBytes + sizeof(long)), out ulong size)
            ? $"{{ss_sp={Pointer(pointer)}, ss_flags={NameTables.AlternateStack.Format((uint)flags)}, ss_size={size}}}"
            : Address(value);

    /// <summary>A pointer of a structure: a capability with its permissions and bounds, and a number where it never was one.</summary>
    private static string Pointer(in Capability pointer)
        => pointer.IsTagged || pointer.Metadata != 0 ? pointer.ToString() : Address((long)pointer.Address);

    /// <summary>The members of a set or, with "~", what is not in it, whichever is shorter.</summary>
    private static string SignalSet(ulong set)
    {
        var isInverted = BitOperations.PopCount(set) > Signal.Last / 2;
        var shown = isInverted ? ~set : set;
        return (isInverted ? "~[" : "[") + string.Join(' ', Enumerable.Range(1, Signal.Last).Where(s => (shown & Signal.Bit(s)) != 0).Select(SignalName)) + "]";
    }

    /// <summary>struct pollfd.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Ready;
    }
}
