using Cheri2IL.Intravisor.Cvms;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>How sockets of a family are named and found. Results are 0 or a negated errno.</summary>
internal interface ISocketNames
{
    /// <summary>Gives a socket a name, which becomes its <see cref="Socket.LocalAddress"/>.</summary>
    int Bind(CvmThread thread, Socket socket, in SocketAddress address);

    /// <summary>Gives a socket that is about to send or connect a name if it needs one and has none.</summary>
    int BindFor(Socket socket, in SocketAddress destination);

    /// <summary>Finds the socket that a name stands for.</summary>
    /// <param name="thread">The calling thread, for paths.</param>
    /// <param name="from">Who looks for it: a socket of the same type is found.</param>
    /// <param name="to">Its name.</param>
    /// <param name="found">The socket: one that listens, or one that receives datagrams.</param>
    int Find(CvmThread? thread, Socket from, in SocketAddress to, out Socket? found);

    /// <summary>Takes away the name of a socket that is closed.</summary>
    void Unbind(Socket socket);
}
