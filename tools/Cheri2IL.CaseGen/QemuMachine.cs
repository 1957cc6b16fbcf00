using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Isa.RiscV;

namespace Cheri2IL.CaseGen;

/// <summary>Runs code in qemu-riscv64: the independent opinion on what instructions do.</summary>
public sealed class QemuMachine
{
    private const int StateBytes = 8 * (1 + 32 + 32 + 1);
    private const int RequestBytes = StateBytes + 8 + MachineLayout.PageBytes;
    private const int ResponseBytes = StateBytes + 16 + MachineLayout.PageBytes;

    private const int Sigill = 4;
    private const int Sigtrap = 5;
    private const int Sigbus = 7;

    private readonly string _harness;

    private QemuMachine(string harness) => _harness = harness;

    /// <summary>Builds the harness. Null, and the reason, if the cross compiler or qemu is not installed.</summary>
    public static QemuMachine? TryCreate(out string missing)
    {
        missing = "";
        var folder = Directory.CreateTempSubdirectory("cheri2il-casegen-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        var source = Path.Combine(folder, "qemu-harness.c");
        using (var resource = typeof(QemuMachine).Assembly.GetManifestResourceStream("qemu-harness.c")!)
        using (var file = File.Create(source))
            resource.CopyTo(file);
        var harness = Path.Combine(folder, "qemu-harness");
        try
        {
            // Linked far from the tested code's memory.
            Run("riscv64-linux-gnu-gcc", ["-O1", "-static", "-no-pie", "-Wl,-Ttext-segment=0x40000000", "-o", harness, source]);
            Run("qemu-riscv64", ["--version"]);
        }
        catch (Win32Exception)
        {
            missing = "needs qemu-riscv64 and a cross compiler: apt-get install qemu-user gcc-riscv64-linux-gnu libc6-dev-riscv64-cross";
            return null;
        }

        return new QemuMachine(harness);
    }

    /// <summary>Runs each program from its state and returns the states in which they stop.</summary>
    /// <param name="programs">Code from <see cref="MachineLayout.Code"/> on, and the state before.</param>
    /// <exception cref="InvalidOperationException">The emulator failed.</exception>
    public IReadOnlyList<MachineState> Run(IReadOnlyList<(byte[] Code, MachineState Before)> programs)
    {
        var start = new ProcessStartInfo("qemu-riscv64", ["-cpu", "rv64,zba=true,zbb=true,zbs=true", _harness])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        var sender = Task.Run(() =>
        {
            using var input = process.StandardInput.BaseStream;
            Send(input, programs);
        });
        var results = new List<MachineState>(programs.Count);
        var response = new byte[ResponseBytes];
        var output = process.StandardOutput.BaseStream;
        foreach (var (code, before) in programs)
        {
            if (output.ReadAtLeast(response, ResponseBytes, throwOnEndOfStream: false) < ResponseBytes)
                break;
            results.Add(Receive(response, code, before));
        }

        sender.Wait();
        process.WaitForExit();
        return process.ExitCode == 0 && results.Count == programs.Count
            ? results
            : throw new InvalidOperationException($"the emulator stopped after {results.Count} of {programs.Count} programs, exit code {process.ExitCode}");
    }

    private static void Send(Stream input, IReadOnlyList<(byte[] Code, MachineState Before)> programs)
    {
        var request = new byte[RequestBytes];
        byte[]? loaded = null;
        try
        {
            foreach (var (code, before) in programs)
            {
                var words = MemoryMarshal.Cast<byte, ulong>(request.AsSpan(0, StateBytes + 8));
                words[0] = before.Pc;
                before.X.CopyTo(words[1..]);
                before.F.CopyTo(words[33..]);
                words[65] = (ulong)(before.Frm << 5 | before.Fflags);
                var isNew = loaded == null || !code.AsSpan().SequenceEqual(loaded);
                words[66] = isNew ? (ulong)code.Length : 0;
                before.Data.CopyTo(request, StateBytes + 8);
                input.Write(request);
                if (isNew)
                    input.Write(loaded = code);
            }
        }
        catch (IOException)
        {
            // The emulator died; the reader reports it.
        }
    }

    private static MachineState Receive(byte[] response, byte[] code, MachineState before)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(response.AsSpan(0, StateBytes + 16));
        var after = new MachineState { Pc = words[0], Frm = (int)(words[65] >> 5) & 7, Fflags = (int)words[65] & 31 };
        words.Slice(1, 32).CopyTo(after.X);
        words.Slice(33, 32).CopyTo(after.F);
        response.AsSpan(StateBytes + 16).CopyTo(after.Data);
        var (signal, address) = ((int)words[66], words[67]);
        after.X[0] = before.X[0];
        switch (signal)
        {
            case Sigtrap:
                break;
            case Sigill:
                after.Fault = GuestFaultKind.IllegalInstruction;
                break;
            case Sigbus:
                after.Fault = GuestFaultKind.MisalignedAtomic;
                after.FaultAddress = address;
                break;
            default:
                after.Fault = MemoryFaultAt(code, after.Pc);
                after.FaultAddress = after.Fault == GuestFaultKind.InstructionAccess ? after.Pc : address;
                break;
        }

        return after;
    }

    /// <summary>SIGSEGV does not tell loads, stores and fetches apart: the instruction does.</summary>
    private static GuestFaultKind MemoryFaultAt(byte[] code, ulong pc)
    {
        var offset = pc - MachineLayout.Code;
        if (offset >= (ulong)code.Length || !RiscVDecoder.TryDecode(code.AsSpan((int)offset), (long)pc, out var instruction))
            return GuestFaultKind.InstructionAccess;
        var mnemonic = RiscVDisassembler.Mnemonic(instruction.Opcode);
        var isLoad = mnemonic[0] == 'l' || mnemonic is "flw" or "fld";
        return isLoad ? GuestFaultKind.LoadAccess : GuestFaultKind.StoreAccess;
    }

    private static void Run(string tool, string[] arguments)
    {
        var start = new ProcessStartInfo(tool, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{tool}: {output.Result}{error}");
    }
}
