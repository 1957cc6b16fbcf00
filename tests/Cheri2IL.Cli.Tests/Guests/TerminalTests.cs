using System.Diagnostics;
using Xunit;

namespace Cheri2IL.Cli.Tests.Guests;

/// <summary><c>run</c> on a terminal: Debian's busybox and bash have it as they would natively, and it is given back whatever happens.</summary>
public sealed class TerminalTests(Workloads workloads)
{
    private const int SIGKILL = 9;
    private const int SIGTERM = 15;
    private const int SIGCONT = 18;

    private static readonly Lazy<string> _busybox = new(() =>
    {
        Workloads.Prepare("debian/fetch.sh");
        return Path.Combine(Workloads.Store, "debian-riscv64", "usr", "bin", "busybox");
    });

    private static readonly Lazy<string> _root = new(() => Workloads.Prepare("workloads/debian.sh", "--prepare").Trim());

    [Fact]
    public void Shell_OfBusybox_ControlsJobs()
    {
        using var session = Start("--env", "PS1=ready> ", _busybox.Value, "sh");
        Assert.DoesNotContain("job control", session.Expect("ready> "), StringComparison.Ordinal);
        Assert.NotEqual(session.InitialModes, session.Modes);
        session.Type("tty; stty size\r");
        session.Expect("/dev/pts/0\r\n24 80\r\n");
        session.Expect("ready> ");

        // It says when it runs: what is typed before it has the terminal concerns the shell.
        const string job = "sh -c 'trap \"echo goes on\" CONT; echo st\"\"arted; while :; do sleep 0.1; done'";
        session.Type(job + "\r");
        session.Expect("started\r\n");
        session.Type("\u0003");
        session.Expect("ready> ");
        session.Type($"echo $?; {job}\r");
        session.Expect("\r\n130\r\n");
        session.Expect("started\r\n");
        session.Type("\u001a");
        session.Expect("Stopped");
        session.Expect("ready> ");
        session.Type("jobs; bg\r");
        session.Expect("[1]+  Stopped ");
        session.Expect("[1] sh -c ");
        session.Expect("goes on\r\n");
        session.Type("fg\r");
        session.Expect("sh -c ");
        session.Expect("goes on\r\n");
        session.Type("\u0003");
        session.Expect("ready> ");

        session.Resize(30, 100);
        session.Type("until [ \"$(stty size)\" = '30 100' ]; do :; done; echo resized $((1 + 1))\r");
        session.Expect("resized 2\r\n");
        session.Type("exit 7\r");
        Assert.Equal(7, session.Wait());
        session.ExpectModes(session.InitialModes);
    }

    [Fact]
    public void Program_ThatIsInterrupted_EndsByTheSignal()
    {
        using var session = Start(_busybox.Value, "cat");
        session.Type("line\r");
        session.Expect("line\r\nline\r\n");
        session.Type("\u0003");
        Assert.Equal(130, session.Wait());
        session.ExpectModes(session.InitialModes);
    }

    [Fact]
    public void Program_ThatNobodyElseCouldContinue_StopsTheTool()
    {
        using var session = Start(_busybox.Value, "cat");
        session.Type("line\r");
        session.Expect("line\r\nline\r\n");
        var raw = session.Modes;
        session.Type("\u001a");
        session.AwaitStop();
        Assert.Equal(session.InitialModes, session.Modes);
        Signal(session, SIGCONT);
        session.ExpectModes(raw);
        session.Type("more\r");
        session.Expect("more\r\nmore\r\n");
        session.Type("\u0003");
        Assert.Equal(130, session.Wait());
        session.ExpectModes(session.InitialModes);
    }

    [Theory]
    [InlineData(SIGTERM)]
    [InlineData(SIGKILL)]
    public void Tool_ThatIsKilled_LeavesTheTerminalAsItWas(int signal)
    {
        using var session = Start("--env", "PS1=ready> ", _busybox.Value, "sh");
        session.Expect("ready> ");
        Assert.NotEqual(session.InitialModes, session.Modes);
        Signal(session, signal);
        session.Wait();
        session.ExpectModes(session.InitialModes);
    }

    [Fact]
    public void Bash_EditsLinesAndControlsJobs()
    {
        using var session = Start("--root", _root.Value, "--env", "PS1=ready> ", "/usr/bin/bash", "--norc", "-i");
        Assert.DoesNotContain("job control", session.Expect("ready> "), StringComparison.Ordinal);
        session.Type("echo wrong\u0001\u000becho right\r");
        session.Expect("\nright\r\n");
        session.Expect("ready> ");
        session.Type("cat <(echo one) > >(cat); dash -c 'echo st\"\"arted; exec sleep 3000'\r");
        if (!session.Expect("started\r\n").Contains("\none\r\n", StringComparison.Ordinal))
            session.Expect("one\r\n");
        session.Type("\u001a");
        session.Expect("Stopped");
        session.Expect("ready> ");
        session.Type("bg; jobs; kill %1; wait; echo over $((1 + 1))\r");
        session.Expect("Running");
        session.Expect("over 2\r\n");
        session.Type("exit 3\r");
        Assert.Equal(3, session.Wait());
        session.ExpectModes(session.InitialModes);
    }

    [Trait("Category", "Workload")]
    [Fact]
    public void PtyModule_OfPython_RunsAProgramOnATerminal()
    {
        const string program = "import os, pty; os.write(1, b'status %d\\n' % pty.spawn(['/usr/bin/bash', '--norc', '-c', 'tty; [ -t 0 ] && stty size; exit 5']))";
        using var session = Start("--root", _root.Value, "--env", "PATH=/usr/bin", "/usr/bin/python3", "-c", program);
        session.Expect("/dev/pts/1\r\n0 0\r\n");
        session.Expect("status 1280\r\n");
        Assert.Equal(0, session.Wait());
    }

    private static void Signal(TerminalSession session, int signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{session.Process.Id}"]);
        kill.WaitForExit();
    }

    private TerminalSession Start(params string[] arguments) => new(workloads.Command(Path.GetTempPath(), arguments), rows: 24, columns: 80);
}
