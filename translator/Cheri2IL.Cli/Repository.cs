namespace Cheri2IL.Cli;

/// <summary>The repository that this build belongs to: only commands about its corpus need it.</summary>
internal static class Repository
{
    /// <summary>The nearest folder above the tool, or above the working directory, that holds Cheri2IL.sln.</summary>
    /// <exception cref="ToolException">There is none.</exception>
    public static string Root()
    {
        foreach (var start in (string[])[AppContext.BaseDirectory, Environment.CurrentDirectory])
        {
            for (var at = new DirectoryInfo(start); at is not null; at = at.Parent)
            {
                if (File.Exists(Path.Combine(at.FullName, "Cheri2IL.sln")))
                    return at.FullName;
            }
        }

        throw new ToolException(ExitCode.NoInput, "not inside a Cheri2IL repository");
    }
}
