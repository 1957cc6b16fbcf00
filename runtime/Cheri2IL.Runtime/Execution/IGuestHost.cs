namespace Cheri2IL.Runtime.Execution;

/// <summary>What a guest thread needs from the system that runs it: the Intravisor implements it once per guest thread.</summary>
public unsafe interface IGuestHost
{
    /// <summary>
    /// Handles <c>ecall</c>. On entry the state block is complete and <see cref="GuestState.Pc"/> is the address of the
    /// ecall. Writes the result to a0 (<see cref="GuestState.X10"/>).
    /// </summary>
    /// <returns>
    /// True: go on at the instruction after the ecall with the registers of the state block. False: leave translated
    /// code; <see cref="GuestState.Pc"/> and the state block say where to go on (sigreturn, execve, signal). To end the
    /// thread, call <see cref="GuestThread.RequestExit"/>, return false here and false from <see cref="Poll"/>.
    /// </returns>
    bool SystemCall(GuestState* state);

    /// <summary>
    /// Handles a fault that ended translated code; the state block and <see cref="GuestState.Pc"/> are those of the
    /// faulting instruction. Either redirects the guest (signal handler) and returns true, or ends it and returns false.
    /// </summary>
    bool Fault(GuestState* state, GuestFault fault);

    /// <summary>
    /// Called by the dispatcher when an exit was requested (<see cref="GuestThread.RequestExit"/>): deliver signals,
    /// pause, or end. The state block is complete. Returns false when the thread is to end.
    /// </summary>
    bool Poll(GuestState* state);

    /// <summary>Reads a CSR that is time-like: 0xC00 cycle, 0xC01 time, 0xC02 instret, 0xCC0 for the vDSO.</summary>
    long ReadCounter(int csr);
}

/// <summary>
/// Finds or makes the translated method for a guest pc: the loaded assemblies first, then the run-time pipeline, and
/// the evaluator for code that neither has.
/// </summary>
public unsafe interface IGuestCode
{
    /// <summary>
    /// Returns the entry point for <paramref name="pc"/>, a
    /// <c>delegate* managed&lt;GuestState*, long, long, long, long, long, GuestReturn&gt;</c> (state, sp, ra, a0, a1, a2).
    /// Throws <see cref="GuestFault"/> (InstructionAccess) when the pc is not executable.
    /// </summary>
    nint Resolve(GuestState* state, long pc);

    /// <summary>
    /// Evaluates guest code from <see cref="GuestState.Pc"/> for as long as the guest is in a state that translated code
    /// does not serve (rounding mode above <see cref="FloatStatus.LastHostMode"/>), at least one block; updates the state block.
    /// The host's floating-point environment is the host's own meanwhile: fflags are <see cref="GuestState.FloatFlags"/> alone.
    /// </summary>
    void Interpret(GuestState* state);

    /// <summary>
    /// The guest wants to go on after faults that the hardware finds: from now on, resolves to code whose registers are exact there
    /// (<see cref="GuestFault.AreRegistersExact"/>). True if that is other code than before: then every thread has to leave
    /// translated code.
    /// </summary>
    bool RequirePreciseFaults();

    /// <summary>
    /// The guest is about to clear fflags: compiles now what would otherwise be compiled, and raise flags, before it reads them.
    /// </summary>
    void CompileAhead();

    /// <summary>Names and text of the code at a guest address, for reports; null: there are none.</summary>
    ICodeDescription? Describe(long pc);

    /// <summary>The guest executed fence.i or changed a mapping in [start, start+length): forget what was derived from those bytes.</summary>
    /// <param name="start">Guest address.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="isCode">Whether instructions may have changed; false: only constants that translated code relies on (<see cref="TranslatedModule.Constant"/>).</param>
    /// <returns>Whether there was something: threads may be in it, or go on to it.</returns>
    bool Invalidate(long start, long length, bool isCode = true);
}
