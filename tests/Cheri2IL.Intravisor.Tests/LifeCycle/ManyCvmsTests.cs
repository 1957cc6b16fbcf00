using System.Globalization;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.Tests.Attacks;
using Cheri2IL.Runtime;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.LifeCycle;

/// <summary>Many cVMs of one program leave memory, mappings, threads and assemblies as they were.</summary>
/// <remarks>Runs alone in its process, because it looks at all of it.</remarks>
[CollectionDefinition(nameof(ManyCvmsTests), DisableParallelization = true)]
[Collection(nameof(ManyCvmsTests))]
public sealed class ManyCvmsTests
{
    private const int Cvms = 100;
    private const int Rounds = 10;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Of the program, for no other test to load the assembly that is counted.</summary>
    private const string Name = "many";

    [Fact]
    public void HundredCvms_StartedAndStoppedTenTimes_LeaveNothing()
    {
        var guest = CorpusGuest.OfProgram("service", Name);
        using var intravisor = new IntravisorInstance();
        long objects = 0, memory = 0, mappings = 0;
        for (var round = 0; round < Rounds; round++)
        {
            RunHundred(intravisor, guest);
            Assert.True(SpinWait.SpinUntil(() => Carriers() == 0, Patience), "host threads are left");
            Assert.Equal(Cvms, intravisor.Reap().Count);
            Assert.Empty(intravisor.Cvms);
            if (round == 1)
                (objects, memory, mappings) = (GC.GetTotalMemory(forceFullCollection: true), Resident(), Mappings());
        }

        // Each cVM has a file system of some 100 KiB in objects, and touches more than a megabyte. The host's allocators keep some of what
        // they were given back, but nothing that grows with the number of cVMs.
        const int cvms = (Rounds - 2) * Cvms;
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - objects, long.MinValue, cvms * 1024);
        Assert.InRange(Resident() - memory, long.MinValue, cvms * 32 * 1024);
        Assert.InRange(Mappings() - mappings, long.MinValue, cvms / 10);
        Assert.Single(AppDomain.CurrentDomain.GetAssemblies(), a => a.GetName().Name == "g_" + Name);
    }

    private static void RunHundred(IntravisorInstance intravisor, CorpusGuest guest)
    {
        var hosts = new QuietHost[Cvms];
        for (var k = 0; k < Cvms; k++)
        {
            hosts[k] = new QuietHost();
            guest.Start(intravisor.Create(guest.Options(["env", "NUMBER", "memory", "1", "wait"], host: hosts[k]) with
            {
                Name = $"service-{k}",
                Environment = [$"NUMBER={k}"],
            }));
        }

        for (var k = 0; k < Cvms; k++)
        {
            var expected = $"NUMBER={k}\n1 MiB\n";
            Assert.True(SpinWait.SpinUntil(() => hosts[k].Output == expected, Patience), hosts[k].Output);
        }

        Assert.Equal(Cvms, intravisor.Running.Count);
        foreach (var cvm in intravisor.Cvms)
            cvm.Kill(Signal.SIGKILL);
        foreach (var cvm in intravisor.Cvms)
            Assert.Equal(128 + Signal.SIGKILL, cvm.Wait().ShellStatus);
    }

    /// <summary>Host threads that carry guest threads.</summary>
    private static int Carriers() => Directory.GetDirectories("/proc/self/task").Count(task =>
    {
        try
        {
            return File.ReadAllText(task + "/comm").StartsWith("cvm ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            // It ended meanwhile.
            return false;
        }
    });

    private static long Resident()
    {
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true);
        GC.WaitForPendingFinalizers();
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true);
        return long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1], CultureInfo.InvariantCulture) * HostMemory.PageSize;
    }

    private static long Mappings() => File.ReadLines("/proc/self/maps").LongCount();
}
