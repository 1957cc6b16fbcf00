using System.CommandLine;
using System.Net;
using Cheri2IL.Cli.Commands;
using Cheri2IL.Intravisor.Cvms;
using Xunit;

namespace Cheri2IL.Cli.Tests;

/// <summary>The hand-written parser of <c>run</c>.</summary>
public sealed class RunArgumentsTests
{
    [Fact]
    public void Parse_GuestOptions_BelongToTheGuest()
    {
        var run = RunArguments.Parse(["--trace", "app", "--trace", "--help", "-x", "--", "--root=/"])!;
        Assert.Equal("app", run.Program);
        Assert.True(run.Trace);
        Assert.Null(run.Root);
        Assert.Equal(["--trace", "--help", "-x", "--", "--root=/"], run.Arguments);
    }

    [Fact]
    public void Parse_EveryOption_BothSpellings()
    {
        string[] separate = ["--root", "/r", "--env", "A=1", "--env", "B=x=y", "--checks", "all", "--precise-faults", "always", "--stats", "--no-cache", "--timeout", "1.5", "--memory", "16M", "app"];
        string[] joined = ["--root=/r", "--env=A=1", "--env=B=x=y", "--checks=all", "--precise-faults=always", "--stats", "--no-cache", "--timeout=1.5", "--memory=16M", "app"];
        foreach (var arguments in (string[][])[separate, joined])
        {
            var run = RunArguments.Parse(arguments)!;
            Assert.Equal(("/r", "all", true, true, false), (run.Root, run.Checks, run.Stats, run.NoCache, run.Trace));
            Assert.Equal("always", run.PreciseFaults);
            Assert.Equal(["A=1", "B=x=y"], run.Environment);
            Assert.Equal(TimeSpan.FromSeconds(1.5), run.Timeout);
            Assert.Equal(16UL << 20, run.Memory);
            Assert.Empty(run.Arguments);
        }
    }

    [Theory]
    [InlineData("--stats", true, false)]
    [InlineData("--stats=text", true, false)]
    [InlineData("--stats=json", true, true)]
    [InlineData("--json", true, true)]
    [InlineData("--no-cache", false, false)]
    public void Parse_Stats_MayNameAForm(string option, bool stats, bool json)
    {
        var run = RunArguments.Parse([option, "app"])!;
        Assert.Equal((stats, json), (run.Stats, run.Json));
    }

    [Fact]
    public void Parse_Ports_AreOfTcpUnlessTheySayUdp()
    {
        var run = RunArguments.Parse(["--publish", "8080:80", "--publish=0.0.0.0:5353:53/udp", "--allow-net", "example.org:443/tcp", "--allow-net=[2001:db8::1]:53/udp", "app"])!;
        Assert.Equal([new PublishedPort(IPAddress.Loopback, 8080, 80), new PublishedPort(IPAddress.Any, 5353, 53, IsDatagram: true)], run.Publish);
        Assert.Equal([new ReachableHost("example.org", 443), new ReachableHost("2001:db8::1", 53, IsDatagram: true)], run.Reachable);
    }

    [Fact]
    public void Parse_Trace_MayNameAFileAndCalls()
    {
        var run = RunArguments.Parse(["--trace=t.txt", "--trace-filter", "open*,read", "app"])!;
        Assert.Equal((true, "t.txt"), (run.Trace, run.TraceFile));
        Assert.Equal(["open*", "read"], run.TraceFilter);
        Assert.Equal(["cp_*"], RunArguments.Parse(["--trace", "--trace-filter=cp_*", "app"])!.TraceFilter);
        Assert.Null(RunArguments.Parse(["--trace", "app"])!.TraceFile);
    }

    [Fact]
    public void Parse_ProgramAfterDoubleDash_MayLookLikeAnOption()
    {
        var run = RunArguments.Parse(["--", "-app", "x"])!;
        Assert.Equal(("-app", "x"), (run.Program, Assert.Single(run.Arguments)));
    }

    [Theory]
    [InlineData("--memory=1", 1UL)]
    [InlineData("--memory=3g", 3UL << 30)]
    [InlineData("--memory=64G", 64UL << 30)]
    public void Parse_Memory_AcceptsSuffixes(string option, ulong bytes) => Assert.Equal(bytes, RunArguments.Parse([option, "app"])!.Memory);

    [Theory]
    [InlineData("")]
    [InlineData("--trace")]
    [InlineData("--")]
    [InlineData("--frob app")]
    [InlineData("--trace= app")]
    [InlineData("--trace-filter=opne app")]
    [InlineData("--trace-filter=open*, app")]
    [InlineData("--trace-filter")]
    [InlineData("--checks=some app")]
    [InlineData("--precise-faults=some app")]
    [InlineData("--stats=xml app")]
    [InlineData("--json=yes app")]
    [InlineData("--env app")]
    [InlineData("--env =x app")]
    [InlineData("--root")]
    [InlineData("--timeout=0 app")]
    [InlineData("--timeout=-1 app")]
    [InlineData("--timeout=nan app")]
    [InlineData("--memory= app")]
    [InlineData("--memory=0 app")]
    [InlineData("--memory=65G app")]
    [InlineData("--memory=99999999999999999999 app")]
    [InlineData("--memory=-1 app")]
    [InlineData("--memory=G app")]
    [InlineData("--publish 80 app")]
    [InlineData("--publish 0:80 app")]
    [InlineData("--publish nowhere:80:80 app")]
    [InlineData("--publish 80:80/sctp app")]
    [InlineData("--allow-net host:53/sctp app")]
    [InlineData("--allow-net host app")]
    [InlineData("--allow-net host:70000 app")]
    public void Parse_Wrong_IsAUsageError(string line)
    {
        var error = Assert.Throws<ToolException>(() => RunArguments.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
        Assert.Equal(ExitCode.Usage, error.ExitCode);
        Assert.EndsWith("(see 'cheri2il run --help')", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("-h")]
    public void Parse_Help_IsLeftToTheCommandTree(string option) => Assert.Null(RunArguments.Parse([option]));

    [Fact]
    public void Parse_EveryOptionOfTheHelp_IsAccepted()
    {
        foreach (var option in RunCommand.Create().Options)
        {
            string[] values = option.Arity.MinimumNumberOfValues == 0 ? [] : [option.Name switch
            {
                "--env" => "A=1",
                "--publish" => "8080:80",
                "--allow-net" => "host:80",
                "--checks" => "none",
                "--precise-faults" => "never",
                "--trace-filter" => "open*",
                _ => "1",
            }];
            Assert.Equal("app", RunArguments.Parse([option.Name, .. values, "app"])!.Program);
        }
    }
}
