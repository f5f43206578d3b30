/**
 * What sandboxes may connect to. Promises: checked by the kernel on the address that a packet is really sent to, so names,
 * redirects and spellings of addresses make no difference; nothing of this machine, of private networks and of other sandboxes is
 * reached, in every mode; nothing to wait for at a start. Deliberately absent: what a program says to whom it may reach.
 *
 * All sandboxes of an instance hang on one network namespace, the router, by a pair of interfaces each. The router's packet filter
 * decides, and one more pair (`uplink.ts`) leads from the router to the machine; without root, a program that opens connections in
 * its place (`user-uplink.ts`).
 */
import type { Egress } from "../../model/model.ts";

/** What an operator may set; travels to the spawner. */
export interface EgressSettings {
  /** Addresses of the resolvers that names are asked of; empty: those of `/etc/resolv.conf`. */
  readonly resolvers: readonly string[];
  /** Private networks, as `ADDRESS/BITS`, that functions may name in a list all the same. */
  readonly privateNetworks: readonly string[];
  /** Network, as `ADDRESS/BITS` with at most 30 bits, of which each instance takes two addresses for its uplink. */
  readonly linkNetwork: string;
}

export const egressDefaults: EgressSettings = { resolvers: [], privateNetworks: [], linkNetwork: "198.18.0.0/15" };

/**
 * Who makes the networks: root; or an ordinary user, who is root in a user namespace of his own, and then one of these programs
 * carries what leaves the router.
 */
export type NetworkWay = "root" | "pasta" | "slirp4netns";

/** Where the platform's own API listens on this machine. */
export interface PlatformAddress {
  readonly host: string;
  readonly port: number;
}

/** The name and port by which a function reaches the platform, where its list says `platform`. */
export const platformName = "platform";
export const platformPort = 80;

/** By which a program finds the platform that may reach it. */
export function platformVariables(egress: Egress): Readonly<Record<string, string>> {
  const mayReach = typeof egress !== "string" && egress.includes("platform");
  return mayReach ? { POLYKILN_URL: `http://${platformName}` } : {};
}

/** A container that somebody else has started, and that waits. */
export interface ForeignContainer {
  /** Of its first process, on this machine. */
  readonly pid: number;
  /** What is in the names of its control groups, and of nobody else's: its id. */
  readonly id: string;
}

/** The network of such a container. */
export interface JoinedNetwork {
  /** The container is gone. */
  leave(): void;
}

/** Networks for containers of somebody else, behind the packet filter of a driver's own sandboxes. */
export interface ContainerNetworks {
  /**
   * Gives one its network before its program begins; it had none but loopback. `lost` is called at most once, when the network is gone for good before the
   * container is. Rejects with `unsupported` where functions can connect to nothing at all, else with `internal`.
   */
  join(container: ForeignContainer, egress: Exclude<Egress, "none">, lost: () => void): Promise<JoinedNetwork>;
}

/** Gives sandboxes their networks, inside the spawner process. */
export interface Network {
  /** Host file that is `/etc/resolv.conf` inside. */
  readonly resolverFile: string;
  /** A network for one sandbox that is still to come, as `internet`. */
  outlet(): Outlet;
  /** Removes everything from the machine; the sandboxes are gone. */
  close(): Promise<void>;
}

/** The way out of one sandbox. */
export interface Outlet {
  /** How the sandbox's program begins, so that the router's owner owns its network too; empty as root. */
  readonly enter: readonly string[];
  /** What `ip -batch` is to do in the sandbox's network namespace. */
  readonly commands: string;
  /** Called when that is done; resolves when packets flow. Rejects with `internal`. */
  attach(): Promise<void>;
  /**
   * Before anything of its owner runs inside. Resolves when it holds; rejects with `internal`, also after a list: what one was given, the
   * next must not have. `none` is not for it.
   */
  restrict(egress: Exclude<Egress, "none">, platform: PlatformAddress | null): Promise<void>;
  /** The sandbox is gone. */
  release(): void;
}
