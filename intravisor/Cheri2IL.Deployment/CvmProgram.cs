using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Deployment;

/// <summary>A program that was translated once, for any number of cVMs that run it.</summary>
/// <param name="Executable">The ELF file, parsed.</param>
/// <param name="CodeFactory">Makes the code of an address space that runs it; the translated assembly is shared.</param>
public sealed record CvmProgram(
    ElfExecutable Executable,
    Func<AddressSpace, DispatchTable, IGuestCode> CodeFactory)
{
    /// <summary>What a cVM starts with that runs it.</summary>
    /// <param name="path">Path of the program as the guest sees it.</param>
    /// <param name="arguments">argv.</param>
    public CvmOptions Options(string path, IReadOnlyList<string> arguments) => new()
    {
        Arguments = arguments,
        ProgramPath = path,
        CodeFactory = CodeFactory,
    };
}
