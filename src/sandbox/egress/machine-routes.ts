/** What the kernel tells everybody of this machine's network: its addresses, and its way to the internet. */
import { existsSync, readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";

/** The interfaces of default routes: name, destination, and flags in hexadecimal (1: up). */
export function ipv4Devices(): string[] {
  const rows = readOr("/proc/net/route")
    .split("\n")
    .slice(1)
    .map((line) => line.split("\t"));
  const defaults = rows.filter(([, to, , flags, , , , mask]) => to === "00000000" && mask === "00000000" && isUp(flags));
  return [...new Set(defaults.map(([name]) => name as string))].toSorted();
}

/** The same for IPv6. */
export function ipv6Devices(): string[] {
  const rows = readOr("/proc/net/ipv6_route")
    .trim()
    .split("\n")
    .map((line) => line.split(/\s+/));
  const defaults = rows.filter(
    ([to, bits, , , , , , , flags, name]) => /^0{32}$/.test(to ?? "") && bits === "00" && isUp(flags) && name !== "lo",
  );
  return [...new Set(defaults.map(([, , , , , , , , , name]) => name as string))].toSorted();
}

/** Whether this machine speaks IPv6 at all. */
export function hasIpv6(): boolean {
  return existsSync("/proc/net/if_inet6") && readOr("/proc/sys/net/ipv6/conf/all/disable_ipv6").trim() !== "1";
}

/** The kernel's switches that make an interface pass on what comes from it. */
export function ipv4Forwarding(name: string): string {
  return `/proc/sys/net/ipv4/conf/${name}/forwarding`;
}

export function ipv6Forwarding(name: string): string {
  return `/proc/sys/net/ipv6/conf/${name}/forwarding`;
}

/** Of one interface, where the machine as a whole does not forward; newer kernels have it. */
export function forceForwarding(name: string): string {
  return `/proc/sys/net/ipv6/conf/${name}/force_forwarding`;
}

/** All addresses of this machine, also of interfaces that are down, where it answers all the same. */
export function ownAddresses(): string[] {
  const running = Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address));
  const all = [...running, ...localAddresses4(readOr("/proc/net/fib_trie")), ...localAddresses6(readOr("/proc/net/if_inet6"))];
  return [...new Set(all)].toSorted();
}

/** An address of this machine that another one may know it by; null when it has none of that family. */
export function outerAddress(family: 4 | 6): string | null {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const isOuter = (address: string) => isIPv6(address) === (family === 6) && !/^fe80/i.test(address);
  return all.find(({ internal, address }) => !internal && isOuter(address))?.address ?? null;
}

/** Single addresses of the routing table `local`: each a line, and its kind on the next. */
export function localAddresses4(trie: string): string[] {
  return [...trie.matchAll(/\|-- (\S+)\n(?:\s+\/\d+ \S+ \S+\n)*?\s+\/32 host LOCAL/g)].map((match) => match[1] as string);
}

/** Addresses are at the beginning of each line, as 32 hexadecimal digits. */
export function localAddresses6(table: string): string[] {
  const digits = [...table.matchAll(/^([0-9a-f]{32})\s/gm)].map((match) => match[1] as string);
  return digits.map((all) => new URL(`http://[${all.match(/.{4}/g)?.join(":")}]/`).hostname.slice(1, -1));
}

/** The text of a file; empty where there is none. */
export function readOr(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function isUp(flags: string | undefined): boolean {
  return (Number.parseInt(flags ?? "0", 16) & 1) === 1;
}
