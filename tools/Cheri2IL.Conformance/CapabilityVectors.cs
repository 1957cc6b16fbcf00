using Cheri2IL.Runtime.Capabilities;

namespace Cheri2IL.Conformance;

/// <summary>Compares <see cref="Capability"/> with rows of vectors, one method a kind of file.</summary>
internal static class CapabilityVectors
{
    /// <summary>XOR between a metadata word in memory and the fields of the specification.</summary>
    private const ulong NullMask = 0x00001ffffc018004;

    /// <summary>Fields and bounds of any 128 bits.</summary>
    public static void Decode(VectorRow row)
    {
        var capability = row.Capability("");
        var bounds = capability.Bounds;
        var fields = CompressedBounds.Of(capability.Metadata);
        var permissions = (uint)capability.Permissions;
        row.Expect("raw_hi", capability.Metadata ^ NullMask);
        row.Expect("base", bounds.Base);
        row.Expect("top65", bounds.Top);
        row.Expect("cgetlen", bounds.SaturatedLength);
        row.Expect("cgettop", bounds.SaturatedTop);
        row.Expect("hperms", permissions & 0xFFF);
        row.Expect("uperms", permissions >> 15);
        row.Expect("cgetperm", permissions);
        row.Expect("otype18", capability.Type);
        row.Expect("cgettype", capability.TypeValue);
        row.Expect("flags", capability.IsCapabilityMode);
        row.Expect("reserved", (uint)capability.Reserved);
        row.Expect("sealed", capability.IsSealed);
        row.Expect("ie", fields.HasInternalExponent);
        row.Expect("E", (uint)fields.Exponent);
        row.Expect("B", fields.Bottom);
        row.Expect("T", fields.Top);
    }

    /// <summary>CSetBounds and CSetBoundsExact.</summary>
    public static void SetBounds(VectorRow row)
    {
        var input = row.Capability("in_");
        var length = row.Word("req_len");
        var rounded = input.SetBounds(length);
        var exact = input.SetBoundsExact(length);
        row.Expect("out_mem_hi", rounded.Metadata);
        row.Expect("out_mem_hi", exact.Metadata);
        row.Expect("out_cursor", rounded.Address);
        row.Expect("out_cursor", exact.Address);
        row.Expect("out_tag_csetbounds", rounded.IsTagged);
        row.Expect("out_tag_csetboundsexact", exact.IsTagged);
        row.Expect("out_base", rounded.Bounds.Base);
        row.Expect("out_top65", rounded.Bounds.Top);

        var top = input.Address + length;
        CompressedBounds.Encode(new CapabilityBounds(input.Address, top, top < length ? 1UL : 0), out var isExact);
        row.Expect("exact", isExact);
    }

    /// <summary>Both checks whether bounds survive another address.</summary>
    public static void Representability(VectorRow row)
    {
        var input = row.Capability("in_");
        var address = row.Word("new_cursor");
        var increment = row.Word("increment");
        var fields = CompressedBounds.Of(input.Metadata);
        row.Expect("rep_exact", fields.IsSameWindow(input.Address, address));
        row.Expect("rep_fast", fields.IsIncrementRepresentable(input.Address, increment));
        row.Expect("new_cursor", input.Address + increment);
        ExpectMoved(row, input, input.SetAddress(address), "out_tag_csetaddr");
        ExpectMoved(row, input, input.IncrementOffset(increment), "out_tag_cincoffset");
        ExpectMoved(row, input, input.SetOffset(address - input.Bounds.Base), "out_tag_cincoffset");
    }

    /// <summary>CRRL and CRAM.</summary>
    public static void RoundLength(VectorRow row)
    {
        row.Expect("crrl", Capability.RepresentableLength(row.Word("length")));
        row.Expect("cram", Capability.RepresentableAlignmentMask(row.Word("length")));
    }

    /// <summary>
    /// Types, given by CSeal with an authority that allows every ordinary one, and taken away again. The reserved types of
    /// these rows come from CSeal as well, whose result has the type also where it loses the tag.
    /// </summary>
    public static void Seal(VectorRow row)
    {
        var input = row.Capability("in_");
        var type = row.Word("new_otype");
        var result = input.Seal(Capability.Omnipotent.SetAddress(type));
        row.Expect("sealed_mem_hi", result.Metadata);
        if (type <= ObjectType.Last)
            row.Expect("out_tag", result.IsTagged);
        else if (type == ObjectType.Sentry)
            row.Expect("out_tag", input.SealEntry().IsTagged);
        if (type == ObjectType.Sentry)
            row.Expect("sealed_mem_hi", input.SealEntry().Metadata);
        row.Expect("cgettype_after", result.TypeValue);
        row.Expect("unsealed_mem_hi", result.WithoutSeal().Metadata);
    }

    /// <summary>CGetPerm, CAndPerm, CSetFlags.</summary>
    public static void PermissionsAndFlags(VectorRow row)
    {
        var input = row.Capability("in_");
        var operand = row.Word("rs2");
        var masked = input.AndPermissions((CapabilityPermissions)operand);
        var flagged = input.SetFlags(operand);
        row.Expect("cgetperm_in", (uint)input.Permissions);
        row.Expect("candperm_mem_hi", masked.Metadata);
        row.Expect("cgetperm_out", (uint)masked.Permissions);
        row.Expect("csetflags_mem_hi", flagged.Metadata);
        row.Expect("out_tag", masked.IsTagged);
        row.Expect("out_tag", flagged.IsTagged);
        row.Expect("in_cursor", masked.Address);
        row.Expect("in_cursor", flagged.Address);
    }

    /// <summary>Instructions with two operands; c0 as an operand, which stands for DDC, does not occur.</summary>
    public static void Instruction(VectorRow row)
    {
        var a = row.Capability("a_");
        var b = row.Capability("b_");
        var result = row.Text("op") switch
        {
            "cbuildcap" => b.Build(a),
            "cseal" => a.Seal(b),
            "cunseal" => a.Unseal(b),
            "ccseal" => a.ConditionalSeal(b),
            "ccopytype" => a.CopyType(b),
            "ctestsubset" => Capability.FromInteger(b.IsSubsetOf(a) ? 1UL : 0),
            "ctoptr" => Capability.FromInteger(a.ToPointer(b)),
            "cfromptr" => a.FromPointer(b.Address),
            "csethigh" => a.SetHigh(b.Address),
            var operation => throw new FormatException($"unknown operation '{operation}'"),
        };
        row.Expect("res_mem_hi", result.Metadata);
        row.Expect("res_cursor", result.Address);
        row.Expect("res_tag", result.IsTagged);
    }

    private static void ExpectMoved(VectorRow row, in Capability input, in Capability result, string tagColumn)
    {
        row.Expect(tagColumn, result.IsTagged);
        row.Expect("new_cursor", result.Address);
        row.Expect("in_mem_hi", result.Metadata);
        row.Expect("new_base", result.Bounds.Base);
        row.Expect("new_top65", result.Bounds.Top);
    }
}
