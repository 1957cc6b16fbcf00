namespace Cheri2IL.CaseGen;

/// <summary>Guest memory of an instruction test: the same in the emulator's harness and in the tests' own slot.</summary>
public static class MachineLayout
{
    /// <summary>First address of the code, which is not writable for translated guests and ends in the instruction below.</summary>
    public const int Code = 0x10000;

    /// <summary>Bytes of the code area.</summary>
    public const int CodeBytes = 0x8000;

    /// <summary>First address of the writable page.</summary>
    public const int Data = 0x20000;

    /// <summary>First address of the read-only page, all zero.</summary>
    public const int ReadOnly = 0x21000;

    /// <summary>First address past the mapped pages.</summary>
    public const int Unmapped = 0x22000;

    /// <summary>Bytes of a translated guest's slot: every address from here on is outside.</summary>
    public const int SlotBytes = 0x100000;

    /// <summary>Bytes of a page.</summary>
    public const int PageBytes = 0x1000;

    /// <summary>c.ebreak: fills the code area, so that whatever path the tested code takes, it stops.</summary>
    public const ushort Stop = 0x9002;
}
