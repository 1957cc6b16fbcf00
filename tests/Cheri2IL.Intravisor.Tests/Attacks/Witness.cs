using System.Security.Cryptography;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Runtime;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.Attacks;

/// <summary>
/// A cVM that runs corpus/attacks/witness.c: it verifies its own memory all the time and counts the rounds. Seen from
/// outside, nothing of it may change but the counter and the stack.
/// </summary>
internal sealed unsafe class Witness : IDisposable
{
    /// <summary>Where the guest counts.</summary>
    private const long Counter = 0x20000;

    /// <summary>Keeps a failure from hanging the suite; nothing is measured by it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly List<string> _reports = [];
    private readonly byte[] _digest;

    /// <summary>Starts a witness in the lowest free slot and waits until it verifies.</summary>
    public Witness(CorpusGuest guest, int id, string seed)
    {
        Cvm = guest.Create(id, [seed], _reports.Add);
        guest.Start(Cvm);
        AwaitRounds(2);
        _digest = Digest();
    }

    /// <summary>The cVM.</summary>
    public Cvm Cvm { get; }

    /// <summary>Rounds that it has counted; 0 before it counts, and after its end.</summary>
    public long Rounds
    {
        get
        {
            // This is no guest thread: what is not mapped yet, or no longer, would end the process.
            var entered = FaultTrap.EnterThread();
            var found = Cvm.Init.Image.Space.Memory.TryRead(Counter, out long rounds);
            if (entered)
                FaultTrap.LeaveThread();
            return found ? rounds : 0;
        }
    }

    /// <summary>Asserts that nothing has changed, and that rounds begun from now on find all of it right.</summary>
    public void AssertUnharmed()
    {
        Assert.Equal(_digest, Digest());
        AwaitRounds(2);
        Assert.Empty(_reports);
    }

    /// <inheritdoc/>
    public void Dispose() => Cvm.Dispose();

    /// <summary>Waits until it has made some more rounds.</summary>
    public void AwaitRounds(long count)
    {
        var target = Rounds + count;
        Assert.True(SpinWait.SpinUntil(() => Cvm.Completion.IsCompleted || Rounds >= target, Patience), "the witness stands still");
        Assert.False(Cvm.Completion.IsCompleted, "the witness has ended");
    }

    /// <summary>Hash of the mappings and of every byte in them, except stack and counter.</summary>
    private byte[] Digest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var mapping in Cvm.Init.Image.Space.Snapshot())
        {
            hash.AppendData(System.Text.Encoding.UTF8.GetBytes($"{mapping.Start:x} {mapping.End:x} {mapping.Protection} {mapping.Name}\n"));
            if (mapping.Protection == 0 || mapping.Name == "[stack]" || mapping.Start <= Counter && Counter < (long)mapping.End)
                continue;
            hash.AppendData(new ReadOnlySpan<byte>(Cvm.Init.Image.Space.Base + mapping.Start, (int)mapping.Length));
        }

        return hash.GetHashAndReset();
    }
}
