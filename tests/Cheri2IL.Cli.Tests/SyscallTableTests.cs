using Cheri2IL.Cli.Commands;
using Xunit;

namespace Cheri2IL.Cli.Tests;

/// <summary>docs/syscalls.md says what the table says.</summary>
public sealed class SyscallTableTests
{
    [Fact]
    [Trait("Category", "Generated")]
    public void SyscallDocument_Regenerated_IsIdentical() => GeneratedDocument.AssertCurrent("docs/syscalls.md", SyscallsCommand.ToMarkdown());
}
