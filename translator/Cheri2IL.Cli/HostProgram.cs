namespace Cheri2IL.Cli;

/// <summary>Programs of this machine that the tool starts.</summary>
internal static class HostProgram
{
    /// <summary>How to start this tool itself once more.</summary>
    public static string[] Self()
    {
        var process = Environment.ProcessPath!;
        return Path.GetFileNameWithoutExtension(process) == "dotnet" ? [process, typeof(HostProgram).Assembly.Location] : [process];
    }

    /// <summary>The path of a program that the shell would find, or null.</summary>
    public static string? OnPath(string name)
        => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(d => Path.Combine(d, name)).FirstOrDefault(File.Exists);
}
