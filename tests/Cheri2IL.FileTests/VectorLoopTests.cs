using System.Globalization;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Passes;
using Xunit;

namespace Cheri2IL.FileTests;

/// <summary>
/// Loops over elements, which are emitted in vector form, behave as evaluated: pointers that overlap in every way, NaNs, special
/// values, every element, few and many turns. Memory, registers and flags are compared.
/// </summary>
[Collection(EvalMachine.TestCollection)]
public sealed class VectorLoopTests
{
    private const int LoopsPerAssembly = 50;
    private const int InputsPerLoop = 6;

    [Fact]
    public void Emitter_RandomElementLoop_BehavesAsEvaluated()
    {
        var first = RandomFunction.FirstSeed;
        for (var seed = first; seed < first + RandomFunction.Functions; seed += LoopsPerAssembly)
        {
            var loops = Enumerable.Range(seed, LoopsPerAssembly).Select((s, k) => new RandomElementLoop(new Random(s), 0x11000 + (k * 0x1000L))).ToArray();
            foreach (var loop in loops)
            {
                PassPipeline.Run(loop.Function, new PassOptions { GuaranteedSlotBytes = EvalMachine.SlotSize, Verify = true });
                Assert.True(loop.Function.Blocks.Exists(b => b.IsVector), IrPrinter.Print(loop.Function));
            }

            var module = TranslatedFunctions.Load([.. loops.Select(l => l.Function)]);
            for (var k = 0; k < loops.Length; k++)
            {
                for (var n = 0; n < InputsPerLoop; n++)
                    Compare(loops[k], module, $"seed {seed + k}");
            }
        }
    }

    private static void Compare(RandomElementLoop loop, Runtime.Execution.TranslatedModule module, string name)
    {
        var input = loop.Input();
        using var evaluating = new EvalMachine();
        evaluating.Apply(input);
        var expected = evaluating.Run(loop.Function);
        var actual = Dispatch();
        // Compiling a helper of the runtime at its first call may raise flags; the second run is clean of that.
        if (actual != expected)
            actual = Dispatch();
        if (actual != expected)
            Assert.Fail($"{name}: {input}\nexpected {expected}\nactual   {actual}\n{IrPrinter.Print(loop.Function)}");

        string Dispatch()
        {
            using var machine = new EvalMachine(module);
            machine.Apply(input);
            return machine.Dispatch(loop.Function.EntryPc);
        }
    }

    [Theory]
    // A value that one turn hands to the next.
    [InlineData("%9 = get f1", "%10 = fadd.f64 %9, %3, dyn", "set f1, %10")]
    // A store before a load.
    [InlineData("store.f64 %0, 64, %3", "%10 = load.f64 %0, 128", "set f2, %10")]
    // Nearer than a vector, through the same pointer.
    [InlineData("%9 = get f3", "%10 = fadd.f64 %9, %3, dyn", "store.f64 %0, 16, %10")]
    // Elements of two sizes.
    [InlineData("%9 = load.i32 %0, 64", "%10 = get x9", "store.i32 %0, 96, %10")]
    // A rounding mode of its own.
    [InlineData("%9 = get f3", "%10 = fadd.f64 %9, %3, rtz", "store.f64 %0, 0, %10")]
    public void Recognise_TurnsDependOnEachOther_IsNone(string a, string b, string c)
    {
        var function = IrParser.ParseFunction($$"""
            function 0x1000 {
            b0 @0x1000:
              jump b1
            b1 @0x1004:
              poll
              %0 = get x1
              check.load %0, 0
              %3 = load.f64 %0, 0
              {{a}}
              {{b}}
              {{c}}
              store.f64 %0, 0, %3
              %16 = const.i64 8
              %17 = add.i64 %0, %16
              set x1, %17
              %19 = get x2
              %20 = ne.i64 %17, %19
              branch %20, b1, b2
            b2 @0x1008:
              tailcall 0x8000
            }
            """);
        Assert.Null(VectorLoop.Recognise(function.Blocks[1]));
    }

    /// <summary>A function with a loop of the kind that <see cref="VectorLoop"/> recognises, and inputs for it.</summary>
    private sealed class RandomElementLoop
    {
        private const int Base = 0x20000;
        private const int Window = 2048;
        private readonly Random _random;
        private readonly IrBlock _body;
        private readonly MemoryAccess _access;
        private readonly int _size;
        private readonly int _pointers;
        private readonly long _counterStep;
        private readonly bool _countsPointer;

        public RandomElementLoop(Random random, long pc)
        {
            _random = random;
            _access = (MemoryAccess)random.Next(9);
            _size = IrSignature.SizeOf(_access);
            _pointers = random.Next(1, 4);
            _countsPointer = random.Next(2) == 0;
            _counterStep = _countsPointer ? _size : Choose([1L, -1, 2, -4]);
            Function = new IrFunction(pc, "loop");
            var entry = new IrBlock(pc);
            _body = new IrBlock(pc + 4);
            var exit = new IrBlock(pc + 0x100);
            Function.Blocks.AddRange([entry, _body, exit]);
            entry.Instructions.Add(new IrInstruction(IrOp.Jump, IrType.Void) { Pc = pc });
            entry.Successors.Add(_body);
            exit.Instructions.Add(new IrInstruction(IrOp.TailCall, IrType.Void) { Pc = exit.Pc, Immediate = 0x8000 });
            Build();
            _body.Successors.AddRange([_body, exit]);
            Function.Number();
        }

        public IrFunction Function { get; }

        /// <summary>Registers and memory: pointers near each other or apart, one to a hundred turns.</summary>
        public string Input()
        {
            var turns = Choose([1, 2, 3, _random.Next(1, 100), _random.Next(30, 100)]);
            var items = new List<string> { $"frm={_random.Next(0, 4)}", "x9=0x123456789abcdef0", "f9=0x3ff8000000000000", "f10=0xffffffff40490fdb" };
            long[] pointers = [.. Enumerable.Range(0, 3).Select(_ => Base + 512L + Choose([0, 0, _size, -_size, 3 * _size, _random.Next(-40, 40), _random.Next(-500, 500)]))];
            for (var p = 0; p < 3; p++)
                items.Add(string.Create(CultureInfo.InvariantCulture, $"x{p + 1}={pointers[p]}"));
            var counter = _countsPointer ? pointers[0] : 1000;
            if (!_countsPointer)
                items.Add(string.Create(CultureInfo.InvariantCulture, $"x7={counter}"));
            items.Add(string.Create(CultureInfo.InvariantCulture, $"x8={counter + (turns * _counterStep)}"));
            var bytes = new byte[Window];
            _random.NextBytes(bytes);
            var isFloat = _access is MemoryAccess.F32 or MemoryAccess.F64;
            for (var at = 0; isFloat && at < Window; at += _size)
            {
                var value = Choose([1.5, -2.25, 0.1, 1e300, -1e-300, 0, -0.0]);
                if (_random.Next(60) == 0)
                    value = Choose([double.NaN, double.PositiveInfinity, double.NegativeInfinity, BitConverter.Int64BitsToDouble(0x7ff0_0000_0000_0001)]);
                if (_size == 4)
                    BitConverter.TryWriteBytes(bytes.AsSpan(at), (float)value);
                else
                    BitConverter.TryWriteBytes(bytes.AsSpan(at), value);
            }

            items.Add($"[0x{Base:x}]={Convert.ToHexStringLower(bytes)}");
            return string.Join(' ', items);
        }

        private void Build()
        {
            Emit(new IrInstruction(IrOp.Poll, IrType.Void));
            var values = new List<IrInstruction>();
            for (var n = _random.Next(1, 4); n > 0; n--)
                values.Add(Load());
            values.Add(Invariant());
            // Everything that is loaded reaches a store.
            var result = values[0];
            for (var k = 1; k < values.Count; k++)
                result = Combine(result, values[k]);
            for (var n = _random.Next(0, 3); n > 0; n--)
                result = Combine(result, Choose([.. values]));
            for (var n = _random.Next(1, 3); n > 0; n--)
                Store(result);
            Advance();
        }

        private bool IsFloat => _access is MemoryAccess.F32 or MemoryAccess.F64;

        private IrType Type => _access switch { MemoryAccess.F32 => IrType.F32, MemoryAccess.F64 => IrType.F64, _ => IrType.I64 };

        private (IrInstruction Address, long Offset) Pointer()
            => (Emit(new IrInstruction(IrOp.Get, IrType.I64) { Register = (byte)_random.Next(1, _pointers + 1) }), Choose([0L, 0, 64, -64]));

        private IrInstruction Load()
        {
            var (address, offset) = Pointer();
            Emit(new IrInstruction(IrOp.Check, IrType.Void, address) { Immediate = offset });
            var value = Emit(new IrInstruction(IrOp.Load, Type, address) { Access = _access, Immediate = offset });
            // Through a register, as a lifter writes it.
            if (_access != MemoryAccess.F32)
            {
                var register = (byte)(IsFloat ? GuestRegister.F0 + 1 : 12);
                Emit(new IrInstruction(IrOp.Set, IrType.Void, value) { Register = register });
                return Emit(new IrInstruction(IrOp.Get, value.Type) { Register = register });
            }

            var box = Emit(new IrInstruction(IrOp.Box, IrType.F64, value));
            Emit(new IrInstruction(IrOp.Set, IrType.Void, box) { Register = GuestRegister.F0 + 1 });
            var get = Emit(new IrInstruction(IrOp.Get, IrType.F64) { Register = GuestRegister.F0 + 1 });
            return Emit(new IrInstruction(IrOp.Unbox, IrType.F32, get));
        }

        private IrInstruction Invariant()
        {
            if (!IsFloat)
                return _random.Next(2) == 0 ? Const(-5) : Emit(new IrInstruction(IrOp.Get, IrType.I64) { Register = 9 });
            var get = Emit(new IrInstruction(IrOp.Get, IrType.F64) { Register = (byte)(GuestRegister.F0 + (Type == IrType.F32 ? 10 : 9)) });
            return Type == IrType.F64 ? get : Emit(new IrInstruction(IrOp.Unbox, IrType.F32, get));
        }

        private IrInstruction Combine(IrInstruction a, IrInstruction b)
        {
            if (!IsFloat)
            {
                var op = Choose([IrOp.Add, IrOp.Sub, IrOp.And, IrOp.Or, IrOp.Xor]);
                if (_size > 4 || _random.Next(2) == 0)
                    return Emit(new IrInstruction(op, IrType.I64, a, b));
                var narrow = Emit(new IrInstruction(op, IrType.I32, Emit(new IrInstruction(IrOp.Truncate, IrType.I32, a)), Emit(new IrInstruction(IrOp.Truncate, IrType.I32, b))));
                return Emit(new IrInstruction(IrOp.SignExtend32, IrType.I64, narrow));
            }

            switch (_random.Next(8))
            {
                case 0:
                    return Emit(new IrInstruction(IrOp.FAdd, Type, Emit(new IrInstruction(IrOp.FNeg, Type, a)), b) { Immediate = 7 });
                case 1:
                    return Emit(new IrInstruction(IrOp.FAdd, Type, Emit(new IrInstruction(IrOp.FSqrt, Type, a) { Immediate = 7 }), b) { Immediate = 7 });
                case 2 or 3:
                    return Emit(new IrInstruction(IrOp.FMulAdd, Type, a, b, Choose([a, b])) { Immediate = 7 });
                default:
                    return Emit(new IrInstruction(Choose([IrOp.FAdd, IrOp.FSub, IrOp.FMul, IrOp.FDiv]), Type, a, b) { Immediate = 7 });
            }
        }

        private void Store(IrInstruction value)
        {
            var (address, offset) = Pointer();
            Emit(new IrInstruction(IrOp.Check, IrType.Void, address) { Immediate = offset, IsStore = true });
            Emit(new IrInstruction(IrOp.Store, IrType.Void, address, value) { Access = _access, Immediate = offset });
        }

        private void Advance()
        {
            for (var p = 1; p <= _pointers; p++)
                Step((byte)p, _size);
            if (!_countsPointer)
                Step(7, _counterStep);
            var counter = Emit(new IrInstruction(IrOp.Get, IrType.I64) { Register = (byte)(_countsPointer ? 1 : 7) });
            var end = Emit(new IrInstruction(IrOp.Get, IrType.I64) { Register = 8 });
            Emit(new IrInstruction(IrOp.Branch, IrType.Void, Emit(new IrInstruction(IrOp.Ne, IrType.I32, counter, end))));
        }

        private void Step(byte register, long step)
        {
            var get = Emit(new IrInstruction(IrOp.Get, IrType.I64) { Register = register });
            Emit(new IrInstruction(IrOp.Set, IrType.Void, Emit(new IrInstruction(IrOp.Add, IrType.I64, get, Const(step)))) { Register = register });
        }

        private IrInstruction Const(long value) => Emit(new IrInstruction(IrOp.Const, IrType.I64) { Immediate = value });

        private IrInstruction Emit(IrInstruction instruction)
        {
            instruction.Pc = _body.Pc;
            _body.Instructions.Add(instruction);
            return instruction;
        }

        private T Choose<T>(T[] choices) => choices[_random.Next(choices.Length)];
    }
}
