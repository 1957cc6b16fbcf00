using System.Globalization;
using System.Text.Json;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Conformance;

/// <summary>One execution trace. Numbers are hexadecimal; a capability is <c>tag:metadata:address</c>, metadata as in memory.</summary>
internal sealed unsafe class Trace
{
    private const int CapabilityException = 28;
    private const int IllegalInstruction = 2;
    private const int LoadMisaligned = 4;
    private const int LoadAccess = 5;
    private const int StoreMisaligned = 6;
    private const int StoreAccess = 7;
    private const int InstructionAccess = 1;
    private readonly JsonElement _initial;
    private readonly JsonElement _final;
    private readonly List<Region> _regions;

    /// <summary>Reads a trace.</summary>
    /// <exception cref="FormatException">A value is not of the format.</exception>
    /// <exception cref="KeyNotFoundException">A field is missing.</exception>
    public Trace(JsonElement root)
    {
        Name = root.GetProperty("id").GetString() ?? "";
        _initial = root.GetProperty("init");
        _final = root.GetProperty("final");
        _regions = [.. _initial.GetProperty("mem").EnumerateArray().Select(Region.Read)];
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>Runs it. Null if the outcome is the one listed, else the first difference.</summary>
    public string? Run(TraceMachine machine)
    {
        Load(machine);
        var fault = machine.Run();
        return CompareOutcome(fault) ?? CompareRegisters(machine) ?? CompareMemory(machine);
    }

    private void Load(TraceMachine machine)
    {
        machine.Reset();
        foreach (var region in _regions)
        {
            region.Data.CopyTo(machine.Memory(region.Base, region.Data.Length));
            region.Tags.CopyTo(machine.Tags(region.Base, region.Data.Length));
            if (region.Name == "code")
                machine.Code = ((long)region.Base, (long)region.Base + region.Data.Length);
        }

        var number = 1;
        foreach (var value in _initial.GetProperty("x").EnumerateArray())
            machine[number++] = ReadCapability(value);
        foreach (var value in _initial.GetProperty("f").EnumerateObject())
            GuestState.F(machine.State, int.Parse(value.Name, CultureInfo.InvariantCulture)) = BitConverter.UInt64BitsToDouble(Hex(value.Value));
        machine[GuestRegister.Ddc] = ReadCapability(_initial.GetProperty("ddc"));
        var pcc = ReadCapability(_initial.GetProperty("pcc"));
        machine[GuestRegister.Pcc] = pcc;
        machine.State->Pc = (long)pcc.Address;
    }

    private string? CompareOutcome(GuestFault fault)
    {
        var (cause, value) = fault.Kind switch
        {
            GuestFaultKind.Capability => (CapabilityException, ((ulong)fault.CapabilityRegister << 5) | (ulong)fault.CapabilityCause),
            GuestFaultKind.IllegalInstruction => (IllegalInstruction, 0UL),
            GuestFaultKind.MisalignedLoad => (LoadMisaligned, (ulong)fault.Address),
            GuestFaultKind.MisalignedStore => (StoreMisaligned, (ulong)fault.Address),
            GuestFaultKind.LoadAccess => (LoadAccess, (ulong)fault.Address),
            GuestFaultKind.StoreAccess => (StoreAccess, (ulong)fault.Address),
            GuestFaultKind.Breakpoint => (0, 0UL),
            _ => (InstructionAccess, (ulong)fault.Address),
        };
        var isFault = _final.GetProperty("outcome").GetString() switch
        {
            "fault" => true,
            "end" => false,
            var outcome => throw new FormatException($"unknown outcome '{outcome}'"),
        };
        if (Hex(_final.GetProperty("pc")) != (ulong)fault.Pc)
            return $"stops at 0x{fault.Pc:x} ({Describe()})";
        if (isFault != (cause != 0) || (isFault && _final.GetProperty("cause").GetInt32() != cause))
            return Describe();
        if (isFault && _final.GetProperty("tval") is { ValueKind: JsonValueKind.String } expected && Hex(expected) != value)
            return Describe();
        return null;

        string Describe() => cause == 0 ? "end" : $"cause {cause}, value 0x{value:x}";
    }

    private string? CompareRegisters(TraceMachine machine)
    {
        var number = 1;
        foreach (var value in _final.GetProperty("x").EnumerateArray())
        {
            if (Compare($"c{number}", value, machine[number]) is { } difference)
                return difference;
            number++;
        }

        var floats = new ulong[32];
        foreach (var value in _final.GetProperty("f").EnumerateObject())
            floats[int.Parse(value.Name, CultureInfo.InvariantCulture)] = Hex(value.Value);
        for (var i = 0; i < floats.Length; i++)
        {
            var bits = BitConverter.DoubleToUInt64Bits(GuestState.F(machine.State, i));
            if (bits != floats[i])
                return $"f{i} is {bits:x}";
        }

        return Compare("pcc", _final.GetProperty("pcc"), machine[GuestRegister.Pcc])
            ?? Compare("ddc", _final.GetProperty("ddc"), machine[GuestRegister.Ddc]);
    }

    private static string? Compare(string name, JsonElement expected, Capability actual) =>
        ReadCapability(expected) == actual ? null : $"{name} is {(actual.IsTagged ? 1 : 0)}:{actual.Metadata:x}:{actual.Address:x}";

    private string? CompareMemory(TraceMachine machine)
    {
        foreach (var change in _final.GetProperty("mem_changed").EnumerateArray())
        {
            var address = Hex(change[0]);
            var region = _regions.Find(r => address >= r.Base && address - r.Base < (ulong)r.Data.Length)
                ?? throw new FormatException($"changed memory at 0x{address:x} is in no region");
            var offset = (int)(address - region.Base);
            Convert.FromHexString(change[1].GetString()!).CopyTo(region.Data, offset);
            region.Tags[offset / CapabilityState.Granule] = (byte)change[2].GetInt32();
        }

        foreach (var region in _regions)
        {
            var memory = machine.Memory(region.Base, region.Data.Length);
            var tags = machine.Tags(region.Base, region.Data.Length);
            for (var offset = 0; offset < region.Data.Length; offset += CapabilityState.Granule)
            {
                var granule = memory.Slice(offset, CapabilityState.Granule);
                var tag = tags[offset / CapabilityState.Granule];
                if (!granule.SequenceEqual(region.Data.AsSpan(offset, CapabilityState.Granule)) || tag != region.Tags[offset / CapabilityState.Granule])
                    return $"memory at 0x{region.Base + (ulong)offset:x} is {Convert.ToHexStringLower(granule)}, tag {tag}";
            }
        }

        return null;
    }

    private static ulong Hex(JsonElement value) => ulong.Parse(value.GetString() ?? "", NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private static Capability ReadCapability(JsonElement value)
    {
        var parts = (value.GetString() ?? "").Split(':');
        if (parts.Length != 3 || parts[0] is not ("0" or "1"))
            throw new FormatException($"'{value}' is not a capability");
        return new Capability(
            ulong.Parse(parts[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture),
            ulong.Parse(parts[2], NumberStyles.HexNumber, CultureInfo.InvariantCulture),
            parts[0] == "1");
    }

    /// <summary>Memory before the run, and then as it has to be after it.</summary>
    private sealed record Region(string Name, ulong Base, byte[] Data, byte[] Tags)
    {
        public static Region Read(JsonElement value)
        {
            var data = Convert.FromHexString(value.GetProperty("data").GetString() ?? "");
            var tags = (value.GetProperty("tags").GetString() ?? "").Select(c => (byte)(c == '1' ? 1 : 0)).ToArray();
            var start = Hex(value.GetProperty("base"));
            if (data.Length != value.GetProperty("size").GetInt32() || data.Length != tags.Length * CapabilityState.Granule
                || start % CapabilityState.Granule != 0)
                throw new FormatException("a memory region is not whole granules");
            return new Region(value.GetProperty("name").GetString() ?? "", start, data, tags);
        }
    }
}
