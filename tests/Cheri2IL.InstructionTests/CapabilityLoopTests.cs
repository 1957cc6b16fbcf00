using System.Buffers.Binary;
using Cheri2IL.Conformance;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;
using Xunit;

namespace Cheri2IL.InstructionTests;

/// <summary>
/// Random loops in capability mode, evaluated and emitted: what emitted code keeps decoded in locals, takes over from other registers, proves
/// or elides must end as the evaluator, which decodes and checks everything, has it.
/// </summary>
public sealed class CapabilityLoopTests
{
    private const long CodeAddress = 0x10000;
    private const int CodeBytes = 0x200;
    private const ulong DataAddress = 0x20000;
    private const int DataBytes = 0x400;
    private const int Programs = 300;
    private const int StatesPerProgram = 8;
    private const uint Ebreak = 0x00100073;
    private const uint Counter = 31;

    /// <summary>Registers of the programs: they hold capabilities or integers as it comes.</summary>
    private const int FirstRegister = 5;
    private const int RegisterCount = 8;

    [Fact]
    public void Loops_Random_EndAsEvaluated() => Compare(Program, mostTurns: 6, hasTags: false);

    /// <summary>Pointers that step through memory by constants, to the ends of their bounds and past them: several turns are checked at once.</summary>
    [Fact]
    public void Loops_Stepping_EndAsEvaluated() => Compare(SteppingProgram, mostTurns: 60, hasTags: true);

    private static void Compare(Func<Random, uint[]> make, int mostTurns, bool hasTags)
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        using var evaluated = new TraceMachine(TraceEngine.Evaluator);
        using var emitted = new TraceMachine(TraceEngine.Emitted);
        var faults = 0;
        for (var program = 0; program < Programs; program++)
        {
            var code = make(random);
            for (var k = 0; k < StatesPerProgram; k++)
            {
                var start = random.Next();
                var (expected, actual) = (Run(evaluated, code, start, mostTurns, hasTags), Run(emitted, code, start, mostTurns, hasTags));
                Assert.True(expected == actual, $"seed {seed}, program {program}, state {k}\n{string.Join('\n', code.Select(w => w.ToString("x8")))}\n{expected}\n{actual}");
                faults += expected.StartsWith(nameof(GuestFaultKind.Breakpoint), StringComparison.Ordinal) ? 0 : 1;
            }
        }

        // Both ends have to be reached, or the programs say little.
        Assert.InRange(faults, Programs * StatesPerProgram / 10, Programs * StatesPerProgram * 9 / 10);
        Assert.Equal(0, emitted.Evaluations);
    }

    /// <summary>A loop of random instructions, one of them jumped over now and then, and the breakpoint behind it.</summary>
    private static uint[] Program(Random random)
    {
        var body = Enumerable.Range(0, random.Next(3, 10)).Select(_ => Instruction(random)).ToList();
        var skip = random.Next(body.Count);
        body.Insert(skip, Branch(function: 1, rs1: Register(random), rs2: Register(random), offset: 8));
        return Loop(body);
    }

    private static uint[] SteppingProgram(Random random)
    {
        var body = new List<uint>();
        foreach (var pointer in Enumerable.Range(0, random.Next(1, 4)).Select(_ => Register(random)).Distinct())
        {
            var step = (ReadOnlySpan<int>)[0, 1, 4, 8, 8, 8, 16, 24, -8, -1];
            body.Insert(random.Next(body.Count + 1), Immediate(0x5b, 1, pointer, pointer, step[random.Next(step.Length)]));
            for (var accesses = random.Next(1, 4); accesses > 0; accesses--)
            {
                var target = (uint)(FirstRegister + RegisterCount + random.Next(3));
                var offset = random.Next(3) == 0 ? random.Next(-16, 24) : 8 * random.Next(-1, 3);
                body.Insert(random.Next(body.Count + 1), random.Next(8) switch
                {
                    0 or 1 or 2 => Store((uint)random.Next(4), pointer, target, offset),
                    3 => Store(4, pointer, Register(random), offset & -16), // csc
                    _ => Immediate(0x03, (uint)random.Next(7), target, pointer, offset),
                });
            }
        }

        if (random.Next(3) == 0)
            body.Insert(random.Next(body.Count), Branch(function: 1, rs1: Register(random), rs2: Register(random), offset: 8));
        return Loop(body);
    }

    /// <summary>In front of it there is an instruction, for loops at the entry of a function are not unrolled.</summary>
    private static uint[] Loop(List<uint> body) =>
    [
        Immediate(0x13, 0, 0, 0, 0),
        .. body,
        Immediate(0x13, 0, Counter, Counter, -1),
        Branch(function: 1, rs1: Counter, rs2: 0, offset: -4 * (body.Count + 1)),
        Ebreak,
    ];

    private static uint Instruction(Random random)
    {
        var (rd, rs1, rs2) = (Register(random), Register(random), Register(random));
        if (random.Next(3) == 0)
            rd = rs1;

        // Integers mostly go elsewhere, or soon nothing could be accessed.
        var integer = random.Next(6) == 0 ? rd : (uint)(FirstRegister + RegisterCount + random.Next(3));
        var offset = random.Next(4) == 0 ? 16 * random.Next(-2, 4) : random.Next(-4, 24);
        return random.Next(17) switch
        {
            0 or 1 or 2 => Immediate(0x5b, 1, rd, rs1, offset), // cincoffset
            3 => Immediate(0x5b, 2, rd, rs1, random.Next(16, 128)), // csetbounds
            4 => Operands(random.Next(4) == 0 ? 0x10u : 0x11, rd, rs1, random.Next(2) == 0 ? rs2 : integer), // csetaddr, cincoffset
            5 => Operands(0x7f, rd, rs1, random.Next(12) == 0 ? 17u : 10), // csealentry, cmove
            6 => Operands(0x7f, integer, rs1, random.Next(2) == 0 ? 15u : 3), // cgetaddr, cgetlen
            7 => Immediate(0x13, 0, integer, random.Next(2) == 0 ? 0 : rs1, random.Next(32)), // addi
            8 => Immediate(0x0f, 2, rd, rs1, offset & -16), // clc
            9 => Store(4, rs1, rs2, offset & -16), // csc
            10 or 11 or 12 => Store((uint)random.Next(4), rs1, rs2, offset),
            _ => Immediate(0x03, (uint)random.Next(7), integer, rs1, offset),
        };
    }

    private static uint Register(Random random) => (uint)(FirstRegister + random.Next(RegisterCount));

    private static uint Immediate(uint opcode, uint function, uint rd, uint rs1, int immediate) =>
        opcode | (rd << 7) | (function << 12) | (rs1 << 15) | ((uint)immediate << 20);

    private static uint Operands(uint function, uint rd, uint rs1, uint rs2) => 0x5b | (rd << 7) | (rs1 << 15) | (rs2 << 20) | (function << 25);

    private static uint Store(uint function, uint rs1, uint rs2, int offset) =>
        0x23 | (((uint)offset & 31) << 7) | (function << 12) | (rs1 << 15) | (rs2 << 20) | (((uint)(offset >> 5) & 127) << 25);

    private static uint Branch(uint function, uint rs1, uint rs2, int offset) =>
        0x63 | (((uint)(offset >> 11) & 1) << 7) | (((uint)(offset >> 1) & 15) << 8) | (function << 12) | (rs1 << 15) | (rs2 << 20)
            | (((uint)(offset >> 5) & 63) << 25) | (((uint)(offset >> 12) & 1) << 31);

    /// <summary>
    /// Runs a program, which loads no capabilities if random bytes may have a tag, from the state that a number stands for, and describes everything that is there at its end.</summary>
    private static string Run(TraceMachine machine, uint[] code, int start, int mostTurns, bool hasTags)
    {
        var random = new Random(start);
        machine.Reset();
        machine.Code = (CodeAddress, CodeAddress + CodeBytes);
        for (var k = 0; k < code.Length; k++)
            BinaryPrimitives.WriteUInt32LittleEndian(machine.Memory((ulong)(CodeAddress + (4 * k)), 4), code[k]);
        random.NextBytes(machine.Memory(DataAddress, DataBytes));
        var tags = machine.Tags(DataAddress, DataBytes);
        tags.Clear();
        if (hasTags && random.Next(2) == 0)
            tags[random.Next(tags.Length)] = 1;
        machine[GuestRegister.Pcc] = Capability.Omnipotent.SetFlags(1);
        for (var register = FirstRegister; register < FirstRegister + RegisterCount; register++)
            machine[register] = Value(random);
        machine[(int)Counter] = Capability.FromInteger((ulong)random.Next(1, mostTurns));
        unsafe
        {
            machine.State->Pc = CodeAddress;
            machine.State->Capabilities.IsAlone = random.Next(2) == 0;
        }

        var fault = machine.Run();
        var registers = Enumerable.Range(1, 31).Select(n => machine[n]).Select(c => $"{c.Metadata:x}:{c.Address:x}:{c.IsTagged}");
        return $"{fault.Kind} {fault.CapabilityCause} {fault.CapabilityRegister} at {fault.Pc:x}, {fault.Address:x}: {string.Join(' ', registers)} "
            + $"{Convert.ToHexString(machine.Memory(DataAddress, DataBytes))} {Convert.ToHexString(machine.Tags(DataAddress, DataBytes))}";
    }

    private static Capability Value(Random random)
    {
        if (random.Next(12) == 0)
            return Capability.FromInteger((ulong)random.Next(48));
        var capability = Capability.Omnipotent.SetAddress(DataAddress + (ulong)(16 * random.Next(8))).SetBounds((ulong)random.Next(0x80, 0x300));
        capability = capability.SetAddress(capability.Address + (ulong)(random.Next(6) == 0 ? random.Next(-64, 0x180) : 16 * random.Next(8)));
        return random.Next(24) switch
        {
            0 => capability.ClearTag(),
            1 => capability.AndPermissions(~CapabilityPermissions.Store),
            2 => capability.AndPermissions(~(CapabilityPermissions.StoreLocalCapability | CapabilityPermissions.LoadCapability)),
            3 => capability.SealEntry(),
            4 => capability.AndPermissions(~CapabilityPermissions.Global),
            _ => capability,
        };
    }
}
