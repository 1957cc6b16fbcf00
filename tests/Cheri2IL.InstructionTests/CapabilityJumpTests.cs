using System.Buffers.Binary;
using Cheri2IL.CaseGen;
using Cheri2IL.Conformance;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.TableGen;
using Cheri2IL.Translator.Ir;
using Xunit;

namespace Cheri2IL.InstructionTests;

/// <summary>Instruction fetch and control transfer under PCC and through capabilities. CHERI ISAv9, "CHERI exceptions", Sail model's order.</summary>
public abstract class CapabilityJumpTests : IDisposable
{
    private const ulong Code = 0x10000;
    private const int CodeBytes = 0x100;
    private const ulong Target = Code + 0x80;
    private const int ProgramCounter = 0x20;
    private const uint Ebreak = 0x00100073;
    private const uint Nop = 0x00000013;
    private const ushort CompressedNop = 0x0001;

    private static readonly Dictionary<string, InstructionRow> Rows = Generator.Read(
        Generator.FindTables(AppContext.BaseDirectory)!).Rows.ToDictionary(row => row.Mnemonic);

    private static readonly Capability CodeCapability = Capability.Omnipotent.SetAddress(Code).SetBoundsExact(CodeBytes);

    private readonly TraceMachine _machine;

    protected CapabilityJumpTests(TraceEngine engine)
    {
        _machine = new TraceMachine(engine);
        _machine.Reset();
        _machine.Code = ((long)Code, (long)Code + CodeBytes);
        for (var at = 0; at < CodeBytes; at += 4)
            BinaryPrimitives.WriteUInt32LittleEndian(_machine.Memory(Code + (ulong)at, 4), Ebreak);
        _machine[GuestRegister.Ddc] = Capability.Omnipotent;
        _machine[GuestRegister.Pcc] = CodeCapability;
    }

    public void Dispose()
    {
        _machine.Dispose();
        GC.SuppressFinalize(this);
    }

    [Theory]
    [InlineData(8, 0x8, CapabilityFaultCause.LengthViolation)] // the bounds end between instructions
    [InlineData(6, 0x4, CapabilityFaultCause.LengthViolation)] // in the middle of one
    [InlineData(5, 0x4, CapabilityFaultCause.LengthViolation)]
    public void Fetch_PastTop_FaultsAtTheInstructionThatDoesNotFit(ulong length, ulong pc, CapabilityFaultCause cause)
    {
        Write(Code, Nop, Nop, Nop);
        _machine[GuestRegister.Pcc] = CodeCapability.SetBoundsExact(length);
        AssertFault(Run(Code), Code + pc, cause, ProgramCounter);
    }

    [Fact]
    public void Fetch_CompressedInstructionBeforeTop_Runs()
    {
        BinaryPrimitives.WriteUInt16LittleEndian(_machine.Memory(Code, 2), CompressedNop);
        BinaryPrimitives.WriteUInt16LittleEndian(_machine.Memory(Code + 2, 2), CompressedNop);
        _machine[GuestRegister.Pcc] = CodeCapability.SetBoundsExact(4);
        AssertFault(Run(Code), Code + 4, CapabilityFaultCause.LengthViolation, ProgramCounter);
    }

    [Fact]
    public void Fetch_PccNotFit_FaultsInOrder()
    {
        var noExecute = CodeCapability.AndPermissions(~CapabilityPermissions.Execute);
        foreach (var (pcc, cause) in new[]
        {
            (CodeCapability.SealEntry().ClearTag(), CapabilityFaultCause.TagViolation),
            (noExecute.SealEntry(), CapabilityFaultCause.SealViolation),
            (noExecute.SetBounds(0), CapabilityFaultCause.PermitExecuteViolation),
            (CodeCapability.SetBounds(0), CapabilityFaultCause.LengthViolation),
        })
        {
            _machine[GuestRegister.Pcc] = pcc;
            AssertFault(Run(Code), Code, cause, ProgramCounter);
        }
    }

    [Fact]
    public void Fetch_IllegalInstruction_IsCheckedFirst()
    {
        Write(Code, 0);
        Assert.Equal(GuestFaultKind.IllegalInstruction, Run(Code).Kind);
        _machine[GuestRegister.Pcc] = CodeCapability.AndPermissions(~CapabilityPermissions.Execute);
        AssertFault(Run(Code), Code, CapabilityFaultCause.PermitExecuteViolation, ProgramCounter);
    }

    [Theory]
    [InlineData("jal", 0)]
    [InlineData("cjal", 1)]
    [InlineData("beq", 0)]
    [InlineData("bgeu", 1)]
    [InlineData("jalr", 0)]
    [InlineData("jalr.pcc", 0)]
    [InlineData("jalr.pcc", 1)]
    [InlineData("c.j", 0)]
    [InlineData("c.beqz", 1)]
    [InlineData("c.jr", 0)]
    [InlineData("c.jalr", 0)]
    public void Jump_TargetOutsideOfPcc_FaultsAtTheJump(string mnemonic, ulong mode)
    {
        foreach (var (length, isInside) in new[] { (0x82UL, true), (0x81UL, false), (0x80UL, false) })
        {
            Write(Code, Word(mnemonic, rd: mnemonic == "c.beqz" ? 0 : 1, rs1: mnemonic == "c.beqz" ? 8 : 10, rs2: 11, imm: Target - Code));
            _machine[GuestRegister.Pcc] = CodeCapability.SetBoundsExact(length).SetFlags(mode);
            _machine[10] = Capability.FromInteger(mnemonic == "jalr" ? Code : mnemonic.StartsWith('b') ? 0UL : Target);
            _machine[11] = Capability.FromInteger(0);
            _machine[8] = Capability.FromInteger(0);
            var fault = Run(Code);
            if (isInside)
                AssertFault(fault, Target, CapabilityFaultCause.LengthViolation, ProgramCounter); // its ebreak has four bytes
            else
                AssertFault(fault, Code, CapabilityFaultCause.LengthViolation, ProgramCounter);
        }
    }

    [Fact]
    public void Branch_NotTaken_ChecksNothing()
    {
        Write(Code, Word("bne", rs1: 0, rs2: 0, imm: 0x80), Ebreak);
        _machine[GuestRegister.Pcc] = CodeCapability.SetBoundsExact(8);
        Assert.Equal((GuestFaultKind.Breakpoint, (long)Code + 4), (Run(Code).Kind, Run(Code).Pc));
    }

    [Fact]
    public void Cjalr_EveryReason_FaultsInOrder()
    {
        var noExecute = CodeCapability.AndPermissions(~CapabilityPermissions.Execute);
        foreach (var (target, offset, cause) in new[]
        {
            (noExecute.SealEntry().ClearTag(), 0UL, CapabilityFaultCause.TagViolation),
            (noExecute.Seal(Capability.Omnipotent), 0UL, CapabilityFaultCause.SealViolation),
            (noExecute.SealEntry(), 2UL, CapabilityFaultCause.SealViolation),
            (CodeCapability.SealEntry(), 1UL, CapabilityFaultCause.SealViolation),
            (noExecute.SetBounds(0), 0UL, CapabilityFaultCause.PermitExecuteViolation),
            (noExecute.SealEntry(), 0UL, CapabilityFaultCause.PermitExecuteViolation),
            (CodeCapability, CodeBytes - 1UL + 1, CapabilityFaultCause.LengthViolation),
            (CodeCapability.SetBounds(1), 0UL, CapabilityFaultCause.LengthViolation),
        })
        {
            Write(Code, Word("cjalr", rd: 1, rs1: 10, imm: offset));
            _machine[GuestRegister.Pcc] = CodeCapability.SetFlags(1);
            _machine[10] = target;
            _machine[1] = Capability.Null;
            AssertFault(Run(Code), Code, cause, 10);
            Assert.Equal(Capability.Null, _machine[1]);
        }
    }

    [Theory]
    [InlineData("jalr.cap", 0)]
    [InlineData("cjalr", 1)]
    [InlineData("c.cjalr", 1)]
    public void JumpToCapability_Sentry_UnsealsLinksAndTakesItsMode(string mnemonic, ulong mode)
    {
        Write(Code, Word(mnemonic, rd: 1, rs1: 10, imm: 0));
        _machine[GuestRegister.Pcc] = CodeCapability.SetFlags(mode);
        _machine[10] = CodeCapability.SetAddress(Target + 1).SetFlags(1 - mode).AndPermissions(CapabilityPermissions.Execute).SealEntry();
        var fault = Run(Code);
        Assert.Equal((GuestFaultKind.Breakpoint, (long)Target), (fault.Kind, fault.Pc));
        Assert.Equal(_machine[10].WithoutSeal().Metadata, _machine[GuestRegister.Pcc].Metadata);
        Assert.True(_machine[GuestRegister.Pcc].IsTagged);
        var next = Code + (mnemonic[1] == '.' ? 2UL : 4);
        Assert.Equal(CodeCapability.SetFlags(mode).SetAddress(next).SealEntry(), _machine[1]);
    }

    [Fact]
    public void Cjalr_LinkIsItsTarget_JumpsToTheOldValue()
    {
        Write(Code, Word("cjalr", rd: 10, rs1: 10, imm: 0));
        _machine[GuestRegister.Pcc] = CodeCapability.SetFlags(1);
        _machine[10] = CodeCapability.SetAddress(Target).SetFlags(1);
        Assert.Equal((long)Target, Run(Code).Pc);
        Assert.Equal(Code + 4, _machine[10].Address);
        Assert.True(_machine[10].IsSentry);
    }

    [Fact]
    public void Call_AndReturnThroughSentry_ComesBackInTheCallersMode()
    {
        // Capability mode calls integer mode, which returns with jalr.cap.
        Write(Code, Word("cjalr", rd: 1, rs1: 10, imm: 0), Ebreak);
        Write(Target, Word("addi", rd: 12, rs1: 0, imm: 42), Word("jalr.cap", rd: 0, rs1: 1));
        _machine[GuestRegister.Pcc] = CodeCapability.SetFlags(1);
        _machine[10] = CodeCapability.SetAddress(Target).SealEntry();
        var fault = Run(Code);
        Assert.Equal((GuestFaultKind.Breakpoint, (long)Code + 4), (fault.Kind, fault.Pc));
        Assert.True(_machine[GuestRegister.Pcc].IsCapabilityMode);
        Assert.Equal(Capability.FromInteger(42), _machine[12]);
    }

    [Fact]
    public void Cinvoke_EveryReason_FaultsInOrder()
    {
        var type = Capability.Omnipotent.SetAddress(7);
        var otherType = Capability.Omnipotent.SetAddress(8);
        var data = Capability.Omnipotent.AndPermissions(~CapabilityPermissions.Execute);
        var noInvoke = ~CapabilityPermissions.Invoke;
        var noExecute = ~CapabilityPermissions.Execute;
        Write(Code, Word("cinvoke", rs1: 10, rs2: 11));
        foreach (var (first, second, cause, register) in new[]
        {
            (CodeCapability.ClearTag(), data.ClearTag(), CapabilityFaultCause.TagViolation, 10),
            (CodeCapability, data.ClearTag(), CapabilityFaultCause.TagViolation, 11),
            (CodeCapability.SealEntry(), data, CapabilityFaultCause.SealViolation, 10),
            (CodeCapability.Seal(type), data, CapabilityFaultCause.SealViolation, 11),
            (CodeCapability.Seal(type), data.SealEntry(), CapabilityFaultCause.SealViolation, 11),
            (CodeCapability.AndPermissions(noInvoke).Seal(type), data.Seal(otherType), CapabilityFaultCause.TypeViolation, 10),
            (CodeCapability.AndPermissions(noInvoke).Seal(type), data.AndPermissions(noInvoke).Seal(type), CapabilityFaultCause.PermitCInvokeViolation, 10),
            (CodeCapability.AndPermissions(noExecute).Seal(type), data.AndPermissions(noInvoke).Seal(type), CapabilityFaultCause.PermitCInvokeViolation, 11),
            (CodeCapability.AndPermissions(noExecute).Seal(type), CodeCapability.Seal(type), CapabilityFaultCause.PermitExecuteViolation, 10),
            (CodeCapability.SetBounds(0).Seal(type), CodeCapability.Seal(type), CapabilityFaultCause.PermitExecuteViolation, 11),
            (CodeCapability.SetBounds(1).Seal(type), data.Seal(type), CapabilityFaultCause.LengthViolation, 10),
        })
        {
            (_machine[10], _machine[11], _machine[31]) = (first, second, Capability.Null);
            _machine[GuestRegister.Pcc] = CodeCapability;
            AssertFault(Run(Code), Code, cause, register);
            Assert.Equal(Capability.Null, _machine[31]);
        }
    }

    [Fact]
    public void Cinvoke_Pair_UnsealsBoth()
    {
        var type = Capability.Omnipotent.SetAddress(7);
        var data = Capability.Omnipotent.AndPermissions(~CapabilityPermissions.Execute).SetAddress(0x1234);
        Write(Code, Word("cinvoke", rs1: 10, rs2: 11));
        _machine[10] = CodeCapability.SetAddress(Target + 1).SetFlags(1).Seal(type);
        _machine[11] = data.Seal(type);
        Assert.Equal((long)Target, Run(Code).Pc);
        Assert.Equal(data, _machine[31]);
        Assert.Equal(CodeCapability.SetAddress(Target).SetFlags(1), _machine[GuestRegister.Pcc]);
    }

    [Fact]
    public void Auipcc_BoundsDoNotReachSoFar_LosesTheTag()
    {
        Write(Code, Word("auipcc", rd: 10, imm: 0x1000), Word("auipcc", rd: 11, imm: 0x100000));
        _machine[GuestRegister.Pcc] = CodeCapability.SetFlags(1);
        Run(Code);
        Assert.Equal(CodeCapability.SetFlags(1).SetAddress(Code + 0x1000), _machine[10]);
        Assert.True(_machine[10].IsTagged);
        Assert.Equal((Code + 0x100004, false), (_machine[11].Address, _machine[11].IsTagged));
    }

    [Fact]
    public void IntegerInstruction_OnACapability_MakesAnInteger()
    {
        Write(Code, Word("addi", rd: 10, rs1: 10), Word("add", rd: 11, rs1: 0, rs2: 11), Word("cmove", rd: 12, rs1: 13));
        (_machine[10], _machine[11], _machine[13]) = (CodeCapability, CodeCapability, CodeCapability);
        Run(Code);
        Assert.Equal(Capability.FromInteger(Code), _machine[10]);
        Assert.Equal(Capability.FromInteger(Code), _machine[11]);
        Assert.Equal(CodeCapability, _machine[12]);
    }

    /// <summary>Compressed HINTs with a register change nothing, not even the kind of what is in it.</summary>
    [Theory]
    [InlineData(0x0501)] // c.addi a0,0
    [InlineData(0x0502)] // c.slli a0,0
    [InlineData(0x8101)] // c.srli a0,0
    [InlineData(0x8501)] // c.srai a0,0
    public void CompressedHint_OnACapability_KeepsIt(int word)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(_machine.Memory(Code, 2), (ushort)word);
        _machine[10] = CodeCapability;
        Run(Code);
        Assert.Equal(CodeCapability, _machine[10]);
    }

    [Theory]
    [InlineData(0, 10, true)] // writes PCC
    [InlineData(2, 0, true)]
    [InlineData(4, 0, true)]
    [InlineData(12, 0, true)]
    [InlineData(31, 10, true)]
    [InlineData(0, 0, false)]
    [InlineData(1, 0, false)]
    [InlineData(1, 10, false)]
    public void Cspecialrw_RegisterThatUserModeHasNot_IsIllegal(int register, int source, bool isIllegal)
    {
        Write(Code, Word("cspecialrw", rd: 11, rs1: source, rs2: register));
        _machine[GuestRegister.Pcc] = CodeCapability.AndPermissions(~CapabilityPermissions.AccessSystemRegisters);
        var fault = Run(Code);
        Assert.Equal(isIllegal ? GuestFaultKind.IllegalInstruction : GuestFaultKind.Breakpoint, fault.Kind);
        if (!isIllegal)
            Assert.Equal(register == 1 ? Capability.Omnipotent : _machine[GuestRegister.Pcc].SetAddress(Code), _machine[11]);
    }

    /// <summary>Of the CSRs of user mode, uccsr alone needs a permission.</summary>
    [Theory]
    [InlineData(0x8c0, 0xc0000001)]
    [InlineData(0x003, 0)]
    public void Csr_WithoutAccessSystemRegisters_FaultsIfItIsNotAnExemptOne(long csr, ulong value)
    {
        Write(Code, Word("csrrs", rd: 10, imm: (ulong)csr), Word("csrrw", rd: 11, rs1: 0, imm: (ulong)csr));
        Assert.Equal(GuestFaultKind.Breakpoint, Run(Code).Kind);
        Assert.Equal((Capability.FromInteger(value), Capability.FromInteger(value)), (_machine[10], _machine[11]));

        _machine[10] = CodeCapability;
        _machine[GuestRegister.Pcc] = CodeCapability.AndPermissions(~CapabilityPermissions.AccessSystemRegisters);
        var fault = Run(Code);
        if (csr == 0x8c0)
            AssertFault(fault, Code, CapabilityFaultCause.AccessSystemRegsViolation, ProgramCounter);
        else
            Assert.Equal(GuestFaultKind.Breakpoint, fault.Kind);
        Assert.Equal(csr == 0x8c0 ? CodeCapability : Capability.FromInteger(0), _machine[10]);
    }

    private static uint Word(string mnemonic, int rd = 0, int rs1 = 0, int rs2 = 0, ulong imm = 0) =>
        Encoder.Word(Rows[mnemonic], new Fields(Rd: rd, Rs1: rs1, Rs2: rs2, Imm: (long)imm));

    private static void AssertFault(GuestFault fault, ulong pc, CapabilityFaultCause cause, int register) =>
        Assert.Equal(
            (GuestFaultKind.Capability, (long)pc, cause, register), (fault.Kind, fault.Pc, fault.CapabilityCause, (int)fault.CapabilityRegister));

    private void Write(ulong address, params uint[] words)
    {
        foreach (var word in words)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(_machine.Memory(address, 4), word);
            address += 4;
        }
    }

    private unsafe GuestFault Run(ulong pc)
    {
        _machine.State->Pc = (long)pc;
        return _machine.Run();
    }
}

/// <summary>By the evaluator.</summary>
public sealed class EvaluatedCapabilityJumpTests() : CapabilityJumpTests(TraceEngine.Evaluator);

/// <summary>By emitted code.</summary>
public sealed class EmittedCapabilityJumpTests() : CapabilityJumpTests(TraceEngine.Emitted);
