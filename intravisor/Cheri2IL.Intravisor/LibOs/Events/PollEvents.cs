using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Events;

/// <summary>Events of poll and epoll.</summary>
internal static class PollEvents
{
    /// <summary>Events that are reported whether one asked for them or not.</summary>
    public const int Always = FileAbi.POLLERR | FileAbi.POLLHUP;

    private const int POLLRDNORM = 0x40;
    private const int POLLWRNORM = 0x100;

    /// <summary>Adds the second names of POLLIN and POLLOUT: either is meant by both.</summary>
    public static int Expand(int events)
        => events
            | ((events & (FileAbi.POLLIN | POLLRDNORM)) != 0 ? FileAbi.POLLIN | POLLRDNORM : 0)
            | ((events & (FileAbi.POLLOUT | POLLWRNORM)) != 0 ? FileAbi.POLLOUT | POLLWRNORM : 0);
}
