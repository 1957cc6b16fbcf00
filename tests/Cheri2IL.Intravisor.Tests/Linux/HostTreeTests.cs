using System.Diagnostics;
using System.Text;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.Linux;

/// <summary>Directories of the host, of which single names are looked up before anybody lists them.</summary>
public sealed class HostTreeTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("cheri2il-tree").FullName;

    public HostTreeTests()
    {
        foreach (var k in Enumerable.Range(0, 40))
            File.WriteAllText(Path.Combine(_root, $"file{k}"), $"{k}");
        Directory.CreateDirectory(Path.Combine(_root, "inner", "deep"));
        File.CreateSymbolicLink(Path.Combine(_root, "link"), "file1");
        File.CreateSymbolicLink(Path.Combine(_root, "out"), "/");
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Find_EachName_IsWhatListHas()
    {
        IHostTree tree = new HostTree(_root);
        var listed = tree.List([]);
        Assert.Equal(43, listed.Count);
        foreach (var entry in listed)
            Assert.Equal(entry, tree.Find([], entry.Name));
        Assert.Equal(HostEntryKind.SymbolicLink, tree.Find([], "out")!.Kind);
        Assert.Equal(HostEntryKind.Directory, tree.Find(["inner"], "deep")!.Kind);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("inner/deep")]
    [InlineData("/etc")]
    [InlineData("file1\0")]
    [InlineData("absent")]
    public void Find_WhatIsNoNameOfAnEntry_IsNothing(string name) => Assert.Null(((IHostTree)new HostTree(_root)).Find([], name));

    [Fact]
    public void Find_BytesThatAreNoUtf8_AreNotTheFileOfTheReplacementCharacter()
    {
        File.WriteAllText(Path.Combine(_root, "\ufffd"), "other");
        IHostTree tree = new HostTree(_root);
        Assert.Null(tree.Find([], "\u00ff"));
        Assert.NotNull(tree.Find([], Encoding.Latin1.GetString(Encoding.UTF8.GetBytes("\ufffd"))));
    }

    [Fact]
    public void Names_OfAnyBytes_AreListedFoundOpenedAndFollowed()
    {
        Shell(@"d=$(printf '\377'); mkdir ""$d"" && printf content > ""$d/$d"" && ln -s ""$d/$d"" to");
        IHostTree tree = new HostTree(_root);
        Assert.Equal("\u00ff", Assert.Single(tree.List([]), e => e.Kind == HostEntryKind.Directory && e.Name != "inner").Name);
        Assert.Equal("\u00ff", Assert.Single(tree.List(["\u00ff"])).Name);
        Assert.Equal(HostEntryKind.File, tree.Find(["\u00ff"], "\u00ff")!.Kind);
        Assert.Equal("\u00ff/\u00ff", tree.Find([], "to")!.LinkTarget);
        var file = tree.Open(["\u00ff", "\u00ff"])!;
        var bytes = new byte[10];
        Assert.Equal(7, file.Length);
        Assert.Equal("content", Encoding.ASCII.GetString(bytes, 0, file.Read(0, bytes)));
        Assert.Null(tree.Open(["to"]));
        Assert.Null(tree.Open(["inner"]));
        Assert.NotNull(file.Identity);

        // .NET cannot name it.
        Shell(@"rm -r ""$(printf '\377')""");

        void Shell(string command)
        {
            using var shell = Process.Start(new ProcessStartInfo("sh", ["-c", command]) { WorkingDirectory = _root })!;
            shell.WaitForExit();
            Assert.Equal(0, shell.ExitCode);
        }
    }

    [Fact]
    public void Directory_NamesLookedUpFirst_AreListedInTheHostsOrderAndOnce()
    {
        var tree = new CountingTree(new HostTree(_root));
        var root = new FileSystem(() => 0, tree, 1 << 20).Root;
        var directory = new DirectoryNode(root.FileSystem, root, 0x1ed, []);
        var found = (from name in (string[])["file7", "inner", "file3"] select directory.Lookup(name)).ToArray();
        Assert.Null(directory.Lookup("absent"));
        Assert.Equal(0, tree.Lists);
        Assert.Equal(4, tree.Finds);
        Assert.Same(found[0], directory.Lookup("file7"));
        Assert.Equal(4, tree.Finds);
        Assert.Equal(tree.List([]).Select(e => e.Name), directory.Children.Select(c => c.Name));
        Assert.Equal(found, from name in (string[])["file7", "inner", "file3"] select directory.Lookup(name));
        Assert.Equal(3, directory.Links);
        Assert.Equal(4, tree.Finds);
    }

    [Fact]
    public void Directory_LinkedIntoBeforeItIsListed_HasThoseBehindTheHostsAndCountsAllDirectories()
    {
        var tree = new CountingTree(new HostTree(_root));
        var root = new FileSystem(() => 0, tree, 1 << 20).Root;
        var directory = new DirectoryNode(root.FileSystem, root, 0x1ed, []);
        var instead = new RegularFile(root.FileSystem, 0x180);
        directory.Link("first", new DirectoryNode(root.FileSystem, directory, 0x1ed));
        directory.Link("file7", instead);
        Assert.Equal(0, tree.Lists);

        // Its own two names, inner and first.
        Assert.Equal(4, directory.LinkCount);
        Assert.Equal(tree.List([]).Select(e => e.Name).Append("first"), directory.Children.Select(c => c.Name));
        Assert.Same(instead, directory.Lookup("file7"));
    }

    [Fact]
    public void Directory_WhoLooksForManyNames_GetsThemAtOnce()
    {
        var tree = new CountingTree(new HostTree(_root));
        var root = new FileSystem(() => 0, tree, 1 << 20).Root;
        var directory = new DirectoryNode(root.FileSystem, root, 0x1ed, []);
        foreach (var k in Enumerable.Range(0, 40))
            Assert.NotNull(directory.Lookup($"file{k}"));
        Assert.Equal((1, 16), (tree.Lists, tree.Finds));
    }

    [Fact]
    public void Directory_NameFoundAndRemoved_DoesNotComeBack()
    {
        var root = new FileSystem(() => 0, new HostTree(_root), 1 << 20).Root;
        var directory = new DirectoryNode(root.FileSystem, root, 0x1ed, []);
        Assert.NotNull(directory.Lookup("file7"));
        directory.Unlink("file7");
        directory.Unlink("file8");
        Assert.Null(directory.Lookup("file7"));
        Assert.Null(directory.Lookup("file8"));
        Assert.Equal(41, directory.Children.Count());
    }

    private sealed class CountingTree(IHostTree tree) : IHostTree
    {
        public int Lists { get; private set; }

        public int Finds { get; private set; }

        public IReadOnlyList<HostEntry> List(IReadOnlyList<string> path)
        {
            Lists++;
            return tree.List(path);
        }

        public HostEntry? Find(IReadOnlyList<string> path, string name)
        {
            Finds++;
            return tree.Find(path, name);
        }

        public IHostFile? Open(IReadOnlyList<string> path) => tree.Open(path);
    }
}
