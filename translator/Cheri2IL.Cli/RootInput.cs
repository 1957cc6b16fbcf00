using Cheri2IL.Cli.Cache;
using Cheri2IL.Deployment.Archives;

namespace Cheri2IL.Cli;

/// <summary>Opens roots that a user names, and says what is wrong with them.</summary>
internal static class RootInput
{
    /// <summary>The user's store of what was unpacked and checked: <c>roots</c> in the tool's cache folder.</summary>
    public static RootStore Store => new(TranslationCache.UserDirectory + "/roots");

    /// <summary>Opens a root.</summary>
    /// <param name="path">Path on the host.</param>
    /// <param name="origin">Option that names it, for the message; empty: none.</param>
    /// <exception cref="ToolException">It is missing, malformed, or of a kind that is not supported.</exception>
    public static RootFile Open(string path, string origin = "")
    {
        var prefix = origin.Length == 0 ? "" : origin + ": ";
        try
        {
            return RootFile.Open(path, Store);
        }
        catch (RootFormatException error)
        {
            throw new ToolException(ExitCode.BadInput, prefix + error.Message);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ToolException(ExitCode.NoInput, $"{prefix}{path}: no such file or directory");
        }
        catch (UnauthorizedAccessException)
        {
            throw new ToolException(ExitCode.NoInput, $"{prefix}{path}: permission denied");
        }
        catch (IOException error)
        {
            throw new ToolException(ExitCode.InputOutput, $"{prefix}{path}: {error.Message}");
        }
    }
}
