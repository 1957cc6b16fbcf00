using Cheri2IL.Intravisor.LibOs.Mm;
using Xunit;

namespace Cheri2IL.Intravisor.Tests;

/// <summary>The list of mappings against a model with one entry per page.</summary>
public sealed class MappingListTests
{
    private const int Pages = 64;
    private const ulong Page = 4096;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void MappingList_RandomSetAndRemove_MatchesPageModel(int seed)
    {
        var random = new Random(seed);
        var list = new MappingList();
        var model = new int[Pages];
        for (var step = 0; step < 3000; step++)
        {
            var first = random.Next(Pages);
            var count = random.Next(1, Pages - first + 1);
            var protection = random.Next(8);
            var remove = random.Next(3) == 0;
            if (remove)
                list.Remove((ulong)first * Page, (ulong)(first + count) * Page);
            else
                list.Set(new Mapping((ulong)first * Page, (ulong)(first + count) * Page, protection, false, null, 0, ""));
            model.AsSpan(first, count).Fill(remove ? 0 : protection + 1);
            AssertSame(model, list);
        }
    }

    [Fact]
    public void MappingList_RandomQueries_MatchPageModel()
    {
        var random = new Random(7);
        var list = new MappingList();
        var model = new bool[Pages];
        for (var step = 0; step < 500; step++)
        {
            var first = random.Next(Pages);
            var count = Math.Min(random.Next(1, 9), Pages - first);
            var map = random.Next(2) == 0;
            if (map)
                list.Set(new Mapping((ulong)first * Page, (ulong)(first + count) * Page, step % 3, false, null, 0, ""));
            else
                list.Remove((ulong)first * Page, (ulong)(first + count) * Page);
            model.AsSpan(first, count).Fill(map);

            var low = random.Next(Pages);
            var high = random.Next(low + 1, Pages + 1);
            var range = model.AsSpan(low, high - low);
            Assert.Equal(!range.Contains(true), list.IsFree((ulong)low * Page, (ulong)high * Page));
            Assert.Equal(!range.Contains(false), list.IsCovered((ulong)low * Page, (ulong)high * Page));

            var length = random.Next(1, 6);
            var expected = -1;
            for (var at = high - length; at >= low && expected < 0; at--)
            {
                if (!model.AsSpan(at, length).Contains(true))
                    expected = at;
            }

            var found = list.TryFindGapBelow((ulong)low * Page, (ulong)high * Page, (ulong)length * Page, out var start);
            Assert.Equal(expected, found ? (int)(start / Page) : -1);
        }
    }

    [Fact]
    public void MappingList_FileRangesThatContinue_AreJoined()
    {
        var source = new BytesSource(new byte[(int)(4 * Page)]);
        var list = new MappingList();
        list.Set(new Mapping(0, Page, 1, false, source, 0, ""));
        list.Set(new Mapping(2 * Page, 3 * Page, 1, false, source, 8192, ""));
        list.Set(new Mapping(Page, 2 * Page, 1, false, source, 4096, ""));
        Assert.Equal(1, list.Count);
        Assert.Equal(3 * Page, list[0].Length);

        // The same file at another offset does not continue it.
        list.Set(new Mapping(3 * Page, 4 * Page, 1, false, source, 0, ""));
        Assert.Equal(2, list.Count);
    }

    private static void AssertSame(int[] model, MappingList list)
    {
        var actual = new int[Pages];
        for (var k = 0; k < list.Count; k++)
        {
            var mapping = list[k];
            for (var page = mapping.Start / Page; page < mapping.End / Page; page++)
            {
                Assert.Equal(0, actual[page]);
                actual[page] = mapping.Protection + 1;
            }

            // Maximal: like neighbours are one mapping.
            Assert.False(k > 0 && list[k - 1].End == mapping.Start && list[k - 1].Protection == mapping.Protection);
        }

        Assert.Equal(model, actual);
    }
}
