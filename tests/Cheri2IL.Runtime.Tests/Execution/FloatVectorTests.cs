using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using Cheri2IL.Runtime.Execution;
using Xunit;

namespace Cheri2IL.Runtime.Tests.Execution;

/// <summary>Every F and D computational instruction on corner values, against the results and flags of qemu-riscv64.</summary>
public sealed class FloatVectorTests
{
    private static readonly string DataFolder = Path.Combine(AppContext.BaseDirectory, "Data");

    private static readonly Lazy<ILookup<string, Vector>> Vectors =
        new(() => ReadVectors(Path.Combine(DataFolder, "float-vectors.txt.gz")).ToLookup(vector => vector.Mnemonic));

    public static TheoryData<string> Mnemonics { get; } = [.. Vectors.Value.Select(group => group.Key)];

    [Theory]
    [MemberData(nameof(Mnemonics))]
    public void Instruction_StaticRounding_MatchesQemu(string mnemonic)
    {
        using var status = new FloatStatusScope();
        foreach (var vector in Vectors.Value[mnemonic])
        {
            // The host's mode must not matter: it goes through all of them.
            for (var hostMode = 0; hostMode <= FloatStatus.LastHostMode; hostMode++)
            {
                var (result, flags) = status.Run(
                    hostMode, () => FloatInstruction.Static(mnemonic, vector.Mode, vector.A, vector.B, vector.C));
                Check(vector, result, flags);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Mnemonics))]
    public void Instruction_DynamicRounding_MatchesQemu(string mnemonic)
    {
        using var status = new FloatStatusScope();
        foreach (var vector in Vectors.Value[mnemonic].Where(vector => vector.Mode <= FloatStatus.LastHostMode))
        {
            var (result, flags) = status.Run(
                vector.Mode, () => FloatInstruction.Dynamic(mnemonic, vector.A, vector.B, vector.C));
            if (result != null)
                Check(vector, result, flags);
        }
    }

    [Fact]
    public void Table_Committed_HoldsEveryModeOfEveryRoundedInstruction()
    {
        Assert.Equal(44, Vectors.Value.Count);
        foreach (var group in Vectors.Value.Where(group => group.First().Mode != 7))
            Assert.Equal([0, 1, 2, 3, 4], group.Select(vector => vector.Mode).Distinct());
    }

    [Fact]
    public void Table_GeneratedAgain_IsTheCommittedOne()
    {
        foreach (var tool in (string[])["riscv64-linux-gnu-gcc", "qemu-riscv64"])
        {
            var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':');
            if (!folders.Any(folder => File.Exists(Path.Combine(folder, tool))))
                Assert.Skip($"{tool} is missing: apt-get install qemu-user gcc-riscv64-linux-gnu libc6-dev-riscv64-cross");
        }

        var output = Path.GetTempFileName();
        try
        {
            using var process = Process.Start("/bin/sh", [Path.Combine(DataFolder, "generate-float-vectors.sh"), output]);
            process.WaitForExit();
            Assert.Equal(0, process.ExitCode);
            Assert.Equal(Vectors.Value.SelectMany(group => group), ReadVectors(output).ToLookup(v => v.Mnemonic).SelectMany(group => group));
        }
        finally
        {
            File.Delete(output);
        }
    }

    private static void Check(Vector vector, ulong? result, long flags)
    {
        if (result != vector.Result || flags != vector.Flags)
            Assert.Fail($"{vector}: got {result:x} flags {flags:x}");
    }

    private static IEnumerable<Vector> ReadVectors(string path)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        while (reader.ReadLine() is { } line)
        {
            var fields = line.Split(' ');
            ulong Operand(int index) => index < fields.Length - 2 ? Hex(fields[index]) : 0;
            yield return new Vector(
                fields[0],
                int.Parse(fields[1], CultureInfo.InvariantCulture),
                Operand(2),
                Operand(3),
                Operand(4),
                Hex(fields[^2]),
                (long)Hex(fields[^1]));
        }
    }

    private static ulong Hex(string text) => ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private sealed record Vector(string Mnemonic, int Mode, ulong A, ulong B, ulong C, ulong Result, long Flags)
    {
        public override string ToString() => $"{Mnemonic} rm {Mode} ({A:x}, {B:x}, {C:x}) = {Result:x} flags {Flags:x}";
    }
}
