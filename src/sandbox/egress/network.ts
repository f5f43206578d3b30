/** The router of an instance and what belongs to it: `egress.ts` tells the whole. Needs `ip`, `nft`, `nsenter` and `unshare`. */
import { writeFileSync } from "node:fs";
import type { BlockList } from "node:net";
import { isIPv6 } from "node:net";
import type { World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import { gateway, isPublic, linkAddress, networkList, sandboxAddresses } from "./addresses.ts";
import type { EgressSettings, Network, NetworkWay, Outlet, PlatformAddress } from "./egress.ts";
import { ipMarker, LineTool, nftMarker } from "./line-tool.ts";
import { type AllowList, AllowLists } from "./lists.ts";
import { ownAddresses } from "./machine-routes.ts";
import { PlatformRelay } from "./platform-relay.ts";
import { type Policy, Resolver } from "./resolver.ts";
import { routerRules } from "./rules.ts";
import { openSockets } from "./sockets.ts";
import { MachineUplink, recordName, type Uplink } from "./uplink.ts";
import { Upstream } from "./upstream.ts";
import { UserUplink } from "./user-uplink.ts";

export interface NetworkOptions {
  readonly way: NetworkWay;
  readonly world: World;
  readonly instance: string;
  readonly runFolder: string;
  /** Where programs are looked up. */
  readonly path: string;
  readonly settings: EgressSettings;
  /** Hears how many connections have been refused so far, whenever there are more. */
  readonly refused: (count: number) => void;
  /** Something on the machine is in the way: what, and what to do. */
  readonly hindered: (sentence: string, reason: string) => void;
  /** The network is gone for good, unasked. */
  readonly broken: () => void;
}

/** How often the machine is looked at: its addresses and its way to the internet may change. */
const refreshMs = 5000;

/** Rules first: the router never passes anything on without them. $1 rules, $2 gateway address. */
const routerScript = `
exec 2>&1
set -eu
printf '%s' "$1" | nft -f -
echo 1 > /proc/sys/net/ipv4/ip_forward
[ ! -e /proc/sys/net/ipv6/conf/all/forwarding ] || echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
ip link set lo up
ip address add "$2/32" dev lo
exec ip -force -batch -
`;

/** Sets everything up. Rejects with `internal` when this machine cannot; nothing is left then. */
export async function openNetwork(options: NetworkOptions): Promise<Network> {
  const network = new RouterNetwork(options);
  try {
    await network.open();
    return network;
  } catch (error) {
    await network.close();
    throw error;
  }
}

class RouterNetwork implements Network {
  readonly resolverFile: string;
  readonly #options: NetworkOptions;
  readonly #uplink: Uplink;
  readonly #router: LineTool;
  readonly #opened: BlockList;
  readonly #lists: AllowLists;
  readonly #sandboxes = new Map<string, { policy: Policy; platform: PlatformAddress | null }>();
  #filter: LineTool | null = null;
  #resolver: Resolver | null = null;
  #relay: PlatformRelay | null = null;
  #ownAddresses = "";
  #refusedCount = 0;
  #next = 0;
  #callOff: (() => void) | null = null;
  #isOpen = false;
  #closed = false;

  constructor(options: NetworkOptions) {
    const { settings, world, runFolder } = options;
    this.#options = options;
    this.#opened = networkList(settings.privateNetworks);
    this.resolverFile = `${runFolder}/resolv.conf`;
    writeFileSync(this.resolverFile, `nameserver ${gateway}\n`, { mode: 0o644 });
    this.#lists = new AllowLists(
      {
        filter: (lines) => this.#change(lines),
        resolve: async (name) => (await this.#resolver?.lookup(name)) ?? [],
        mayReach: (address) => isPublic(address, this.#opened),
      },
      world,
    );
    this.#uplink = this.#makeUplink();
    const script = ["sh", "-c", routerScript, "kiln", routerRules(settings.privateNetworks), gateway];
    const ownUsers = options.way === "root" ? [] : ["--user", "--map-root-user"];
    this.#router = new LineTool(["unshare", ...ownUsers, "--net", ...script], options.path, ipMarker);
    void this.#router.ended.then(() => this.#broke());
  }

  async open(): Promise<void> {
    const { path, world, settings } = this.#options;
    await this.#router.tell("");
    const pid = this.#router.child.pid as number;
    const enter = [...this.#enter(), `--net=/proc/${pid}/ns/net`];
    this.#filter = new LineTool([...enter, "sh", "-c", "exec nft -i 2>&1"], path, nftMarker);
    void this.#filter.ended.then(() => this.#broke());
    const [sockets] = await Promise.all([openSockets(enter, path, world), this.#openUplink(pid)]);
    this.#resolver = new Resolver({
      udp: sockets.udpResolver,
      tcp: sockets.tcpResolver,
      upstream: new Upstream(settings.resolvers, world),
      policyOf: (address) => this.#sandboxes.get(address)?.policy ?? null,
      world,
    });
    this.#relay = new PlatformRelay(
      sockets.platform,
      (address) => this.#platformOf(address),
      (family) => this.#uplink.relayFrom(family),
    );
    this.#callOff = world.after(refreshMs, () => void this.#refresh());
    this.#isOpen = true;
  }

  outlet(): Outlet {
    const { link, ipv4, ipv6 } = sandboxAddresses(this.#next++);
    const { mtu, carriesIpv6 } = this.#uplink;
    const inside = [
      "link set lo up",
      `link add eth0 mtu ${mtu} address ${linkAddress} arp off type veth peer name ${link} mtu ${mtu} address ${linkAddress} arp off netns ${this.#router.child.pid}`,
      "link set eth0 up",
      `address add ${ipv4}/32 dev eth0`,
      "route add default dev eth0",
      ...(carriesIpv6 ? [`address add ${ipv6}/128 dev eth0 nodad`, "route add ::/0 dev eth0"] : []),
    ];
    const outside = [
      `link set ${link} up`,
      `route add ${ipv4}/32 dev ${link}`,
      ...(carriesIpv6 ? [`route add ${ipv6}/128 dev ${link}`] : []),
    ];
    let list: AllowList | null = null;
    let isGone = false;
    return {
      enter: this.#options.way === "root" ? [] : this.#enter(),
      commands: inside.join("\n"),
      attach: () => this.#router.tell(outside.join("\n")),
      restrict: async (egress, platform) => {
        if (list !== null) throw new PlatformError("internal", "A sandbox has been given a list already");
        if (egress !== "internet") list = await this.#useList(egress, link);
        if (isGone) {
          if (list !== null) list.users -= 1;
          throw new PlatformError("internal", "The sandbox has ended");
        }
        this.#sandboxes.set(ipv4, { policy: list ?? "all", platform });
      },
      release: () => {
        isGone = true;
        this.#sandboxes.delete(ipv4);
        if (list === null) return;
        list.users -= 1;
        list = null;
      },
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#callOff?.();
    this.#lists.close();
    this.#resolver?.close();
    this.#relay?.close();
    await Promise.all([this.#router.close(), this.#filter?.close()]);
    await this.#uplink.close();
  }

  #makeUplink(): Uplink {
    const { way, settings, instance, runFolder, path, world } = this.#options;
    const chance = world.random();
    if (way === "root") return new MachineUplink({ ...settings, instance, file: `${runFolder}/${recordName}`, path, chance });
    const { linkNetwork } = settings;
    const changed = () => void this.#nameOwnAddresses().catch(() => {});
    return new UserUplink({ program: way, world, path, linkNetwork, chance, changed, broken: () => this.#broke() });
  }

  /** How a program begins that works on the router's namespaces. Its user stays who he is, and is root where the router is his. */
  #enter(): string[] {
    if (this.#options.way === "root") return ["nsenter"];
    return ["nsenter", "--preserve-credentials", `--user=/proc/${this.#router.child.pid}/ns/user`];
  }

  async #openUplink(pid: number): Promise<void> {
    await this.#uplink.open(pid);
    await this.#router.tell(this.#uplink.routerCommands().join("\n"));
    await this.#nameOwnAddresses();
    const [guard] = await this.#uplink.foreignGuards();
    if (guard === undefined) return;
    const rule = (way: string) => `iptables -I ${guard === "ip filter" ? "FORWARD" : "CHAIN"} ${way} -j ACCEPT`;
    const fix = `${rule("-i kiln+")}; ${rule("-o kiln+ -m conntrack --ctstate ESTABLISHED,RELATED")}`;
    this.#options.hindered(
      "Functions may connect to nothing, because another firewall of this machine drops what is forwarded",
      `The table is ${guard}; let it accept what comes from interfaces whose names begin with kiln, and the answers: ${fix}`,
    );
  }

  async #useList(entries: readonly string[], link: string): Promise<AllowList> {
    const { list, lines } = this.#lists.use(entries);
    try {
      // Until both are done nothing runs in it.
      await Promise.all([this.#change(lines), this.#router.tell(`link set ${link} group ${list.group}`)]);
    } catch (error) {
      list.users -= 1;
      throw error;
    }
    return list;
  }

  #platformOf(address: string): PlatformAddress | null {
    const sandbox = this.#sandboxes.get(address);
    if (sandbox === undefined || sandbox.policy === null || sandbox.policy === "all") return null;
    return sandbox.policy.hasPlatform ? sandbox.platform : null;
  }

  /** One transaction; also waits for those that are under way. */
  async #change(lines: readonly string[]): Promise<void> {
    if (this.#filter === null) throw new PlatformError("internal", "The network for sandboxes is not open");
    if (lines.length === 0 && this.#filter.idle) return;
    await this.#filter.tell(lines.join("; "));
  }

  async #refresh(): Promise<void> {
    try {
      await this.#uplink.refresh();
      await this.#nameOwnAddresses();
      await this.#countRefused();
    } catch {
      // The next time, perhaps; if the tools have ended, `broken` tells.
    }
    if (!this.#closed) this.#callOff = this.#options.world.after(refreshMs, () => void this.#refresh());
  }

  async #nameOwnAddresses(): Promise<void> {
    const { machine4, router4 } = this.#uplink.addresses;
    const own = [...new Set([...ownAddresses(), machine4, router4])];
    if (own.join() === this.#ownAddresses) return;
    const added = own.map((address) => `add element inet kiln ${isIPv6(address) ? "own6" : "own4"} { ${address} }`);
    await this.#change(["flush set inet kiln own4", "flush set inet kiln own6", ...added]);
    this.#ownAddresses = own.join();
  }

  async #countRefused(): Promise<void> {
    const said = (await this.#filter?.ask("list counter inet kiln refused")) ?? "";
    const count = Number(/packets (\d+)/.exec(said)?.[1] ?? 0);
    if (count === this.#refusedCount) return;
    this.#refusedCount = count;
    this.#options.refused(count);
  }

  #broke(): void {
    if (!this.#isOpen || this.#closed) return;
    this.#closed = true;
    this.#options.broken();
  }
}
