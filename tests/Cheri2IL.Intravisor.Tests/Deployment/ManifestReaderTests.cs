using System.Net;
using System.Text;
using Cheri2IL.Deployment.Manifests;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.Deployment;

/// <summary>Manifests: the original's, all keys, and every way to get one wrong.</summary>
public sealed class ManifestReaderTests
{
    /// <summary>The original's example: two documents, hexadecimal numbers, library OS and program by argument.</summary>
    private const string Original = """
        ---
        capfiles:
          - name: "test1"
            size: 0x20
            data: "Hello world"
            addr: 0x4000
        ---
        cVMs:
          - name: "lkl"
            disk: "./disk_cap_file"
            runtime: "libmusl-lkl.so"
            net: "tap0"
            args: "/ld.so /app/cap_file 3"
            wait: 0
            clean_room: 0
            libvirt: 0
            callback_out: "monitor"
            isolation:
              - base: 0x400000000
                size: 0x40000000
                begin: 0x400000000
                end: 0x440000000
          - name: "send"
            disk: "./disk_cap_file"
            runtime: "libmusl-lkl.so"
            args: "/ld.so /app/cap_stream 4"
            wait: -1
            isolation:
              - base: 0x440000000
                size: 0x40000000
        """;

    [Fact]
    public void Read_OriginalManifest_MeansWhatItMeantThere()
    {
        var manifest = Read(Original);
        var buffer = Assert.Single(manifest.CapFiles);
        Assert.Equal(("test1", 0x20UL, "Hello world"), (buffer.Name, buffer.Size, buffer.Data));
        Assert.Equal(["lkl", "send"], manifest.Cvms.Select(c => c.Name));
        var cvm = manifest.Cvms[0];
        var program = ProgramChoice.Of(cvm)!;
        Assert.Equal(("/app/cap_file", true), (program.Path, program.IsInside));
        Assert.Equal(["/app/cap_file", "3"], program.Arguments);
        Assert.Equal("./disk_cap_file", cvm.RootPath);
        Assert.Equal(0x40000000UL, ManifestRules.RangeOf(cvm)!.Size);
        Assert.Equal(CvmEntry.WaitForEnd, manifest.Cvms[1].Wait);
        Assert.Equal(
            [
                "m.yaml:3:5: capfiles[0]: nobody may use test1: give grants, such as [{to: lkl, rights: read}]",
                "m.yaml:6:11: capfiles[0].addr: is ignored: buffers have no address that a cVM could name",
                "m.yaml:11:14: cVMs[0].runtime: libmusl-lkl.so is not run: the built-in library OS takes its place",
                "m.yaml:12:10: cVMs[0].net: is ignored",
                "m.yaml:25:14: cVMs[1].runtime: libmusl-lkl.so is not run: the built-in library OS takes its place",
            ],
            manifest.Warnings.Select(w => w.ToString()));
    }

    [Fact]
    public void Read_AllKeys_AreTaken()
    {
        var manifest = Read("""
            capfiles:
              - {name: table, file: ./table.bin, read_only: true, grants: [{to: a, rights: read}]}
              - {name: box, size: 4K, grants: {to: "*", rights: [read, write]}}
            cVMs:
              - name: a
                runtime: bin/a.elf
                args: [one, "two words"]
                env: {LANG: C, NUMBER: 7}
                root: tree
                limits: {memory: 64M, files_memory: 0x1000, threads: 8, cpu_time: 1.5s, open_files: 32}
                wait: 0x2
                restart: {policy: on-failure, retries: 3, delay: 250ms}
                ipc:
                  owns: [ch1, ch2]
                  grants: [{name: box, rights: "read, write"}]
                publish: ["8080->80", "0.0.0.0:53->53/udp", "[::1]:1->2/tcp"]
                connect: ["example.org:443", "192.0.2.1:53/udp"]
                clean_room: 1
              - {name: b, runtime: b.elf, env: [A=1, B=], restart: always, args: x  y}
            """);
        Assert.Equal((CpRights.Read, true, "./table.bin"), (manifest.CapFiles[0].Grants[0].Rights, manifest.CapFiles[0].IsReadOnly, manifest.CapFiles[0].File));
        Assert.Equal((CpRights.ReadWrite, 4096UL), (manifest.CapFiles[1].Grants[0].Rights, manifest.CapFiles[1].Size));
        var a = manifest.Cvms[0];
        Assert.Equal(["one", "two words"], a.Arguments);
        Assert.Equal(["a.elf", "one", "two words"], ProgramChoice.Of(a)!.Arguments);
        Assert.Equal("/a.elf", ProgramChoice.Of(a)!.GuestPath);
        Assert.Equal(("C", "7"), (a.Environment["LANG"], a.Environment["NUMBER"]));
        Assert.Equal((64UL << 20, 0x1000UL, 8, TimeSpan.FromSeconds(1.5), 32), (a.Limits.Memory, a.Limits.FilesMemory, a.Limits.Threads, a.Limits.CpuTime, a.Limits.OpenFiles));
        Assert.Equal((2, RestartPolicy.OnFailure, 3, TimeSpan.FromMilliseconds(250)), (a.Wait, a.Restart.Policy, a.Restart.Retries, a.Restart.Delay));
        Assert.Equal(["ch1", "ch2"], a.Ipc.Owns);
        Assert.Equal(CpRights.ReadWrite, a.Ipc.Grants[0].Rights);
        Assert.Equal(
            [new PublishedPort(IPAddress.Loopback, 8080, 80), new PublishedPort(IPAddress.Any, 53, 53, IsDatagram: true), new PublishedPort(IPAddress.IPv6Loopback, 1, 2)], a.Publish);
        Assert.Equal([new ReachableHost("example.org", 443), new ReachableHost("192.0.2.1", 53, IsDatagram: true)], a.Connect);
        Assert.True(a.IsCleanRoom);
        Assert.Equal((RestartPolicy.Always, TimeSpan.FromSeconds(1)), (manifest.Cvms[1].Restart.Policy, manifest.Cvms[1].Restart.Delay));
        Assert.Equal(("1", ""), (manifest.Cvms[1].Environment["A"], manifest.Cvms[1].Environment["B"]));
        Assert.Equal(["x", "y"], manifest.Cvms[1].Arguments);
    }

    [Theory]
    [InlineData("cVMs: [{name: a, runtme: x}]", "1:18: cVMs[0]: unknown key 'runtme'; did you mean 'runtime'? (keys: name, runtime, args, ")]
    [InlineData("cvms: []", "1:1: unknown key 'cvms'; did you mean 'cVMs'? (keys: capfiles, cVMs)", "1:1: key 'cVMs' is missing: the compartments,")]
    [InlineData("cVMs: [{name: a, xyzzy-and-more: x}]", "1:18: cVMs[0]: unknown key 'xyzzy-and-more' (keys: ")]
    [InlineData("cVMs: []", "1:7: cVMs: there is no cVM")]
    [InlineData("", "1:1: key 'cVMs' is missing: ")]
    [InlineData("- 1", "1:1: must be a mapping of keys (capfiles, cVMs)")]
    [InlineData("cVMs: 7", "1:7: cVMs[0]: must be a mapping of keys (name, ")]
    [InlineData("cVMs: [{runtime: x}]", "1:8: cVMs[0]: key 'name' is missing: ")]
    [InlineData("cVMs: [{name: a, runtime: x, limits: {memory: 12Q}}]", "1:47: cVMs[0].limits.memory: '12Q' is not accepted; it wants a number, decimal or hexadecimal (0x...), with an optional suffix K, M, G or T; 16M to 64G")]
    [InlineData("cVMs: [{name: a, runtime: x, limits: {memory: 1M}}]", "1:47: cVMs[0].limits.memory: '1M' is not accepted; ")]
    [InlineData("cVMs: [{name: a, runtime: x, limits: {threads: 0}}]", "1:48: cVMs[0].limits.threads: '0' is not accepted; it wants a number, 1 to 4096")]
    [InlineData("cVMs: [{name: a, runtime: x, limits: {cpu_time: soon}}]", "1:49: cVMs[0].limits.cpu_time: 'soon' is not accepted; it wants seconds, or a number with ms, s, m or h; ")]
    [InlineData("cVMs: [{name: a, runtime: x, restart: sometimes}]", "1:39: cVMs[0].restart: 'sometimes' is not accepted; it wants no, on-failure, always")]
    [InlineData("cVMs: [{name: a, runtime: x, clean_room: 2}]", "1:42: cVMs[0].clean_room: '2' is not accepted; it wants 0, 1, true or false")]
    [InlineData("cVMs: [{name: a, runtime: x, publish: 80}]", "1:39: cVMs[0].publish[0]: '80' is not accepted; it wants [ADDRESS:]PORT->PORT[/udp], as in 127.0.0.1:8080->80")]
    [InlineData("cVMs: [{name: a, runtime: x, publish: 80->80/sctp}]", "1:39: cVMs[0].publish[0]: '80->80/sctp' is not accepted; it wants [ADDRESS:]PORT->PORT[/udp], as in 127.0.0.1:8080->80")]
    [InlineData("cVMs: [{name: a, runtime: x, env: [A]}]", "1:36: cVMs[0].env: wants a mapping of names to texts, or a list of NAME=VALUE")]
    [InlineData("cVMs: [{name: a, runtime: x, wait: -2}]", "1:36: cVMs[0].wait: '-2' is not accepted; it wants a number, -1 to 86400")]
    [InlineData("cVMs: [{name: a, runtime: [x]}]", "1:27: cVMs[0].runtime: a list or mapping is not accepted; it wants text")]
    [InlineData("cVMs: [{name: a b, runtime: x}]", "1:15: cVMs[0].name: 'a b' is no name: ")]
    [InlineData("cVMs: [{name: a, runtime: x}, {name: a, runtime: y}]", "1:38: cVMs[1].name: another cVM is called 'a', too")]
    [InlineData("cVMs: [{name: a}]", "1:8: cVMs[0]: what does it run? ")]
    [InlineData("cVMs: [{name: a, args: /bin/x}]", "1:8: cVMs[0]: a program inside root needs root")]
    [InlineData("cVMs: [{name: a, runtime: x, root: y, disk: z}]", "1:45: cVMs[0].disk: root gives the file system already")]
    [InlineData("cVMs: [{name: a, runtime: x, libvirt: 1}]", "1:39: cVMs[0].libvirt: starting cVMs from a cVM is not supported; it wants 0")]
    [InlineData("cVMs: [{name: a, runtime: x, callback_out: y.elf}]", "1:44: cVMs[0].callback_out: no other cVM has the name or the runtime 'y.elf'; it wants monitor, or the name or the runtime of another cVM")]
    [InlineData("cVMs: [{name: a, runtime: x, callback_in: y.elf}]", "1:43: cVMs[0].callback_in: no cVM with the runtime 'y.elf' names this one in callback_out")]
    [InlineData("cVMs: [{name: b, runtime: y, callback_out: a}, {name: a, runtime: x}]", "1:44: cVMs[0].callback_out: a has to stand in front of what is nested in it")]
    [InlineData("cVMs: [{name: a, runtime: x}, {name: b, runtime: x}, {name: c, runtime: y, callback_out: x}]", "1:90: cVMs[2].callback_out: a, b have the runtime 'x': give the name of one of them")]
    [InlineData("cVMs: [{name: a, runtime: x, wait: -1}, {name: b, runtime: y, callback_out: a}]", "1:36: cVMs[0].wait: -1 waits for an end before b starts, which is nested in it")]
    [InlineData("cVMs: [{name: a, runtime: w}, {name: b, runtime: x, callback_out: a}, {name: c, runtime: y, callback_out: b}, {name: d, runtime: z, callback_out: c}]", "1:147: cVMs[3].callback_out: a cVM inside a cVM inside a cVM is the most there is room for")]
    [InlineData("cVMs: [{name: a, runtime: x, isolation: {base: 1G, size: 1G}}, {name: b, runtime: y, callback_out: a, isolation: {base: 2G, size: 1G}}]", "1:121: cVMs[1].isolation[0].base: the range has to lie inside what a reaches, 0x40000000 to 0x80000000")]
    [InlineData("cVMs: [{name: a, runtime: x, wait: -1, restart: always}, {name: b, runtime: x}]", "1:36: cVMs[0].wait: -1 waits for an end that restart: always never lets come")]
    [InlineData("cVMs: [{name: a, runtime: x, isolation: {base: 0x10, size: 0x40000000, begin: 0}}]", "1:41: cVMs[0].isolation[0]: capabilities that reach beyond")]
    [InlineData("cVMs: [{name: a, runtime: x, isolation: {base: 1G, size: 1G}}, {name: b, runtime: x, isolation: {base: 1536M, size: 1G}}]", "1:104: cVMs[1].isolation[0].base: the range overlaps that of a")]
    [InlineData("cVMs: [{name: a, runtime: x, isolation: {base: 0, size: 1G}}]", "1:48: cVMs[0].isolation[0].base: a range has a base above 0")]
    [InlineData("{capfiles: {name: t}, cVMs: {name: a, runtime: x}}", "1:12: capfiles[0]: one of size, data and file is needed")]
    [InlineData("{capfiles: {name: t, size: 2, data: abc}, cVMs: {name: a, runtime: x}}", "1:37: capfiles[0].data: has more bytes than size says (2)")]
    [InlineData("{capfiles: {name: t/u, size: 2}, cVMs: {name: a, runtime: x}}", "1:19: capfiles[0].name: 't/u' is no name: ")]
    [InlineData("{capfiles: {name: t, size: 2, grants: {to: c, rights: read}}, cVMs: {name: a, runtime: x}}", "1:44: capfiles[0].grants[0].to: no cVM is called 'c' (there are a)")]
    [InlineData("{capfiles: {name: t, size: 2, grants: {to: a, rights: rights}}, cVMs: {name: a, runtime: x}}", "1:55: capfiles[0].grants[0].rights: 'rights' is not accepted; it wants one or more of read, write, ")]
    [InlineData("{capfiles: {name: t, size: 2, read_only: 1, grants: {to: a, rights: write}}, cVMs: {name: a, runtime: x}}", "1:69: capfiles[0].grants[0].rights: t is read_only")]
    [InlineData("cVMs: [{name: a, runtime: x, name: b}]", "1:30: malformed YAML: ")]
    [InlineData("cVMs: [", "malformed YAML: ")]
    [InlineData("cVMs: &a [*a]", "1:11: aliases (*NAME) are not supported: write the value")]
    [InlineData("cVMs: [[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]", "1:20: nested too deeply")]
    [InlineData("cVMs: [{name: a, runtime: x}]\n---\ncVMs: [{name: b, runtime: x}]", "3:1: key 'cVMs' is given twice")]
    public void Read_Wrong_NamesPlaceKeyAndWhatIsAccepted(string yaml, params string[] expected)
    {
        var problems = Assert.Throws<ManifestException>(() => Read(yaml)).Problems;
        Assert.Equal(expected.Length, problems.Count);
        for (var k = 0; k < expected.Length; k++)
            Assert.Contains(expected[k], problems[k].ToString(), StringComparison.Ordinal);
        Assert.All(problems, p => Assert.StartsWith($"m.yaml:{p.Location.Line}:", p.ToString(), StringComparison.Ordinal));
    }

    [Fact]
    public void Read_SeveralProblems_AreAllNamedInOrder()
    {
        var problems = Assert.Throws<ManifestException>(() => Read("cVMs:\n- name: a\n  rutnime: x\n  wait: x\n  clean_room: maybe\n")).Problems;
        Assert.Equal([3L, 4L, 5L], problems.Select(p => p.Location.Line));
    }

    [Fact]
    public void Read_RandomDamage_IsAManifestOrAProblem()
    {
        var random = new Random(11);
        var original = Encoding.UTF8.GetBytes(Original);
        for (var round = 0; round < 3000; round++)
        {
            var bytes = original.ToArray();
            for (var k = random.Next(1, 6); k > 0; k--)
                bytes[random.Next(bytes.Length)] = (byte)(random.Next(3) == 0 ? random.Next(256) : ":{}[]-&*!|>'\"#%@, \n\t0x"[random.Next(22)]);
            try
            {
                ManifestReader.Read(bytes.AsSpan(0, random.Next(2) == 0 ? bytes.Length : random.Next(bytes.Length)), "m.yaml");
            }
            catch (ManifestException)
            {
                // What is asked for: nothing else may come.
            }
        }
    }

    private static Manifest Read(string yaml) => ManifestReader.Read(Encoding.UTF8.GetBytes(yaml), "m.yaml");
}
