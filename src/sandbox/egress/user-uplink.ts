/**
 * The way from the router to the internet without root: an interface of the router whose packets a program turns into connections of
 * an ordinary user. The machine's own packet filter is out of our reach, so the router's alone decides; it hears at once of addresses
 * that the machine gets. Nothing is left on the machine: both programs end with this process.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import { freeLink, linkAddress, type LinkAddresses } from "./addresses.ts";
import type { NetworkWay } from "./egress.ts";
import { hasIpv6, ipv6Devices, outerAddress, ownAddresses, readOr } from "./machine-routes.ts";
import { uplinkName } from "./rules.ts";
import type { Uplink } from "./uplink.ts";

export interface UserUplinkOptions {
  readonly program: Exclude<NetworkWay, "root">;
  readonly world: World;
  readonly path: string;
  readonly linkNetwork: string;
  /** From 0 to below 1: where the search for free addresses begins. */
  readonly chance: number;
  /** The machine's addresses have changed, perhaps. */
  readonly changed: () => void;
  /** The program has ended, unasked. */
  readonly broken: () => void;
}

const openMsMax = 10_000;
const openGapMs = 5;
const complaintMax = 500;

/** The program sees segments of TCP, not packets of the machine's network: the larger, the fewer. */
const mtu = 65_520;

/** The kernel ends the program with its parent, $1. Where that died before it was told so, the program does not begin. */
const withParent = `[ "$PPID" = "$1" ] && shift && exec "$@"`;

/** An interface `up0` in the router, served by pasta or slirp4netns. */
export class UserUplink implements Uplink {
  readonly addresses: LinkAddresses;
  readonly mtu = mtu;
  readonly #options: UserUplinkOptions;
  readonly #children: ChildProcess[] = [];
  #complaint = "";
  #closed = false;

  constructor(options: UserUplinkOptions) {
    const link = freeLink(options.linkNetwork, options.chance, new Set(ownAddresses()));
    this.addresses = options.program === "pasta" ? link : slirpAddresses(link);
    this.#options = options;
  }

  /** As far as the machine has it; slirp4netns has not, reliably. */
  get carriesIpv6(): boolean {
    return this.#options.program === "pasta" && hasIpv6() && ipv6Devices().length > 0;
  }

  async open(routerPid: number): Promise<void> {
    const monitor = this.#start(["ip", "monitor", "address", "route"]);
    monitor.stdout?.on("data", () => this.#options.changed());
    const { program } = this.#options;
    const child = this.#start(program === "pasta" ? this.#pasta(routerPid) : this.#slirp4netns(routerPid));
    child.stderr?.on("data", (data: Buffer) => {
      this.#complaint = (this.#complaint + data.toString()).slice(-complaintMax);
    });
    await this.#appeared(child, `/proc/${routerPid}/net/dev`);
    child.once("close", () => {
      if (!this.#closed) this.#options.broken();
    });
  }

  routerCommands(): string[] {
    const { machine4, router4, machine6, router6 } = this.addresses;
    const ipv6 = [
      `address add ${router6} peer ${machine6} dev ${uplinkName} nodad`,
      // The router's filter drops answers about neighbours, unlike ARP; the program takes whatever has been sent to anybody.
      `neigh replace ${machine6} lladdr ${linkAddress} dev ${uplinkName} nud permanent`,
      `route add ::/0 via ${machine6} dev ${uplinkName} onlink`,
    ];
    return [
      `link set ${uplinkName} mtu ${mtu} up`,
      `address add ${router4} peer ${machine4} dev ${uplinkName}`,
      `route add default via ${machine4} dev ${uplinkName}`,
      ...(this.carriesIpv6 ? ipv6 : []),
    ];
  }

  relayFrom(family: 4 | 6): string | null {
    return outerAddress(family);
  }

  async refresh(): Promise<void> {
    // The program asks the machine's routes for each connection.
  }

  async foreignGuards(): Promise<string[]> {
    return [];
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const child of this.#children) child.kill("SIGKILL");
    await Promise.all(this.#children.map(ended));
  }

  /** Neither the machine's loopback under another address, nor ports of the machine, nor any service of its own. */
  #pasta(routerPid: number): string[] {
    const { machine4, router4 } = this.addresses;
    const addresses = ["--address", router4, "--netmask", "30", "--gateway", machine4, "--ns-ifname", uplinkName];
    const noPorts = ["--tcp-ports", "none", "--udp-ports", "none", "--tcp-ns", "none", "--udp-ns", "none"];
    const noServices = ["--no-map-gw", "--no-icmp", "--no-dhcp", "--no-dhcpv6", "--no-ra"];
    return ["pasta", "--foreground", "--quiet", ...addresses, ...noPorts, ...noServices, String(routerPid)];
  }

  #slirp4netns(routerPid: number): string[] {
    const network = this.addresses.machine4.replace(/\d+$/, "0/24");
    return [
      "slirp4netns",
      "--disable-host-loopback",
      "--disable-dns",
      `--cidr=${network}`,
      `--mtu=${mtu}`,
      String(routerPid),
      uplinkName,
    ];
  }

  /** It ends with this process, however this process ends. */
  #start(command: readonly string[]): ChildProcess {
    const script = ["sh", "-c", withParent, "kiln", String(process.pid)];
    const child = spawn("setpriv", ["--pdeathsig", "KILL", ...script, ...command], {
      cwd: "/",
      env: { PATH: this.#options.path },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.once("error", () => {});
    child.stdout.resume();
    child.stderr.resume();
    this.#children.push(child);
    return child;
  }

  /** `devices` lists the router's interfaces. */
  async #appeared(child: ChildProcess, devices: string): Promise<void> {
    const { world, program } = this.#options;
    const giveUpAt = world.monotonic() + openMsMax;
    while (!readOr(devices).includes(`${uplinkName}:`)) {
      const isOver = child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
      if (isOver || world.monotonic() > giveUpAt) {
        const said = this.#complaint.trim() || (isOver ? "it has ended" : "it took too long");
        throw new PlatformError("internal", `${program} could not connect the network of sandboxes: ${said}`);
      }
      await new Promise<void>((resolve) => world.after(openGapMs, resolve));
    }
  }
}

/** It has fixed places in a network of 256 addresses. */
function slirpAddresses(link: LinkAddresses): LinkAddresses {
  const place = (number: number) => link.machine4.replace(/\d+$/, String(number));
  return { ...link, machine4: place(2), router4: place(100) };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  await new Promise((resolve) => child.once("exit", resolve));
}
