using Cheri2IL.TableGen;

// usage: Cheri2IL.TableGen [folder of *.decode files]; writes the *.g.cs files beside them.
var folder = args.Length > 0 ? args[0] : Generator.FindTables(Environment.CurrentDirectory);
if (folder == null || !Directory.Exists(folder))
{
    Console.Error.WriteLine("Cheri2IL.TableGen: no decode tables found; give their folder, or start inside the repository");
    return 66;
}

try
{
    foreach (var (name, text) in Generator.Generate(folder))
    {
        File.WriteAllText(Path.Combine(folder, name), text);
        Console.WriteLine(name);
    }

    return 0;
}
catch (TableException exception)
{
    Console.Error.WriteLine(exception.Message);
    return 65;
}
