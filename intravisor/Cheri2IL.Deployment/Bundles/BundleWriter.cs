using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Cheri2IL.Deployment.Archives;
using Cheri2IL.Deployment.Manifests;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Deployment.Bundles;

/// <summary>Writes bundles: equal manifests, assemblies and files give equal bytes.</summary>
public static class BundleWriter
{
    /// <summary>Writes a bundle.</summary>
    /// <param name="output">Receives it; must be readable and seekable.</param>
    /// <param name="manifest">The manifest.</param>
    /// <param name="text">Its bytes.</param>
    /// <param name="program">The translated assembly of a cVM's program.</param>
    /// <param name="root">The root of a cVM; the same object for the same root, null for an empty one.</param>
    /// <param name="content">Content of a buffer that has a host file.</param>
    public static void Write(Stream output, Manifest manifest, ReadOnlyMemory<byte> text, Func<CvmEntry, byte[]> program, Func<CvmEntry, RootFile?> root, Func<CapFileEntry, byte[]> content)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(manifest);
        var index = new BundleIndex();
        var parts = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        var roots = new List<IHostTree>();
        foreach (var cvm in manifest.Cvms)
        {
            var assembly = program(cvm);
            var name = BundleFormat.NameOf(BundleFormat.Code, assembly, ".dll");
            parts[name] = assembly;
            index.Programs[cvm.Name] = name;
            if (root(cvm) is not var (tree, configuration))
                continue;
            if (configuration != ImageConfiguration.None)
                index.Images[cvm.Name] = configuration;
            if (!roots.Contains(tree))
                roots.Add(tree);
            index.Roots[cvm.Name] = $"{BundleFormat.Roots}{roots.IndexOf(tree)}";
        }

        foreach (var buffer in manifest.CapFiles.Where(b => b.File is not null))
        {
            var bytes = content(buffer);
            var name = BundleFormat.NameOf(BundleFormat.Files, bytes, "");
            parts[name] = bytes;
            index.Files[buffer.Name] = name;
        }

        // The writer ends the archive, which the end of the bundle does instead.
        var writer = new TarWriter(output, TarEntryFormat.Gnu, leaveOpen: true);
        Add(writer, BundleFormat.Magic, Encoding.ASCII.GetBytes(BundleFormat.Version));
        Add(writer, BundleFormat.Manifest, text);
        Add(writer, BundleFormat.Index, JsonSerializer.SerializeToUtf8Bytes(index));
        foreach (var (name, bytes) in parts)
            Add(writer, name, bytes);
        for (var k = 0; k < roots.Count; k++)
            AddTree(writer, roots[k], $"{BundleFormat.Roots}{k}");
        output.Flush();
        output.Position = 0;
        output.Write(BundleFormat.End(SHA256.HashData(output)));
    }

    private static void Add(TarWriter writer, string name, ReadOnlyMemory<byte> content)
    {
        var entry = BundleFormat.Entry(TarEntryType.RegularFile, name);
        entry.DataStream = new MemoryStream(content.ToArray());
        writer.WriteEntry(entry);
    }

    private static void AddTree(TarWriter writer, IHostTree tree, string name)
    {
        var root = BundleFormat.Entry(TarEntryType.Directory, name + "/");
        if (tree.Root is { } described)
            Describe(root, described);
        writer.WriteEntry(root);
        AddFiles(writer, tree, [], name, new Dictionary<object, string>(ReferenceEqualityComparer.Instance));
    }

    private static void AddFiles(TarWriter writer, IHostTree tree, IReadOnlyList<string> path, string name, Dictionary<object, string> links)
    {
        foreach (var item in tree.List(path).OrderBy(e => e.Name, StringComparer.Ordinal))
        {
            string[] inner = [.. path, item.Name];
            var innerName = $"{name}/{Utf8(item.Name)}";
            if (TypeOf(item.Kind) is not { } type)
                continue;
            if (item.Identity is { } identity && !links.TryAdd(identity, innerName))
            {
                var link = BundleFormat.Entry(TarEntryType.HardLink, innerName);
                link.LinkName = links[identity];
                writer.WriteEntry(link);
                continue;
            }

            var entry = BundleFormat.Entry(type, item.Kind == HostEntryKind.Directory ? innerName + "/" : innerName);
            Describe(entry, item);
            if (item.Kind == HostEntryKind.SymbolicLink)
                entry.LinkName = Utf8(item.LinkTarget!);
            else if (item.Kind == HostEntryKind.File)
                entry.DataStream = new MemoryStream(Read(tree.Open(inner), innerName));
            writer.WriteEntry(entry);
            if (item.Kind == HostEntryKind.Directory)
                AddFiles(writer, tree, inner, innerName, links);
        }
    }

    /// <summary>What a tar archive has for it; null for a socket.</summary>
    private static TarEntryType? TypeOf(HostEntryKind kind) => kind switch
    {
        HostEntryKind.File => TarEntryType.RegularFile,
        HostEntryKind.Directory => TarEntryType.Directory,
        HostEntryKind.SymbolicLink => TarEntryType.SymbolicLink,
        HostEntryKind.CharacterDevice => TarEntryType.CharacterDevice,
        HostEntryKind.BlockDevice => TarEntryType.BlockDevice,
        HostEntryKind.Fifo => TarEntryType.Fifo,
        _ => null,
    };

    /// <summary>Rights and owner; times differ from copy to copy of the same files.</summary>
    private static void Describe(GnuTarEntry entry, HostEntry item)
    {
        entry.Mode = (UnixFileMode)(item.Mode & 0xfff);
        (entry.Uid, entry.Gid) = (item.UserId, item.GroupId);
        if (item.Kind is not (HostEntryKind.CharacterDevice or HostEntryKind.BlockDevice))
            return;
        entry.DeviceMajor = (int)(item.Device >> 8) & 0xfff;
        entry.DeviceMinor = (int)((item.Device & 0xff) | ((item.Device >> 12) & 0xfff00));
    }

    private static byte[] Read(IHostFile? file, string name)
    {
        if (file is null)
            throw new BundleException($"{name}: cannot be read");
        if (file.Length > Array.MaxLength)
            throw new BundleException($"{name}: larger than 2 GiB");
        var bytes = new byte[file.Length];
        return file.Read(0, bytes) == bytes.Length ? bytes : throw new BundleException($"{name}: changed while it was read");
    }

    /// <summary>A name of the guest's file system, whose characters are bytes, as text.</summary>
    private static string Utf8(string name) => Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(name));
}
