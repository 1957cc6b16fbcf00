using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Syscalls;
using Cheri2IL.Intravisor.Tests.Attacks;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.Linux;

/// <summary>What reading clocks by the vDSO costs; what it answers is the program vdso of corpus/linux, one of <see cref="LinuxProgramTests"/>.</summary>
public sealed class VdsoTests
{
    private static readonly Lazy<CorpusGuest> _guest = new(() => new("vdso", File.ReadAllBytes(Path.Combine(Cli.Repository.Root(), "corpus", "linux", "bin", "vdso.elf"))));

    [Fact]
    public void Clocks_ReadAThousandTimesAsOften_TakeNotOneSystemCallMore() => Assert.Equal(Run("100", null), Run("100000", null));

    [Fact]
    public void Clocks_ReadAgain_AllocateNothing()
    {
        // Threads other than the guest's, which read the clock as well, have numbers of their own.
        using var readings = new ThreadLocal<Readings>(() => new(), trackAllValues: true);
        Run("10000", () => readings.Value!.Add());
        var guest = readings.Values.MaxBy(r => r.Count)!;
        Assert.InRange(guest.Count, 30_000, int.MaxValue);
        Assert.InRange(guest.Compared, 10_000, int.MaxValue);
        // A background collection does so a second time, and is not counted again: in other tests' memory, at most a few.
        Assert.InRange(guest.Allocating, 0, 5);
    }

    private static List<(string Name, long Count)> Run(string count, Action? onClock)
    {
        var counts = new SyscallCounts();
        var reports = new List<string>();
        using var cvm = new Cvm(1, _guest.Value.Options([count], reports.Add, new QuietHost { OnClock = onClock }) with { SystemCalls = counts });
        _guest.Value.Start(cvm);
        Assert.Equal(0, cvm.Wait().ShellStatus);
        Assert.Empty(reports);
        return [.. counts.NonZero()];
    }

    /// <summary>What a thread allocates from one reading of the clock to the next.</summary>
    private sealed class Readings
    {
        private const int WarmUp = 3000;

        private long _bytes;
        private int _collections;

        public int Count { get; private set; }

        public int Compared { get; private set; }

        /// <summary>How often something was allocated.</summary>
        public int Allocating { get; private set; }

        public void Add()
        {
            // A collection counts what is left of the thread's buffer as allocated, also one between these.
            var (collections, bytes) = (GC.CollectionCount(0), GC.GetAllocatedBytesForCurrentThread());
            if (++Count > WarmUp && collections == _collections && GC.CollectionCount(0) == collections)
            {
                Compared++;
                Allocating += bytes > _bytes ? 1 : 0;
            }

            (_bytes, _collections) = (bytes, collections);
        }
    }
}
