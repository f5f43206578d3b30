/**
 * Addresses: of our own, and those that no sandbox may reach. Sources: IANA's registries of special-purpose addresses for IPv4 and
 * IPv6, as of 2025, and the metadata services of the large clouds.
 */
import { BlockList, isIP } from "node:net";
import { PlatformError } from "../../model/error.ts";

/** Of the router, for its sandboxes: the resolver and the way to the platform. */
export const gateway = "100.64.0.1";

/** Every interface between sandboxes, router and machine; two that are tied together share it, so nobody has to ask for it. */
export const linkAddress = "02:6b:69:6c:6e:01";

/** Not reached by any sandbox, apart from a packet's own network: here are also all addresses that sandboxes have themselves. */
export const refused4: readonly string[] = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10", // Carriers, clouds' metadata (100.100.100.200), and our own sandboxes.
  "127.0.0.0/8",
  "168.63.129.16/32", // The wire server of Azure.
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3", // Multicast, reserved, broadcast.
];

/** Only these are the IPv6 internet. Mapped, NAT64, local, link-local and multicast addresses are outside. */
export const global6 = "2000::/3";
/** Exceptions inside: Teredo and others of the IETF, documentation, 6to4. */
export const refused6: readonly string[] = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

/** How many sandboxes can be told apart before addresses are used again. */
const sandboxesMax = 4_000_000;

/** The interface and the addresses of a sandbox, by its number. */
export function sandboxAddresses(number: number): { link: string; ipv4: string; ipv6: string } {
  const place = 256 + (number % sandboxesMax);
  const ipv4 = [100, 64 + (place >> 16), (place >> 8) & 255, place & 255].join(".");
  return { link: `k${number}`, ipv4, ipv6: `fd6b:696c:6e00::${(place >> 16).toString(16)}:${(place & 0xffff).toString(16)}` };
}

/** The two ends of an uplink. */
export interface LinkAddresses {
  readonly machine4: string;
  readonly router4: string;
  readonly machine6: string;
  readonly router6: string;
}

/** A pair of addresses in `network` of which this machine has none; the search begins at `chance` (0 to below 1). */
export function freeLink(network: string, chance: number, ownAddresses: ReadonlySet<string>): LinkAddresses {
  const { first, size } = parseNetwork4(network);
  const pairs = size / 2;
  const begin = Math.floor(chance * pairs);
  for (let tried = 0; tried < Math.min(pairs, 4096); tried++) {
    const pair = (begin + tried) % pairs;
    const place = first + pair * 2;
    if (ownAddresses.has(text4(place)) || ownAddresses.has(text4(place + 1))) continue;
    const half = `fd6b:696c:6e01:${((pair >> 16) & 0xffff).toString(16)}:${(pair & 0xffff).toString(16)}`;
    return { machine4: text4(place), router4: text4(place + 1), machine6: `${half}::1`, router6: `${half}::2` };
  }
  throw new PlatformError(
    "unsupported",
    `Every address of ${network} is taken; set another network for the uplinks of sandboxes`,
  );
}

/** True when it is an address that sandboxes may reach without a list, or `opened` has it. */
export function isPublic(address: string, opened: BlockList): boolean {
  const family = isIP(address);
  if (family === 0 || address.includes("%")) return false;
  if (opened.check(address, family === 4 ? "ipv4" : "ipv6")) return true;
  if (family === 4) return !lists.refused4.check(address, "ipv4");
  return lists.global6.check(address, "ipv6") && !lists.refused6.check(address, "ipv6");
}

/** Networks as a list to look up in. Throws `invalid` for what is no network. */
export function networkList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const { address, bits, family } = parseNetwork(network);
    list.addSubnet(address, bits, family === 4 ? "ipv4" : "ipv6");
  }
  return list;
}

/** Throws `invalid` for what is no `ADDRESS/BITS`. */
export function parseNetwork(network: string): { address: string; bits: number; family: 4 | 6 } {
  const [address = "", bitsText = ""] = network.split("/");
  const family = isIP(address);
  const bits = Number(bitsText);
  if (family === 0 || !/^\d{1,3}$/.test(bitsText) || bits > (family === 4 ? 32 : 128)) {
    throw new PlatformError(
      "invalid",
      `${JSON.stringify(network.slice(0, 60))} is no network; write ADDRESS/BITS, such as 10.1.0.0/16`,
    );
  }
  return { address, bits, family: family as 4 | 6 };
}

function parseNetwork4(network: string): { first: number; size: number } {
  const { address, bits, family } = parseNetwork(network);
  if (family !== 4 || bits > 30) throw new PlatformError("invalid", `${network} is no IPv4 network of at most 30 bits`);
  const size = 2 ** (32 - bits);
  const number = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  return { first: number - (number % size), size };
}

function text4(number: number): string {
  return [number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255].join(".");
}

const lists = { refused4: networkList(refused4), global6: networkList([global6]), refused6: networkList(refused6) };
