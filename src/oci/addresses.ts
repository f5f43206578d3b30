/**
 * Where machines are told who they are. Whoever names an image must not read that through us, so no registry is there: looked at in the address
 * that is connected to, whatever its name and whoever referred to it.
 */
import { lookup, type LookupAddress, type LookupOptions } from "node:dns";
import { lookup as lookupAll } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import type { PlatformError } from "../model/error.ts";
import { registryFailure } from "./failure.ts";

const refused = new BlockList();
refused.addSubnet("169.254.0.0", 16);
refused.addSubnet("fe80::", 10, "ipv6");
refused.addAddress("100.100.100.200");
refused.addAddress("168.63.129.16");
refused.addAddress("fd00:ec2::254", "ipv6");

/** Throws `registry_failed` where the host is such an address itself, which is never looked up. */
export function checkAddress({ host, hostname }: URL): void {
  const address = hostname.replace(/^\[|\]$/g, "");
  if (isIP(address) !== 0 && isRefused(address)) throw noRegistry(host);
}

type Found = (error: Error | null, address: string | LookupAddress[], family?: number) => void;

/** `dns.lookup`, for connections; fails with `registry_failed` when a name leads there. */
export function checkedLookup(hostname: string, options: LookupOptions, found: Found): void {
  lookup(hostname, options, (error, address, family) => {
    const all: string[] = error !== null ? [] : Array.isArray(address) ? address.map((each) => each.address) : [address];
    found(all.some(isRefused) ? noRegistry(hostname) : error, address, family);
  });
}

/**
 * The same for a name that somebody else will look up: throws `registry_failed` when it leads there as far as we know. One that is not known here may
 * be known there.
 */
export async function checkName(hostname: string): Promise<void> {
  const found = await lookupAll(hostname, { all: true }).catch(() => []);
  if (found.some(({ address }) => isRefused(address))) throw noRegistry(hostname);
}

/** Of a host as URLs have it. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function isRefused(address: string): boolean {
  return refused.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

function noRegistry(host: string): PlatformError {
  return registryFailure(`${host} has an address that no registry has`, { status: 403 });
}
