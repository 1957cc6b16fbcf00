using System.Globalization;
using System.Runtime.InteropServices;
using Cheri2IL.Cli;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.Tests.Attacks;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.Linux;

/// <summary>What a guest writes to an upper layer is there at its next start, also when it was killed.</summary>
public sealed partial class UpperTests : IDisposable
{
    private static readonly CorpusGuest _keep = new("keep", File.ReadAllBytes(Path.Combine(Repository.Root(), "corpus", "linux", "bin", "keep.elf")));

    private readonly string _folder = Directory.CreateTempSubdirectory("cheri2il-upper").FullName;
    private readonly List<Exception> _failures = [];
    private Func<IHostUpper> _open;

    public UpperTests()
    {
        _open = Upper;
        Directory.CreateDirectory(Path.Combine(_folder, "root", "work", "directory", "inner"));
        foreach (var name in (string[])["here", "there", "pairs"])
            Directory.CreateDirectory(Path.Combine(_folder, "root", "work", name));
        foreach (var name in (string[])["lower", "appended", "emptied", "shortened", "renamed", "removed", "gone", "untouched", "directory/first", "directory/second", "directory/inner/leaf", .. LinkedTree.Names.Keys])
            File.WriteAllText(Path.Combine(_folder, "root", "work", name), "below: " + name);
    }

    [Fact]
    public void Changes_OfAKilledGuest_AreThereAgain()
    {
        var changes = Change();
        Assert.EndsWith("changed\n", changes, StringComparison.Ordinal);
        Assert.DoesNotContain(": E", changes, StringComparison.Ordinal);
        Assert.Contains("another file system: 1\n", changes, StringComparison.Ordinal);
        Assert.Contains("stays: under its first name\n", changes, StringComparison.Ordinal);
        var shown = Show();
        Assert.Equal(
            """
            ./appended mode 100644 links 1 size 24: below: appended and more
            ./emptied mode 100644 links 1 size 0: 
            ./fifo mode 10600 links 1
            ./here mode 40755 links 0
            ./large mode 100600 links 1 size 300008: far away
            ./link mode 120777 links 1 -> made/inside
            ./lower mode 100600 links 1 size 12: changedlower
            ./made mode 40750 links 0
            ./made/inside mode 100644 links 1 size 6: inside
            ./made/last mode 100644 links 1 size 19: under its last name
            ./made/linked mode 100644 links 2 size 10: a new file
            ./made/moved mode 100644 links 1 size 14: below: renamed
            ./made/tree mode 40755 links 0
            ./made/tree/inner mode 40755 links 0
            ./made/tree/inner/leaf mode 100644 links 1 size 15: in a moved tree
            ./made/tree/second mode 100644 links 1 size 22: below: directory/first
            ./new mode 100644 links 2 size 10: a new file
            ./pairs mode 40755 links 0
            ./pairs/a1 mode 100644 links 1 size 15: changedpairs/a1
            ./pairs/b2 mode 100644 links 1 size 15: changedpairs/b1
            ./pairs/c1 mode 100644 links 1 size 15: changedpairs/c1
            ./pairs/c2 mode 100644 links 1 size 15: below: pairs/b3
            ./removed mode 100644 links 1 size 5: again
            ./shortened mode 100644 links 1 size 3: bel
            ./stays mode 100644 links 2 size 20: under its first name
            ./there mode 40755 links 0
            ./there/name mode 100644 links 1 size 16: changedhere/name
            ./third mode 100644 links 2 size 20: under its first name
            ./untouched mode 100644 links 1 size 16: below: untouched
            owner 7 8
            times 1000 2000.5

            """,
            shown);
        Assert.Equal(shown, Show());
        Assert.Equal("below: lower", File.ReadAllText(Path.Combine(_folder, "root", "work", "lower")));
    }

    [Fact]
    public void FilesOfTheLayer_WrittenOnInALaterRun_KeepWhatTheyHad()
    {
        Change();
        Assert.DoesNotContain(": E", Change("again"), StringComparison.Ordinal);
        var shown = Show();
        Assert.Contains("./appended mode 100644 links 1 size 34: below: appended and more and again\n", shown, StringComparison.Ordinal);
        Assert.Contains("./new mode 100644 links 2 size 10: A NEW file\n", shown, StringComparison.Ordinal);
        Assert.Contains("./made/linked mode 100644 links 2 size 10: A NEW file\n", shown, StringComparison.Ordinal);
        Assert.Contains("./made/moved mode 100644 links 1 size 15: below: renamed?\n", shown, StringComparison.Ordinal);
        Assert.Contains("./made/inside mode 100644 links 1 size 0: \n", shown, StringComparison.Ordinal);
        Assert.Contains("./stays mode 100644 links 2 size 20: UNDER its first name\n", shown, StringComparison.Ordinal);
        Assert.Contains("./third mode 100644 links 2 size 20: UNDER its first name\n", shown, StringComparison.Ordinal);
        Assert.Contains("./pairs/a1 mode 100644 links 1 size 21: changedpairs/a1 again\n", shown, StringComparison.Ordinal);
        Assert.Contains("./there/name mode 100644 links 1 size 22: changedhere/name again\n", shown, StringComparison.Ordinal);
        Assert.Contains("./large mode 100600 links 1 size 300004: ", shown, StringComparison.Ordinal);
    }

    [Fact]
    public void Journal_CutOffAnywhere_IsATreeOfSomeMoment()
    {
        Change();
        var journal = Path.Combine(_folder, "upper", "journal");
        var whole = File.ReadAllBytes(journal);
        for (var length = whole.Length; length > 0; length -= 97)
        {
            File.WriteAllBytes(journal, whole[..length]);
            AssertSomeMoment(Show());
        }
    }

    [Theory]
    [InlineData("change", "again")]
    [InlineData("1", "2")]
    [InlineData("3", "4")]
    [InlineData("5", "6")]
    [InlineData("107", "108")]
    public void Journal_ReplacedAtEveryChange_SaysTheSameEachTime(string first, string second)
    {
        var replaced = 0;
        _open = () => new CheckedUpper(Upper(), Lower, () => replaced++, _failures.Add);
        var shown = "";
        foreach (var what in (string[])[first, second])
        {
            var said = Change(what);
            Assert.EndsWith("changed\n", said, StringComparison.Ordinal);
            shown = Show();
            // One that makes random changes shows what became of them.
            if (char.IsDigit(what[0]))
                Assert.StartsWith(said[..^"changed\n".Length], shown, StringComparison.Ordinal);
        }

        Assert.True(replaced > 20, $"{replaced}");
        _open = Upper;
        Assert.Equal(shown, Show());
    }

    [Fact]
    public void Journal_ReplacedAtEveryChange_IsATreeOfSomeMomentWhenTheHostIsKilled()
    {
        for (var changes = 1; ; changes += 5)
        {
            CheckedUpper? upper = null;
            _open = () => upper = new CheckedUpper(Upper(), Lower, () => { }, _failures.Add) { MostChanges = changes };
            Change();
            var isOver = !upper!.IsDead;
            _open = Upper;
            AssertSomeMoment(Show());
            Directory.Delete(Path.Combine(_folder, "upper"), recursive: true);
            if (isOver)
                break;
        }
    }

    [Fact]
    public void Journal_InterruptedWhileItIsReplaced_IsTheOldOneOrTheNewOne()
    {
        Change();
        var shown = Show();
        var journal = Path.Combine(_folder, "upper", "journal");
        var old = File.ReadAllBytes(journal);
        _open = () => new CheckedUpper(Upper(), Lower, () => { }, _failures.Add);
        Assert.Equal(shown, Show());
        _open = Upper;
        var next = File.ReadAllBytes(journal);
        Assert.True(next.Length < old.Length, $"{next.Length} of {old.Length}");
        for (var length = 0; length <= next.Length; length += 97)
        {
            File.WriteAllBytes(journal, old);
            File.WriteAllBytes(journal + ".new", next[..length]);
            Assert.Equal(shown, Show());
        }

        // What is left there is in nobody's way.
        _open = () => new CheckedUpper(Upper(), Lower, () => { }, _failures.Add);
        Assert.Equal(shown, Show());
        Assert.Equal(next.Length, File.ReadAllBytes(journal).Length);
        Assert.False(File.Exists(journal + ".new"));
    }

    [Fact]
    public void Journal_OfChangesThatAreUndone_StaysShort()
    {
        Assert.Equal("0\nchanged\n", Change("back"));
        Assert.InRange(new FileInfo(Path.Combine(_folder, "upper", "journal")).Length, 1, 1 << 16);
        Assert.Contains("./lower mode 100644 links 1 size 12: below: lower\n", Show(), StringComparison.Ordinal);
    }

    [Fact]
    public void Changes_ForWhichThereIsNoRoom_AreErrorsAndNotThereAgain()
    {
        var said = Change("fill").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(
            ["rename: ENOSPC", "chmod: ENOSPC", "create: ENOSPC", "mkdir: ENOSPC", "open to write: ENOSPC", "truncate: ENOSPC", "link: ENOSPC", "links: 1", "link one without name: ENOSPC", "unlink: 0", said[^2], "changed"], said);
        var shown = Show();
        Assert.Contains($"./{said[^2]} mode 100644 links 1 size 12: below: lower\n", shown, StringComparison.Ordinal);
        Assert.DoesNotContain(said[^2] == "lower" ? "./moved" : "./lower", shown, StringComparison.Ordinal);
        Assert.Contains("./untouched mode 100644", shown, StringComparison.Ordinal);
        Assert.Contains("./shortened mode 100644 links 1 size 16", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("./removed", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("./linked", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("./created", shown, StringComparison.Ordinal);
    }

    [Fact]
    public void UpperLayer_OfARunningCvm_IsNotOpenedTwice()
    {
        using var upper = new HostUpper(Path.Combine(_folder, "upper"));
        Assert.Contains("another cVM", Assert.Throws<IOException>(() => new HostUpper(Path.Combine(_folder, "upper"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FileAtRest_IsMeasuredWithoutKeepingADescriptor()
    {
        for (var run = 0; run < 2; run++)
        {
            using var upper = Upper();
            var files = new FileSystem(() => 0, Lower(), memoryLimit: 1 << 20);
            files.KeepIn(upper);
            if (run == 0)
                WriteAndClose(files, new byte[5000]);
            var file = (RegularFile)files.Root.Lookup("kept")!;
            Assert.Equal(5000, file.Size);
            Assert.True(file.IsKept && file.Content.Allocated > 0);
            Assert.DoesNotContain(Directory.GetFiles("/proc/self/fd"), f => TargetOf(f)?.StartsWith(Path.Combine(_folder, "upper", "data"), StringComparison.Ordinal) == true);
        }
    }

    [Fact]
    public void RoomThatTheHostDoesNotHave_IsNotCharged()
    {
        using var upper = Upper();
        var files = new FileSystem(() => 0, Lower(), long.MaxValue);
        files.KeepIn(upper);
        WriteAndClose(files, new byte[2 * 4096]);
        var content = ((RegularFile)files.Root.Lookup("kept")!).Content;
        var (before, length) = (files.MemoryUsed, content.Length);

        // More than files can have on most hosts; on others it is there then.
        const long far = 1L << 60;
        if (content.Shift(4096, far) == 0)
            (before, length) = (before + far, length + far);
        Assert.Equal((before, length), (files.MemoryUsed, content.Length));
        if (content.Allocate(2 * far, (2 * far) + 4096, keepsSize: false) == 0)
            (before, length) = (before + (2 * far) + 4096 - length, (2 * far) + 4096);
        Assert.Equal((before, length), (files.MemoryUsed, content.Length));
    }

    /// <summary>As in a process that is being started, until it executes its program: it has a copy of each descriptor.</summary>
    [Fact]
    public void UpperLayer_ThatWasClosed_IsFreeThoughACopyOfItsDescriptorIsOpen()
    {
        SafeFileHandle copy;
        using (new HostUpper(Path.Combine(_folder, "upper")))
        {
            var held = Directory.GetFiles("/proc/self/fd").Single(f => TargetOf(f) == Path.Combine(_folder, "upper", "lock"));
            copy = new SafeFileHandle(NativeDuplicate(int.Parse(Path.GetFileName(held), CultureInfo.InvariantCulture)), ownsHandle: true);
            Assert.False(copy.IsInvalid);
        }

        using (copy)
        using (new HostUpper(Path.Combine(_folder, "upper")))
        {
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static void WriteAndClose(FileSystem files, byte[] bytes)
    {
        var open = new ProcessFiles(files).Open(FileCaller.Host(1), files.Root, "/kept", FileAbi.O_CREAT | FileAbi.O_RDWR, 0x1a4, out _)!;
        open.AddReference();
        var from = new IoVector(bytes.AsSpan());
        Assert.Equal(bytes.Length, open.Write(ref from));
        open.Release();
    }

    /// <summary>What a descriptor leads to; null: another test has closed it meanwhile.</summary>
    private static string? TargetOf(string descriptor)
    {
        try
        {
            return File.ResolveLinkTarget(descriptor, returnFinalTarget: false)?.FullName;
        }
        catch (IOException)
        {
            return null;
        }
    }

    private string Change(string what = "change")
    {
        var host = new QuietHost();
        using var cvm = Start(what, host);
        while (!cvm.Completion.IsCompleted && !host.Output.EndsWith("changed\n", StringComparison.Ordinal))
            Thread.Sleep(5);
        cvm.Kill(Signal.SIGKILL);
        cvm.Wait();
        Assert.Empty(_failures);
        return host.Output;
    }

    private string Show()
    {
        var host = new QuietHost();
        using var cvm = Start("show", host);
        Assert.Equal(0, cvm.Wait().ShellStatus);
        return host.Output;
    }

    [LibraryImport("libc", EntryPoint = "dup")]
    private static partial int NativeDuplicate(int descriptor);

    private static void AssertSomeMoment(string shown)
    {
        Assert.Contains("./untouched mode 100644 links 1 size 16: below: untouched\n", shown, StringComparison.Ordinal);
        // One name or the other, never both or none.
        Assert.True(shown.Contains("./directory ", StringComparison.Ordinal) != shown.Contains("./made/tree ", StringComparison.Ordinal), shown);
    }

    private LinkedTree Lower() => new LinkedTree(new HostTree(Path.Combine(_folder, "root")));

    private HostUpper Upper() => new(Path.Combine(_folder, "upper"));

    private Cvm Start(string what, QuietHost host)
    {
        var options = _keep.Options([what, "/work"], host: host) with { Root = Lower(), Upper = _open };
        if (what == "fill")
            options = options with { Limits = options.Limits with { FileBytes = 64 << 10 } };
        var cvm = new Cvm(1, options);
        _keep.Start(cvm);
        return cvm;
    }
}
