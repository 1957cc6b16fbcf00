using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Cheri2IL.Runtime;

/// <summary>
/// Makes a hardware trap inside the arena a catchable exception: a few bytes of machine code in front of the runtime's own
/// SIGSEGV and SIGBUS handlers record the address and clear it, whereupon .NET raises a
/// <see cref="NullReferenceException"/> at the faulting instruction. Traps elsewhere pass unchanged.
/// </summary>
/// <remarks>
/// Only threads between <see cref="EnterThread"/> and <see cref="LeaveThread"/> are served: the handler finds their record by
/// the thread pointer (fs:0) in a table of which it only reads the keys, so it needs no lock. linux-x64 only.
/// </remarks>
public static unsafe partial class FaultTrap
{
    private const int Sigbus = 7;
    private const int Sigsegv = 11;

    /// <summary>Records in the table, a power of two; at most half are used.</summary>
    private const int Capacity = 1 << 14;

    private const ulong Removed = 1;

    /// <summary>
    /// Offset of the instruction pointer in ucontext_t: REG_RIP is number 16. .NET takes every frame of a stack trace for a
    /// call's return address and looks one byte before it, which at a trap would find the instruction before: so it is
    /// given an address inside the trapping instruction (<see cref="Ends"/>).
    /// </summary>
    private const int InstructionPointerOffset = 40 + (16 * 8);

    /// <summary>Offset of the page-fault error code in ucontext_t: gregs start at 40, REG_ERR is number 19.</summary>
    private const int ErrorCodeOffset = 40 + (19 * 8);

    /// <summary>Offset of the pointer to the floating-point state in ucontext_t: behind the 23 gregs. Never null on x86-64.</summary>
    private const int FloatStateOffset = 40 + (23 * 8);

    /// <summary>Where the handler's page has <see cref="Ends"/>: behind the code.</summary>
    private const int EndsOffset = 2048;

    private static readonly Lock Gate = new();
    private static Record* _table;
    private static delegate* unmanaged<ulong> _threadPointer;
    private static int _used;

    [ThreadStatic]
    private static Record* t_record;

    /// <summary>Installs the handlers for an arena. Once per process, before any guest runs.</summary>
    /// <exception cref="PlatformNotSupportedException">Not linux-x64.</exception>
    public static void Install(byte* arena, ulong length)
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
            throw new PlatformNotSupportedException("guest faults are supported on linux-x64 only");
        lock (Gate)
        {
            if (_table != null)
                throw new InvalidOperationException("the fault trap is installed already");
            _table = (Record*)HostMemory.MapZero((ulong)Capacity * (ulong)sizeof(Record));
            var page = HostMemory.MapZero(HostMemory.PageSize);
            var code = new Assembler(page);
            _threadPointer = (delegate* unmanaged<ulong>)code.Position;
            code.Emit([0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0, 0xc3]); // mov rax, fs:[0]; ret
            var ends = page + EndsOffset;
            Ends(new Span<short>(ends, 256));
            var segv = InFrontOf(Sigsegv, ref code, arena, length, ends);
            var bus = InFrontOf(Sigbus, ref code, arena, length, ends);
            HostMemory.Protect(page, HostMemory.PageSize, HostMemory.Read | HostMemory.Execute);
            SetAction(Sigsegv, &segv);
            SetAction(Sigbus, &bus);
        }
    }

    /// <summary>Serves the calling thread from now on. Nests: only the outermost pair counts.</summary>
    /// <returns>Whether this call registered the thread, so that the caller must <see cref="LeaveThread"/>.</returns>
    public static bool EnterThread()
    {
        if (t_record != null || _table == null)
            return false;
        lock (Gate)
        {
            if (_used >= Capacity / 2)
                throw new InvalidOperationException($"more than {Capacity / 2} guest threads");
            var key = _threadPointer();
            var index = Hash(key);
            while (_table[index].Key > Removed)
                index = (index + 1) & (Capacity - 1);
            if (_table[index].Key == 0)
                _used++;
            t_record = &_table[index];
            Volatile.Write(ref t_record->Key, key);
        }

        return true;
    }

    /// <summary>Stops serving the calling thread.</summary>
    public static void LeaveThread()
    {
        lock (Gate)
        {
            Volatile.Write(ref t_record->Key, Removed);

            // Removed records in front of an empty one are empty: no search has to pass them. Else the table would fill up in time.
            for (var index = (int)(t_record - _table); _table[index].Key == Removed && _table[(index + 1) & (Capacity - 1)].Key == 0; index = (index - 1) & (Capacity - 1))
            {
                Volatile.Write(ref _table[index].Key, 0);
                _used--;
            }
        }

        t_record = null;
    }

    /// <summary>What trapped last on the calling thread.</summary>
    /// <param name="address">Host address.</param>
    /// <param name="isWrite">The access was a write.</param>
    /// <param name="mxcsr">Floating-point status register at the trap.</param>
    public static void TakeLast(out long address, out bool isWrite, out int mxcsr)
    {
        var record = t_record;
        mxcsr = record == null ? 0 : (int)record->Status;
        address = record == null ? 0 : record->Address;
        isWrite = record != null && (record->Error & 2) != 0;
    }

    /// <summary>Writes a handler in front of the one that a signal has, and returns the action that installs it.</summary>
    private static SignalAction InFrontOf(int signal, ref Assembler code, byte* arena, ulong length, byte* ends)
    {
        SignalAction action;
        if (NativeSigaction(signal, null, &action) != 0)
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        var next = code.Position;
        EmitNext(ref code, action.Handler);
        var handler = code.Position;
        EmitHandler(ref code, arena, length, ends, next);
        EmitNext(ref code, action.Handler);
        action.Handler = (nint)handler;
        return action;
    }

    private static void SetAction(int signal, SignalAction* action)
    {
        if (NativeSigaction(signal, action, null) != 0)
            throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    /// <summary>
    /// Which bytes may begin the end of a method: by byte, the value of the next one up to which they do not.
    /// </summary>
    /// <remarks>
    /// .NET looks at the code from where a frame stands whether the method is about to return, and then takes what is on top of the stack for its return
    /// address: after an optional <c>add rsp</c> or <c>lea rsp</c> and any number of pops, a return or a jump that leaves the method. Inside an instruction such bytes are part of
    /// something else: the second byte of VEX instructions may be any of them. It never has to go further than to the
    /// ModRM byte of an access by base and index, which is no return or jump, and followed by a smaller byte for an index that is not scaled.
    /// </remarks>
    private static void Ends(Span<short> above)
    {
        const short Always = -1;
        const short Never = 0xff;
        const short IfPopOrLarger = 0x3f; // pop is 58 to 5f, and everything else that may follow is larger
        for (var value = 0; value < above.Length; value++)
        {
            above[value] = value switch
            {
                0xc2 or 0xc3 or 0xe9 or 0xeb or 0xff => Always, // ret, jmp
                (>= 0x40 and <= 0x4f) or (>= 0x58 and <= 0x5f) or 0xf2 or 0xf3 => IfPopOrLarger, // REX, pop, prefixes of ret
                _ => Never,
            };
        }
    }

    private static int Hash(ulong key) => (int)(key >> 12) & (Capacity - 1);

    private static void EmitNext(ref Assembler code, nint handler)
    {
        code.Emit([0x48, 0xb8]); //       mov rax, handler
        code.Emit((ulong)handler);
        code.Emit([0xff, 0xe0]); //                         jmp rax
    }

    /// <summary>
    /// On entry rdi = signal, rsi = siginfo, rdx = ucontext, which the next handler needs unchanged. Uses only registers
    /// that a callee may change.
    /// </summary>
    private static void EmitHandler(ref Assembler code, byte* arena, ulong length, byte* ends, byte* next)
    {
        code.Emit([0x48, 0x8b, 0x46, 0x10]); //             mov rax, [rsi+16]        si_addr
        code.Emit([0x48, 0xb9]); //      mov rcx, arena
        code.Emit((ulong)arena);
        code.Emit([0x49, 0x89, 0xc0]); //                   mov r8, rax
        code.Emit([0x49, 0x29, 0xc8]); //                   sub r8, rcx
        code.Emit([0x48, 0xb9]); //            mov rcx, length
        code.Emit(length);
        code.Emit([0x49, 0x39, 0xc8]); //                   cmp r8, rcx
        code.JumpBack(0x73, next); //                       jae next
        code.Emit([0x64, 0x4c, 0x8b, 0x0c, 0x25, 0, 0, 0, 0]); // mov r9, fs:[0]
        code.Emit([0x49, 0xba]); //     mov r10, table
        code.Emit((ulong)_table);
        code.Emit([0x4c, 0x89, 0xc9]); //                   mov rcx, r9
        code.Emit([0x48, 0xc1, 0xe9, 0x0c]); //             shr rcx, 12
        var probe = code.Position;
        code.Emit([0x81, 0xe1]); //      and ecx, Capacity - 1
        code.Emit(Capacity - 1);
        code.Emit([0x49, 0x89, 0xcb]); //                   mov r11, rcx
        code.Emit([0x49, 0xc1, 0xe3, 0x05]); //             shl r11, 5               sizeof(Record)
        code.Emit([0x4d, 0x01, 0xd3]); //                   add r11, r10
        code.Emit([0x4d, 0x39, 0x0b]); //                   cmp [r11], r9
        var found = code.JumpIfEqual();
        code.Emit([0x49, 0x83, 0x3b, 0x00]); //             cmp qword [r11], 0
        code.JumpBack(0x74, next); //                       je next
        code.Emit([0xff, 0xc1]); //                         inc ecx
        code.JumpBack(0xeb, probe); //                      jmp probe
        Assembler.Land(found, code.Position);
        code.Emit([0x49, 0x89, 0x43, 0x08]); //             mov [r11+8], rax         Address
        code.Emit([0x4c, 0x8b, 0x82]); // mov r8, [rdx+error code]
        code.Emit(ErrorCodeOffset);
        code.Emit([0x4d, 0x89, 0x43, 0x10]); //             mov [r11+16], r8         Error
        code.Emit([0x4c, 0x8b, 0x82]); // mov r8, [rdx+floating-point state]
        code.Emit(FloatStateOffset);
        code.Emit([0x45, 0x8b, 0x40, 0x18]); //             mov r8d, [r8+24]         mxcsr of the fxsave image
        code.Emit([0x4d, 0x89, 0x43, 0x18]); //             mov [r11+24], r8         Status
        code.Emit([0x48, 0xc7, 0x46, 0x10, 0, 0, 0, 0]); // mov qword [rsi+16], 0
        code.Emit([0x4c, 0x8b, 0x82]); // mov r8, [rdx+rip]
        code.Emit(InstructionPointerOffset);
        code.Emit([0x49, 0xba]); //     mov r10, ends
        code.Emit((ulong)ends);
        var further = code.Position;
        code.Emit([0x49, 0xff, 0xc0]); //                   inc r8
        code.Emit([0x41, 0x0f, 0xb6, 0x08]); //             movzx ecx, byte [r8]
        code.Emit([0x41, 0x0f, 0xbf, 0x0c, 0x4a]); //       movsx ecx, word [r10+rcx*2]
        code.Emit([0x45, 0x0f, 0xb6, 0x58, 0x01]); //       movzx r11d, byte [r8+1]
        code.Emit([0x41, 0x39, 0xcb]); //                   cmp r11d, ecx
        code.JumpBack(0x7f, further); //                    jg further
        code.Emit([0x4c, 0x89, 0x82]); // mov [rdx+rip], r8
        code.Emit(InstructionPointerOffset);
    }

    [LibraryImport("libc", EntryPoint = "sigaction", SetLastError = true)]
    private static partial int NativeSigaction(int signal, SignalAction* action, SignalAction* old);

    /// <summary>One served thread: 32 bytes, as the handler assumes.</summary>
    private struct Record
    {
        public ulong Key;
        public long Address;
        public long Error;
        public long Status;
    }

    /// <summary>glibc's struct sigaction on x86-64.</summary>
    private struct SignalAction
    {
        public nint Handler;
        public fixed ulong Mask[16];
        public int Flags;
        public nint Restorer;
    }

    /// <summary>Writes bytes and short jumps.</summary>
    private ref struct Assembler(byte* start)
    {
        public byte* Position { get; private set; } = start;

        public static void Land(byte* jump, byte* target) => *(sbyte*)(jump - 1) = checked((sbyte)(target - jump));

        public void Emit(ReadOnlySpan<byte> bytes)
        {
            bytes.CopyTo(new Span<byte>(Position, bytes.Length));
            Position += bytes.Length;
        }

        public byte* JumpIfEqual() => Jump(0x74);

        public void JumpBack(byte opcode, byte* target) => Land(Jump(opcode), target);

        public void Emit(ulong value)
        {
            *(ulong*)Position = value;
            Position += 8;
        }

        public void Emit(int value)
        {
            *(int*)Position = value;
            Position += 4;
        }

        private byte* Jump(byte opcode)
        {
            Position[0] = opcode;
            Position += 2;
            return Position;
        }
    }
}
