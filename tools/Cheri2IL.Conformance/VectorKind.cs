namespace Cheri2IL.Conformance;

/// <summary>What the rows of a file test.</summary>
public sealed class VectorKind
{
    private static readonly VectorKind[] All =
    [
        new(
            "mem_hi,raw_hi,cursor,tag,base,top65,cgetlen,cgettop,hperms,uperms,cgetperm,otype18,cgettype,flags,reserved,sealed,ie,E,B,T",
            CapabilityVectors.Decode),
        new(
            "in_mem_hi,in_cursor,in_tag,req_len,out_mem_hi,out_cursor,exact,out_tag_csetbounds,out_tag_csetboundsexact,out_base,out_top65",
            CapabilityVectors.SetBounds),
        new(
            "in_mem_hi,in_cursor,in_tag,new_cursor,increment,rep_exact,rep_fast,out_tag_csetaddr,out_tag_cincoffset,new_base,new_top65",
            CapabilityVectors.Representability),
        new("length,crrl,cram", CapabilityVectors.RoundLength),
        new("in_mem_hi,in_cursor,in_tag,new_otype,sealed_mem_hi,out_tag,cgettype_after,unsealed_mem_hi", CapabilityVectors.Seal),
        new(
            "in_mem_hi,in_cursor,in_tag,rs2,cgetperm_in,candperm_mem_hi,cgetperm_out,csetflags_mem_hi,out_tag",
            CapabilityVectors.PermissionsAndFlags),
        new("op,a_mem_hi,a_cursor,a_tag,b_mem_hi,b_cursor,b_tag,res_mem_hi,res_cursor,res_tag", CapabilityVectors.Instruction),
        new("word,width,mode,mnemonic,register_fields,immediate", EncodingVectors.Word),
    ];

    private readonly string[] _columns;

    private VectorKind(string columns, Action<VectorRow> check)
    {
        _columns = columns.Split(',');
        Check = check;
    }

    /// <summary>Compares one row with this project's implementation.</summary>
    public Action<VectorRow> Check { get; }

    /// <summary>The kind all of whose columns are there, in any order; null if none.</summary>
    public static VectorKind? Of(IReadOnlyCollection<string> columns) =>
        Array.Find(All, kind => kind._columns.All(columns.Contains));
}
