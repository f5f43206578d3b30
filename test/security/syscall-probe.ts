/** System calls that no function needs, tried from Python, and what must come of each. Numbers are those of x86-64. */

/** Name of the attempt and name of the error, or `allowed`. */
export type SyscallResults = Readonly<Record<string, string>>;

interface Attempt {
  readonly name: string;
  /** Number and arguments, as Python. */
  readonly call: string;
  readonly expected: string;
}

const forbidden: readonly [name: string, call: string][] = [
  ["unshare user namespace", "272, 0x10000000"],
  ["unshare mount namespace", "272, 0x20000"],
  ["clone with user namespace", "56, 0x10000011, 0, 0, 0, 0"],
  ["clone with network namespace", "56, 0x40000011, 0, 0, 0, 0"],
  ["setns", "308, 0, 0"],
  ["mount", "165, b'none', b'/tmp', b'tmpfs', 0, 0"],
  ["umount2", "166, b'/tmp', 0"],
  ["pivot_root", "155, b'/tmp', b'/tmp'"],
  ["chroot", "161, b'/tmp'"],
  ["open_tree", "428, -100, b'/', 1"],
  ["move_mount", "429, 0, b'', 0, b'/tmp', 4"],
  ["fsopen", "430, b'tmpfs', 0"],
  ["fsmount", "432, 0, 0, 0"],
  ["mount_setattr", "442, -100, b'/', 0, 0, 0"],
  ["mknod of a device", "133, b'/tmp/disk', 0o060600, 0x100"],
  ["mknodat of a device", "259, -100, b'/tmp/disk', 0o020600, 0x103"],
  ["name_to_handle_at", "303, -100, b'/', 0, 0, 0"],
  ["open_by_handle_at", "304, -100, 0, 0"],
  ["bpf", "321, 0, 0, 0"],
  ["perf_event_open", "298, 0, 0, -1, -1, 0"],
  ["userfaultfd", "323, 1"],
  ["keyctl", "250, 0, -3, 0"],
  ["add_key", "248, b'user', b'x', b'x', 1, -3"],
  ["request_key", "249, b'user', b'x', 0, -3"],
  ["ptrace", "101, 16, 1, 0, 0"],
  ["process_vm_readv", "310, 1, 0, 0, 0, 0, 0"],
  ["process_vm_writev", "311, 1, 0, 0, 0, 0, 0"],
  ["process_madvise", "440, 0, 0, 0, 0, 0"],
  ["pidfd_getfd", "438, 0, 0, 0"],
  ["kcmp", "312, 1, 1, 0, 0, 0"],
  ["init_module", "175, 0, 0, b''"],
  ["finit_module", "313, 0, b'', 0"],
  ["delete_module", "176, b'x', 0"],
  ["kexec_load", "246, 0, 0, 0, 0"],
  ["kexec_file_load", "320, 0, 0, 0, b'', 0"],
  ["reboot", "169, 0xfee1dead, 672274793, 0x89abcdef, 0"],
  ["swapon", "167, b'/tmp', 0"],
  ["settimeofday", "164, 0, 0"],
  ["clock_settime", "227, 0, 0"],
  ["adjtimex", "159, 0"],
  ["sethostname", "170, b'x', 1"],
  ["acct", "163, 0"],
  ["quotactl", "179, 0, 0, 0, 0"],
  ["syslog", "103, 3, 0, 0"],
  ["iopl", "172, 3"],
  ["ioperm", "173, 0, 1, 1"],
  ["modify_ldt", "154, 0, 0, 0"],
  ["memfd_secret", "447, 0"],
  ["fanotify_init", "300, 0, 0"],
  ["lookup_dcookie", "212, 0, 0, 0"],
  ["vhangup", "153"],
  ["personality without randomised addresses", "135, 0x0040000"],
  ["terminal injection", "16, 0, 0x5412, b'x'"],
  ["terminal injection with high bits", "16, 0, 0x100005412, b'x'"],
  ["console injection", "16, 0, 0x541c, b'x'"],
  ["x32 getpid", "0x40000000 | 39"],
  ["raw socket", "41, 2, 3, 1"],
];

const unknown: readonly [name: string, call: string][] = [
  ["clone3", "435, 0, 0"],
  ["io_uring_setup", "425, 1, 0"],
  ["io_uring_enter", "426, 0, 0, 0, 0, 0, 0"],
  ["io_uring_register", "427, 0, 0, 0, 0"],
  ["a call of a later kernel", "600"],
];

const badFamilies: readonly [name: string, call: string][] = [
  ["vsock", "41, 40, 1, 0"],
  ["alg", "41, 38, 5, 0"],
  ["packet", "41, 17, 3, 0"],
  ["netfilter over netlink", "41, 16, 3, 12"],
  ["audit over netlink", "41, 16, 3, 9"],
  ["bluetooth", "41, 31, 3, 0"],
  ["can", "41, 29, 3, 1"],
  ["key", "41, 15, 3, 2"],
  ["xdp", "41, 44, 3, 0"],
  ["tipc", "41, 30, 5, 0"],
  ["socket pair of vsock", "53, 40, 1, 0, 0"],
];

const allowed: readonly [name: string, call: string][] = [
  ["unix socket", "41, 1, 1, 0"],
  ["routes over netlink", "41, 16, 3, 0"],
  ["named pipe", "133, b'/tmp/pipe', 0o010600, 0"],
  ["personality asked for", "135, 0xffffffff"],
];

const attempts: readonly Attempt[] = [
  ...forbidden.map(([name, call]) => ({ name, call, expected: "EPERM" })),
  ...unknown.map(([name, call]) => ({ name, call, expected: "ENOSYS" })),
  ...badFamilies.map(([name, call]) => ({ name, call, expected: "EAFNOSUPPORT" })),
  ...allowed.map(([name, call]) => ({ name, call, expected: "allowed" })),
];

/** The last attempt enters the kernel by its 32-bit door, which must be deadly: the filter does not know its numbers. */
const code = `
import ctypes, errno, json, mmap, os, signal
libc = ctypes.CDLL(None, use_errno=True)
results = {}
def attempt(name, number, *args):
    ctypes.set_errno(0)
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in args]
    result = libc.syscall(ctypes.c_long(number), *wide)
    results[name] = "allowed" if result >= 0 else errno.errorcode[ctypes.get_errno()]
${attempts.map(({ name, call }) => `attempt(${JSON.stringify(name)}, ${call})`).join("\n")}
child = os.fork()
if child == 0:
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(bytes([0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3]))
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    os._exit(0)
_, status = os.waitpid(child, 0)
results["32-bit system call"] = "killed" if os.WIFSIGNALED(status) else "allowed"
print(json.dumps(results))
`;

/** The program, and what it must print. */
export const syscallProbe: { readonly code: string; readonly expected: SyscallResults } = {
  code,
  expected: { ...Object.fromEntries(attempts.map(({ name, expected }) => [name, expected])), "32-bit system call": "killed" },
};
