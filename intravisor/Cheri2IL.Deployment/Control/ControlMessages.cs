using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Cheri2IL.Deployment.Control;

/// <summary>What is common to both ends of a control socket: a JSON object per line, each way.</summary>
internal static class ControlMessages
{
    /// <summary>Key of an answer that says why a request was refused.</summary>
    public const string Error = "error";

    /// <summary>Key of the answer behind the last of several.</summary>
    public const string End = "end";

    /// <summary>Most bytes of a request.</summary>
    public const int LongestRequest = 4096;

    private const int SocketLevel = 1;
    private const int PeerCredentials = 17;

    /// <summary>User id of the process at the other end, as the kernel knows it (SO_PEERCRED).</summary>
    public static uint PeerOf(Socket socket)
    {
        // struct ucred: pid, uid, gid.
        Span<byte> credentials = stackalloc byte[3 * sizeof(uint)];
        socket.GetRawSocketOption(SocketLevel, PeerCredentials, credentials);
        return BitConverter.ToUInt32(credentials[sizeof(int)..]);
    }

    /// <summary>An object, or null if the line is none.</summary>
    public static JsonObject? Parse(string line)
    {
        try
        {
            return JsonNode.Parse(line, documentOptions: new JsonDocumentOptions { MaxDepth = 8 }) as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
