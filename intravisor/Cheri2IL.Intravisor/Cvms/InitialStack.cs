using System.Buffers.Binary;
using System.Text;
using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>
/// Builds what a program finds at its first stack pointer: argc, argv, envp, the auxiliary vector, and above them the strings
/// (fs/binfmt_elf.c, create_elf_tables).
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

    /// <summary>Bits of the single-letter extensions I, M, A, F, D and C.</summary>
    private const long HardwareCapabilities = 1 << 8 | 1 << 12 | 1 << 0 | 1 << 5 | 1 << 3 | 1 << 2;

    private readonly byte[] _bytes;
    private readonly long _top;
    private int _used;

    /// <summary>Starts at the top of the stack.</summary>
    /// <param name="top">First address above the stack; 16-byte aligned.</param>
    /// <param name="limit">Most bytes the strings and tables may take.</param>
    public InitialStack(long top, int limit)
    {
        _top = top;
        _bytes = new byte[limit];
    }

    /// <summary>What to copy to <see cref="Pointer"/>.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(_bytes.Length - _used);

    /// <summary>Initial stack pointer.</summary>
    public long Pointer => _top - _used;

    /// <summary>Lays everything out.</summary>
    /// <exception cref="CvmLoadException">It does not fit (E2BIG).</exception>
    public void Build(CvmOptions options, LoadedImage program, LoadedImage? interpreter, ReadOnlySpan<byte> random)
    {
        Push(new byte[8]);
        var path = PushString(options.ProgramPath);
        var environment = PushStrings(options.Environment);
        var arguments = PushStrings(options.Arguments);
        var randomAddress = Push(random);
        Align(16);
        long[] auxiliary =
        [
            AT_HWCAP, HardwareCapabilities,
            AT_PAGESZ, HostMemory.PageSize,
            AT_CLKTCK, 100,
            AT_PHDR, program.ProgramHeaders,
            AT_PHENT, Runtime.Elf.ElfExecutable.ProgramHeaderSize,
            AT_PHNUM, program.ProgramHeaderCount,
            AT_BASE, interpreter?.Bias ?? 0,
            AT_FLAGS, 0,
            AT_ENTRY, program.Entry,
            AT_UID, options.UserId,
            AT_EUID, options.UserId,
            AT_GID, options.UserId,
            AT_EGID, options.UserId,
            AT_SECURE, 0,
            AT_RANDOM, randomAddress,
            AT_EXECFN, path,
            AT_NULL, 0,
        ];

        // argc, argv and its null, envp and its null, pairs: the stack pointer below them is a multiple of 16.
        var words = 1 + arguments.Length + 1 + environment.Length + 1 + auxiliary.Length;
        if (words % 2 != 0)
            PushWord(0);
        for (var k = auxiliary.Length - 1; k >= 0; k--)
            PushWord(auxiliary[k]);

        PushTable(environment);
        PushTable(arguments);
        PushWord(arguments.Length);
    }

    private void PushTable(long[] addresses)
    {
        PushWord(0);
        for (var k = addresses.Length - 1; k >= 0; k--)
            PushWord(addresses[k]);
    }

    private long[] PushStrings(IReadOnlyList<string> strings)
    {
        var addresses = new long[strings.Count];
        for (var k = strings.Count - 1; k >= 0; k--)
            addresses[k] = PushString(strings[k]);
        return addresses;
    }

    private long PushString(string text) => Push(Encoding.UTF8.GetBytes(text + "\0"));

    private void PushWord(long value)
    {
        Span<byte> word = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(word, value);
        Push(word);
    }

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
}
