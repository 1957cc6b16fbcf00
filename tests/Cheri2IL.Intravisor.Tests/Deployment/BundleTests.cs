using System.Text;
using Cheri2IL.Deployment.Archives;
using Cheri2IL.Deployment.Bundles;
using Cheri2IL.Deployment.Manifests;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.Deployment;

/// <summary>Bundles as files: what is in them, and that no damage goes unnoticed.</summary>
public sealed class BundleTests : IDisposable
{
    private const string Yaml = """
        capfiles: [{name: table, file: table.bin, grants: {to: a, rights: read}}]
        cVMs: [{name: a, runtime: a.elf, root: tree}, {name: b, runtime: a.elf, root: tree}, {name: c, runtime: c.elf}]
        """;

    private readonly string _directory = Directory.CreateTempSubdirectory("cheri2il-test-").FullName;

    public BundleTests()
    {
        Directory.CreateDirectory(In("tree/bin"));
        File.WriteAllText(In("tree/bin/tool"), "#!/bin/sh\n");
        File.WriteAllText(In("tree/empty"), "");
        File.WriteAllText(In("tree/grün"), "umlaut");
        File.WriteAllText(In("tree/" + new string('n', 200)), "long");
        File.CreateSymbolicLink(In("tree/link"), "bin/tool");
    }

    [Fact]
    public void Open_WhatWasWritten_HasAllOfIt()
    {
        using var bundle = Bundle.Open(Write("app.cvm"));
        Assert.Equal(["a", "b", "c"], bundle.Manifest.Cvms.Select(c => c.Name));
        Assert.Equal([1, 2, 3], bundle.Content(bundle.Manifest.CapFiles[0]));
        Assert.Null(bundle.Root(bundle.Manifest.Cvms[2]));
        var root = bundle.Root(bundle.Manifest.Cvms[0])!.Tree;
        Assert.Same(root, bundle.Root(bundle.Manifest.Cvms[1])!.Tree);
        Assert.Equal(["bin", "empty", "grÃ¼n", "link", new string('n', 200)], root.List([]).Select(e => e.Name));
        Assert.Equal((HostEntryKind.SymbolicLink, "bin/tool"), root.List([]).Where(e => e.Name == "link").Select(e => (e.Kind, e.LinkTarget)).Single());
        Assert.Equal("#!/bin/sh\n", Text(root, "bin", "tool"));
        Assert.Equal("umlaut", Text(root, "grÃ¼n"));
        Assert.Equal("", Text(root, "empty"));
        Assert.Null(root.Open(["link"]));
        Assert.Null(root.Open(["bin"]));
        Assert.Null(root.Open(["nothing", "here"]));
        Assert.Empty(root.List(["nothing"]));
    }

    [Fact]
    public void Write_Twice_GivesTheSameBytes()
    {
        var first = File.ReadAllBytes(Write("first.cvm"));
        File.SetLastWriteTimeUtc(In("tree/empty"), DateTime.UnixEpoch);
        Assert.Equal(first, File.ReadAllBytes(Write("second.cvm")));
    }

    [Fact]
    public void Open_AnyByteFlipped_IsRefused()
    {
        var bytes = File.ReadAllBytes(Write("app.cvm"));
        var random = new Random(3);
        using var damaged = new FileStream(In("damaged.cvm"), FileMode.Create, FileAccess.ReadWrite, FileShare.ReadWrite);
        damaged.Write(bytes);
        damaged.Flush();
        for (var k = 0; k < bytes.Length; k++)
        {
            WriteByte(damaged, k, (byte)(bytes[k] ^ (1 << random.Next(8))));
            Assert.Throws<BundleException>(() => Bundle.Open(damaged.Name).Dispose());
            WriteByte(damaged, k, bytes[k]);
        }

        // The loop above has only put back what it took.
        Bundle.Open(damaged.Name).Dispose();
    }

    [Fact]
    public void Open_CutOffOrLengthened_IsRefused()
    {
        var bytes = File.ReadAllBytes(Write("app.cvm"));
        for (var length = 0; length < bytes.Length; length += 97)
        {
            File.WriteAllBytes(In("cut.cvm"), bytes[..length]);
            Assert.Throws<BundleException>(() => Bundle.Open(In("cut.cvm")).Dispose());
        }

        File.WriteAllBytes(In("long.cvm"), [.. bytes, .. new byte[512]]);
        Assert.Throws<BundleException>(() => Bundle.Open(In("long.cvm")).Dispose());
    }

    [Fact]
    public void IsBundle_OtherFiles_AreNone()
    {
        Assert.True(Bundle.IsBundle(Write("app.cvm")));
        Assert.False(Bundle.IsBundle(In("tree/empty")));
        Assert.False(Bundle.IsBundle(In("tree/bin/tool")));
    }

    [Fact]
    public void TarTree_NamesThatLeadUpwards_AreRefused()
    {
        File.WriteAllBytes(In("up.tar"), Archive("../outside"));
        Assert.Contains("leads upwards", Assert.Throws<RootFormatException>(() => TarTree.Open(In("up.tar"))).Message, StringComparison.Ordinal);
        File.WriteAllBytes(In("absolute.tar"), Archive("/etc/passwd"));
        using var tree = TarTree.Open(In("absolute.tar"));
        Assert.Equal(["etc"], tree.List([]).Select(e => e.Name));
    }

    [Fact]
    public void TarTree_RandomDamage_IsATreeOrNone()
    {
        var bytes = Archive("bin/tool", "etc/passwd", "etc");
        var random = new Random(5);
        for (var round = 0; round < 2000; round++)
        {
            var damaged = bytes.ToArray();
            for (var k = random.Next(1, 10); k > 0; k--)
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(In("damaged.tar"), damaged.AsSpan(0, random.Next(4) == 0 ? random.Next(damaged.Length) : damaged.Length));
            try
            {
                using var tree = TarTree.Open(In("damaged.tar"));
                foreach (var entry in tree.List([]))
                {
                    foreach (var inner in tree.List([entry.Name]))
                        tree.Open([entry.Name, inner.Name])?.Read(0, new byte[100]);
                }
            }
            catch (RootFormatException)
            {
                // It is none.
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static byte[] Archive(params string[] names)
    {
        var output = new MemoryStream();
        using (var writer = new System.Formats.Tar.TarWriter(output, System.Formats.Tar.TarEntryFormat.Ustar, leaveOpen: true))
        {
            foreach (var name in names)
                writer.WriteEntry(new System.Formats.Tar.UstarTarEntry(System.Formats.Tar.TarEntryType.RegularFile, name) { DataStream = new MemoryStream([1, 2, 3]) });
        }

        return output.ToArray();
    }

    private static void WriteByte(FileStream file, long position, byte value)
    {
        file.Position = position;
        file.WriteByte(value);
        file.Flush();
    }

    private static string Text(IHostTree tree, params string[] path)
    {
        var file = tree.Open(path)!;
        var bytes = new byte[file.Length + 10];
        return Encoding.UTF8.GetString(bytes, 0, file.Read(0, bytes));
    }

    private string In(string name) => Path.Combine(_directory, name);

    private string Write(string name)
    {
        var text = Encoding.UTF8.GetBytes(Yaml);
        var root = new RootFile(new HostTree(In("tree")), ImageConfiguration.None);
        using var output = new FileStream(In(name), FileMode.Create, FileAccess.ReadWrite);
        BundleWriter.Write(
            output, ManifestReader.Read(text, "m.yaml"), text, cvm => Encoding.ASCII.GetBytes("assembly of " + cvm.Runtime), cvm => cvm.Root is null ? null : root, _ => [1, 2, 3]);
        return In(name);
    }
}
