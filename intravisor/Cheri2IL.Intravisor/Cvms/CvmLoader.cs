using System.Runtime.CompilerServices;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>Maps ELF files and the first stack into an address space in which no thread runs yet.</summary>
internal static unsafe class CvmLoader
{
    private const int MapNew = MemoryFlags.MAP_PRIVATE | MemoryFlags.MAP_ANONYMOUS | MemoryFlags.MAP_FIXED_NOREPLACE;

    /// <summary>Maps a program or its interpreter.</summary>
    /// <param name="space">Where.</param>
    /// <param name="program">The file.</param>
    /// <param name="dynamicBase">Load address of a position-independent file (of its address 0).</param>
    /// <param name="capabilities">What its capabilities are derived from; null if it has none.</param>
    /// <exception cref="CvmLoadException">A segment does not fit.</exception>
    /// <exception cref="ElfFormatException">Its relocations are malformed.</exception>
    public static LoadedImage Map(AddressSpace space, ProgramFile program, long dynamicBase, ProcessCapabilities? capabilities)
    {
        var (elf, file) = program;
        var bias = elf.IsPositionIndependent ? dynamicBase : 0;

        // Rights come last: two segments may share a page, which then has the later one's, as on Linux.
        var mapped = 0L;
        foreach (var segment in elf.Segments)
            mapped = Fill(space, file, segment, bias, mapped);
        if (capabilities is not null)
            Relocate(space, elf, capabilities, bias);
        foreach (var segment in elf.Segments)
            Restrict(space, segment, file.Name, bias);
        return new LoadedImage(
            bias,
            elf.Entry + bias,
            elf.ProgramHeaderAddress == 0 ? 0 : elf.ProgramHeaderAddress + bias,
            elf.ProgramHeaders.Length,
            elf.LowestAddress + bias,
            elf.HighestAddress + bias);
    }

    /// <summary>Maps the vDSO.</summary>
    public static void MapVdso(AddressSpace space) => Map(space, Vdso.File, GuestLayout.VdsoBase, capabilities: null);

    /// <summary>Maps the main thread's stack and writes arguments, environment and auxiliary vector.</summary>
    public static InitialStack MapStack(AddressSpace space, Cvm cvm, ProgramStart start, LoadedImage program, LoadedImage? interpreter, ProcessCapabilities? capabilities)
    {
        var top = GuestLayout.StackTop(space.Size);
        var bottom = top - GuestLayout.StackSize;
        Require(
            space.Map(bottom, (ulong)GuestLayout.StackSize, MemoryFlags.PROT_READ | MemoryFlags.PROT_WRITE, MapNew, null, 0, "[stack]"),
            "the stack",
            bottom);
        Span<byte> random = stackalloc byte[16];
        cvm.Host.FillRandom(random);

        // As on Linux, a quarter of the stack at most.
        var content = new InitialStack(bottom, top, (int)(GuestLayout.StackSize / 4), capabilities);
        content.Build(start, program, interpreter, random);

        // In bounds: Bytes is at most a quarter of the mapping whose end is top.
        content.Bytes.CopyTo(new Span<byte>(space.Base + content.Pointer, content.Bytes.Length));
        if (content.Capabilities is { } stored)
            Store(space, stored);
        return content;
    }

    /// <summary>
    /// Maps a segment: pages of the file, zeros behind its content, and pages of zeros. Returns the end of its pages.
    /// <paramref name="mapped"/> is that of the segment before, with which it may share one, as on Linux: it is its own then.
    /// </summary>
    private static long Fill(AddressSpace space, IMappingSource file, ProgramHeader segment, long bias, long mapped)
    {
        var (address, contentEnd) = (segment.VirtualAddress + bias, segment.VirtualAddress + segment.FileSize + bias);
        var (start, filled, end) = (PageOf(address), PageEnd(contentEnd), PageEnd(segment.End + bias));
        if (segment.FileSize > 0)
        {
            var flags = start < mapped ? MemoryFlags.MAP_PRIVATE | MemoryFlags.MAP_FIXED : MemoryFlags.MAP_PRIVATE | MemoryFlags.MAP_FIXED_NOREPLACE;
            Require(
                space.Map(start, (ulong)(filled - start), MemoryFlags.PROT_READ | MemoryFlags.PROT_WRITE, flags, file, segment.Offset - (address - start), file.Name), file.Name, start);

            // In bounds: the page was mapped above, and no guest thread exists.
            if (segment.MemorySize > segment.FileSize)
                new Span<byte>(space.Base + contentEnd, (int)(filled - contentEnd)).Clear();
        }
        else
        {
            filled = Math.Max(mapped, start);
        }

        if (end > filled)
            Require(space.Map(filled, (ulong)(end - filled), MemoryFlags.PROT_READ | MemoryFlags.PROT_WRITE, MapNew, null, 0, file.Name), file.Name, filled);
        return Math.Max(mapped, end);
    }

    /// <summary>
    /// Fills in words and capabilities (RISC-V ELF psABI; CHERI LLVM's __cap_relocs). Every location is in a mapped segment, which
    /// nobody but the loader uses yet.
    /// </summary>
    private static void Relocate(AddressSpace space, ElfExecutable elf, ProcessCapabilities capabilities, long bias)
    {
        var code = capabilities.CodeOf(elf.LowestAddress + bias, elf.HighestAddress + bias);
        var data = capabilities.DataOf(elf.LowestAddress + bias, elf.HighestAddress + bias);
        foreach (var relocation in LoadRelocationReader.Read(elf))
        {
            var (location, address) = (relocation.Location + bias, (ulong)(relocation.Value + bias));
            switch (relocation.Kind)
            {
                case LoadRelocationKind.Number:
                    Unsafe.WriteUnaligned(space.Base + location, relocation.Value);
                    break;
                case LoadRelocationKind.Address:
                    Unsafe.WriteUnaligned(space.Base + location, address);
                    break;
                case LoadRelocationKind.Null:
                    Store(space, location, Capability.Null);
                    break;
                case LoadRelocationKind.Function:
                    Store(space, location, code.SetAddress(address).IncrementOffset((ulong)relocation.Offset));
                    break;
                default:
                    var target = data.SetAddress(address);
                    if (relocation.Length != 0)
                        target = target.SetBounds((ulong)relocation.Length);
                    if (relocation.Kind == LoadRelocationKind.ReadOnlyData)
                        target = target.AndPermissions(~ProcessCapabilities.WriteData);
                    Store(space, location, target.IncrementOffset((ulong)relocation.Offset));
                    break;
            }
        }
    }

    private static void Store(AddressSpace space, long address, in Capability capability)
        => CapabilityMemory.Store(space.Tags!.At(space.Base, address), capability);

    private static void Store(AddressSpace space, IReadOnlyList<StoredCapability> capabilities)
    {
        foreach (var (address, capability) in capabilities)
            Store(space, address, capability);
    }

    private static void Restrict(AddressSpace space, ProgramHeader segment, string name, long bias)
    {
        var start = PageOf(segment.VirtualAddress + bias);
        var protection = ((segment.Flags & SegmentFlags.Read) != 0 ? MemoryFlags.PROT_READ : 0)
            | ((segment.Flags & SegmentFlags.Write) != 0 ? MemoryFlags.PROT_WRITE : 0)
            | (segment.IsExecutable ? MemoryFlags.PROT_EXEC : 0);
        Require(space.Protect(start, (ulong)(segment.End + bias - start), protection), name, start);
    }

    private static long PageOf(long address) => address & -HostMemory.PageSize;

    private static long PageEnd(long address) => PageOf(address + HostMemory.PageSize - 1);

    private static void Require(long result, string what, long address)
    {
        if (result < 0)
            throw new CvmLoadException($"cannot map {what} at 0x{address:x}: error {-result} (does it fit the slot and the memory limit?)");
    }
}
