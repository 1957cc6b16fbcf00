using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Cheri2IL.Cli.Commands;

namespace Cheri2IL.Cli;

/// <summary>The command tree and its error convention.</summary>
internal static class CommandLine
{
    /// <summary>Parses and runs a command.</summary>
    public static int Invoke(string[] args)
    {
        var result = Root().Parse(args.Length == 0 ? ["--help"] : args);
        if ((result.Action is ParseErrorAction && result.Errors.Count > 0) || UnknownOption(result) is not null)
            throw new ToolException(ExitCode.Usage, $"{Explain(result)} (see '{Path(result)} --help')");
        return result.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
    }

    /// <summary>The root command with every verb.</summary>
    public static RootCommand Root()
    {
        var root = new RootCommand("Translates RV64 Linux programs into .NET assemblies with confined memory, and runs them, alone or many in one process.")
        {
            TranslateCommand.Create(),
            RunCommand.Create(),
            ObjdumpCommand.Create(),
            InfoCommand.Create(),
            SyscallsCommand.Create(),
            CacheCommand.Create(),
            BenchCommand.Create(),
            UpCommand.Create(),
            BundleCommand.Create(),
            ManifestCommand.Create(),
        };
        foreach (var command in ControlCommands.Create())
            root.Add(command);
        root.Options.OfType<HelpOption>().Single().Action = new HelpWithExamples();
        return root;
    }

    /// <summary>The error that the user made first: an unknown word makes the library report what it took for missing, too.</summary>
    private static string Explain(ParseResult result)
    {
        if (UnknownOption(result) is { } option)
            return $"unknown option '{option}'";
        if (result.CommandResult.Command.Subcommands.Count > 0 && result.UnmatchedTokens is [var command, ..])
            return $"unknown command '{command}'";
        return result.Errors[0].Message.TrimEnd('.');
    }

    /// <summary>A word that looks like an option but is none; the library would take it for a file's name.</summary>
    private static string? UnknownOption(ParseResult result)
        => result.Tokens.TakeWhile(t => t.Type != TokenType.DoubleDash)
            .FirstOrDefault(t => t.Type == TokenType.Argument && t.Value.Length > 1 && t.Value[0] == '-')?.Value;

    private static string Path(ParseResult result)
    {
        var names = new List<string>();
        for (var at = result.CommandResult; at is not null; at = at.Parent as CommandResult)
            names.Insert(0, at.Command is RootCommand ? "cheri2il" : at.Command.Name);
        return string.Join(' ', names);
    }

    /// <summary>The library's help, then the examples of the command.</summary>
    private sealed class HelpWithExamples : SynchronousCommandLineAction
    {
        private readonly HelpAction _help = new();

        public override int Invoke(ParseResult parseResult)
        {
            var status = _help.Invoke(parseResult);
            if (parseResult.CommandResult.Command is IHasExamples command)
            {
                parseResult.InvocationConfiguration.Output.WriteLine("Examples:");
                foreach (var line in command.Examples)
                    parseResult.InvocationConfiguration.Output.WriteLine("  " + line);
            }

            return status;
        }
    }
}
