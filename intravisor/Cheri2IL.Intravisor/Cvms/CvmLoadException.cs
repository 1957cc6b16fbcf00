namespace Cheri2IL.Intravisor.Cvms;

/// <summary>A well-formed program that cannot be started in this cVM, for the reason given.</summary>
public sealed class CvmLoadException(string message) : Exception(message);
