/**
 * The system call filter of our sandboxes (`bubblewrap/syscalls.ts`), as Docker reads it. Its own would leave io_uring and sockets to
 * the hypervisor open. Source: docs.docker.com/engine/security/seccomp.
 */
import { allowedSyscalls, unknownSyscalls } from "../bubblewrap/syscalls.ts";

interface Argument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: string;
}

/** ENOSYS */
const unknownCall = 38;

/** Namespace flags of clone(2): mount, cgroup, uts, ipc, user, pid, net. */
const namespaceFlags = 0x7e02_0000;
/** AF_UNIX, AF_INET, AF_INET6. */
const families = [1, 2, 10];
const fileType = 0xf000;
/** Pipes, sockets, plain files, and a file whose type is left out. */
const madeFiles = [0x1000, 0xc000, 0x8000, 0];

const allow = (names: readonly string[], args: readonly Argument[] = []) => ({ names, action: "SCMP_ACT_ALLOW", args });
const refuse = (names: readonly string[], errnoRet: number) => ({ names, action: "SCMP_ACT_ERRNO", errnoRet, args: [] });
const equal = (index: number, value: number): Argument => ({ index, value, op: "SCMP_CMP_EQ" });

/** As JSON, for the option `seccomp=`. Everything that is not named is refused. */
export function seccompProfile(): string {
  return JSON.stringify({
    defaultAction: "SCMP_ACT_ERRNO",
    architectures: ["SCMP_ARCH_X86_64"],
    syscalls: [
      allow(Object.keys(allowedSyscalls)),
      refuse(Object.keys(unknownSyscalls), unknownCall),
      allow(["clone"], [{ index: 0, value: namespaceFlags, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }]),
      ...families.map((family) => allow(["socket"], [equal(0, family)])),
      // AF_NETLINK: only to ask for interfaces and routes.
      allow(["socket"], [equal(0, 16), equal(2, 0)]),
      allow(["socketpair"], [equal(0, 1)]),
      // Whoever has no terminal can put no words into one.
      allow(["ioctl"]),
      ...madeFiles.map((type) => allow(["mknod"], [{ index: 1, value: fileType, valueTwo: type, op: "SCMP_CMP_MASKED_EQ" }])),
      ...madeFiles.map((type) => allow(["mknodat"], [{ index: 2, value: fileType, valueTwo: type, op: "SCMP_CMP_MASKED_EQ" }])),
      allow(["personality"], [equal(0, 0)]),
      allow(["personality"], [equal(0, 0xffff_ffff)]),
    ],
  });
}
