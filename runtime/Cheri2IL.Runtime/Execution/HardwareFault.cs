namespace Cheri2IL.Runtime.Execution;

/// <summary>Finds the guest instruction behind a hardware trap inside the arena.</summary>
internal static unsafe class HardwareFault
{
    /// <summary>The guest fault that <paramref name="exception"/> stands for.</summary>
    public static GuestFault Locate(GuestState* state, NullReferenceException exception)
        => new(GuestFaultKind.LoadAccess, state->Pc, 0) { Source = exception.Source };
}
