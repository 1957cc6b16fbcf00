using System.Runtime.ExceptionServices;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Cli.Commands;

/// <summary>
/// Finds a program's translation, or makes it, on a thread of its own while the cVM is made. Most of a start is .NET's preparing of methods and types, and
/// the two need different ones.
/// </summary>
internal sealed class ProgramLoad
{
    private readonly TranslatedFiles _files;
    private readonly string _path;
    private readonly Thread _thread;
    private FileImage? _image;
    private Exception? _failure;

    /// <summary>Begins.</summary>
    /// <param name="files">Where it is kept.</param>
    /// <param name="path">The program, a file of the host.</param>
    public ProgramLoad(TranslatedFiles files, string path)
    {
        (_files, _path) = (files, path);
        _thread = new Thread(Load) { IsBackground = true };
        _thread.Start();
    }

    /// <summary>Waits for it.</summary>
    /// <exception cref="ToolException">The program is missing, or is no program.</exception>
    /// <exception cref="Cheri2IL.Runtime.Elf.ElfFormatException">It is malformed.</exception>
    public FileImage End()
    {
        _thread.Join();
        if (_failure is not null)
            ExceptionDispatchInfo.Throw(_failure);
        return _image!;
    }

    private void Load()
    {
        try
        {
            _image = SharedProgram.Check(_files.Load(_path), _path);
        }
        catch (Exception error)
        {
            _failure = error;
        }
    }
}
