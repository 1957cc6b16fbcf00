namespace Cheri2IL.Intravisor.LibOs.Waiting;

/// <summary>A place in a queue for code of the host that must not keep a thread waiting.</summary>
internal sealed class AsyncWaiter : WaitEntry
{
    private readonly TaskCompletionSource _woken = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private AsyncWaiter()
    {
    }

    /// <summary>Waits until <paramref name="isOver"/> says so; it is asked again whenever the queue is woken for one of the events.</summary>
    public static async Task WaitAsync(WaitQueue queue, int events, Func<bool> isOver)
    {
        while (!isOver())
        {
            var entry = new AsyncWaiter();
            queue.Add(entry, events);
            if (!isOver())
                await entry._woken.Task.ConfigureAwait(false);
            queue.Remove(entry);
        }
    }

    /// <inheritdoc/>
    internal override void Wake(int events) => _woken.TrySetResult();
}
