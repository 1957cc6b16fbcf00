using System.Buffers.Binary;
using Cheri2IL.CaseGen;
using Cheri2IL.Conformance;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.TableGen;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Isa.RiscV;
using Xunit;

namespace Cheri2IL.InstructionTests;

/// <summary>
/// Every instruction that accesses memory, in both modes and in every form, at each edge of an authority: to the byte, with each
/// permission missing alone, and with what is wrong in pairs to see which fault comes first. CHERI ISAv9, "CHERI exceptions"; the order
/// within an instruction is the Sail model's.
/// </summary>
public sealed class CapabilityAccessTests
{
    private const long CodeAddress = 0x10000;
    private const ulong DataAddress = 0x20000;
    private const int DataBytes = 0x1000;
    private const ulong Base = 0x20400;
    private const ulong Top = 0x20440;
    private const uint Ebreak = 0x00100073;
    private const string Done = "done";
    private const CapabilityPermissions All = (CapabilityPermissions)0x78FFF;

    private static readonly Dictionary<string, InstructionSet> Sets = InstructionSet.All(Generator.Read(
        Generator.FindTables(AppContext.BaseDirectory)!)).ToDictionary(set => set.Name);

    public static TheoryData<string, string, TraceEngine> Accesses { get; } = FindAccesses();

    [Theory]
    [MemberData(nameof(Accesses))]
    public void Access_AtEveryEdgeOfItsAuthority_EndsExactly(string set, string mnemonic, TraceEngine engine)
    {
        using var machine = new TraceMachine(engine);
        // With more threads capabilities are accessed by call, alone in line.
        bool[] ways = engine == TraceEngine.Emitted ? [false, true] : [false];
        foreach (var (offset, isAlone) in Offsets(set, mnemonic).SelectMany(o => ways, (o, isAlone) => (o, isAlone)))
        {
            machine.IsAlone = isAlone;
            var access = new Access(machine, set, mnemonic, offset);
            var size = (ulong)access.Size;
            var cases = new List<(string Situation, string Expected, string Actual)>
            {
                ("at base", Done, access.Run(Base)),
                ("last that fits", Done, access.Run(Top - size)),
                ("exactly as long as the bounds", Done, access.Run(Base, length: size)),
                ("one byte below base", access.Fault(CapabilityFaultCause.LengthViolation), access.Run(Base - 1)),
                ("at top", access.Fault(CapabilityFaultCause.LengthViolation), access.Run(Top)),
                ("straddling top by a byte", access.Fault(CapabilityFaultCause.LengthViolation), access.Run(Top - size + 1)),
                ("bounds a byte too short", access.Fault(CapabilityFaultCause.LengthViolation), access.Run(Base, length: size - 1)),
                ("no length", access.Fault(CapabilityFaultCause.LengthViolation), access.Run(Base, length: 0)),
                ("across the end of the address space",
                    size == 1 ? "LoadAccess or StoreAccess" : access.Fault(CapabilityFaultCause.LengthViolation),
                    access.Run(ulong.MaxValue, whole: true)),
                ("untagged", access.Fault(CapabilityFaultCause.TagViolation), access.Run(Base, change: c => c.ClearTag())),
                ("sealed", access.Fault(CapabilityFaultCause.SealViolation), access.Run(Base, change: Seal)),
                ("sentry", access.Fault(CapabilityFaultCause.SealViolation), access.Run(Base, change: c => c.SealEntry())),
                ("untagged, sealed", access.Fault(CapabilityFaultCause.TagViolation), access.Run(Base, change: c => Seal(c).ClearTag())),
                ("sealed, no permission", access.Fault(CapabilityFaultCause.SealViolation), access.Run(Base, permissions: 0, change: Seal)),
                ("no permission, outside", access.Fault(access.FirstMissing), access.Run(Top, permissions: 0)),
                ("no permission", access.Fault(access.FirstMissing), access.Run(Base, permissions: 0)),
                ("only what is needed", Done, access.Run(Base, permissions: access.Needed)),
            };
            foreach (var (permission, cause) in access.Missing)
                cases.Add(($"without {permission}", access.Fault(cause), access.Run(Base, permissions: All & ~permission)));
            foreach (var permission in Enum.GetValues<CapabilityPermissions>().Where(p => (p & access.Needed) == 0 && p != 0))
                cases.Add(($"without {permission}, which it does not need", Done, access.Run(Base, permissions: All & ~permission)));
            if (access.Alignment > 1)
            {
                cases.Add(("misaligned", access.Misaligned(Base + 1), access.Run(Base + 1, length: 0x100)));
                cases.Add(("misaligned by half", access.Misaligned(Base + ((ulong)access.Alignment / 2)), access.Run(Base + ((ulong)access.Alignment / 2), length: 0x100)));
                cases.Add(("misaligned, outside", access.Fault(CapabilityFaultCause.LengthViolation), access.Run(Top + 1)));
            }
            else
            {
                cases.Add(("misaligned", Done, access.Run(Base + 1)));
            }

            if (access.StoresCapability)
            {
                var local = All & ~CapabilityPermissions.Global;
                cases.Add(("untagged value", Done, access.Run(Base, permissions: All & ~CapabilityPermissions.StoreCapability, value: Capability.FromInteger(5))));
                cases.Add(("untagged local value", Done, access.Run(Base, permissions: access.Needed & ~CapabilityPermissions.StoreCapability, value: Capability.Null)));
                cases.Add(("local value", Done, access.Run(Base, value: Capability.Omnipotent.AndPermissions(local))));
                cases.Add((
                    "local value, no Store_Local",
                    access.Fault(CapabilityFaultCause.PermitStoreLocalCapViolation),
                    access.Run(Base, permissions: All & ~CapabilityPermissions.StoreLocalCapability, value: Capability.Omnipotent.AndPermissions(local))));
                cases.Add((
                    "local value, neither Store_Capability nor Store_Local",
                    access.Fault(CapabilityFaultCause.PermitStoreCapViolation),
                    access.Run(
                        Base,
                        permissions: All & ~(CapabilityPermissions.StoreCapability | CapabilityPermissions.StoreLocalCapability),
                        value: Capability.Omnipotent.AndPermissions(local))));
                cases.Add((
                    "no Store_Capability, outside",
                    access.Fault(CapabilityFaultCause.PermitStoreCapViolation),
                    access.Run(Top, permissions: All & ~CapabilityPermissions.StoreCapability)));
                cases.Add(("sealed value", Done, access.Run(Base, value: Seal(Capability.Omnipotent))));
            }

            Assert.Equal(
                cases.Select(c => $"{mnemonic} {offset} {c.Situation}: {c.Expected}"),
                cases.Select(c => $"{mnemonic} {offset} {c.Situation}: {c.Actual}"));
        }
    }

    /// <summary>c0 is NULL: as an address register in capability mode it is an untagged authority.</summary>
    [Theory]
    [InlineData(TraceEngine.Evaluator)]
    [InlineData(TraceEngine.Emitted)]
    public void Access_NullRegisterInCapabilityMode_FaultsTag(TraceEngine engine)
    {
        using var machine = new TraceMachine(engine);
        machine.Reset();
        machine[GuestRegister.Pcc] = Capability.Omnipotent.SetFlags(1);
        machine[GuestRegister.Ddc] = Capability.Omnipotent;
        var fault = Execute(machine, 0x00003583); // cld a1,0(cnull)
        Assert.Equal((GuestFaultKind.Capability, CapabilityFaultCause.TagViolation, 0), (fault.Kind, fault.CapabilityCause, fault.CapabilityRegister));
    }

    private static Capability Seal(Capability c) => c.Seal(Capability.Omnipotent.SetAddress(9));

    private static TheoryData<string, string, TraceEngine> FindAccesses()
    {
        var data = new TheoryData<string, string, TraceEngine>();
        foreach (var name in (string[])["CheriV9Integer", "CheriV9Capability"])
        {
            var set = Sets[name];
            foreach (var row in set.Words.Concat(set.Compressed).Where(row => row.Form.Contains('(', StringComparison.Ordinal)))
            {
                if (Decode(name, Encode(row, 0)).Authority == MemoryAuthority.None)
                    continue;
                data.Add(name, row.Mnemonic, TraceEngine.Evaluator);
                data.Add(name, row.Mnemonic, TraceEngine.Emitted);
            }
        }

        return data;
    }

    private static InstructionRow Row(string set, string mnemonic) =>
        Sets[set].Words.Concat(Sets[set].Compressed).Single(row => row.Mnemonic == mnemonic);

    /// <summary>Offsets to try: 0, and where the instruction has one, another that its encodings share.</summary>
    private static int[] Offsets(string set, string mnemonic) => Row(set, mnemonic).Format.Immediate is null ? [0] : [0, 16];

    private static uint Encode(InstructionRow row, long offset) =>
        Encoder.Word(row, new Fields(Rd: 11, Rs1: 10, Rs2: 12, Imm: row.Format.Immediate is null ? 0 : offset));

    private static RiscVInstruction Decode(string set, uint word)
    {
        Span<byte> code = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(code, word);
        RiscVDecoder.TryDecode(code, CodeAddress, Enum.Parse<RiscVIsa>(set), out var instruction);
        return instruction;
    }

    private static GuestFault Execute(TraceMachine machine, uint word)
    {
        machine.Code = (CodeAddress, CodeAddress + 8);
        var code = machine.Memory(CodeAddress, 8);
        BinaryPrimitives.WriteUInt32LittleEndian(code, word);
        BinaryPrimitives.WriteUInt32LittleEndian(code[((word & 3) == 3 ? 4 : 2)..], Ebreak);
        unsafe
        {
            machine.State->Pc = CodeAddress;
        }

        return machine.Run();
    }

    /// <summary>One instruction of one set, with what it needs and does.</summary>
    private sealed class Access
    {
        private readonly TraceMachine _machine;
        private readonly uint _word;
        private readonly RiscVInstruction _instruction;
        private readonly bool _isCapabilityMode;
        private readonly string _name;

        public Access(TraceMachine machine, string set, string mnemonic, int offset)
        {
            _machine = machine;
            _word = Encode(Row(set, mnemonic), offset);
            _instruction = Decode(set, _word);
            _isCapabilityMode = _instruction.Isa == RiscVIsa.CheriV9Capability;
            _name = RiscVDisassembler.Mnemonic(_instruction.Opcode);
            Size = _name == "cloadtags" ? 64 : _name.TrimEnd('u')[^1] switch { 'b' => 1, 'h' => 2, 'w' => 4, 'd' => 8, _ => 16 };
            Alignment = _name.Contains('.', StringComparison.Ordinal) || Size >= 16 ? Size : 1;
        }

        public int Size { get; }

        public int Alignment { get; }

        public bool StoresCapability => _name is "sc" or "sc.c" or "amoswap.c";

        /// <summary>Permissions without which it faults when it stores a tagged global value, in the order in which they are missed.</summary>
        public IEnumerable<(CapabilityPermissions Permission, CapabilityFaultCause Cause)> Missing
        {
            get
            {
                if (Loads)
                    yield return (CapabilityPermissions.Load, CapabilityFaultCause.PermitLoadViolation);
                if (_name == "cloadtags")
                    yield return (CapabilityPermissions.LoadCapability, CapabilityFaultCause.PermitLoadCapViolation);
                if (Stores)
                    yield return (CapabilityPermissions.Store, CapabilityFaultCause.PermitStoreViolation);
                if (StoresCapability)
                    yield return (CapabilityPermissions.StoreCapability, CapabilityFaultCause.PermitStoreCapViolation);
            }
        }

        public CapabilityPermissions Needed => Missing.Aggregate(CapabilityPermissions.None, (all, next) => all | next.Permission);

        public CapabilityFaultCause FirstMissing => Missing.First().Cause;

        private bool IsAmo => _name.StartsWith("amo", StringComparison.Ordinal);

        private bool Stores => IsAmo || _name[0] == 's' || _name.StartsWith("fs", StringComparison.Ordinal);

        private bool Loads => IsAmo || !Stores;

        private bool IsStoreConditional => _name.StartsWith("sc.", StringComparison.Ordinal);

        private bool LoadsCapability => _name is "lc" or "lr.c" or "amoswap.c";

        public string Fault(CapabilityFaultCause cause) =>
            $"{cause} 0x{(_instruction.Authority == MemoryAuthority.Ddc ? 0x21 : _instruction.Rs1):x}";

        public string Misaligned(ulong address) => $"{(Stores ? GuestFaultKind.MisalignedStore : GuestFaultKind.MisalignedLoad)} 0x{address:x}";

        /// <summary>Accesses <paramref name="target"/> under the authority described and says how that ended.</summary>
        public string Run(
            ulong target,
            ulong length = Top - Base,
            bool whole = false,
            CapabilityPermissions permissions = All,
            Func<Capability, Capability>? change = null,
            Capability? value = null)
        {
            var bounded = whole ? Capability.Omnipotent : Capability.Omnipotent.SetAddress(Base).SetBoundsExact(length);
            var authority = bounded.AndPermissions(permissions).SetAddress(target - (ulong)_instruction.Immediate);
            Assert.True(authority.IsTagged);
            if (change != null)
                authority = change(authority);
            var stored = value ?? Capability.Omnipotent.SetAddress(77);
            _machine.Reset();
            _machine.Memory(DataAddress, DataBytes).Clear();
            _machine.Tags(DataAddress, DataBytes).Fill(1);
            _machine[GuestRegister.Pcc] = Capability.Omnipotent.SetFlags(_isCapabilityMode ? 1UL : 0);
            _machine[GuestRegister.Ddc] = Capability.Null;
            _machine[12] = stored;
            if (_instruction.Authority == MemoryAuthority.Ddc)
            {
                _machine[GuestRegister.Ddc] = authority;
                _machine[_instruction.Rs1] = Capability.FromInteger(authority.Address);
            }
            else
            {
                _machine[_instruction.Rs1] = authority;
            }

            var before = Enumerable.Range(1, 31).Select(n => _machine[n]).ToArray();
            var fault = Execute(_machine, _word);
            if (fault.Kind == GuestFaultKind.Breakpoint)
                return Effects(target, authority, stored);
            var isUnchanged = before.SequenceEqual(Enumerable.Range(1, 31).Select(n => _machine[n]))
                && !_machine.Tags(DataAddress, DataBytes).Contains((byte)0) && !_machine.Memory(DataAddress, DataBytes).ContainsAnyExcept((byte)0);
            return !isUnchanged ? "a fault that changed something" : fault.Kind switch
            {
                GuestFaultKind.Capability => $"{fault.CapabilityCause} 0x{fault.CapabilityRegister:x}",
                GuestFaultKind.LoadAccess or GuestFaultKind.StoreAccess => "LoadAccess or StoreAccess",
                _ => $"{fault.Kind} 0x{fault.Address:x}",
            };
        }

        /// <summary><see cref="Done"/> if registers, memory and tags are what the instruction has to leave.</summary>
        private string Effects(ulong target, Capability authority, Capability stored)
        {
            var changes = Stores && !IsStoreConditional;
            var tags = _machine.Tags(DataAddress, DataBytes);
            for (var granule = 0; granule < tags.Length; granule++)
            {
                var start = DataAddress + ((ulong)granule * CapabilityState.Granule);
                var isTouched = changes && start < target + (ulong)Size && start + CapabilityState.Granule > target;
                var expected = !isTouched || (StoresCapability && stored.IsTagged) ? 1 : 0;
                if (tags[granule] != expected)
                    return $"tag at 0x{start:x} is {tags[granule]}";
            }

            if (changes && StoresCapability && (BinaryPrimitives.ReadUInt64LittleEndian(_machine.Memory(target, 8)) != stored.Address
                || BinaryPrimitives.ReadUInt64LittleEndian(_machine.Memory(target + 8, 8)) != stored.Metadata))
                return "other bits were stored";
            if (LoadsCapability && _machine[_instruction.Rd] != new Capability(0, 0, authority.Permits(CapabilityPermissions.LoadCapability)))
                return $"{_machine[_instruction.Rd]} was loaded";
            if (_name == "cloadtags" && _machine[_instruction.Rd] != Capability.FromInteger(15))
                return $"{_machine[_instruction.Rd].Address:x} was loaded";
            if (IsStoreConditional && _machine[_instruction.Rd] != Capability.FromInteger(1))
                return "it stored without reservation";
            return Done;
        }
    }
}
