using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Runtime.Capabilities;

namespace Cheri2IL.Intravisor.Ipc;

/// <content>What the caller has lent: copied from and to, or seen through a window.</content>
internal sealed unsafe partial class CallServer
{
    private SpinGate _lending;
    private LentBuffer _lent;
    private LentWindow? _window;

    /// <summary>What the callee may use during the call that comes next, after <see cref="TryClaim"/>.</summary>
    public void Lend(in LentBuffer lent) => _lent = lent;

    /// <summary>The callee copies from or to what its caller has lent it; on the thread that runs the function. Bytes, or a negated errno.</summary>
    public long Transfer(CvmThread thread, ulong offset, long address, ulong length, bool isWrite)
    {
        var done = 0UL;
        do
        {
            _lending.Enter();
            var error = TransferStep(thread, offset + done, address + (long)done, length - done, isWrite, out var step);
            _lending.Exit();
            if (error != 0)
                return done > 0 ? (long)done : error;
            if (step == 0)
                break;
            done += step;
        }
        while (done < length && !thread.IsInterrupted);
        return (long)done;
    }

    /// <summary>
    /// A capability for what is lent, with bounds to the byte, that is good until the function returns or its caller waits no more; 0 or a negated errno. On
    /// the thread that runs the function, of a program with capabilities.
    /// </summary>
    public long Map(CvmThread thread, bool isWrite, out Capability bytes)
    {
        bytes = default;
        _lending.Enter();
        var (lent, window) = (_lent, _window);
        _lending.Exit();
        if (lent.Bytes == 0)
            return -Errno.EBADF;
        if (isWrite && !lent.IsWritable)
            return -Errno.EACCES;
        if (lent.Length > LentWindow.Largest)
            return -Errno.EOVERFLOW;
        if (window is null)
        {
            var address = thread.Image.TakeWindow(lent.Length);
            if (address < 0)
                return -Errno.ENOMEM;
            window = new LentWindow(this, address, lent.Length);
        }

        bytes = thread.Image.Capabilities!.Shared(window.Address, window.Length, isWrite);
        if (!bytes.IsTagged)
            return -Errno.EOVERFLOW;
        var error = window == _window ? 0 : Open(thread, window);
        if (error == 0)
            window.IsWritten |= isWrite;
        return error;
    }

    /// <summary>Copies from what is lent, for the pages of a window of the same call; bytes, or a negated errno.</summary>
    public int ReadLent(LentWindow window, ulong offset, Span<byte> destination)
    {
        fixed (byte* to = destination)
        {
            for (var done = 0; ;)
            {
                _lending.Enter();
                var left = offset + (ulong)done < _lent.Length ? _lent.Length - offset - (ulong)done : 0;
                var step = (int)Math.Min(Math.Min(left, (ulong)(destination.Length - done)), CpFile.LargestStep);
                var isCopied = _lent.Bytes != 0 && !window.IsGone && GuestCopy.TryCopy((byte*)_lent.Bytes + offset + done, to + done, (ulong)step);
                _lending.Exit();
                if (!isCopied)
                    return -Errno.EFAULT;
                done += step;
                if (step == 0 || done == destination.Length)
                    return done;
            }
        }
    }

    private int Open(CvmThread thread, LentWindow window)
    {
        const int protection = MemoryFlags.PROT_READ | MemoryFlags.PROT_WRITE;
        var result = thread.Space.Map(window.Address, window.Length, protection, MemoryFlags.MAP_PRIVATE | MemoryFlags.MAP_FIXED_NOREPLACE, window, 0);
        if (result < 0)
        {
            window.End();
            return result == -Errno.EEXIST ? -Errno.ENOMEM : (int)result;
        }

        _lending.Enter();
        var isLent = _lent.Bytes != 0;
        if (isLent)
            _window = window;
        else
            window.End();
        _lending.Exit();
        if (isLent)
            return 0;
        window.Close(thread.Space);
        return -Errno.EBADF;
    }

    /// <summary>
    /// Nothing is lent any more. What the function wrote to a window is the caller's if it returned; when this returns, capabilities for it lead nowhere.
    /// </summary>
    private void EndLending(bool isReturned)
    {
        if (_window is { IsWritten: true } written && isReturned)
            CopyBack(written);
        _lending.Enter();
        var window = TakeBack();
        _lending.Exit();
        window?.Close(_thread.Space);
    }

    /// <summary>
    /// The caller waits no more for a function on the server's own thread; whether that has not returned yet. Then it goes on alone, without what was lent:
    /// that is taken back in the same step, so that what the next caller lends is not, and the thread is not inside a copy of it any more.
    /// </summary>
    private bool TryAbandon(long number)
    {
        _lending.Enter();
        var isAbandoned = Interlocked.CompareExchange(ref _word, number | Abandoned, number | Posted) == (number | Posted);
        var window = isAbandoned ? TakeBack() : null;
        _lending.Exit();
        window?.Close(_thread.Space);
        return isAbandoned;
    }

    /// <summary>Nothing is lent any more; the window to be closed, or null. Within the gate.</summary>
    private LentWindow? TakeBack()
    {
        var window = _window;
        window?.End();
        (_lent, _window) = (default, null);
        return window;
    }

    private void CopyBack(LentWindow window)
    {
        for (ulong step, done = 0; done < window.Length; done += step)
        {
            step = Math.Min(window.Length - done, CpFile.LargestStep);
            _lending.Enter();
            var isCopied = _lent.Bytes != 0;
            if (isCopied)
            {
                _lent.Tags?.Clear(_lent.Address + done, step);
                isCopied = _thread.Space.Memory.TryCopyOut(window.Address + (long)done, (byte*)_lent.Bytes + done, step);
            }

            _lending.Exit();
            if (!isCopied)
                return;
        }
    }

    private int TransferStep(CvmThread thread, ulong offset, long address, ulong length, bool isWrite, out ulong step)
    {
        step = 0;
        if (_lent.Bytes == 0)
            return -Errno.EBADF;
        if (isWrite && !_lent.IsWritable)
            return -Errno.EACCES;
        if (offset >= _lent.Length)
            return 0;
        step = Math.Min(Math.Min(length, CpFile.LargestStep), _lent.Length - offset);
        var bytes = (byte*)_lent.Bytes + offset;
        if (!isWrite)
            return thread.Memory.TryCopyIn(address, bytes, step) ? 0 : -Errno.EFAULT;
        _lent.Tags?.Clear(_lent.Address + offset, step);
        return thread.Memory.TryCopyOut(address, bytes, step) ? 0 : -Errno.EFAULT;
    }
}
