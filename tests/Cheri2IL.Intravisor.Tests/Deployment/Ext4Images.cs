using System.Diagnostics;

namespace Cheri2IL.Intravisor.Tests.Deployment;

/// <summary>Small ext4 file systems, made by mke2fs of a tree that has a file of every kind.</summary>
internal static class Ext4Images
{
    /// <summary>Options of mke2fs, each for another way to keep things.</summary>
    public static readonly IReadOnlyDictionary<string, string[]> Variants = new Dictionary<string, string[]>
    {
        ["usual"] = ["-t", "ext4"],
        ["small blocks"] = ["-t", "ext4", "-b", "1024", "-O", "64bit"],
        ["inline data"] = ["-t", "ext4", "-I", "256", "-O", "inline_data"],
        ["no checksums"] = ["-t", "ext4", "-O", "^metadata_csum,^64bit"],
        ["pointers"] = ["-t", "ext2", "-b", "1024"],
        ["small inodes"] = ["-t", "ext3", "-I", "128"],
        ["meta groups"] = ["-t", "ext4", "-b", "1024", "-g", "1024", "-O", "meta_bg,^resize_inode"],
    };

    /// <summary>Fills a folder with the tree that images are made of.</summary>
    public static void MakeTree(string folder)
    {
        Directory.CreateDirectory(Path.Combine(folder, "many"));
        File.WriteAllText(Path.Combine(folder, "short"), "content of short");
        File.WriteAllText(Path.Combine(folder, "middle"), new string('m', 150));
        File.WriteAllBytes(Path.Combine(folder, "long"), [.. Enumerable.Range(0, 300_000).Select(k => (byte)(k * 7))]);
        File.WriteAllText(Path.Combine(folder, "empty"), "");
        using (var sparse = new FileStream(Path.Combine(folder, "sparse"), FileMode.Create))
        {
            sparse.Position = 900_000;
            sparse.WriteByte(9);
        }

        File.CreateSymbolicLink(Path.Combine(folder, "link"), "short");
        File.CreateSymbolicLink(Path.Combine(folder, "far"), "/" + new string('d', 100) + "/" + new string('e', 100));
        for (var k = 0; k < 300; k++)
            File.WriteAllText(Path.Combine(folder, "many", $"a file whose name is rather long, so that directories are, too: {k}"), k.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Run("ln", Path.Combine(folder, "short"), Path.Combine(folder, "other"));
        Run("mkfifo", Path.Combine(folder, "fifo"));
        Run("chmod", "4711", Path.Combine(folder, "middle"));
        Run("touch", "-d", "2001-02-03T04:05:06.789Z", Path.Combine(folder, "middle"));
    }

    /// <summary>Makes an image; null where mke2fs is missing.</summary>
    public static byte[]? Make(string folder, string image, string variant)
        => Run("mke2fs", ["-q", "-F", .. Variants[variant], "-d", folder, "-N", "400", image, "4M"]) == 0 ? File.ReadAllBytes(image) : null;

    /// <summary>Exit status; null where there is no such program.</summary>
    public static int? Run(string program, params string[] arguments)
    {
        // e2fsprogs are for administrators.
        foreach (var path in (string[])[program, "/usr/sbin/" + program, "/sbin/" + program])
        {
            try
            {
                using var process = Process.Start(new ProcessStartInfo(path, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
                var output = process.StandardOutput.ReadToEndAsync();
                process.StandardError.ReadToEnd();
                output.Wait();
                process.WaitForExit();
                return process.ExitCode;
            }
            catch (System.ComponentModel.Win32Exception)
            {
                // Perhaps it is elsewhere.
            }
        }

        return null;
    }
}
