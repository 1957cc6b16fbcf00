namespace Cheri2IL.Intravisor.Cvms;

/// <summary>A mapped ELF file. Guest addresses.</summary>
/// <param name="Bias">Added to the file's addresses.</param>
/// <param name="Entry">Entry point.</param>
/// <param name="ProgramHeaders">Address of the program header table in memory, or 0.</param>
/// <param name="ProgramHeaderCount">Its entries.</param>
/// <param name="Start">First address of the image.</param>
/// <param name="End">First address after the image.</param>
public sealed record LoadedImage(long Bias, long Entry, long ProgramHeaders, int ProgramHeaderCount, long Start, long End);
