using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.LibOs.Processes;

/// <summary>What execve gives a program: strings are bytes, without the terminating zero.</summary>
/// <param name="Path">Path as it was given (AT_EXECFN).</param>
/// <param name="ExecutablePath">Absolute path of the file (/proc/self/exe), with a character for each byte.</param>
/// <param name="Arguments">argv.</param>
/// <param name="Environment">envp.</param>
public sealed record ProgramStart(byte[] Path, string ExecutablePath, IReadOnlyList<byte[]> Arguments, IReadOnlyList<byte[]> Environment)
{
    /// <summary>As whom it runs.</summary>
    internal ProcessCredentials Credentials { get; init; } = ProcessCredentials.Root;

    /// <summary>The path of the file as text.</summary>
    public string PathText => PlainText.FromBytes(FileSystem.ToBytes(ExecutablePath));

    /// <summary>The last part of the path it was given: the name of its main thread, at most 15 bytes.</summary>
    public byte[] Name
    {
        get
        {
            // Without searches (see PlainText).
            var start = Path.Length;
            while (start > 0 && Path[start - 1] != '/')
                start--;
            return Path[start..Math.Min(Path.Length, start + 15)];
        }
    }

    /// <summary>What a cVM starts with.</summary>
    internal static ProgramStart Of(CvmOptions options)
    {
        var path = PlainText.ToBytes(options.ProgramPath);
        return new ProgramStart(path, FileSystem.FromBytes(path), ToBytes(options.Arguments), ToBytes(options.Environment));
    }

    private static byte[][] ToBytes(IReadOnlyList<string> strings)
    {
        var bytes = new byte[strings.Count][];
        for (var k = 0; k < bytes.Length; k++)
            bytes[k] = PlainText.ToBytes(strings[k]);
        return bytes;
    }
}
