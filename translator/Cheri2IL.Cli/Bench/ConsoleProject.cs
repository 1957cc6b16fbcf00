using System.Diagnostics;

namespace Cheri2IL.Cli.Bench;

/// <summary>Builds .NET console programs as their authors would: the project that <c>dotnet new console</c> makes, in Release.</summary>
/// <param name="directory">Receives a folder for each.</param>
internal sealed class ConsoleProject(string directory)
{
    private const string Project = """
        <Project Sdk="Microsoft.NET.Sdk">

          <PropertyGroup>
            <OutputType>Exe</OutputType>
            <TargetFramework>net10.0</TargetFramework>
            <ImplicitUsings>enable</ImplicitUsings>
            <Nullable>enable</Nullable>
          </PropertyGroup>

        </Project>

        """;

    /// <summary>Builds a program from one source text and returns the path of its host executable.</summary>
    /// <exception cref="ToolException">There is no SDK, or it failed.</exception>
    public string Build(string name, string source)
    {
        var folder = Path.Combine(directory, name);
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, name + ".csproj"), Project);
        File.WriteAllText(Path.Combine(folder, "Program.cs"), source);

        // Not below a repository's Directory.Build.props, and no servers that outlive the build.
        var start = new ProcessStartInfo(
            HostProgram.OnPath("dotnet") ?? throw new ToolException(ExitCode.Unavailable, "the .NET SDK (dotnet) is not on PATH"),
            ["build", "--configuration", "Release", "--output", "out", "--nologo", "-nodeReuse:false", "-p:UseSharedCompilation=false"])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        var program = Path.Combine(folder, "out", name);
        if (process.ExitCode != 0 || !File.Exists(program))
            throw new ToolException(ExitCode.Failure, $"cannot build the program to compare with: {(errors.Result + text).Trim()}");
        return program;
    }
}
