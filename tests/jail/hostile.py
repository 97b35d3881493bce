"""Programs that mean harm, and from which tier on each is held.

A program prints a line "OUT what" for everything that it got and should not have got.
"""

import os
from pathlib import Path
from typing import NamedTuple


def alive(token: str) -> list[str]:
    """Processes anywhere on this machine that carry a word in their command line."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                words = (folder / "cmdline").read_bytes()
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if token.encode() in words and state != "Z":
                found.append(folder.name)
    return found


class Case(NamedTuple):
    """One program: how its run must end, and the first tier that holds it."""

    name: str
    source: str
    kind: str = "ok"
    held_from: int = 0
    limits: tuple[tuple[str, float], ...] = ()


PRELUDE = """
import ctypes, os, signal, socket, subprocess, sys, time
libc = ctypes.CDLL(None, use_errno=True)
token, pytest_pid, secret_file, outside, tcp, path_socket, abstract, datagrams = sys.argv[1:9]
memory, queue, mq = int(sys.argv[9]), int(sys.argv[10]), sys.argv[11].encode()
def attempt(what, act):
    try:
        got = act()
    except (OSError, MemoryError, ValueError):
        return
    if got not in (None, False, -1, b"", ""):
        print("OUT", what, got, flush=True)
def fork(act):
    pid = os.fork()
    if pid == 0:
        try:
            act()
        finally:
            os._exit(0)
    return pid
"""

CASES = (
    Case("busy", "while True: pass", "timeout", 0, (("seconds", 0.4),)),
    Case(
        "busy with threads and children",
        "for _ in range(3): os.fork()\nwhile True: pass",
        "cpu",
        0,
        (("seconds", 5), ("cpu_seconds", 0.4)),
    ),
    Case("one process's time", "while True: pass", "cpu", 0, (("cpu_seconds", 0.3),)),
    Case(
        "children that nobody waits for",
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "def burn():\n    until = time.process_time() + 0.08\n"
        "    while time.process_time() < until: pass\n"
        "while True:\n"
        "    fork(burn)\n    try: os.wait()\n    except ChildProcessError: pass",
        "cpu",
        0,
        (("cpu_seconds", 0.5), ("seconds", 60)),
    ),
    Case(
        "deaf to signals",
        "for n in range(1, 65):\n"
        "    try: signal.signal(n, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\n"
        "while True: time.sleep(9)",
        "timeout",
        0,
        (("seconds", 0.4),),
    ),
    Case("holds stdout open", "fork(lambda: time.sleep(30)); print('done')"),
    Case(
        "daemon",
        "def second():\n    os.setsid(); os.close(1); os.close(2); time.sleep(30)\n"
        "fork(lambda: (os.setsid(), fork(second)))\nos.wait()",
    ),
    Case(
        "children that start children when they are killed",
        "def again():\n    while True:\n        pid = os.fork()\n"
        "        if pid: os.waitpid(pid, 0)\n"
        "        else: os.setsid(); time.sleep(0.01)\n"
        "fork(again); fork(again); time.sleep(0.2)",
        "ok|killed",
    ),
    Case(
        "fork bomb",
        "n = 0\ntry:\n    while n < 400:\n        n += 1\n        fork(lambda: time.sleep(30))\n"
        "except BlockingIOError:\n    sys.exit(5)\n"
        "time.sleep(3)\nprint('OUT', n, 'processes')",
        "failed|killed",
        0,
        (("processes", 12),),
    ),
    Case(
        "threads",
        "import threading\nfor _ in range(300): threading.Thread(target=time.sleep, "
        "args=(3,), daemon=True).start()\ntime.sleep(2)\nprint('OUT threads')",
        "failed|killed",
        0,
        (("processes", 12),),
    ),
    Case("8 GB at once", "x = bytearray(8 << 30)", "memory"),
    Case(
        "memory bit by bit",
        "x = []\nwhile True: x.append(bytes([1]) * (1 << 20))",
        "memory",
    ),
    Case(
        "memory in children",
        "def eat():\n    x = bytes([1]) * (50 << 20); time.sleep(5)\n"
        "for _ in range(6): fork(eat)\ntime.sleep(5)",
        "memory",
    ),
    Case(
        "memory of a process whose first thread has ended",
        "import threading\n"
        "def eat():\n    time.sleep(0.3); x = bytes([1]) * (300 << 20); time.sleep(9)\n"
        "threading.Thread(target=eat).start()\n"
        "libc.syscall({'x86_64': 60, 'aarch64': 93}[os.uname().machine], 0)",
        "memory",
    ),
    Case(
        "memory that is shared",
        "import mmap\nx = mmap.mmap(-1, 400 << 20)\n"
        "for place in range(0, 400 << 20, 4096): x[place] = 1",
        "memory",
    ),
    Case(
        "memory without a name",
        "attempt('memfd', lambda: os.memfd_create('x') > 0)\n"
        "attempt('shmget', lambda: libc.shmget(0, 1 << 30, 0o1600))",
        "ok",
        1,
    ),
    Case(
        "what other programs share and send each other",
        "attempt('shmat', lambda: libc.shmat(memory, None, 0))\n"
        "attempt('shmctl', lambda: libc.shmctl(memory, 0, None) == 0)\n"
        "attempt('msgctl', lambda: libc.msgctl(queue, 0, None) == 0)\n"
        "attempt('mq_unlink', lambda: libc.mq_unlink(mq) == 0)",
        "ok",
        1,
    ),
    Case("one large file", "f = open('f', 'wb')\nwhile True: f.write(bytes(1 << 20))", "disk"),
    Case(
        "many files",
        "for n in range(40): open(f'f{n}', 'wb').write(bytes(1 << 19))\ntime.sleep(1)",
        "disk",
    ),
    Case(
        "files that are deleted and held",
        "held = []\nfor n in range(40):\n    f = open('f', 'wb'); f.write(bytes(1 << 19))\n"
        "    f.flush(); os.unlink('f'); held.append(f)\ntime.sleep(1)",
        "disk",
    ),
    Case(
        "files that are deleted, mapped and closed",
        "libc.mmap.restype = ctypes.c_void_p\n"
        "for n in range(40):\n    f = open('f', 'wb+'); f.write(bytes(1 << 19)); f.flush()\n"
        "    libc.mmap(None, ctypes.c_size_t(4096), 1, 2, f.fileno(), ctypes.c_long(0))\n"
        "    os.unlink('f'); f.close()\ntime.sleep(1)\nprint('OUT all')",
        "disk",
    ),
    Case(
        "files that are on their way to somebody",
        "a, b = socket.socketpair()\n"
        "for n in range(40):\n    f = open('f', 'wb'); f.write(bytes(1 << 19)); f.flush()\n"
        "    try: socket.send_fds(a, [b'x'], [f.fileno()])\n"
        "    except PermissionError: sys.exit()\n"
        "    os.unlink('f'); f.close()\ntime.sleep(1)\nprint('OUT all')",
        "ok|disk",
        1,
    ),
    Case(
        "open files of a thread alone",
        "import threading\n"
        "def apart():\n"
        "    if libc.syscall(436, 1 << 20, 1 << 21, 2): os._exit(0)\n"
        "    held = []\n    for n in range(40):\n"
        "        f = open('f', 'wb'); f.write(bytes(1 << 19)); f.flush()\n"
        "        os.unlink('f'); held.append(f)\n    time.sleep(1); print('OUT all', flush=True)\n"
        "thread = threading.Thread(target=apart); thread.start(); thread.join()",
        "ok|disk",
        1,
    ),
    Case(
        "files elsewhere",
        "for folder in ('/tmp', '/dev/shm', '/var/tmp', '/dev/mqueue', '/run', '/'):\n"
        "    for n in range(8):\n"
        "        try: open(f'{folder}/{token}{n}', 'wb').write(bytes(1 << 20))\n"
        "        except OSError: pass\n"
        "time.sleep(0.5)\n"
        "held = sum(os.path.getsize(f'{d}/{n}') for d in ('/tmp', '/dev/shm') if os.path.isdir(d)"
        " and os.access(d, os.R_OK) for n in os.listdir(d))\n"
        "if held > 4 << 20: print('OUT', held)",
        "ok|disk",
        2,
    ),
    Case(
        "empty files", "for n in range(40_000): open(f'f{n}', 'w').close()", "disk|failed|timeout"
    ),
    Case("flood", "while True: os.write(1, bytes(65536))", "output"),
    Case("flood of errors", "while True: os.write(2, b'x' * 65536)", "output"),
    Case(
        "network",
        "attempt('tcp', lambda: socket.create_connection(('127.0.0.1', int(tcp)), 1))\n"
        "attempt('tcp6', lambda: socket.create_connection(('::1', int(tcp)), 1))\n"
        "def udp():\n    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "    return s.sendto(b'x', ('127.0.0.1', int(tcp)))\n"
        "attempt('udp', udp)\n"
        "attempt('dns', lambda: socket.gethostbyname('example.com'))\n"
        "attempt('netlink', lambda: socket.socket(16, socket.SOCK_RAW, 0))\n"
        "attempt('packet', lambda: socket.socket(17, socket.SOCK_RAW, 0))\n"
        "def unix(name, kind=socket.SOCK_STREAM):\n    s = socket.socket(socket.AF_UNIX, kind)\n"
        "    s.connect(name); return True\n"
        "attempt('unix', lambda: unix(path_socket))\n"
        "attempt('abstract', lambda: unix('\\0' + abstract))\n"
        "def pair(kind):\n    a, b = socket.socketpair(socket.AF_UNIX, kind)\n"
        "    return a.sendto(b'x', datagrams)\n"
        "attempt('datagram of a pair', lambda: pair(socket.SOCK_DGRAM))\n"
        "attempt('raw', lambda: pair(socket.SOCK_RAW))\n"
        "def again(act):\n    a, b = socket.socketpair(); b.close(); act(a); return True\n"
        "attempt('stream', lambda: again(lambda a: a.sendto(b'x', path_socket)))\n"
        "attempt('anew', lambda: again(lambda a: a.connect(path_socket)))",
        "ok",
        1,
    ),
    Case(
        "keys in environments",
        "print(dict(os.environ))\n"
        "try: all = os.listdir('/proc')\nexcept OSError: all = []\n"
        "for pid in [*filter(str.isdigit, all), 'self', '1', str(os.getppid()), pytest_pid]:\n"
        "    for name in ('environ', 'cmdline', 'maps'):\n"
        "        try: print(open(f'/proc/{pid}/{name}').read())\n"
        "        except OSError: pass\n",
        "ok",
        1,
        (("output_kb", 1000),),
    ),
    Case(
        "environment of its own",
        "print(dict(os.environ)); attempt('home', lambda: os.environ.get('HOME'))",
    ),
    Case(
        "open files of its parents",
        "for n in range(3, 4096):\n    attempt(f'file {n}', lambda: os.fstat(n) and n)\n",
    ),
    Case(
        "files of its parents",
        "for pid in (pytest_pid, os.getppid(), 1):\n"
        "    for n in range(3, 64):\n"
        "        attempt(f'{pid} {n}', lambda: open(f'/proc/{pid}/fd/{n}').read(64))\n"
        "    attempt('mem', lambda: open(f'/proc/{pid}/mem', 'rb'))\n"
        "    attempt('root', lambda: os.listdir(os.path.join(f'/proc/{pid}', 'root', 'home')))\n"
        "    attempt('cwd', lambda: os.listdir(f'/proc/{pid}/cwd'))",
        "ok",
        1,
    ),
    Case(
        "files that are none of its business",
        "for name in (secret_file, outside, '/etc/shadow', '/root', '/home', '/var/log', '/sys/fs',"
        " os.path.dirname(secret_file), '/proc/1/environ', '/proc/kcore', '/dev/sda', '/dev/vda',"
        " '/dev/kmsg'):\n"
        "    attempt(name, lambda: open(name, 'rb').read(10))\n"
        "    if name != '/root': attempt(name, lambda: os.listdir(name))\n"
        "os.symlink(secret_file, 'link'); attempt('link', lambda: open('link').read())",
        "ok",
        1,
    ),
    Case(
        "writing outside",
        "for name in (outside, '/etc/passwd', '/usr/lib/x', sys.prefix + '/x', '/x', "
        "'/dev/null2', '/dev/shm/../x', '/proc/sysrq-trigger', 'inputs/data', "
        "'inputs/new', '/proc/sys/kernel/core_pattern',"
        " '/sys/kernel/x'):\n"
        "    attempt('write ' + name, lambda: open(name, 'a') and True)\n"
        "    try: os.chmod(name, 0o777); os.utime(name, (1, 1)); os.chown(name, 1, 1)\n"
        "    except OSError: pass\n"
        "attempt('unlink', lambda: os.unlink('inputs/data') or True)\n"
        "attempt('rename', lambda: os.rename('inputs/data', 'mine') or True)\n"
        "attempt('truncate', lambda: os.truncate('inputs/data', 0) or True)\n"
        "attempt('remove', lambda: os.unlink(outside) or True)",
        "ok",
        1,
    ),
    Case(
        "changing what is open for reading",
        "import fcntl\n"
        "file = os.open('inputs/data', os.O_RDONLY)\n"
        "for act in (lambda: os.fchmod(file, 0o777), lambda: os.fchown(file, 1, 1),\n"
        "        lambda: os.setxattr(file, 'user.x', b'1'), lambda: os.utime(file, (1, 1)),\n"
        "        lambda: libc.syscall(452, file, b'', 0o777, 0x1000),\n"
        "        lambda: libc.syscall(463, file, b'', 0x1000, b'user.x', b'1'*16, 16)):\n"
        "    try: act()\n    except OSError: pass\n"
        "attempt('flags', lambda: fcntl.ioctl(file, 0x40086602, bytes(8)) == bytes(8))\n"
        "attempt('lease', lambda: fcntl.fcntl(file, 1024, 0) == 0)\n"
        "attempt('cut', lambda: os.open('inputs/data', os.O_RDONLY | os.O_TRUNC))",
        "ok",
        1,
    ),
    Case(
        "names of files elsewhere",
        "watch = libc.inotify_init()\n"
        "attempt('watch', lambda: libc.inotify_add_watch(watch, "
        "os.path.dirname(secret_file).encode(), 0xFFF) >= 0)",
        "ok",
        1,
    ),
    Case(
        "killing its parents",
        "me = [os.getpid(), 0]\n"
        "for pid in {os.getppid(), int(pytest_pid)}:\n"
        "    for number in (signal.SIGCONT, signal.SIGUSR1, signal.SIGKILL, signal.SIGTERM)[:4]:\n"
        "        if pid > 1: attempt(f'kill {pid}', lambda: os.kill(pid, number) or True)\n"
        "        if pid > 1: attempt('group', lambda: os.killpg(pid, number) or True)",
        "ok",
        1,
    ),
    Case(
        "limiting its parents",
        "import resource\n"
        "attempt('its watcher', lambda: resource.prlimit(os.getppid(), 7, (0, 0)) or True)\n"
        "attempt('its watcher', lambda: resource.prlimit(os.getppid(), 1, (0, 0)) or True)\n"
        "same = lambda pid: resource.prlimit(pid, 4, resource.prlimit(pid, 4))\n"
        "for pid in {os.getppid(), int(pytest_pid), 1}:\n"
        "    attempt(f'limits of {pid}', lambda: same(pid) or True)",
        "ok",
        1,
    ),
    Case(
        "slowing its parents down",
        "for pid in {os.getppid(), int(pytest_pid), 1}:\n"
        "    attempt('cores', lambda: os.sched_setaffinity(pid, {0}) or True)\n"
        "    attempt('nice', lambda: os.setpriority(0, pid, os.getpriority(0, pid)) or True)\n"
        "    attempt('class', lambda: os.sched_setscheduler(pid, 0, os.sched_param(0)) or True)\n"
        "    attempt('param', lambda: os.sched_setparam(pid, os.sched_param(0)) or True)\n"
        "attempt('user', lambda: os.setpriority(2, 0, os.getpriority(2, 0)) or True)",
        "ok",
        1,
    ),
    Case(
        "killing everybody",
        "pid = fork(lambda: time.sleep(9)); os.kill(-1, 9); print(os.waitpid(pid, 0))",
        "ok",
        2,
    ),
    Case(
        "killing everybody, softly",
        "attempt('all', lambda: os.kill(-1, signal.SIGCONT) or True)",
        "ok",
        1,
    ),
    Case(
        "killing process 1",
        "for n in (9, 15, 19, 2): os.kill(1, n) if not attempt('1', lambda: "
        "None) else 0\ntime.sleep(0.2)\nprint('still')",
        "ok|failed|killed",
        2,
    ),
    Case(
        "looking into its parents",
        "for pid in {os.getppid(), int(pytest_pid), 1}:\n"
        "    attempt('ptrace', lambda: libc.ptrace(16, pid, 0, 0) == 0)\n"
        "    buffer = ctypes.create_string_buffer(8)\n"
        "    vector = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)\n"
        "    attempt('vm', lambda: libc.process_vm_readv(pid, vector, 1, vector, 1, 0) > 0)\n"
        "    attempt('pidfd', lambda: libc.syscall(438, os.pidfd_open(pid), 0, 0) >= 0)",
        "ok",
        1,
    ),
    Case(
        "more rights",
        "try: status = open('/proc/self/status').read()\nexcept OSError: status = ''\n"
        "for line in status.splitlines():\n"
        "    if line.startswith(('CapEff', 'CapPrm', 'CapInh', 'CapAmb')):\n"
        "        attempt(line, lambda: int(line.split()[1], 16) != 0)\n"
        "    if line.startswith('NoNewPrivs'): attempt(line, lambda: line.split()[1] != '1')\n"
        "attempt('setuid', lambda: os.getuid() != 0 and (os.setuid(0) or True))\n"
        "attempt('limits', lambda: __import__('resource').setrlimit(0, (-1, -1)) or True)\n",
    ),
    Case(
        "worlds of its own",
        "for flags in (0x10000000, 0x20000, 0x20000000, 0x40000000, 0x10020000):\n"
        "    attempt('unshare', lambda: libc.unshare(flags) == 0)\n"
        "attempt('mount', lambda: libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0)\n"
        "attempt('clone3', lambda: libc.syscall(435, 0, 0) == 0 or ctypes.get_errno() != 38)\n"
        "attempt('clone', lambda: libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0) > 0)\n"
        "attempt('chroot', lambda: os.chroot('.') or True)\n"
        "attempt('bpf', lambda: libc.syscall(321, 5, 0, 0) >= 0)\n"
        "attempt('keys', lambda: libc.syscall(250, 0, -3, 0) >= 0)\n"
        "attempt('uring', lambda: libc.syscall(425, 1, ctypes.create_string_buffer(120)) >= 0)\n"
        "attempt('mknod', lambda: os.mknod('d', 0o60666, os.makedev(254, 0)) or True)",
        "ok",
        1,
    ),
    Case(
        "the clock",
        "attempt('set', lambda: time.clock_settime(0, 0) or True)\n"
        "time.time = time.monotonic = lambda: 0.0\nreal = __import__('select').select\n"
        "real([], [], [], 0.3)",
    ),
    Case("a crash", "import ctypes; ctypes.string_at(0)", "killed"),
    Case(
        "its own folder closed",
        "os.mkdir('d'); open('d/f', 'w'); os.chmod('d', 0); os.chmod('.', 0)",
        "ok|disk",
    ),
    Case("a stopped child", "fork(lambda: os.kill(os.getpid(), signal.SIGSTOP)); time.sleep(0.1)"),
    Case("stops itself", "os.kill(os.getpid(), signal.SIGSTOP)", "timeout", 0, (("seconds", 0.4),)),
    Case(
        "deep folders",
        "for _ in range(1200):\n    try: os.mkdir('d' * 50); os.chdir('d' * 50)\n"
        "    except OSError: break",
        "ok|disk",
    ),
)
