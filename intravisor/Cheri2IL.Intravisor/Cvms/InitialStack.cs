using System.Buffers.Binary;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>
/// Builds what a program finds at its first stack pointer: argc, argv, envp, the auxiliary vector, and above them the strings
/// (fs/binfmt_elf.c, create_elf_tables). With pure capabilities every word of the tables has the size of one, and pointers are
/// capabilities with the bounds of what they point to.
/// </summary>
internal sealed class InitialStack
{
    private const int AT_NULL = 0;
    private const int AT_PHDR = 3;
    private const int AT_PHENT = 4;
    private const int AT_PHNUM = 5;
    private const int AT_PAGESZ = 6;
    private const int AT_BASE = 7;
    private const int AT_FLAGS = 8;
    private const int AT_ENTRY = 9;
    private const int AT_UID = 11;
    private const int AT_EUID = 12;
    private const int AT_GID = 13;
    private const int AT_EGID = 14;
    private const int AT_HWCAP = 16;
    private const int AT_CLKTCK = 17;
    private const int AT_SECURE = 23;
    private const int AT_RANDOM = 25;
    private const int AT_EXECFN = 31;
    private const int AT_SYSINFO_EHDR = 33;

    /// <summary>Bits of the single-letter extensions I, M, A, F, D and C.</summary>
    private const long HardwareCapabilities = 1 << 8 | 1 << 12 | 1 << 0 | 1 << 5 | 1 << 3 | 1 << 2;

    // Those of Linux for Morello (include/uapi/linux/auxvec.h): the program's data and code, its stack, and the object types.
    private const int AT_CHERI_EXEC_RW_CAP = 60;
    private const int AT_CHERI_EXEC_RX_CAP = 61;
    private const int AT_CHERI_STACK_CAP = 64;
    private const int AT_CHERI_SEAL_CAP = 65;

    private readonly byte[] _bytes;
    private readonly long _bottom;
    private readonly long _top;
    private readonly ProcessCapabilities? _pure;
    private List<StoredCapability>? _capabilities;
    private int _used;

    /// <summary>Starts at the top of the stack.</summary>
    /// <param name="bottom">First address of the stack.</param>
    /// <param name="top">First address above the stack; 16-byte aligned.</param>
    /// <param name="limit">Most bytes the strings and tables may take.</param>
    /// <param name="capabilities">What its capabilities are derived from; null for a program without.</param>
    public InitialStack(long bottom, long top, int limit, ProcessCapabilities? capabilities)
    {
        _bottom = bottom;
        _top = top;
        _bytes = new byte[limit];
        _pure = capabilities is { IsPure: true } ? capabilities : null;
    }

    /// <summary>Capabilities among <see cref="Bytes"/>, which have their addresses: what to store besides; null: none.</summary>
    public IReadOnlyList<StoredCapability>? Capabilities => _capabilities;

    /// <summary>Address of the auxiliary vector.</summary>
    public long AuxiliaryVector { get; private set; }

    /// <summary>Bytes of the auxiliary vector.</summary>
    public long AuxiliaryVectorBytes { get; private set; }

    /// <summary>The stack as a capability; for pure capabilities.</summary>
    public Capability Stack => _pure!.DataOf(_bottom, _top);

    private int WordBytes => _pure is null ? sizeof(long) : CapabilityState.Granule;

    /// <summary>What to copy to <see cref="Pointer"/>.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(_bytes.Length - _used);

    /// <summary>Initial stack pointer.</summary>
    public long Pointer => _top - _used;

    /// <summary>Lays everything out.</summary>
    /// <exception cref="CvmLoadException">It does not fit (E2BIG).</exception>
    public void Build(ProgramStart start, LoadedImage program, LoadedImage? interpreter, ReadOnlySpan<byte> random)
    {
        Push(new byte[8]);
        var path = PushString(start.Path);
        var environment = PushStrings(start.Environment);
        var arguments = PushStrings(start.Arguments);
        var randomBytes = new Range(Push(random), random.Length);
        Align(16);
        AuxiliaryEntry[] common =
        [
            new(AT_HWCAP, HardwareCapabilities, default),
            new(AT_PAGESZ, HostMemory.PageSize, default),
            new(AT_CLKTCK, 100, default),
            new(AT_PHDR, program.ProgramHeaders, Code(program, program.ProgramHeaders)),
            new(AT_PHENT, ElfExecutable.ProgramHeaderSize, default),
            new(AT_PHNUM, program.ProgramHeaderCount, default),
            new(AT_BASE, interpreter?.Bias ?? 0, default),
            new(AT_FLAGS, 0, default),
            new(AT_ENTRY, program.Entry, Code(program, program.Entry)),
            new(AT_UID, (uint)start.Credentials.Users.Real, default),
            new(AT_EUID, (uint)start.Credentials.Users.Effective, default),
            new(AT_GID, (uint)start.Credentials.Groups.Real, default),
            new(AT_EGID, (uint)start.Credentials.Groups.Effective, default),
            new(AT_SECURE, start.Credentials.IsSetId ? 1 : 0, default),
            new(AT_RANDOM, randomBytes.Address, OnStack(randomBytes)),
            new(AT_EXECFN, path.Address, OnStack(path)),
        ];
        var own = AuxiliaryOf(program);
        var auxiliary = new AuxiliaryEntry[common.Length + own.Length];
        common.CopyTo(auxiliary, 0);
        own.CopyTo(auxiliary, common.Length);

        // argc, argv and its null, envp and its null, pairs: the stack pointer below them is a multiple of 16.
        var words = 1 + arguments.Length + 1 + environment.Length + 1 + (2 * auxiliary.Length);
        if (words % 2 != 0)
            PushWord(0);
        for (var k = auxiliary.Length - 1; k >= 0; k--)
        {
            PushWord(auxiliary[k].Value, auxiliary[k].Pointer);
            PushWord(auxiliary[k].Type);
        }

        AuxiliaryVector = Pointer;
        AuxiliaryVectorBytes = 2L * auxiliary.Length * WordBytes;
        PushTable(environment);
        PushTable(arguments);
        PushWord(arguments.Length);
    }

    /// <summary>What a program with or without capabilities has besides, and the end.</summary>
    private AuxiliaryEntry[] AuxiliaryOf(LoadedImage program)
    {
        // Code of the vDSO has no capabilities.
        if (_pure is null)
            return [new(AT_SYSINFO_EHDR, GuestLayout.VdsoBase, default), new(AT_NULL, 0, default)];
        return
        [
            new(AT_CHERI_EXEC_RW_CAP, program.Start, _pure.DataOf(program.Start, program.End)),
            new(AT_CHERI_EXEC_RX_CAP, program.Start, _pure.CodeOf(program.Start, program.End)),
            new(AT_CHERI_STACK_CAP, _bottom, Stack),
            new(AT_CHERI_SEAL_CAP, 0, _pure.Seals),
            new(AT_NULL, 0, default),
        ];
    }

    private Capability OnStack(Range range) => _pure is null ? default : _pure.DataOf(range.Address, range.Address + range.Length);

    private Capability Code(LoadedImage image, long address)
        => _pure is null || address == 0 ? default : _pure.CodeOf(image.Start, image.End).SetAddress((ulong)address);

    private void PushTable(Range[] strings)
    {
        PushWord(0);
        for (var k = strings.Length - 1; k >= 0; k--)
            PushWord(strings[k].Address, OnStack(strings[k]));
    }

    private Range[] PushStrings(IReadOnlyList<byte[]> strings)
    {
        var ranges = new Range[strings.Count];
        for (var k = strings.Count - 1; k >= 0; k--)
            ranges[k] = PushString(strings[k]);
        return ranges;
    }

    /// <summary>Pushes bytes and a zero.</summary>
    private Range PushString(byte[] text)
    {
        Take(1)[0] = 0;
        return new Range(Push(text), text.Length + 1);
    }

    /// <summary>Pushes an integer, or the pointer that has it as address.</summary>
    private void PushWord(long value, in Capability pointer = default)
    {
        Span<byte> word = stackalloc byte[WordBytes];
        word.Clear();
        BinaryPrimitives.WriteInt64LittleEndian(word, value);
        Push(word);
        if (pointer.IsTagged)
            Store(pointer);
    }

    private void Store(in Capability pointer) => (_capabilities ??= []).Add(new StoredCapability(Pointer, pointer));

    private void Align(int alignment) => Take((int)(Pointer & (alignment - 1)));

    private long Push(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Take(bytes.Length));
        return Pointer;
    }

    private Span<byte> Take(int count)
    {
        if (count > _bytes.Length - _used)
            throw new CvmLoadException("arguments and environment are too long");
        _used += count;
        return _bytes.AsSpan(_bytes.Length - _used, count);
    }

    // A class, like StoredCapability: code for collections of structures is not made ahead of time.
    private sealed record AuxiliaryEntry(int Type, long Value, Capability Pointer);

    /// <summary>Bytes on the stack.</summary>
    private readonly record struct Range(long Address, long Length);
}

/// <summary>A capability in memory.</summary>
/// <param name="Address">Guest address.</param>
/// <param name="Value">The capability.</param>
internal sealed record StoredCapability(long Address, Capability Value);
