using System.IO.Compression;
using Cheri2IL.Conformance;
using Xunit;

namespace Cheri2IL.Runtime.Tests.Capabilities;

/// <summary>Every row of the committed vectors (<c>Data/README.md</c>), as <c>tools/dev vectors</c> runs them.</summary>
public sealed class CapabilityVectorTests
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Data", "cheri-v9");

    [Theory]
    [InlineData("crrl_cram.csv.gz", 1539)]
    [InlineData("decode.csv.gz", 5474)]
    [InlineData("encodings.csv.gz", 1810)]
    [InlineData("instr.csv.gz", 3600)]
    [InlineData("perms_flags.csv.gz", 1200)]
    [InlineData("representability.csv.gz", 5443)]
    [InlineData("seal.csv.gz", 1200)]
    [InlineData("setbounds.csv.gz", 5368)]
    public void Vectors_EveryRow_Passes(string file, int rows)
    {
        var result = VectorFile.Run(Path.Combine(Folder, file));
        Assert.Empty(result.Failures);
        Assert.Equal(rows, result.Passed);
    }

    /// <summary>A runner that passes whatever it reads would be worth nothing: each field of a result is changed in turn.</summary>
    [Theory]
    [InlineData("crrl_cram.csv.gz", 0)]
    [InlineData("decode.csv.gz", 0, 2, 3)]
    [InlineData("perms_flags.csv.gz", 0, 1, 2, 3)]
    [InlineData("representability.csv.gz", 0, 1, 2, 3, 4)]
    [InlineData("seal.csv.gz", 0, 1, 2, 3)]
    [InlineData("setbounds.csv.gz", 0, 1, 2, 3)]
    [InlineData("instr.csv.gz", 0, 1, 2, 3, 4, 5, 6)]
    public void Vectors_WrongResult_Fails(string file, params int[] inputs)
    {
        var lines = Read(Path.Combine(Folder, file)).Take(20).ToArray();
        var columns = lines[0].Split(',').Length;
        foreach (var column in Enumerable.Range(0, columns).Except(inputs))
        {
            var changed = lines.Skip(1).Select(line =>
            {
                var fields = line.Split(',');
                fields[column] = fields[column].StartsWith("0x", StringComparison.Ordinal)
                    ? fields[column][..^1] + (fields[column][^1] == '0' ? '1' : '0')
                    : fields[column] == "0" ? "1" : "0";
                return string.Join(',', fields);
            });
            var result = RunText([lines[0], .. changed]);
            Assert.Equal((column, 0, lines.Length - 1), (column, result.Passed, result.Failures.Count));
        }
    }

    [Fact]
    public void Vectors_UnknownColumns_Fail() => Assert.Single(RunText(["length,crrl", "0x0,0x0"]).Failures);

    [Theory]
    [InlineData("0x0,0x0")]
    [InlineData("0x0,0x0,nothing")]
    [InlineData("0x10000000000000000,0x0,0x0")]
    public void Vectors_MalformedRow_Fails(string row) => Assert.Single(RunText(["length,crrl,cram", row]).Failures);

    private static VectorResult RunText(string[] lines)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllLines(path, lines);
            return VectorFile.Run(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static IEnumerable<string> Read(string path)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        while (reader.ReadLine() is { } line)
            yield return line;
    }
}
