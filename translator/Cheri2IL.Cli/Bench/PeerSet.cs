using System.Text.Json;

namespace Cheri2IL.Cli.Bench;

/// <summary>Finds the peers that this machine has.</summary>
/// <remarks>
/// <c>corpus/bench-peers.sh</c> builds the kernels for every peer whose compiler is installed and prints, for each kernel,
/// the path of each build or null.
/// </remarks>
internal sealed class PeerSet
{
    /// <summary>The peer that ratios refer to: the guest's compiler, flags and libc on the host's instruction set.</summary>
    public const string Native = "native-clang";

    /// <summary>Translated, checks elided where proven.</summary>
    public const string Translated = "cheri2il";

    /// <summary>Translated without checks: not a product, only the price of the checks.</summary>
    public const string Unchecked = "cheri2il-none";

    private const string GuestBuild = "riscv_musl";
    private const string CommittedBuild = "freestanding";

    /// <summary>Build name to kernel name to path.</summary>
    private readonly Dictionary<string, Dictionary<string, string>> _builds = [];

    private PeerSet()
    {
    }

    /// <summary>Kernel names, sorted.</summary>
    public IReadOnlyList<string> Kernels => [.. _builds.Values.SelectMany(b => b.Keys).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>Whether translated code and native code come from the same compiler and libc.</summary>
    public bool GuestsMatchNative { get; private set; }

    /// <summary>Builds peers with the corpus's script, or takes the committed guests alone.</summary>
    public static PeerSet Find(string repository, Action<string> progress)
    {
        var set = new PeerSet();
        var script = Path.Combine(repository, "corpus", "bench-peers.sh");
        if (File.Exists(script))
        {
            progress("building peers (corpus/bench-peers.sh)");
            set.ReadScript(script, progress);
        }

        set.GuestsMatchNative = set._builds.ContainsKey(GuestBuild);
        if (!set._builds.ContainsKey(CommittedBuild))
        {
            var folder = Path.Combine(repository, "corpus", "kernels", "bin");
            if (Directory.Exists(folder))
                set._builds[CommittedBuild] = Directory.GetFiles(folder, "*.elf").ToDictionary(p => Path.GetFileNameWithoutExtension(p)!, p => p);
        }

        return set;
    }

    /// <summary>The peers, reference first.</summary>
    public IReadOnlyList<Peer> Peers()
    {
        var peers = new List<Peer>();
        var guest = GuestsMatchNative ? GuestBuild : CommittedBuild;
        Add(peers, Native, "clang, static musl, this machine", "native_clang_musl", path => [path]);
        Add(peers, "native-gcc", "gcc, glibc, this machine", "native_gcc", path => [path]);
        AddTranslated(peers, Translated, "translated, checks optimized", guest, "optimized");
        AddTranslated(peers, Unchecked, "translated, checks none (unconfined; prices the checks)", guest, "none");
        if (HostProgram.OnPath("qemu-riscv64") is { } qemu)
            Add(peers, "qemu", "qemu-riscv64 (user mode), same guest", guest, path => [qemu, path]);
        Add(peers, "wasmtime", "clang to wasm32-wasi, Wasmtime NuGet package in a .NET process", "wasm", path => [.. HostProgram.Self(), "bench", "wasm-run", path]);
        return peers;
    }

    private void Add(List<Peer> peers, string name, string description, string build, Func<string, IReadOnlyList<string>> command, Func<string, IReadOnlyList<string>>? preparation = null)
    {
        if (!_builds.TryGetValue(build, out var paths) || paths.Count == 0)
            return;
        IReadOnlyList<string>? Of(string kernel, Func<string, IReadOnlyList<string>>? make) => make is not null && paths.TryGetValue(kernel, out var path) ? make(path) : null;
        peers.Add(new Peer(name, description, kernel => Of(kernel, command), kernel => Of(kernel, preparation)));
    }

    private void AddTranslated(List<Peer> peers, string name, string description, string build, string checks)
    {
        var self = HostProgram.Self();
        Add(
            peers, name, $"{description}; {MachineCode.Source}", build, path => [.. self, "run", "--checks=" + checks, path],
            MachineCode.IsPossible ? path => MachineCode.Preparation(self, path, checks) : null);
    }

    private void ReadScript(string script, Action<string> progress)
    {
        JsonDocument document;
        try
        {
            document = CorpusScript.Run(script, progress);
        }
        catch (ToolException error)
        {
            progress($"{error.Message}; going on with the committed guests alone");
            return;
        }

        using (document)
        {
            foreach (var kernel in document.RootElement.GetProperty("kernels").EnumerateObject())
            {
                foreach (var build in kernel.Value.EnumerateObject())
                {
                    if (build.Value.GetString() is not { } path)
                        continue;
                    if (!_builds.TryGetValue(build.Name, out var paths))
                        _builds.Add(build.Name, paths = []);
                    paths.Add(kernel.Name, path);
                }
            }
        }
    }
}
