using Cheri2IL.Deployment.Manifests;
using Xunit;

namespace Cheri2IL.Cli.Tests.Deploy;

/// <summary>What editors and readers are told of manifests is what the reader accepts.</summary>
public sealed class ManifestDocumentTests
{
    [Fact]
    [Trait("Category", "Generated")]
    public void Schema_Regenerated_IsIdentical() => GeneratedDocument.AssertCurrent("docs/manifest.schema.json", ManifestSchema.Make());

    [Fact]
    [Trait("Category", "Generated")]
    public void Keys_Regenerated_AreIdentical() => GeneratedDocument.AssertCurrent("docs/manifest-keys.md", ManifestKeys.ToMarkdown());
}
