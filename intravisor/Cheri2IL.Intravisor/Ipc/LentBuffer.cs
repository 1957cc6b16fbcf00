using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.Ipc;

/// <summary>Memory of a caller that a callee may use during the call: of the host, or in the slot of the caller, who was permitted to access it.</summary>
/// <param name="Bytes">First byte.</param>
/// <param name="Length">How many.</param>
/// <param name="IsWritable">Whether the callee may write it.</param>
/// <param name="Tags">Tags of the caller's slot, which data clear; null: none.</param>
/// <param name="Address">Guest address of the first byte, for the tags.</param>
internal readonly unsafe record struct LentBuffer(nint Bytes, ulong Length, bool IsWritable, TagTable? Tags, ulong Address);
