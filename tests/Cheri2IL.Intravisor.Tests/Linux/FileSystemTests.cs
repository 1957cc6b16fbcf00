using System.Runtime.CompilerServices;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.Linux;

/// <summary>What files take from the budget of their file system is given back with them.</summary>
public sealed class FileSystemTests
{
    private const string Attribute = "user.attribute";

    private readonly FileSystem _files = new(() => 0, lower: null, memoryLimit: 1 << 20);

    [Fact]
    public void RemovedAttribute_GivesBackWhatItTook()
    {
        var file = Make("file");
        var before = _files.MemoryUsed;
        Assert.True(file.TrySetAttribute(Attribute, new byte[1000]));
        Assert.True(file.TrySetAttribute("user.other", new byte[10]));
        Assert.Equal(before + Attribute.Length + 1000 + "user.other".Length + 10, _files.MemoryUsed);
        Assert.True(file.TrySetAttribute(Attribute, new byte[1]));
        Assert.True(file.RemoveAttribute(Attribute));
        Assert.Equal(before + "user.other".Length + 10, _files.MemoryUsed);
        Assert.True(file.RemoveAttribute("user.other"));
        Assert.False(file.RemoveAttribute("user.other"));
        Assert.Equal(before, _files.MemoryUsed);
    }

    [Theory]
    [InlineData(FileAbi.O_RDWR)]
    [InlineData(FileAbi.O_RDONLY)]
    [InlineData(FileAbi.O_PATH)]
    public void AttributesOfAFile_AreGivenBackWhenItsLastNameIsGoneAndItIsClosed(int flags)
    {
        var before = _files.MemoryUsed;
        var file = Make("file");
        Assert.True(file.TrySetAttribute(Attribute, new byte[1000]));
        var open = new ProcessFiles(_files).Open(FileCaller.Host(1), _files.Root, "/file", flags, 0, out _)!;
        open.AddReference();
        Unlink("file");
        Assert.Equal(before + Attribute.Length + 1000, _files.MemoryUsed);
        open.Release();
        Assert.Equal(before, _files.MemoryUsed);
    }

    [Fact]
    public void AttributesOfADirectory_AreGivenBackWhenNobodyWorksThereAnyMore()
    {
        var before = _files.MemoryUsed;
        var directory = new DirectoryNode(_files, _files.Root, 0x1ed);
        Assert.True(_files.Root.TryLink("directory", () => directory));
        Assert.True(directory.TrySetAttribute(Attribute, new byte[1000]));
        var process = new ProcessFiles(_files) { WorkingDirectory = directory };
        var child = process.Fork(sharesDescriptors: false);
        directory.IsRemoved = true;
        Unlink("directory");
        process.WorkingDirectory = _files.Root;
        Assert.Equal(before + Attribute.Length + 1000, _files.MemoryUsed);
        child.Close();
        Assert.Equal(before, _files.MemoryUsed);
    }

    [Fact]
    public void Attributes_ForWhichThereIsNoRoom_ChangeNothing()
    {
        var small = new FileSystem(() => 0, lower: null, memoryLimit: 4000);
        var file = new RegularFile(small, 0x1a4);
        Assert.True(file.TrySetAttribute(Attribute, new byte[1000]));
        Assert.False(file.TrySetAttribute(Attribute, new byte[4000]));
        Assert.Equal(1000, file.Attributes![Attribute].Length);
        Assert.Equal(Attribute.Length + 1000, small.MemoryUsed);
    }

    [Fact]
    public void PagesOfAFileThatNeverHadAName_AreGivenBackWhenTheBudgetRunsOut()
    {
        // Collections have a second between them.
        var files = new FileSystem(() => 2_000_000_000, lower: null, memoryLimit: 1 << 20);
        ShareAndClose(files);
        Assert.True(files.Charge(1 << 20));

        // What refers to the file is gone with the call.
        [MethodImpl(MethodImplOptions.NoInlining)]
        static void ShareAndClose(FileSystem files)
        {
            var file = new RegularFile(files, 0x180) { Links = 0 };
            var open = file.Open(FileAbi.O_RDWR, out _)!;
            open.AddReference();
            Assert.Equal(0, file.Content.Truncate(1 << 19));
            Assert.True(file.Content.Share() >= 0);
            open.Release();
            Assert.Equal(1 << 19, files.MemoryUsed);
        }
    }

    private RegularFile Make(string name)
    {
        var file = new RegularFile(_files, 0x1a4);
        Assert.True(_files.Root.TryLink(name, () => file));
        return file;
    }

    private void Unlink(string name)
    {
        var inode = _files.Root.Lookup(name)!;
        _files.Root.Unlink(name);
        inode.Links--;
        inode.Unlinked();
    }
}
