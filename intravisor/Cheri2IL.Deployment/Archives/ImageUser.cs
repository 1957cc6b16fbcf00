using System.Globalization;
using System.Text;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime;

namespace Cheri2IL.Deployment.Archives;

/// <summary>Whom an image wants to run as: a name or number, perhaps with a group, as /etc/passwd and /etc/group of its tree have it.</summary>
/// <param name="UserId">User.</param>
/// <param name="GroupId">Group.</param>
/// <param name="Groups">Supplementary groups.</param>
/// <param name="Home">Home directory.</param>
public sealed record ImageUser(int UserId, int GroupId, IReadOnlyList<int> Groups, string Home)
{
    private const long LongestFile = 4 << 20;

    /// <summary>Root, whom nobody has to ask for: whatever a tree's files say, only the home directory is theirs to choose.</summary>
    public static ImageUser Root(IHostTree tree) => new(0, 0, (int[])[0], HomeOf(Lines(tree, "/etc/passwd", fields: 7).Find(u => u[2] == "0")));

    /// <summary>Looks one up.</summary>
    /// <param name="text">user, uid, user:group or uid:gid.</param>
    /// <param name="tree">The image's tree.</param>
    /// <returns>Null if there is no such user or group.</returns>
    public static ImageUser? Find(string text, IHostTree tree)
    {
        var parts = text.Split(':', 2);
        var users = Lines(tree, "/etc/passwd", fields: 7);
        var groups = Lines(tree, "/etc/group", fields: 4);
        var user = users.Find(u => u[0] == parts[0]) ?? users.Find(u => u[2] == parts[0]);
        if ((user is null ? Number(parts[0]) : Number(user[2])) is not { } userId || (user is null ? 0 : Number(user[3])) is not { } groupId)
            return null;
        if (parts.Length > 1)
        {
            var group = groups.Find(g => g[0] == parts[1]) ?? groups.Find(g => g[2] == parts[1]);
            if ((group is null ? Number(parts[1]) : Number(group[2])) is not { } chosen)
                return null;
            groupId = chosen;
        }

        // Who names a group is in no other. No query over integers: every start would compile it.
        List<int> all = [groupId];
        foreach (var group in parts.Length > 1 || user is null ? [] : groups)
        {
            if (Array.IndexOf(group[3].Split(','), user![0]) >= 0 && Number(group[2]) is { } other && !all.Contains(other))
                all.Add(other);
        }

        return new ImageUser(userId, groupId, [.. all], HomeOf(user));
    }

    private static string HomeOf(string[]? user) => user is { } known && known[5].Length > 0 ? known[5] : "/";

    private static int? Number(string text)
        => uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var id) && id <= int.MaxValue ? (int)id : null;

    private static List<string[]> Lines(IHostTree tree, string path, int fields)
    {
        var lines = new List<string[]>();
        if (TreeFile.Read(tree, path, LongestFile) is not { } content)
            return lines;
        foreach (var line in PlainText.Split(PlainText.FromBytes(content), '\n'))
        {
            if (PlainText.Split(line, ':') is var parts && parts.Count >= fields)
                lines.Add([.. parts]);
        }

        return lines;
    }
}
