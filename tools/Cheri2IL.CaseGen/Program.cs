using Cheri2IL.CaseGen;
using Cheri2IL.TableGen;

// usage: Cheri2IL.CaseGen [--verify]
// Writes tests/cases/riscv/<extension>/<mnemonic>.cases, the outcomes taken from qemu-riscv64; with --verify only compares.
var verify = args is ["--verify"];
if (args.Length > 0 && !verify)
{
    Console.Error.WriteLine("usage: Cheri2IL.CaseGen [--verify]");
    return 64;
}

if (Generator.FindTables(Environment.CurrentDirectory) is not { } tables)
{
    Console.Error.WriteLine("Cheri2IL.CaseGen: start inside the repository");
    return 66;
}

if (QemuMachine.TryCreate(out var missing) is not { } machine)
{
    Console.Error.WriteLine($"Cheri2IL.CaseGen: {missing}");
    return 69;
}

var root = Path.GetFullPath(Path.Combine(tables, "../../../../tests/cases/riscv"));
var (cases, different) = (0, 0);
foreach (var set in CaseCatalog.Create(new Encoder()))
{
    var path = Path.Combine(root, set.Path);
    var lines = set.Complete(machine);
    cases += lines.Count;
    var text = string.Concat(lines.Select(line => line.ToString()).Distinct().Select(line => line + "\n"));
    if (!verify)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
    else if (!File.Exists(path) || File.ReadAllText(path) != text)
    {
        different++;
        Console.WriteLine($"{path} differs from what the emulator says");
    }
}

Console.WriteLine($"{cases} cases{(verify ? $", {different} files differ" : "")}");
return different == 0 ? 0 : 1;
