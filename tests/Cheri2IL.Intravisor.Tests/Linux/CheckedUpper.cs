using System.Globalization;
using System.Text;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.Linux;

/// <summary>An upper layer whose journal is replaced as often as that makes it shorter, each time by one that has to say the same.</summary>
internal sealed class CheckedUpper(IHostUpper store, Func<IHostTree> lower, Action replaced, Action<Exception> failed) : IHostUpper
{
    private readonly List<byte> _journal = [];
    private int _changes;

    /// <summary>Changes of the journal until the host is as good as killed: what follows is not kept.</summary>
    public int MostChanges { get; init; } = int.MaxValue;

    /// <summary>Whether it is.</summary>
    public bool IsDead => _changes >= MostChanges;

    public IReadOnlyList<(long Id, long Length)> Contents => store.Contents;

    public byte[] ReadJournal()
    {
        var journal = store.ReadJournal();
        _journal.AddRange(journal);
        return journal;
    }

    public void TruncateJournal(long length)
    {
        _journal.RemoveRange((int)length, _journal.Count - (int)length);
        store.TruncateJournal(length);
    }

    public bool AppendJournal(ReadOnlySpan<byte> record)
    {
        _journal.AddRange(record);
        return IsDead || (++_changes > 0 && store.AppendJournal(record));
    }

    public bool ReplaceJournal(ReadOnlySpan<byte> journal)
    {
        try
        {
            Assert.Equal(Tree([.. _journal]), Tree(journal.ToArray()));
        }
        catch (Exception defect)
        {
            // It would end the cVM.
            failed(defect);
            throw;
        }

        _journal.Clear();
        _journal.AddRange(journal);
        replaced();
        return IsDead || (++_changes > 0 && store.ReplaceJournal(journal));
    }

    public long MostJournal(long needed) => 0;

    public BackingFile? OpenContent(long id) => store.OpenContent(id);

    public void DeleteContent(long id)
    {
        if (!IsDead)
            store.DeleteContent(id);
    }

    public void Sync(bool all) => store.Sync(all);

    public void Dispose() => store.Dispose();

    /// <summary>What a journal makes of the layers below, as text.</summary>
    private string Tree(byte[] journal)
    {
        var files = new FileSystem(() => 0, lower(), memoryLimit: 1 << 30);
        files.KeepIn(new Reader(journal, store));
        var text = new StringBuilder();
        lock (files.Gate)
            Show(files.Root, "");
        return text.ToString();

        void Show(DirectoryNode directory, string path)
        {
            foreach (var (name, child) in directory.Children.OrderBy(c => c.Name, StringComparer.Ordinal))
            {
                text.Append(CultureInfo.InvariantCulture, $"{path}/{name} {Convert.ToString(child.Mode, 8)} {child.UserId}:{child.GroupId} {child.Device}");
                foreach (var (attribute, value) in child.Attributes ?? new Dictionary<string, byte[]>())
                    text.Append(CultureInfo.InvariantCulture, $" {attribute}={FileSystem.FromBytes(value)}");
                // Entries that come and go change the times of directories.
                if (child is DirectoryNode next)
                {
                    text.AppendLine();
                    Show(next, $"{path}/{name}");
                    continue;
                }

                text.Append(CultureInfo.InvariantCulture, $" {child.Links} {child.ModifyTime} {(child is SymbolicLink link ? link.TargetFor(0, 0) : "")}");
                if (child is RegularFile file)
                {
                    var bytes = new byte[64];
                    var to = new IoVector(bytes.AsSpan());
                    text.Append(CultureInfo.InvariantCulture, $" {file.IsKept} {file.Size} {FileSystem.FromBytes(bytes.AsSpan(0, (int)file.Content.Read(0, ref to)))}");
                }

                text.AppendLine();
            }
        }
    }

    /// <summary>A journal that is only read, with the contents of another store.</summary>
    private sealed class Reader(byte[] journal, IHostUpper store) : IHostUpper
    {
        public IReadOnlyList<(long Id, long Length)> Contents => store.Contents;

        public byte[] ReadJournal() => journal;

        public void TruncateJournal(long length) => Assert.Fail("a journal is not whole");

        public bool AppendJournal(ReadOnlySpan<byte> record) => false;

        public bool ReplaceJournal(ReadOnlySpan<byte> journal) => false;

        public long MostJournal(long needed) => long.MaxValue;

        public BackingFile? OpenContent(long id) => store.OpenContent(id);

        public void DeleteContent(long id)
        {
        }

        public void Sync(bool all)
        {
        }

        public void Dispose()
        {
        }
    }
}
