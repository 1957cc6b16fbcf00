// Calls of libc pass nothing that has to be marshalled: said here, it lets their stubs be compiled ahead of time.
[assembly: System.Runtime.CompilerServices.DisableRuntimeMarshalling]
