using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Runtime.Tests;
using Xunit;
using static Cheri2IL.Intravisor.Tests.Ipc.Scripts;
using static Cheri2IL.Intravisor.Tests.ScriptedGuest;

namespace Cheri2IL.Intravisor.Tests.Ipc;

/// <summary>CP_File: ranges of one's memory that others open as files.</summary>
public sealed unsafe class CpFileTests
{
    private const long FilePublish = 0x4000 + 405;
    private const long Open = 0x4000 + 406;
    private const long Wait = 0x4000 + 407;
    private const long Wake = 0x4000 + 408;
    private const long Grant = 0x4200 + 1;
    private const long Revoke = 0x4200 + 2;
    private const int Write = FileAbi.O_WRONLY;
    private const int ReadWrite = FileAbi.O_RDWR;

    /// <summary>Runs one guest against what the host has published; what it found wrong.</summary>
    private static void RunGuest(Action<Exchange> publish, Action<nint> script)
    {
        using var intravisor = new IntravisorInstance();
        publish(intravisor.Exchange);
        var guest = new ScriptedGuest();
        Exception? failure = null;
        guest[Entry] = state =>
        {
            failure = Record.Exception(() => script((nint)state));
            Exit(state);
        };
        var reports = new List<string>();
        guest.StartIn(intravisor, "user", reports).Wait();
        Assert.Null(failure);
        Assert.Empty(reports);
    }

    [Fact]
    public void HostBuffer_ReadAndWritten_HasWorkingOffsetsAndEndsWhereItEnds()
    {
        var buffer = new byte[100];
        for (var k = 0; k < buffer.Length; k++)
            buffer[k] = (byte)k;
        RunGuest(
            exchange => exchange.PublishFile("test1", buffer.AsMemory(0, 32)).Grant("user", CpRights.ReadWrite),
            pointer =>
            {
                var state = (GuestState*)pointer;
                var file = OpenCap(state, "test1", ReadWrite);
                Assert.InRange(file, 3, 100);
                Assert.Equal(10, Result(state, 63, file, Data, 10));
                Assert.Equal(10, Result(state, 63, file, Data + 10, 10));
                Assert.Equal(buffer[..20], Bytes(state, Data, 20).ToArray());
                Assert.Equal(5, Result(state, 62, file, 5, FileAbi.SEEK_SET));
                Bytes(state, Data, 4).Fill(0xaa);
                Assert.Equal(4, Result(state, 64, file, Data, 4));
                Assert.Equal([4, 0xaa, 0xaa, 0xaa, 0xaa, 9], buffer[4..10]);
                Assert.Equal(9, Result(state, 62, file, 0, FileAbi.SEEK_CUR));
                Assert.Equal(32, Result(state, 62, file, 0, FileAbi.SEEK_END));
                Assert.Equal(0, Result(state, 63, file, Data, 10));
                Assert.Equal(-Errno.ENOSPC, Result(state, 64, file, Data, 10));

                // One byte past the end is the host's, on the same page.
                Assert.Equal(2, ReadAt(state, file, Data, 100, 30));
                Assert.Equal(0, ReadAt(state, file, Data, 1, 32));
                Assert.Equal(0, ReadAt(state, file, Data, 1, long.MaxValue));
                Assert.Equal(2, WriteAt(state, file, Data, 100, 30));
                Assert.Equal(32, buffer[32]);

                Assert.Equal(0, Result(state, 80, file, Data));
                Assert.Equal(32, *(long*)(state->MemoryBase + Data + 48));
                Assert.Equal(-Errno.EINVAL, Result(state, 62, file, -1, FileAbi.SEEK_SET));
                Assert.Equal(-Errno.EFAULT, ReadAt(state, file, 0x10, 1, 0));
                Assert.Equal(-Errno.EFAULT, ReadAt(state, file, -1, 1, 0));
                Assert.Equal(-Errno.EFAULT, ReadAt(state, file, 4L << 30, 1, 0));
                Assert.Equal(-Errno.EFAULT, WriteAt(state, file, 0x2000_0000, 1, 0));
                // The position does not move where nothing was.
                Assert.Equal(0, Result(state, 62, file, 0, FileAbi.SEEK_SET));
                Assert.Equal(-Errno.EFAULT, Result(state, 63, file, 0x2000_0000, 8));
                Assert.Equal(0, Result(state, 62, file, 0, FileAbi.SEEK_CUR));
            });
    }

    [Fact]
    public void Names_UnknownUngrantedAndLessThanGranted_AreRefusedAtOnce()
    {
        RunGuest(
            exchange =>
            {
                exchange.PublishFile("secret", new byte[8]).Grant("other", CpRights.ReadWrite);
                exchange.PublishFile("notes", new byte[8]).Grant("user", CpRights.Read);
                exchange.PublishFile("constant", new byte[8], CpRights.Read).Grant(Exchange.Everyone, CpRights.ReadWrite);
            },
            pointer =>
            {
                var state = (GuestState*)pointer;
                Assert.Equal(-Errno.ENOENT, OpenCap(state, "nothing"));
                Assert.Equal(-Errno.EACCES, OpenCap(state, "secret"));
                Assert.Equal(-Errno.EACCES, OpenCap(state, "notes", Write));
                Assert.Equal(-Errno.EACCES, OpenCap(state, "notes", ReadWrite));
                Assert.Equal(-Errno.EACCES, OpenCap(state, "constant", Write));
                Assert.Equal(-Errno.EACCES, OpenCap(state, "new", Write | FileAbi.O_CREAT));
                var notes = OpenCap(state, "notes");
                Assert.Equal(8, ReadAt(state, notes, Data, 100, 0));
                Assert.Equal(-Errno.EBADF, WriteAt(state, notes, Data, 1, 0));
                // fcntl cannot make it writable.
                Result(state, 25, notes, 4, ReadWrite);
                Assert.Equal(-Errno.EBADF, WriteAt(state, notes, Data, 1, 0));
                Assert.Equal(-Errno.ETIMEDOUT, Result(state, Open, Name(state, "nothing"), 0, 1_000_000));
                Assert.Equal(-Errno.ETIMEDOUT, Result(state, Open, Name(state, "secret"), 0, 0));
                Assert.Equal(-Errno.EFAULT, Result(state, Open, 0x10, 0, 0));
                Assert.Equal(-Errno.EINVAL, Result(state, Open, Name(state, "a/b"), 0, 0));
                Assert.Equal(-Errno.EINVAL, Result(state, Open, Name(state, ".."), 0, 0));
                Assert.Equal(-Errno.EINVAL, Result(state, Open, Name(state, "notes"), FileAbi.O_TRUNC, 0));

                // The directory shows what was granted.
                var directory = Result(state, 56, -100, Name(state, "/cap"), FileAbi.O_DIRECTORY);
                var length = (int)Result(state, 61, directory, Data, 0x800);
                var listing = System.Text.Encoding.Latin1.GetString(Bytes(state, Data, length));
                Assert.Contains("notes\0", listing, StringComparison.Ordinal);
                Assert.Contains("constant\0", listing, StringComparison.Ordinal);
                Assert.DoesNotContain("secret", listing, StringComparison.Ordinal);
            });
    }

    [Fact]
    public void OwnMemory_Published_IsReadByTheGranteeWhereItIsAndByNobodyElse()
    {
        using var intravisor = new IntravisorInstance();
        using var isDone = new CountdownEvent(2);
        var reports = new List<string>();
        long[] results = new long[12];
        var seen = new byte[16];
        var owner = new ScriptedGuest();
        owner[Entry] = state =>
        {
            Bytes(state, Data, 16).Fill(7);
            results[0] = Result(state, FilePublish, Name(state, "mine"), Data, 16, 3);
            results[1] = Result(state, Grant, Name(state, "mine"), Name(state, "reader", 1), 1);
            results[2] = Result(state, FilePublish, Name(state, "mine"), Data, 16, 3);
            results[3] = Result(state, FilePublish, Name(state, "wide"), Data, 5L << 30, 3);
            results[4] = Result(state, FilePublish, Name(state, "wild"), -8, 16, 3);
            results[5] = Result(state, FilePublish, Name(state, "kept"), Data, 16, 3);
            isDone.Wait(TimeSpan.FromMinutes(2));
            Exit(state);
        };
        var reader = new ScriptedGuest();
        reader[Entry] = state =>
        {
            var file = Result(state, Open, Name(state, "mine"), 0, -1);
            results[6] = ReadAt(state, file, Data, 100, 0);
            Bytes(state, Data, 16).CopyTo(seen);
            results[7] = OpenCap(state, "mine", ReadWrite);
            isDone.Signal();
            Exit(state);
        };
        var stranger = new ScriptedGuest();
        stranger[Entry] = state =>
        {
            results[8] = Result(state, Open, Name(state, "mine"), 0, 20_000_000);
            results[9] = OpenCap(state, "mine");
            results[10] = Result(state, Grant, Name(state, "mine"), Name(state, "stranger", 1), 3);
            results[11] = Result(state, Revoke, Name(state, "mine"));
            isDone.Signal();
            Exit(state);
        };
        intravisor.Exchange.Reserve("kept", "someone");
        var readerCvm = reader.StartIn(intravisor, "reader", reports);
        var ownerCvm = owner.StartIn(intravisor, "owner", reports);
        readerCvm.Wait();
        stranger.StartIn(intravisor, "stranger", reports).Wait();
        ownerCvm.Wait();
        Assert.Empty(reports);
        Assert.Equal([0, 0, -Errno.EEXIST, -Errno.EFAULT, -Errno.EFAULT, -Errno.EACCES, 16, -Errno.EACCES, -Errno.ETIMEDOUT, -Errno.EACCES, -Errno.EPERM, -Errno.EPERM], results);
        Assert.Equal(Enumerable.Repeat((byte)7, 16), seen);
        // With the owner goes what it published.
        Assert.Empty(intravisor.Exchange.Published);
    }

    [Fact]
    public void Revoke_WhileGuestsRead_NoByteIsMovedAfterItReturns()
    {
        using var intravisor = new IntravisorInstance();
        var reports = new List<string>();
        var isOver = false;
        var wrong = 0;
        var refused = 0;
        var reads = 0;
        var published = 0;
        ScriptedGuest Reader(string prefix)
        {
            var guest = new ScriptedGuest();
            guest[Entry] = state =>
            {
                var buffer = Map(state, 1 << 20);
                for (var round = 0; !Volatile.Read(ref isOver); round++)
                {
                    long file;
                    while ((file = Result(state, Open, Name(state, prefix + round), 0, 100_000_000)) < 0 && Volatile.Read(ref published) == round && !Volatile.Read(ref isOver))
                    {
                        // Not before the host has gone on to the next.
                    }

                    if (file < 0)
                        continue;
                    long count;
                    while ((count = ReadAt(state, file, buffer, 1 << 20, 0)) > 0)
                    {
                        Interlocked.Increment(ref reads);
                        if (Bytes(state, buffer, (int)count).ContainsAnyExcept((byte)1))
                            Interlocked.Increment(ref wrong);
                    }

                    if (count == -Errno.EACCES)
                        Interlocked.Increment(ref refused);
                    Result(state, 57, file);
                }

                Exit(state);
            };
            return guest;
        }

        var cvms = Enumerable.Range(0, 2).Select(k => Reader("file").StartIn(intravisor, "reader" + k, reports)).ToArray();
        const int rounds = 40;
        for (var round = 0; round < rounds; round++)
        {
            var buffer = new byte[1 << 20];
            Array.Fill(buffer, (byte)1);
            var file = intravisor.Exchange.PublishFile("file" + round, buffer);
            file.Grant(Exchange.Everyone, CpRights.Read);
            var before = Volatile.Read(ref reads);
            Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref reads) > before + 2, TimeSpan.FromMinutes(2)), "nobody reads");
            if (round % 2 == 0)
                file.Revoke();
            else
                file.Grant(Exchange.Everyone, CpRights.None);
            Array.Fill(buffer, (byte)2);
            file.Revoke();
            Volatile.Write(ref published, round + 1);
        }

        Volatile.Write(ref isOver, true);
        foreach (var cvm in cvms)
            cvm.Wait();
        Assert.Empty(reports);
        Assert.Equal(0, wrong);
        Assert.InRange(refused, rounds, 2 * rounds);
    }

    [Fact]
    public void OwnerKilled_WhileAnotherReads_HolderLosesItAndReadsNoOtherGuestsMemory()
    {
        using var intravisor = new IntravisorInstance();
        var reports = new List<string>();
        const int rounds = 25;
        var wrong = 0;
        var ended = 0;
        var reads = 0;
        ScriptedGuest Owner(byte value)
        {
            var guest = new ScriptedGuest();
            guest[Entry] = state =>
            {
                var memory = Map(state, 1 << 20);
                Bytes(state, memory, 1 << 20).Fill(value);
                Result(state, FilePublish, Name(state, "memory"), memory, 1 << 20, 1);
                Result(state, Grant, Name(state, "memory"), Name(state, "*", 1), 1);
                Call(state, 73, 0, 0, 0); // ppoll without limit
            };
            return guest;
        }

        var reader = new ScriptedGuest();
        reader[Entry] = state =>
        {
            var buffer = Map(state, 1 << 20);
            while (ended < rounds)
            {
                var file = Result(state, Open, Name(state, "memory"), 0, -1);
                if (file < 0)
                    continue;
                byte? value = null;
                long count;
                while ((count = ReadAt(state, file, buffer, 1 << 20, 0)) > 0)
                {
                    Interlocked.Increment(ref reads);
                    var bytes = Bytes(state, buffer, (int)count);
                    value ??= bytes[0];
                    if (bytes.ContainsAnyExcept(value.Value))
                        wrong++;
                }

                if (count != -Errno.EACCES)
                    wrong++;
                Interlocked.Increment(ref ended);
                Result(state, 57, file);
            }

            Exit(state);
        };
        var readerCvm = reader.StartIn(intravisor, "reader", reports);
        for (var round = 0; round < rounds; round++)
        {
            var before = Volatile.Read(ref reads);
            var owner = Owner((byte)(round + 1)).StartIn(intravisor, "owner", reports);
            Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref reads) > before + 2, TimeSpan.FromMinutes(2)), "nobody reads");
            owner.Kill(Signal.SIGKILL);
            owner.Wait();
            Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref ended) > round, TimeSpan.FromMinutes(2)), "the reader reads on");
        }

        readerCvm.Wait();
        Assert.Empty(reports);
        Assert.Equal(0, wrong);
    }

    [Fact]
    public void OwnerUnmaps_WhileAnotherReads_OperationFails()
    {
        using var intravisor = new IntravisorInstance();
        var owner = new ScriptedGuest();
        using var isMapped = new ManualResetEventSlim();
        using var isUnmapped = new ManualResetEventSlim();
        using var isRead = new ManualResetEventSlim();
        owner[Entry] = state =>
        {
            var memory = Map(state, 0x4000);
            Result(state, FilePublish, Name(state, "memory"), memory, 0x4000, 3);
            Result(state, Grant, Name(state, "memory"), Name(state, "*", 1), 3);
            isMapped.Set();
            Result(state, 215, memory + 0x1000, 0x1000);
            isUnmapped.Set();
            isRead.Wait(TimeSpan.FromMinutes(2));
            Exit(state);
        };
        var results = new long[4];
        var user = new ScriptedGuest();
        user[Entry] = state =>
        {
            var file = OpenCap(state, "memory", ReadWrite);
            var buffer = Map(state, 0x4000);
            results[0] = ReadAt(state, file, buffer, 0x1000, 0);
            results[1] = ReadAt(state, file, buffer, 1, 0x1fff);
            results[2] = WriteAt(state, file, buffer, 0x1000, 0x800);
            results[3] = ReadAt(state, file, buffer, 0x1000, 0x2000);
            Exit(state);
        };
        var reports = new List<string>();
        var cvm = owner.StartIn(intravisor, "owner", reports);
        isUnmapped.Wait(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
        var file = Assert.IsType<CpFile>(Assert.Single(intravisor.Exchange.Published));
        user.StartIn(intravisor, "user", reports).Wait();
        Assert.Throws<InvalidOperationException>(() => file.Read(0x1000, new byte[1]));
        Assert.Equal(4, file.Read(0x3ffc, new byte[10]));
        isRead.Set();
        cvm.Wait();
        Assert.Throws<InvalidOperationException>(() => file.Read(0, new byte[1]));
        Assert.Empty(reports);
        Assert.Equal([0x1000, -Errno.EFAULT, -Errno.EFAULT, 0x1000], results);
    }

    [Fact]
    public void MappedFile_IsSharedAndWithdrawnFromWhomItIsRevoked()
    {
        using var intravisor = new IntravisorInstance();
        var file = intravisor.Exchange.PublishFile("pages", 5000);
        file.Grant("writer", CpRights.ReadWrite);
        file.Grant("reader", CpRights.Read);
        using var isWritten = new ManualResetEventSlim();
        using var isRevoked = new ManualResetEventSlim();
        var results = new long[7];
        var faults = 0;
        var writer = new ScriptedGuest();
        writer[Entry] = state =>
        {
            var descriptor = OpenCap(state, "pages", ReadWrite);
            var memory = Result(state, 222, 0, 8192, 3, 1, descriptor, 0);
            Bytes(state, memory, 8192).Fill(9);
            isWritten.Set();
            isRevoked.Wait(TimeSpan.FromMinutes(2));
            // The pages are gone from here: what makes translated code fault is an exception in a script.
            for (var k = 0; k < 2; k++)
            {
                try
                {
                    Exit(state, state->MemoryBase[memory + (k * 4096)]);
                }
                catch (NullReferenceException)
                {
                    faults++;
                }
            }

            Exit(state);
        };
        var reader = new ScriptedGuest();
        reader[Entry] = state =>
        {
            isWritten.Wait(TimeSpan.FromMinutes(2));
            var descriptor = OpenCap(state, "pages");
            results[0] = Result(state, 222, 0, 8192, 3, 1, descriptor, 0);
            var memory = Result(state, 222, 0, 8192, 1, 1, descriptor, 0);
            results[1] = state->MemoryBase[memory + 8191];
            results[2] = Result(state, 226, memory, 4096, 3);
            results[3] = ReadAt(state, descriptor, Data, 100, 4990);
            isRevoked.Wait(TimeSpan.FromMinutes(2));
            // Of whom it was not revoked it is still there.
            results[4] = state->MemoryBase[memory];
            Result(state, 226, memory, 8192, 1);
            results[5] = ReadAt(state, descriptor, Data, 1, 0);
            file.Revoke();
            results[6] = Result(state, 222, 0, 8192, 1, 1, descriptor, 0);
            Exit(state);
        };
        var reports = new List<string>();
        var writerCvm = writer.StartIn(intravisor, "writer", reports);
        var readerCvm = reader.StartIn(intravisor, "reader");
        Assert.True(isWritten.Wait(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken));
        var host = new byte[10];
        Assert.Equal(10, file.Read(100, host));
        Assert.Equal(Enumerable.Repeat((byte)9, 10), host);
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref results[3]) != 0, TimeSpan.FromMinutes(2)));
        file.Grant("writer", CpRights.Read);
        isRevoked.Set();
        Assert.Equal(0, writerCvm.Wait().ShellStatus);
        Assert.Equal(2, faults);
        Assert.Empty(reports);
        readerCvm.Wait();
        Assert.Equal([-Errno.EACCES, 9, -Errno.EACCES, 10, 9, 1, -Errno.EACCES], results);
    }

    [Fact]
    public void ProgramWithCapabilities_Maps_GetsACapabilityOfExactlyTheBytesAndRights()
    {
        using var intravisor = new IntravisorInstance();
        var file = intravisor.Exchange.PublishFile("pages", 1000);
        file.Grant("user", CpRights.Read);
        var odd = intravisor.Exchange.PublishFile("odd", (1 << 24) + 1);
        odd.Grant("user", CpRights.ReadWrite);
        file.Write(0, [1, 2, 3]);
        var reports = new List<string>();
        var results = new long[6];
        Capability readable = default, stored = default;
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            long CallWith(long number, long a0, long a1, long a2)
            {
                Span<long> a = [a0, a1, a2];
                for (var k = 0; k < a.Length; k++)
                    CapabilityState.Write(state, 10 + k, Capability.Omnipotent.SetAddress((ulong)a[k]));
                return Result(state, number, a0, a1, a2);
            }

            const long map = 0x4200 + 10;
            var descriptor = CallWith(Open, Name(state, "pages"), 0, 0);
            results[0] = CallWith(map, descriptor, Data, 3);
            results[1] = CallWith(map, descriptor, Data, 1);
            ((Cheri2IL.Intravisor.Cvms.CvmThread)GuestThread.Of(state).Host).Space.Memory.TryRead(Data, out readable);
            results[2] = state->MemoryBase[(long)readable.Address + 2];
            results[3] = CallWith(map, CallWith(Open, Name(state, "odd"), 2, 0), Data + 32, 3);
            // Data that comes from another cVM has no tag, whatever its bits are.
            results[4] = CallWith(67, descriptor, Data, 3);
            ((Cheri2IL.Intravisor.Cvms.CvmThread)GuestThread.Of(state).Host).Space.Memory.TryRead(Data, out stored);
            file.Revoke();
            try
            {
                results[5] = state->MemoryBase[(long)readable.Address];
            }
            catch (NullReferenceException)
            {
                results[5] = -1;
            }

            Exit(state);
        };
        guest.StartIn(intravisor, "user", reports, PureImage()).Wait();
        Assert.Empty(reports);
        Assert.Equal([-Errno.EACCES, 0, 3, -Errno.EOVERFLOW, 3, -1], results);
        Assert.True(readable.IsTagged);
        Assert.Equal((readable.Address, readable.Address + 1000), (readable.Bounds.Base, readable.Bounds.SaturatedTop));
        Assert.Equal(CapabilityPermissions.Global | CapabilityPermissions.Load, readable.Permissions);
        Assert.False(stored.IsTagged);
    }

    [Fact]
    public void OwnPages_Created_CountAgainstTheLimitUntilTheyAreRevoked()
    {
        RunGuest(
            _ => { },
            pointer =>
            {
                var state = (GuestState*)pointer;
                const long create = 0x4200 + 9;
                Assert.Equal(-Errno.ENOMEM, Result(state, create, Name(state, "huge"), 9L << 30, 3));
                Assert.Equal(-Errno.EINVAL, Result(state, create, Name(state, "none"), 0, 3));
                Assert.Equal(-Errno.EINVAL, Result(state, create, Name(state, "none"), 1, 4));
                for (var k = 0; k < 5; k++)
                {
                    var file = Result(state, create, Name(state, "large"), 5L << 30, 1);
                    Assert.InRange(file, 3, 100);
                    Assert.Equal(-Errno.ENOMEM, Result(state, create, Name(state, "other"), 5L << 30, 1));
                    // The owner writes what others may only read.
                    Assert.Equal(3, WriteAt(state, file, Data, 3, 4L << 30));
                    Assert.Equal(0, Result(state, Revoke, Name(state, "large")));
                    Assert.Equal(-Errno.EACCES, WriteAt(state, file, Data, 3, 0));
                    Assert.Equal(0, Result(state, 57, file));
                }

                // Descriptors of the host are few.
                for (var k = 0; k < Exchange.MostPages; k++)
                    Assert.InRange(Result(state, create, Name(state, "file" + k), 1, 1), 3, 100);
                Assert.Equal(-Errno.ENOSPC, Result(state, create, Name(state, "more"), 1, 1));
                Assert.Equal(0, Result(state, Revoke, Name(state, "file0")));
                Assert.InRange(Result(state, create, Name(state, "more"), 1, 1), 3, 100);
            });
    }

    [Fact]
    public void Events_WaitedFor_WakeAndTimeOutAndEndWithTheRight()
    {
        CpFile? file = null;
        RunGuest(
            exchange =>
            {
                file = exchange.PublishFile("bell", new byte[1]);
                file.Grant("user", CpRights.ReadWrite);
            },
            pointer =>
            {
                var state = (GuestState*)pointer;
                var descriptor = OpenCap(state, "bell");
                Assert.Equal(-Errno.ETIMEDOUT, Result(state, Wait, descriptor, 0, 1_000_000));
                Assert.Equal(1, Result(state, Wake, descriptor));
                Assert.Equal(1, Result(state, Wait, descriptor, 0, -1));
                var ring = Task.Run(file!.SignalEvent);
                Assert.Equal(2, Result(state, Wait, descriptor, 1, -1));
                Assert.Equal(2, ring.Result);
                var revoke = Task.Run(file.Revoke);
                Assert.Equal(-Errno.EACCES, Result(state, Wait, descriptor, 2, -1));
                revoke.Wait();
                Assert.Equal(-Errno.EACCES, Result(state, Wake, descriptor));
                Assert.Equal(-Errno.EBADF, Result(state, Wake, 0));
            });
    }

    [Fact]
    public void Operations_Repeated_AllocateNothing()
    {
        RunGuest(
            exchange => exchange.PublishFile("buffer", new byte[4096]).Grant("user", CpRights.ReadWrite),
            pointer =>
            {
                var state = (GuestState*)pointer;
                var file = OpenCap(state, "buffer", ReadWrite);
                void Use(int k)
                {
                    ReadAt(state, file, Data, 256, k);
                    WriteAt(state, file, Data, 256, k);
                    Result(state, 62, file, 0, 0);
                    Result(state, 63, file, Data, 100);
                }

                Assert.Equal(0, Allocations.Of(1000, Use));
            });
    }
}
