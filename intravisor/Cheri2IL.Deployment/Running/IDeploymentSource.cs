using Cheri2IL.Deployment.Archives;
using Cheri2IL.Deployment.Manifests;

namespace Cheri2IL.Deployment.Running;

/// <summary>Where a manifest's programs, file systems and buffers come from: files of the host, or a bundle.</summary>
/// <remarks>Everything is asked for before anything starts.</remarks>
public interface IDeploymentSource
{
    /// <summary>The translated program of a cVM; the same object for the same program.</summary>
    CvmProgram Program(CvmEntry cvm);

    /// <summary>The root of its file system; null: an empty one. The same object for the same root.</summary>
    RootFile? Root(CvmEntry cvm);

    /// <summary>Initial bytes of a buffer that has a host file.</summary>
    byte[] Content(CapFileEntry buffer);
}
