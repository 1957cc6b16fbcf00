using System.IO.Compression;

namespace Cheri2IL.Conformance;

/// <summary>
/// A file of test vectors: comma-separated, the first line naming the columns, one case a line. What a file tests follows from its
/// columns (<see cref="VectorKind"/>), not from its name.
/// </summary>
public static class VectorFile
{
    /// <summary>The files of vectors in a directory, by name: *.csv and *.csv.gz.</summary>
    public static IReadOnlyList<string> Find(string directory) =>
    [
        .. Directory.EnumerateFiles(directory)
            .Where(path => path.EndsWith(".csv", StringComparison.Ordinal) || path.EndsWith(".csv.gz", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>Runs every row. A file that is not understood is a failure, as is a row that cannot be read.</summary>
    public static VectorResult Run(string path)
    {
        var name = Path.GetFileName(path);
        using var stream = File.OpenRead(path);
        using var reader = new StreamReader(
            path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(stream, CompressionMode.Decompress) : stream);
        var columns = (reader.ReadLine() ?? "").Split(',');
        if (VectorKind.Of(columns) is not { } kind)
            return new VectorResult(0, [$"{name}(1): no kind of vector has the columns {string.Join(',', columns)}"]);
        var index = columns.Select((column, i) => (column, i)).ToDictionary(pair => pair.column, pair => pair.i);
        var (line, passed) = (1, 0);
        var failures = new List<string>();
        while (reader.ReadLine() is { } text)
        {
            line++;
            if (text.Length == 0)
                continue;
            var row = new VectorRow(index, text.Split(','));
            try
            {
                kind.Check(row);
            }
            catch (FormatException exception)
            {
                row.Fail(exception.Message);
            }

            if (row.Failure == null)
                passed++;
            else
                failures.Add($"{name}({line}): {row.Failure}: {text}");
        }

        return new VectorResult(passed, failures);
    }
}
