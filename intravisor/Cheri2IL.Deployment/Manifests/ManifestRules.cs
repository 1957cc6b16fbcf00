using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;

namespace Cheri2IL.Deployment.Manifests;

/// <summary>What the entries of a manifest must be to each other, beyond what each value must be.</summary>
internal sealed class ManifestRules(Manifest manifest, List<ManifestProblem> problems, List<ManifestProblem> warnings)
{
    private const int LongestName = 64;

    /// <summary>Checks everything.</summary>
    public void Check()
    {
        if (manifest.Cvms.Count == 0)
        {
            Refuse(manifest, "cVMs", "there is no cVM");
            return;
        }

        CheckNames();
        foreach (var buffer in manifest.CapFiles)
            CheckBuffer(buffer);
        foreach (var cvm in manifest.Cvms)
        {
            CheckProgram(cvm);
            CheckLife(cvm);
            CheckIpc(cvm);
            CheckLayers(cvm);
            Ignore(cvm);
        }

        CheckRanges();
        CheckPorts();
    }

    /// <summary>The range of the original's address space that a cVM has; null if the manifest does not say.</summary>
    public static IsolationEntry? RangeOf(CvmEntry cvm) => cvm.Isolation.Count > 0 ? cvm.Isolation[0] : null;

    private void CheckNames()
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var cvm in manifest.Cvms)
        {
            if (cvm.Name.Length is 0 or > LongestName || !cvm.Name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
                Refuse(cvm, "name", $"'{cvm.Name}' is no name: it wants 1 to {LongestName} letters, digits, '-', '_' and '.'");
            else if (!names.Add(cvm.Name))
                Refuse(cvm, "name", $"another cVM is called '{cvm.Name}', too");
        }

        names.Clear();
        foreach (var buffer in manifest.CapFiles)
        {
            if (!Exchange.IsName(buffer.Name))
                Refuse(buffer, "name", $"'{buffer.Name}' is no name: it wants 1 to {Exchange.LongestName} visible ASCII characters without '/'");
            else if (!names.Add(buffer.Name))
                Refuse(buffer, "name", $"another capfile is called '{buffer.Name}', too");
        }
    }

    private void CheckBuffer(CapFileEntry buffer)
    {
        if (buffer is { Data: not null, File: not null })
            Refuse(buffer, "file", "data gives the content already");
        else if (buffer is { Data: null, File: null, Size: 0 })
            Refuse(buffer, "", "one of size, data and file is needed");
        else if (buffer is { Data: "", Size: 0 })
            Refuse(buffer, "data", "is empty: give size");
        else if (buffer.Data is { } data && buffer.Size > 0 && (ulong)System.Text.Encoding.UTF8.GetByteCount(data) > buffer.Size)
            Refuse(buffer, "data", $"has more bytes than size says ({buffer.Size})");
        foreach (var grant in buffer.Grants)
        {
            if (grant.To != Exchange.Everyone && !manifest.Cvms.Any(c => c.Name == grant.To))
                Refuse(grant, "to", $"no cVM is called '{grant.To}' (there are {string.Join(", ", manifest.Cvms.Select(c => c.Name))})");
            if (buffer.IsReadOnly && (grant.Rights & CpRights.Write) != 0)
                Refuse(grant, "rights", $"{buffer.Name} is read_only");
        }

        if (buffer.Grants.Count == 0 && !manifest.Cvms.Any(c => c.Ipc.Grants.Any(g => g.Name == buffer.Name)))
            Warn(buffer, "", $"nobody may use {buffer.Name}: give grants, such as [{{to: {manifest.Cvms[0].Name}, rights: read}}]");
        if (buffer.Has("addr"))
            Warn(buffer, "addr", "is ignored: buffers have no address that a cVM could name");
    }

    private void CheckProgram(CvmEntry cvm)
    {
        if (ProgramChoice.Of(cvm) is null)
            Refuse(cvm, cvm.Has("args") ? "args" : "", "what does it run? Give runtime (an ELF file of the host), or args that begin with a program inside root");
        if (cvm is { Root: not null, Disk: not null })
            Refuse(cvm, "disk", "root gives the file system already");
        if (ProgramChoice.Of(cvm) is { IsInside: true } && cvm.RootPath is null)
            Refuse(cvm, "", "a program inside root needs root");
        if (cvm.Arguments.Any(a => a.Contains('\0', StringComparison.Ordinal)))
            Refuse(cvm, "args", "contains a zero byte");
        if (cvm.Runtime is { } runtime && ProgramChoice.IsLibraryOs(runtime))
            Warn(cvm, "runtime", $"{Path.GetFileName(runtime)} is not run: the built-in library OS takes its place");
    }

    private void CheckLife(CvmEntry cvm)
    {
        if (cvm.Wait == CvmEntry.WaitForEnd && cvm.Restart.Policy == RestartPolicy.Always && cvm.Restart.Retries is null && cvm != manifest.Cvms[^1])
            Refuse(cvm, "wait", "-1 waits for an end that restart: always never lets come");
    }

    private void CheckIpc(CvmEntry cvm)
    {
        foreach (var name in cvm.Ipc.Owns)
        {
            if (!Exchange.IsName(name))
                Refuse(cvm.Ipc, "owns", $"'{name}' is no name: it wants 1 to {Exchange.LongestName} visible ASCII characters without '/'");
            if (manifest.CapFiles.Any(b => b.Name == name))
                Refuse(cvm.Ipc, "owns", $"'{name}' is a capfile");
            if (manifest.Cvms.FirstOrDefault(c => c != cvm && c.Ipc.Owns.Contains(name)) is { } other)
                Refuse(cvm.Ipc, "owns", $"'{name}' is kept for {other.Name}");
        }

        foreach (var grant in cvm.Ipc.Grants)
        {
            if (!Exchange.IsName(grant.Name))
                Refuse(grant, "name", $"'{grant.Name}' is no name: it wants 1 to {Exchange.LongestName} visible ASCII characters without '/'");
            if ((grant.Rights & CpRights.Write) != 0 && manifest.CapFiles.Any(b => b.Name == grant.Name && b.IsReadOnly))
                Refuse(grant, "rights", $"{grant.Name} is read_only");
        }
    }

    /// <summary>The cVMs that <c>callback_out</c> of a cVM may mean: of that name, or with that runtime.</summary>
    public static IEnumerable<CvmEntry> OutersOf(Manifest manifest, CvmEntry cvm)
        => cvm.CallbackOut == CvmEntry.Monitor ? [] : manifest.Cvms.Where(c => c != cvm && IsCalled(c, cvm.CallbackOut));

    private CvmEntry? OuterOf(CvmEntry cvm) => OutersOf(manifest, cvm).FirstOrDefault();

    private static bool IsCalled(CvmEntry cvm, string name) => cvm.Name == name || Path.GetFileName(cvm.Runtime) == name;

    private void CheckLayers(CvmEntry cvm)
    {
        if (cvm.CallbackOut != CvmEntry.Monitor)
            CheckOuter(cvm);
        if (cvm.CallbackIn is { } inner && !manifest.Cvms.Any(c => IsCalled(c, inner) && OuterOf(c) == cvm))
            Refuse(cvm, "callback_in", $"no cVM with the runtime '{inner}' names this one in callback_out");
    }

    private void CheckOuter(CvmEntry cvm)
    {
        var outers = OutersOf(manifest, cvm).ToArray();
        if (outers.Length != 1)
        {
            Refuse(cvm, "callback_out", outers.Length == 0
                ? $"no other cVM has the name or the runtime '{cvm.CallbackOut}'; it wants monitor, or the name or the runtime of another cVM"
                : $"{string.Join(", ", outers.Select(c => c.Name))} have the runtime '{cvm.CallbackOut}': give the name of one of them");
            return;
        }

        var outer = outers[0];
        if (manifest.Cvms.ToList().IndexOf(outer) > manifest.Cvms.ToList().IndexOf(cvm))
            Refuse(cvm, "callback_out", $"{outer.Name} has to stand in front of what is nested in it");
        else if (outer.Wait == CvmEntry.WaitForEnd)
            Refuse(outer, "wait", $"-1 waits for an end before {cvm.Name} starts, which is nested in it");
        else if (OuterOf(outer) is { } next && OuterOf(next) is not null)
            Refuse(cvm, "callback_out", "a cVM inside a cVM inside a cVM is the most there is room for");
        foreach (var key in (string[])["root", "disk", "ipc", "publish", "connect"])
        {
            if (cvm.Has(key) && !(key is "root" or "disk" && ProgramChoice.Of(cvm) is { IsInside: true }))
                Warn(cvm, key, $"has no effect: files and names are what {outer.Name} gives it");
        }
    }

    private void CheckPorts()
    {
        var taken = new List<(CvmEntry Cvm, PublishedPort Port)>();
        foreach (var cvm in manifest.Cvms)
        {
            foreach (var port in cvm.Publish)
            {
                if (taken.FirstOrDefault(t => t.Port.HostPort == port.HostPort && t.Port.IsDatagram == port.IsDatagram && t.Port.Address.Equals(port.Address)) is { Cvm: { } other })
                    Refuse(cvm, "publish", $"{other.Name} publishes at port {port.HostPort} already");
                taken.Add((cvm, port));
            }
        }
    }

    private void CheckRanges()
    {
        var ranges = new List<(CvmEntry Cvm, IsolationEntry Range)>();
        foreach (var cvm in manifest.Cvms)
        {
            if (cvm.Isolation.Count > 1)
                Refuse(cvm.Isolation[1], "", "a cVM has one range");
            if (RangeOf(cvm) is not { } range)
                continue;
            if (range.Base == 0 || range.BaseEnd < range.Base)
                Refuse(range, "base", "a range has a base above 0 and ends below 2^64");
            else if (range.Begin > range.Base || range.End < range.BaseEnd)
                Refuse(range, "", "begin to end has to contain the whole range (base to base + size)");
            else if (OuterOf(cvm) is { } outer)
                CheckInside(cvm, range, outer);
            else if (!manifest.Cvms.Any(c => OuterOf(c) == cvm) && (range.LowestReach != range.Base || range.HighestReach != range.BaseEnd))
                Refuse(range, "", "capabilities that reach beyond the cVM's own range are for one that others are nested in (their callback_out names it)");
            else if (ranges.FirstOrDefault(r => range.LowestReach < r.Range.HighestReach && r.Range.LowestReach < range.HighestReach) is { Cvm: { } other })
                Refuse(range, "base", $"the range overlaps that of {other.Name}");
            else
                ranges.Add((cvm, range));
        }
    }

    /// <summary>What is nested lies inside what its outer one reaches. That it begins where the other does is the original's way to write it.</summary>
    private void CheckInside(CvmEntry cvm, IsolationEntry range, CvmEntry outer)
    {
        if (RangeOf(outer) is not { } around)
            return;
        if (range.Base < around.LowestReach || range.BaseEnd > around.HighestReach)
            Refuse(range, "base", $"the range has to lie inside what {outer.Name} reaches, 0x{around.LowestReach:x} to 0x{around.HighestReach:x}");
        else if (manifest.Cvms.FirstOrDefault(c => c != cvm && OuterOf(c) == outer && RangeOf(c) is { } r && range.Base < r.BaseEnd && r.Base < range.BaseEnd) is { } other)
            Refuse(range, "base", $"the range overlaps that of {other.Name}");
    }

    private void Ignore(CvmEntry cvm)
    {
        if (cvm.MayDeploy)
            Refuse(cvm, "libvirt", "starting cVMs from a cVM is not supported; it wants 0");
        if (cvm.Has("net"))
            Warn(cvm, "net", "is ignored");
    }

    private void Refuse(ManifestEntry entry, string key, string message) => problems.Add(Problem(entry, key, message));

    private void Warn(ManifestEntry entry, string key, string message) => warnings.Add(Problem(entry, key, message));

    private ManifestProblem Problem(ManifestEntry entry, string key, string message)
        => new(manifest.File, entry.LocationOf(key), ManifestBinder.Sentence(string.Join('.', ((string[])[entry.Path, key]).Where(p => p.Length > 0)), message));
}
