using System.Collections.Frozen;
using System.Reflection;
using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Tracing;

/// <summary>Results of system calls as strace shows them.</summary>
internal static class ErrnoText
{
    private const int MaxErrno = 4095;

    private static readonly FrozenDictionary<int, string> Names = typeof(Errno)
        .GetFields(BindingFlags.Public | BindingFlags.Static)
        .Where(f => f.IsLiteral)
        .GroupBy(f => (int)f.GetRawConstantValue()!, f => f.Name)
        .ToFrozenDictionary(g => g.Key, g => g.First());

    /// <summary>What people are told about a negated errno.</summary>
    public static string Message(int result) => Marshal.GetPInvokeErrorMessage(-result);

    /// <summary>The error that <paramref name="result"/> stands for, or null.</summary>
    public static string? Format(long result)
    {
        if (result is >= 0 or < -MaxErrno)
            return null;
        var number = (int)-result;
        var name = Names.GetValueOrDefault(number, number.ToString(System.Globalization.CultureInfo.InvariantCulture));
        return number switch
        {
            Errno.ERESTARTSYS => $"? {name} (To be restarted if SA_RESTART is set)",
            Errno.ERESTARTNOHAND => $"? {name} (To be restarted if no handler)",
            // The host's messages: its error numbers are those of asm-generic, as the guest's are.
            _ => $"-1 {name} ({Marshal.GetPInvokeErrorMessage(number)})",
        };
    }
}
