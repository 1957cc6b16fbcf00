using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Elf;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>The vDSO (Vdso/vdso.c): the shared object that every process has beside its program, as on Linux.</summary>
internal static class Vdso
{
    private const string Resource = "vdso.so";

    /// <summary>The file. Immutable.</summary>
    public static ProgramFile File { get; } = Load();

    private static ProgramFile Load()
    {
        var assembly = typeof(Vdso).Assembly;
        using var stream = assembly.GetManifestResourceStream(Resource)!;
        var content = new byte[stream.Length];
        stream.ReadExactly(content);

        // It is what it is as long as the assembly is the same that has it.
        var identity = assembly.Location is { Length: > 0 } path ? HostFile.IdentityOf(path) : null;
        return new ProgramFile(ElfExecutable.Parse(content, Resource), new MemorySource("[vdso]", content, identity));
    }
}
