using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime.Capabilities;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <content>Structures that hold pointers: the same fields in the same order, where a pointer is a capability.</content>
internal static partial class SignalSyscalls
{
    private const int ActionFlags = 16;
    private const int ActionMask = 24;

    private static bool TryReadAction(CvmThread thread, long address, out SignalAction action, out Capability handler)
    {
        action = default;
        if (!thread.Memory.TryRead(address, out handler)
            || !thread.Memory.TryRead(address + ActionFlags, out action.Flags)
            || !thread.Memory.TryRead(address + ActionMask, out action.Mask))
            return false;
        action.Handler = (long)handler.Address;
        return true;
    }

    private static bool TryWriteAction(CvmThread thread, long address, in SignalAction action, in Capability handler)
        => thread.Memory.TryWrite(address, action.Handler == (long)handler.Address ? handler : Capability.FromInteger((ulong)action.Handler))
            && thread.Memory.TryWrite(address + ActionFlags, (long)action.Flags)
            && thread.Memory.TryWrite(address + ActionMask, (long)action.Mask);

    /// <summary>Reads a stack that its capability, or DDC, allows to be written: frames are, on its authority.</summary>
    private static bool TryReadStack(CvmThread thread, long address, out SignalStack stack, out Capability pointer)
    {
        stack = default;
        var field = thread.PointerBytes;
        if (!thread.TryReadPointer(address, out pointer)
            || !thread.Memory.TryRead(address + field, out stack.Flags)
            || !thread.Memory.TryRead(address + field + sizeof(long), out stack.Size))
            return false;
        stack.Pointer = (long)pointer.Address;
        if (thread.Image.Capabilities is null)
            return true;
        thread.ActFor(pointer);
        var isAllowed = (stack.Flags & Signal.SS_DISABLE) != 0 || thread.Memory.Permits(stack.Pointer, stack.Size, isWrite: true);
        thread.ActFor(null);
        return isAllowed;
    }

    private static bool TryWriteStack(CvmThread thread, long address, in SignalStack stack)
    {
        var field = thread.PointerBytes;
        return thread.TryWritePointer(address, stack.Pointer)
            && thread.Memory.TryWrite(address + field, (long)(uint)stack.Flags)
            && thread.Memory.TryWrite(address + field + sizeof(long), (long)stack.Size);
    }
}
