using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Runtime.Tests;
using Xunit;
using static Cheri2IL.Intravisor.Tests.Ipc.Scripts;
using static Cheri2IL.Intravisor.Tests.ScriptedGuest;

namespace Cheri2IL.Intravisor.Tests.Ipc;

/// <summary>CP_Stream: one copy into the receiver's ring.</summary>
public sealed unsafe class CpStreamTests
{
    private const long Open = 0x4000 + 406;
    private const long Create = 0x4000 + 409;
    private const long Grant = 0x4200 + 1;
    private const long Receive = 0x4200 + 3;
    private const long Messages = 1;
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(2);

    private static long StreamOf(GuestState* state, long ring, long bytes, long flags)
    {
        var stream = Result(state, Create, Name(state, "stream"), flags, ring, bytes);
        Assert.Equal(0, Result(state, Grant, Name(state, "stream"), Name(state, "*", 1), 2));
        return stream;
    }

    /// <summary>Runs a receiver and some senders to their ends; what went wrong in any.</summary>
    private static void RunGuests(Action<nint> receiver, params Action<nint>[] senders)
    {
        using var intravisor = new IntravisorInstance();
        var reports = new List<string>();
        var failures = new List<Exception>();
        Cvm StartGuest(string name, Action<nint> script)
        {
            var guest = new ScriptedGuest();
            guest[Entry] = state =>
            {
                if (Record.Exception(() => script((nint)state)) is { } failure)
                {
                    lock (failures)
                        failures.Add(failure);
                }

                Exit(state);
            };
            return guest.StartIn(intravisor, name, reports);
        }

        Cvm[] cvms = [StartGuest("receiver", receiver), .. senders.Select((s, k) => StartGuest("sender" + k, s))];
        foreach (var cvm in cvms)
            Assert.True(cvm.Completion.Wait(TimeSpan.FromMinutes(2)), $"{cvm.Name} does not end");
        Assert.Empty(failures);
        Assert.Empty(reports);
    }

    /// <summary>A message of its number and then bytes that follow from it.</summary>
    private static void Fill(Span<byte> message, int seed)
    {
        for (var k = 0; k < message.Length; k++)
            message[k] = (byte)((seed * 31) + k);
    }

    [Theory]
    [InlineData(4096)]
    [InlineData(65536)]
    public void Messages_OfManySizes_ArriveInOrderAndWholeInPlace(long ring)
    {
        const int count = 3000;
        static int Length(int k, long ring) => 1 + (k * 37 % (int)((ring / 2) - 16));
        RunGuests(
            pointer =>
            {
                var state = (GuestState*)pointer;
                var memory = Map(state, ring);
                var stream = StreamOf(state, memory, ring, Messages);
                var expected = new byte[ring];
                for (var k = 0; k < count; k++)
                {
                    var length = Result(state, Receive, stream, Data, -1);
                    Assert.Equal(Length(k, ring), length);
                    var message = Bytes(state, memory + *(long*)(state->MemoryBase + Data), (int)length);
                    Fill(expected.AsSpan(0, (int)length), k);
                    Assert.True(message.SequenceEqual(expected.AsSpan(0, (int)length)), $"message {k}");
                }

                Assert.Equal(0, Result(state, Receive, stream, Data, -1));
            },
            pointer =>
            {
                var state = (GuestState*)pointer;
                var buffer = Map(state, ring);
                var stream = Result(state, Open, Name(state, "stream"), FileAbi.O_WRONLY, -1);
                for (var k = 0; k < count; k++)
                {
                    var length = Length(k, ring);
                    Fill(Bytes(state, buffer, length), k);
                    Assert.Equal(length, Result(state, 64, stream, buffer, length));
                }
            });
    }

    [Fact]
    public void Bytes_WrittenInLargePieces_AreReadInSmallOnes()
    {
        const int total = 1_000_000;
        RunGuests(
            pointer =>
            {
                var state = (GuestState*)pointer;
                var ring = Map(state, 8192);
                var stream = StreamOf(state, ring, 8192, 0);
                for (var done = 0; done < total;)
                {
                    var count = Result(state, 63, stream, Data, 777);
                    Assert.InRange(count, 1, 777);
                    foreach (var value in Bytes(state, Data, (int)count))
                    {
                        if (value != (byte)(done % 251))
                            Assert.Fail($"byte {done}");
                        done++;
                    }
                }

                Assert.Equal(0, Result(state, 63, stream, Data, 777));
                Assert.Equal(0, Result(state, 63, stream, Data, 777));
            },
            pointer =>
            {
                var state = (GuestState*)pointer;
                var buffer = Map(state, total);
                for (var k = 0; k < total; k++)
                    state->MemoryBase[buffer + k] = (byte)(k % 251);
                var stream = Result(state, Open, Name(state, "stream"), FileAbi.O_WRONLY, -1);
                Assert.Equal(total, Result(state, 64, stream, buffer, total));
            });
    }

    [Fact]
    public void SeveralSenders_AtOnce_EachArriveInTheirOrder()
    {
        const int count = 5000;
        // Without a sender left, the stream would be at its end.
        using var opened = new CountdownEvent(3);
        Action<nint> Sender(byte id) => pointer =>
        {
            var state = (GuestState*)pointer;
            var stream = Result(state, Open, Name(state, "stream"), FileAbi.O_WRONLY, -1);
            opened.Signal();
            Assert.True(opened.Wait(Long));
            for (var k = 0; k < count; k++)
            {
                var message = Bytes(state, Data, 8 + (k % 50));
                message.Fill(id);
                *(int*)(state->MemoryBase + Data) = k;
                Assert.Equal(message.Length, Result(state, 64, stream, Data, message.Length));
            }
        };
        RunGuests(
            pointer =>
            {
                var state = (GuestState*)pointer;
                var ring = Map(state, 4096);
                var stream = StreamOf(state, ring, 4096, Messages);
                var next = new int[3];
                for (var k = 0; k < 3 * count; k++)
                {
                    var length = (int)Result(state, 63, stream, Data, 100);
                    var id = state->MemoryBase[Data + 4];
                    Assert.Equal(next[id]++, *(int*)(state->MemoryBase + Data));
                    Assert.Equal(8 + ((next[id] - 1) % 50), length);
                    Assert.False(Bytes(state, Data + 4, length - 4).ContainsAnyExcept(id));
                }

                Assert.Equal(0, Result(state, 63, stream, Data, 100));
            },
            Sender(0), Sender(1), Sender(2));
    }

    [Fact]
    public void Sizes_TooLargeOrOfNothing_AreRefusedAndTheStreamGoesOn()
    {
        RunGuests(
            pointer =>
            {
                var state = (GuestState*)pointer;
                var ring = Map(state, 8192);
                Assert.Equal(-Errno.EINVAL, Result(state, Create, Name(state, "stream"), Messages, ring, 4000));
                Assert.Equal(-Errno.EINVAL, Result(state, Create, Name(state, "stream"), Messages, ring + 8, 4096));
                Assert.Equal(-Errno.EINVAL, Result(state, Create, Name(state, "stream"), 2, ring, 4096));
                Assert.Equal(-Errno.EFAULT, Result(state, Create, Name(state, "stream"), Messages, 4L << 30, 4096));
                Assert.Equal(-Errno.EFAULT, Result(state, Create, Name(state, "stream"), Messages, -16, 4096));
                var stream = StreamOf(state, ring, 4096, Messages);
                Assert.Equal(-Errno.EAGAIN, Result(state, Receive, stream, Data, 0));
                // Of 2032 bytes, which does not fit here, but stays.
                Assert.Equal(-Errno.EMSGSIZE, Result(state, 63, stream, Data, 100));
                var buffer = Map(state, 4096);
                Assert.Equal(2032, Result(state, 63, stream, buffer, 4096));
                Assert.Equal(1, Result(state, 63, stream, buffer, 4096));
                Assert.Equal(0, Result(state, 63, stream, buffer, 4096));
                Assert.Equal(-Errno.ESPIPE, ReadAt(state, stream, buffer, 1, 0));
                Assert.Equal(-Errno.EBADF, Result(state, 64, stream, buffer, 1));
            },
            pointer =>
            {
                var state = (GuestState*)pointer;
                var stream = Result(state, Open, Name(state, "stream"), FileAbi.O_WRONLY, -1);
                Assert.Equal(-Errno.EACCES, OpenCap(state, "stream"));
                Assert.Equal(-Errno.EACCES, OpenCap(state, "stream", FileAbi.O_RDWR));
                var buffer = Map(state, 4096);
                Assert.Equal(-Errno.EMSGSIZE, Result(state, 64, stream, buffer, 2033));
                Assert.Equal(-Errno.EFAULT, Result(state, 64, stream, 4L << 30, 16));
                Assert.Equal(-Errno.EFAULT, Result(state, 64, stream, 0x2000_0000, 16));
                Assert.Equal(-Errno.EBADF, Result(state, 63, stream, buffer, 16));
                Assert.Equal(0, Result(state, 64, stream, buffer, 0));
                Thread.Sleep(20);
                Assert.Equal(2032, Result(state, 64, stream, buffer, 2032));
                Assert.Equal(1, Result(state, 64, stream, buffer, 1));
            });
    }

    [Fact]
    public void NonBlocking_FullAndEmpty_AnswersEagainAndPollTells()
    {
        using var isSeenEmpty = new ManualResetEventSlim();
        using var isFull = new ManualResetEventSlim();
        using var isRead = new ManualResetEventSlim();
        static short Poll(GuestState* state, long descriptor, short events)
        {
            (*(int*)(state->MemoryBase + Data), *(short*)(state->MemoryBase + Data + 4)) = ((int)descriptor, events);
            Bytes(state, Data + 0x20, 16).Clear();
            Result(state, 73, Data, 1, Data + 0x20);
            return *(short*)(state->MemoryBase + Data + 6);
        }

        RunGuests(
            pointer =>
            {
                var state = (GuestState*)pointer;
                var ring = Map(state, 4096);
                var stream = StreamOf(state, ring, 4096, Messages | FileAbi.O_NONBLOCK);
                Assert.Equal(-Errno.EAGAIN, Result(state, 63, stream, Data, 100));
                Assert.Equal(0, Poll(state, stream, FileAbi.POLLIN));
                isSeenEmpty.Set();
                Assert.True(isFull.Wait(Long));
                Assert.Equal(FileAbi.POLLIN, Poll(state, stream, FileAbi.POLLIN));
                var buffer = Map(state, 4096);
                var count = 0;
                while (Result(state, 63, stream, buffer, 2048) is var length && length > 0)
                    count++;
                Assert.Equal(-Errno.EAGAIN, state->X10);
                Assert.Equal(3, count);
                isRead.Set();
                Result(state, 25, stream, 4, 0);
                Assert.Equal(1500, Result(state, 63, stream, buffer, 2048));
                Assert.Equal(0, Result(state, 63, stream, buffer, 2048));
                Assert.Equal(FileAbi.POLLIN | FileAbi.POLLHUP, Poll(state, stream, FileAbi.POLLIN));
            },
            pointer =>
            {
                var state = (GuestState*)pointer;
                var stream = Result(state, Open, Name(state, "stream"), FileAbi.O_WRONLY | FileAbi.O_NONBLOCK, -1);
                var buffer = Map(state, 4096);
                Assert.True(isSeenEmpty.Wait(Long));
                for (var k = 0; k < 3; k++)
                {
                    Assert.Equal(FileAbi.POLLOUT, Poll(state, stream, FileAbi.POLLOUT));
                    Assert.Equal(1000, Result(state, 64, stream, buffer, 1000));
                }

                Assert.Equal(-Errno.EAGAIN, Result(state, 64, stream, buffer, 1500));
                Assert.Equal(0, Poll(state, stream, FileAbi.POLLOUT));
                isFull.Set();
                Assert.True(isRead.Wait(Long));
                Assert.Equal(FileAbi.POLLOUT, Poll(state, stream, FileAbi.POLLOUT));
                Assert.Equal(1500, Result(state, 64, stream, buffer, 1500));
            });
    }

    [Fact]
    public void ReceiverEnds_WhileSendersWait_TheyGetEpipe()
    {
        // A sender that came after the receiver's end would wait for a stream of that name.
        using var opened = new CountdownEvent(2);
        Action<nint> Sender() => pointer =>
        {
            var state = (GuestState*)pointer;
            // SIGPIPE ignored.
            *(long*)(state->MemoryBase + Data) = 1;
            Assert.Equal(0, Result(state, 134, 13, Data, 0, 8));
            var stream = Result(state, Open, Name(state, "stream"), FileAbi.O_WRONLY, -1);
            opened.Signal();
            while (Result(state, 64, stream, Data, 512) == 512)
            {
            }

            Assert.Equal(-Errno.EPIPE, state->X10);
            Assert.Equal(-Errno.EPIPE, Result(state, 64, stream, Data, 512));
        };
        RunGuests(
            pointer =>
            {
                var state = (GuestState*)pointer;
                StreamOf(state, Map(state, 4096), 4096, Messages);
                Assert.True(opened.Wait(Long));
                Thread.Sleep(30);
            },
            Sender(), Sender());
    }

    [Fact]
    public void Receiver_OverwritesHeadersAndUnmapsTheRing_HarmsItselfAlone()
    {
        using var isFull = new ManualResetEventSlim();
        RunGuests(
            pointer =>
            {
                var state = (GuestState*)pointer;
                var ring = Map(state, 4096);
                var stream = StreamOf(state, ring, 4096, Messages);
                Assert.Equal(8, Result(state, Receive, stream, Data, -1));
                // Otherwise the sender might write that header after it was overwritten.
                Assert.True(isFull.Wait(Long));
                foreach (var length in (long[])[0, -2, 100_000, long.MaxValue, long.MinValue, 2048])
                {
                    *(long*)(state->MemoryBase + ring + 32) = length;
                    Assert.Equal(-Errno.EBADMSG, Result(state, Receive, stream, Data, -1));
                }

                Result(state, 215, ring, 4096);
                Assert.Equal(-Errno.EFAULT, Result(state, Receive, stream, Data, -1));
            },
            pointer =>
            {
                var state = (GuestState*)pointer;
                *(long*)(state->MemoryBase + Data) = 1;
                Result(state, 134, 13, Data, 0, 8);
                var stream = Result(state, Open, Name(state, "stream"), FileAbi.O_WRONLY | FileAbi.O_NONBLOCK, -1);
                while (Result(state, 64, stream, Data, 8) == 8)
                {
                }

                Assert.Equal(-Errno.EAGAIN, state->X10);
                isFull.Set();
                Result(state, 25, stream, 4, 0);
                long sent;
                while ((sent = Result(state, 64, stream, Data, 8)) == 8)
                {
                }

                Assert.Contains(sent, (long[])[-Errno.EFAULT, -Errno.EPIPE]);
            });
    }

    [Fact]
    public void Host_SendsAndReceives()
    {
        using var intravisor = new IntravisorInstance();
        var answers = intravisor.Exchange.PublishStream("answers", 4096, isMessages: true);
        answers.Grant("guest", CpRights.Write);
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            var stream = StreamOf(state, Map(state, 4096), 4096, Messages);
            var answer = OpenCap(state, "answers", FileAbi.O_WRONLY);
            for (var k = 0; k < 100; k++)
            {
                var length = Result(state, 63, stream, Data, 100);
                state->MemoryBase[Data]++;
                Result(state, 64, answer, Data, length);
            }

            Exit(state);
        };
        var cvm = guest.StartIn(intravisor, "guest");
        CpStream? questions;
        while ((questions = (CpStream?)intravisor.Exchange.Find("stream")) is null)
            Thread.Sleep(1);
        var buffer = new byte[16];
        for (var k = 0; k < 100; k++)
        {
            questions.Send([(byte)k, 5, 6], Long);
            Assert.Equal(3, answers.Receive(buffer, Long));
            Assert.Equal([(byte)(k + 1), 5, 6], buffer[..3]);
        }

        Assert.Equal(0, answers.Receive(buffer, Long));
        cvm.Wait();
        Assert.Throws<InvalidOperationException>(() => questions.Send([1], Long));
        Assert.Throws<ArgumentException>(() => answers.Send(new byte[3000], Long));
        answers.Send([1, 2, 3], Long);
        Assert.Throws<ArgumentException>(() => answers.Receive(new byte[2], Long));
        Assert.Equal(3, answers.Receive(buffer, Long));
    }

    [Fact]
    public void Operations_Repeated_AllocateNothing()
    {
        const int count = 3000;
        RunGuests(
            pointer =>
            {
                var state = (GuestState*)pointer;
                var stream = StreamOf(state, Map(state, 65536), 65536, Messages);
                Assert.Equal(0, Allocations.Of(count, _ =>
                {
                    Call(state, Receive, stream, Data, -1);
                    Call(state, 63, stream, Data, 64);
                }));
            },
            pointer =>
            {
                var state = (GuestState*)pointer;
                var stream = Result(state, Open, Name(state, "stream"), FileAbi.O_WRONLY, -1);
                Assert.Equal(0, Allocations.Of(2 * count, _ => Call(state, 64, stream, Data, 64)));
            });
    }
}
