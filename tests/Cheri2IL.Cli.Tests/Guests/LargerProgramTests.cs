using System.Text;
using System.Text.Json;
using Xunit;

namespace Cheri2IL.Cli.Tests.Guests;

/// <summary>Lua and SQLite, built from Debian's sources with musl: their benchmark scripts print what the native builds print.</summary>
public sealed class LargerProgramTests(Workloads workloads)
{
    [Fact]
    public void Lua_BenchmarkScript_PrintsTheSameAsNatively()
    {
        var build = Build("lua/build.sh");
        var script = build.GetProperty("script").GetString()!;
        AssertSame(build, null, ["--root", Path.GetDirectoryName(script)!], "bench.lua");
    }

    [Fact]
    public void Sqlite_BenchmarkScript_PrintsTheSameAsNatively()
    {
        var build = Build("sqlite/build.sh");
        AssertSame(build, build.GetProperty("script").GetString(), [], ":memory:");
    }

    private static JsonElement Build(string script) => JsonDocument.Parse(Workloads.Prepare(script)).RootElement;

    private void AssertSame(JsonElement build, string? input, string[] options, params string[] arguments)
    {
        var directory = Path.GetDirectoryName(build.GetProperty("script").GetString())!;
        var native = Workloads.RunNative(directory, input, build.GetProperty("native_clang_musl").GetString()!, arguments);
        var guest = workloads.RunGuest(directory, input, [.. options, build.GetProperty("riscv_musl").GetString()!, .. arguments]);
        Assert.Equal((0, File.ReadAllText(build.GetProperty("expected").GetString()!)), (native.ExitCode, Encoding.UTF8.GetString(native.Output)));
        Assert.Equal((0, Encoding.UTF8.GetString(native.Output)), (guest.ExitCode, Encoding.UTF8.GetString(guest.Output)));
    }
}
