using System.Buffers.Binary;
using Xunit;

namespace Cheri2IL.Cli.Tests;

/// <summary>Wrong command lines and files: one clear line, the right status, nothing written.</summary>
public sealed class BadInputTests : IDisposable
{
    private const int Machine = 18;
    private const int Flags = 48;
    private const int Flags32 = 36;
    private readonly TemporaryDirectory _directory = new();

    [Theory]
    [InlineData("frobnicate", "unknown command 'frobnicate'")]
    [InlineData("translate", "app.elf")]
    [InlineData("translate --frob x.elf", "unknown option '--frob'")]
    [InlineData("info -x", "unknown option '-x'")]
    [InlineData("translate --checks=some x.elf", "some")]
    [InlineData("info a b", "'b'")]
    [InlineData("bench", "command")]
    [InlineData("bench cpu --rounds 0", "--rounds")]
    [InlineData("objdump", "program")]
    public void CommandLine_Wrong_OneLineAndUsageStatus(string arguments, string named)
        => AssertFails(ExitCode.Usage, named, arguments.Split(' '));

    [Theory]
    [InlineData("translate")]
    [InlineData("info")]
    [InlineData("objdump")]
    public void Program_Missing_NoInputStatus(string command) => AssertFails(ExitCode.NoInput, "absent.elf", command, "absent.elf");

    [Theory]
    [InlineData("translate")]
    [InlineData("info")]
    [InlineData("objdump")]
    public void Program_IsDirectory_NoInputStatus(string command) => AssertFails(ExitCode.NoInput, "is a directory", command, _directory.Path);

    [Fact]
    public void Program_ForX86_BadInputStatus() => AssertRefused("x86-64", file => Put16(file, Machine, 62));

    [Fact]
    public void Program_ForAArch64_BadInputStatus() => AssertRefused("AArch64", file => Put16(file, Machine, 183));

    [Fact]
    public void Program_ForMorello_BadInputStatus() => AssertRefused("Morello", file =>
    {
        Put16(file, Machine, 183);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(Flags), 0x10000);
    });

    [Fact]
    public void Program_Rv32_BadInputStatus() => AssertRefused("RV32", file => file[4] = 1);

    [Fact]
    public void Program_BigEndian_BadInputStatus() => AssertRefused("big-endian", file => file[5] = 2);

    [Theory]
    [InlineData(0x10005)]
    [InlineData(0x20005)]
    public void Program_HalfOfPureCapabilityFlags_BadInputStatus(uint flags)
        => AssertRefused("EF_RISCV_CAP_MODE", file => PutFlags(file, flags));

    [Fact]
    public void Program_ForCheriStandard_BadInputStatus() => AssertRefused("RVY", file => PutFlags(file, 0x45));

    [Fact]
    public void Program_ForCheriot_BadInputStatus() => AssertRefused("CHERIoT", file =>
    {
        file[4] = 1;
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(Flags32), 0x30009);
    });

    [Fact]
    public void Program_Cheri32_BadInputStatus() => AssertRefused("32-bit CHERI-RISC-V", file =>
    {
        file[4] = 1;
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(Flags32), 0x30001);
    });

    [Theory]
    [InlineData(0x30C15006)]
    [InlineData(0x30C20006)]
    public void Program_ForCheriMips_BadInputStatus(uint flags)
    {
        AssertRefused("CHERI-MIPS", file =>
        {
            file[5] = 2;
            BinaryPrimitives.WriteUInt16BigEndian(file.AsSpan(Machine), 8);
            BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(Flags), flags);
        });
        AssertRefused("CHERI-MIPS", file =>
        {
            Put16(file, Machine, 8);
            PutFlags(file, flags);
        });
    }

    [Theory]
    [InlineData("rv64y1p0_m2p0", "RVY")]
    [InlineData("rv64i2p1_zcherihybrid0p9", "RVY")]
    [InlineData("rv64i2p1_zcheripurecap0p9", "RVY")]
    [InlineData("rv64i2p1_xcheriot1p0", "CHERIoT")]
    public void Program_WithArchitectureOfAnotherCheri_BadInputStatus(string architecture, string named)
        => AssertRefused(named, file => PutArchitecture(file, architecture));

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(40)]
    [InlineData(64)]
    [InlineData(200)]
    public void Program_Truncated_BadInputStatus(int length)
    {
        var path = _directory.Write("cut.elf", File.ReadAllBytes(CorpusFiles.Hello)[..length]);
        AssertFails(ExitCode.BadInput, "cut.elf", "translate", path);
    }

    [Fact]
    public void Program_NotElf_BadInputStatus()
        => AssertFails(ExitCode.BadInput, "not an ELF file", "info", _directory.Write("text", "hello, world\n"u8.ToArray()));

    [Fact]
    public void Assembly_NotTranslated_BadInputStatus()
        => AssertFails(ExitCode.BadInput, "not an assembly made by", "info", typeof(BadInputTests).Assembly.Location);

    [Fact]
    public void Assembly_Truncated_BadInputStatus()
    {
        var path = _directory.Write("cut.dll", File.ReadAllBytes(typeof(BadInputTests).Assembly.Location)[..700]);
        AssertFails(ExitCode.BadInput, "malformed assembly", "info", path);
    }

    [Fact]
    public void Translate_OutputBelowAFile_CannotCreateStatus()
    {
        var file = _directory.Write("file", []);
        AssertFails(ExitCode.CannotCreate, "out.dll", "translate", "-o", Path.Combine(file, "out.dll"), CorpusFiles.Hello);
    }

    [Fact]
    public void Translate_SymbolsCannotBeWritten_WritesNothing()
    {
        Directory.CreateDirectory(Path.Combine(_directory.Path, "out.pdb"));
        AssertFails(ExitCode.CannotCreate, "out.dll", "translate", "-o", "out.dll", CorpusFiles.Hello);
        Assert.Empty(Directory.GetFiles(_directory.Path));
    }

    [Fact]
    public void Translate_OutputIsWhereSymbolsGo_UsageStatus()
        => AssertFails(ExitCode.Usage, "out.pdb", "translate", "-o", "out.pdb", CorpusFiles.Hello);

    [Fact]
    public void Translate_OutputIsDirectory_CannotCreateStatus()
        => AssertFails(ExitCode.CannotCreate, "is a directory", "translate", "-o", _directory.Path, CorpusFiles.Hello);

    [Fact]
    public void Objdump_UnknownFunction_BadInputStatus()
        => AssertFails(ExitCode.BadInput, "no function 'nope'", "objdump", "-f", "nope", CorpusFiles.Hello);

    [Theory]
    [InlineData("--function", "mian", ExitCode.BadInput, "nearest: main (0x10001")]
    [InlineData("--function", "syscall", ExitCode.BadInput, "nearest: corpus_syscall (0x10001")]
    [InlineData("--address", "0x172e", ExitCode.BadInput, "may be 0x1000172e")]
    [InlineData("--address", "0x20000000", ExitCode.BadInput, "no instruction at 0x20000000; nearest: ")]
    [InlineData("--address", "ffffffffffffffff", ExitCode.Usage, "--address wants a guest address")]
    [InlineData("--address", "main", ExitCode.Usage, "--address wants a guest address")]
    public void Objdump_NothingThere_NamesTheNearest(string option, string value, int status, string message)
        => AssertFails(status, message, "objdump", option, value, CorpusFiles.Hello);

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();

    private static void Put16(byte[] file, int offset, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(offset), value);

    private static void PutFlags(byte[] file, uint flags) => BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(Flags), flags);

    /// <summary>Replaces Tag_RISCV_arch by a name that is not longer; the rest becomes an extension that nobody knows.</summary>
    private static void PutArchitecture(byte[] file, string architecture)
    {
        var name = file.AsSpan().IndexOf("rv64i2p1_"u8);
        var length = file.AsSpan(name).IndexOf((byte)0);
        file.AsSpan(name, length).Fill((byte)'x');
        System.Text.Encoding.ASCII.GetBytes(architecture, file.AsSpan(name));
        file[name + architecture.Length] = (byte)'_';
    }

    private void AssertRefused(string named, Action<byte[]> change)
    {
        var file = File.ReadAllBytes(CorpusFiles.Hello);
        change(file);
        AssertFails(ExitCode.BadInput, named, "translate", _directory.Write("changed.elf", file));
    }

    private void AssertFails(int exitCode, string named, params string[] arguments)
    {
        var before = Directory.GetFileSystemEntries(_directory.Path);
        var result = ToolProcess.Run(_directory.Path, arguments);
        Assert.Equal("", result.Output);
        Assert.StartsWith("cheri2il: ", result.Error, StringComparison.Ordinal);
        Assert.Contains(named, result.Error, StringComparison.Ordinal);
        Assert.Equal(result.Error.Length - 1, result.Error.IndexOf('\n', StringComparison.Ordinal));
        Assert.Equal(exitCode, result.ExitCode);
        Assert.Equal(before, Directory.GetFileSystemEntries(_directory.Path));
    }
}
