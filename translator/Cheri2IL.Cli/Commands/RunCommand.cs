using System.CommandLine;

namespace Cheri2IL.Cli.Commands;

/// <summary>
/// The help of <c>run</c>, and its place in the command tree; <see cref="RunArguments"/> parses and
/// <see cref="GuestRun"/> executes.
/// </summary>
internal static class RunCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var command = new ToolCommand(
            "run",
            "Runs a program in a confined cVM. Options come before the program; everything after it goes to the guest. "
            + "Exits with the guest's status, or 128 + signal.",
            "cheri2il run corpus/hello/bin/hello.elf",
            "cheri2il run --root ./rootfs --env LANG=C ./busybox ls -l /",
            "cheri2il run --root image.tar.gz",
            "cheri2il run --trace --trace-filter='open*,read' ./busybox cat /etc/hostname",
            "cheri2il run --stats --timeout 10 corpus/kernels/bin/sieve.elf")
        {
            new Argument<string>("program") { Description = "ELF file, or assembly made by 'translate'." },
            new Argument<string[]>("args") { Description = "Arguments of the guest.", Arity = ArgumentArity.ZeroOrMore },
            new Option<string>("--root") { Description = "What the guest sees as /, read-only below a writable layer in memory: a folder, a tar archive, an image of a container (OCI, docker save), all perhaps compressed (gzip, xz, zstd), or an ext4 file system. Of an image, the environment, user and working directory hold, and its command runs if no program is given. A program's absolute path, or a name that PATH finds there, means one of the root. Default: an empty root.", HelpName = "root" },
            new Option<string[]>("--env") { Description = "Environment variable of the guest; repeatable. The host's environment is not passed on.", HelpName = "name=value" },
            new Option<string>("--upper") { Description = "Host directory that keeps what the guest writes, for its next run with the same root. What the guest has synchronised (fsync) survives also a crash of the host. Default: the writable layer is in memory.", HelpName = "dir" },
            new Option<string[]>("--publish") { Description = "Pass connections to a port of the host, or with /udp datagrams, on to a port of the guest; repeatable. The address is 127.0.0.1 unless given.", HelpName = "[address:]port:port[/udp]" },
            new Option<string[]>("--allow-net") { Description = "Let the guest connect, or with /udp send datagrams, to a host outside; repeatable. Names are looked up at the start, and stand in its /etc/hosts.", HelpName = "host:port[/udp]" },
            new Option<string>("--checks") { Description = "all: every check; optimized: redundant ones elided; none: UNCONFINED, for measuring only. Default: optimized.", HelpName = "mode" },
            new Option<string>("--precise-faults") { Description = "Whether registers are exact at memory faults, which slows code down. auto: once the guest handles SIGSEGV or SIGBUS; always: also in reports of fatal faults; never: then a handler can leave by longjmp, but not return. Default: auto.", HelpName = "when" },
            new Option<string>("--trace") { Description = "Report system calls, signals and the end in the style of strace, on stderr or, as --trace=FILE, in a file. A call that is not supported is reported once.", HelpName = "file", Arity = ArgumentArity.ZeroOrOne },
            new Option<string>("--trace-filter") { Description = "Only these system calls: names separated by commas, with * and ?.", HelpName = "names" },
            new Option<string>("--stats") { Description = "Report on stderr at the end: JIT compilation, translation at run time, checks executed by kind, system calls. The guest runs code that counts, which is slower. text (default) or json.", HelpName = "format", Arity = ArgumentArity.ZeroOrOne },
            new Option<bool>("--json") { Description = "The same as --stats=json: one line, the last of stderr." },
            new Option<bool>("--no-cache") { Description = "Translate afresh and keep nothing on disk." },
            new Option<string>("--timeout") { Description = "Kill the guest after this many seconds (exit status 124).", HelpName = "seconds" },
            new Option<string>("--memory") { Description = "Most memory that the guest may have mapped at a time. Default: 8G.", HelpName = "bytes[M|G]" },
        };
        // Only a command line that RunArguments takes for a question gets here.
        command.SetAction(int (ParseResult _) => throw new ToolException(ExitCode.Usage, "no program given (see 'cheri2il run --help')"));
        return command;
    }
}
