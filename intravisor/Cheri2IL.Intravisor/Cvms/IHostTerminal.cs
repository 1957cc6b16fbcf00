namespace Cheri2IL.Intravisor.Cvms;

/// <summary>A terminal of the host that becomes the controlling one of a cVM, which edits lines and sends signals itself: it is raw. Thread-safe.</summary>
public interface IHostTerminal
{
    /// <summary>Size in characters, and in pixels, which may be 0.</summary>
    (ushort Rows, ushort Columns, ushort Width, ushort Height) Size { get; }

    /// <summary>What is called, on some thread, when the size has changed.</summary>
    Action? Resized { get; set; }

    /// <summary>Whether a standard stream (0, 1, 2) is this terminal.</summary>
    bool Is(int stream);

    /// <summary>Stops the host's job that the terminal is used by, as if it had been typed there; returns when that goes on, or at once.</summary>
    void Suspend();

    /// <summary>Waits until something is typed, and takes that; 0 or less when nothing will be any more.</summary>
    int Read(Span<byte> buffer);

    /// <summary>Waits until all is written; false when nothing can be any more.</summary>
    bool Write(ReadOnlySpan<byte> bytes);
}
