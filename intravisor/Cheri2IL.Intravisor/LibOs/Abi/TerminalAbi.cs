namespace Cheri2IL.Intravisor.LibOs.Abi;

/// <summary>Modes of terminals (include/uapi/asm-generic/termbits.h) and requests to them (asm-generic/ioctls.h).</summary>
public static class TerminalAbi
{
    public const uint PARMRK = 0x8;
    public const uint ISTRIP = 0x20;
    public const uint INLCR = 0x40;
    public const uint IGNCR = 0x80;
    public const uint ICRNL = 0x100;
    public const uint IUCLC = 0x200;
    public const uint IXON = 0x400;
    public const uint IXANY = 0x800;
    public const uint IUTF8 = 0x4000;

    public const uint OPOST = 0x1;
    public const uint OLCUC = 0x2;
    public const uint ONLCR = 0x4;
    public const uint OCRNL = 0x8;
    public const uint ONOCR = 0x10;
    public const uint ONLRET = 0x20;
    public const uint TABDLY = 0x1800;
    public const uint XTABS = 0x1800;

    public const uint CBAUD = 0x100f;
    public const uint CBAUDEX = 0x1000;
    public const int IBSHIFT = 16;
    public const uint CSIZE = 0x30;
    public const uint CS8 = 0x30;
    public const uint CREAD = 0x80;
    public const uint PARENB = 0x100;
    public const uint B38400 = 0xf;

    public const uint ISIG = 0x1;
    public const uint ICANON = 0x2;
    public const uint ECHO = 0x8;
    public const uint ECHOE = 0x10;
    public const uint ECHOK = 0x20;
    public const uint ECHONL = 0x40;
    public const uint NOFLSH = 0x80;
    public const uint TOSTOP = 0x100;
    public const uint ECHOCTL = 0x200;
    public const uint ECHOPRT = 0x400;
    public const uint ECHOKE = 0x800;
    public const uint IEXTEN = 0x8000;
    public const uint EXTPROC = 0x10000;

    public const int VINTR = 0;
    public const int VQUIT = 1;
    public const int VERASE = 2;
    public const int VKILL = 3;
    public const int VEOF = 4;
    public const int VTIME = 5;
    public const int VMIN = 6;
    public const int VSTART = 8;
    public const int VSTOP = 9;
    public const int VSUSP = 10;
    public const int VEOL = 11;
    public const int VREPRINT = 12;
    public const int VWERASE = 14;
    public const int VLNEXT = 15;
    public const int VEOL2 = 16;

    public const uint TCGETS = 0x5401;
    public const uint TCSETS = 0x5402;
    public const uint TCSETSW = 0x5403;
    public const uint TCSETSF = 0x5404;
    public const uint TCSBRK = 0x5409;
    public const uint TCXONC = 0x540a;
    public const uint TCFLSH = 0x540b;
    public const uint TIOCEXCL = 0x540c;
    public const uint TIOCNXCL = 0x540d;
    public const uint TIOCSCTTY = 0x540e;
    public const uint TIOCGPGRP = 0x540f;
    public const uint TIOCSPGRP = 0x5410;
    public const uint TIOCOUTQ = 0x5411;
    public const uint TIOCGWINSZ = 0x5413;
    public const uint TIOCSWINSZ = 0x5414;
    public const uint FIONREAD = 0x541b;
    public const uint TIOCPKT = 0x5420;
    public const uint FIONBIO = 0x5421;
    public const uint TIOCNOTTY = 0x5422;
    public const uint TIOCGETD = 0x5424;
    public const uint TCSBRKP = 0x5425;
    public const uint TIOCSBRK = 0x5427;
    public const uint TIOCCBRK = 0x5428;
    public const uint TIOCGSID = 0x5429;
    public const uint TIOCVHANGUP = 0x5437;
    public const uint TIOCGPTPEER = 0x5441;
    public const uint FIONCLEX = 0x5450;
    public const uint FIOCLEX = 0x5451;
    public const uint FIOASYNC = 0x5452;
    public const uint TCGETS2 = 0x802c542a;
    public const uint TCSETS2 = 0x402c542b;
    public const uint TCSETSW2 = 0x402c542c;
    public const uint TCSETSF2 = 0x402c542d;
    public const uint TIOCGPTN = 0x80045430;
    public const uint TIOCSPTLCK = 0x40045431;
    public const uint TIOCGDEV = 0x80045432;
    public const uint TIOCSIG = 0x40045436;
    public const uint TIOCGPKT = 0x80045438;
    public const uint TIOCGPTLCK = 0x80045439;
    public const uint TIOCGEXCL = 0x80045440;

    public const byte TIOCPKT_FLUSHREAD = 1;
    public const byte TIOCPKT_FLUSHWRITE = 2;
    public const byte TIOCPKT_STOP = 4;
    public const byte TIOCPKT_START = 8;
    public const byte TIOCPKT_NOSTOP = 16;
    public const byte TIOCPKT_DOSTOP = 32;
    public const byte TIOCPKT_IOCTL = 64;

    public const int TCIFLUSH = 0;
    public const int TCOFLUSH = 1;
    public const int TCIOFLUSH = 2;

    public const int TCOOFF = 0;
    public const int TCOON = 1;
    public const int TCIOFF = 2;
    public const int TCION = 3;
}
