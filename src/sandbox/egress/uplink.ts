/**
 * The way from the router to the machine and on: a pair of interfaces, one address of the machine's for all sandboxes, and a packet
 * filter of our own in a table of our own. Everything is written down before it is made, so that it can be removed whatever happens.
 */
import { execFile } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { promisify } from "node:util";
import { freeLink, linkAddress, type LinkAddresses } from "./addresses.ts";
import { removeDeadTables } from "./dead-tables.ts";
import { forceForwarding, hasIpv6, ipv4Devices, ipv4Forwarding, ipv6Devices, ipv6Forwarding, readOr } from "./machine-routes.ts";
import { linkOf, machineRules, tableOf, uplinkName } from "./rules.ts";

/** The way from the router to the internet; there are two, by whether we are root. */
export interface Uplink {
  readonly addresses: LinkAddresses;
  /** Largest packet on it, in bytes. */
  readonly mtu: number;
  readonly carriesIpv6: boolean;
  /** Makes it. What `routerCommands` says has to be done in the router afterwards. Rejects when this machine cannot. */
  open(routerPid: number): Promise<void>;
  /** For `ip -batch` in the router. */
  routerCommands(): string[];
  /** Where sandboxes come from when they speak to the platform's API: an address of this machine, never loopback. Null: there is none. */
  relayFrom(family: 4 | 6): string | null;
  /** Called every few seconds, because the machine's own network may change. */
  refresh(): Promise<void>;
  /** Tables of others that drop what comes from us. */
  foreignGuards(): Promise<string[]>;
  close(): Promise<void>;
}

/** The record of what has to be removed from the machine, in the run folder of its instance. */
export const recordName = "egress.json";

const run = promisify(execFile);
const runMsMax = 20_000;

/** What an instance has made on the machine. The interface goes with the router; the rest has to be removed. */
export interface UplinkRecord {
  readonly table: string;
  readonly link: string;
  /** Switches of the kernel that were off before: files of `/proc/sys`. */
  readonly switches: readonly string[];
}

export interface UplinkOptions {
  readonly instance: string;
  /** Where the record is kept. */
  readonly file: string;
  readonly path: string;
  readonly linkNetwork: string;
  readonly privateNetworks: readonly string[];
  /** From 0 to below 1: where the search for free addresses begins. */
  readonly chance: number;
}

/** One end on the machine, one in the router. Needs root. */
export class MachineUplink implements Uplink {
  readonly addresses: LinkAddresses;
  readonly link: string;
  /** Largest packet on the machine's way to the internet, in bytes. */
  mtu = 1500;
  readonly #table: string;
  readonly #options: UplinkOptions;
  readonly #switches = new Set<string>();
  #devices: readonly string[] = [];
  #rules = "";

  constructor(options: UplinkOptions) {
    const own = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
    this.addresses = freeLink(options.linkNetwork, options.chance, new Set(own.map(({ address }) => address)));
    this.#table = tableOf(options.instance);
    this.link = linkOf(this.#table);
    this.#options = options;
    this.#record();
  }

  async open(routerPid: number): Promise<void> {
    const { link, addresses } = this;
    await removeDeadTables(this.#options.path);
    const mtu = await this.#findMtu();
    this.mtu = mtu;
    await this.#run(
      "ip",
      ["-batch", "-"],
      [
        `link add ${link} mtu ${mtu} address ${linkAddress} arp off type veth peer name ${uplinkName} mtu ${mtu} address ${linkAddress} arp off netns ${routerPid}`,
        // Before it has addresses: an IPv6 one has no route to its other end otherwise.
        `link set ${link} up`,
        `address add ${addresses.machine4} peer ${addresses.router4} dev ${link}`,
        ...(hasIpv6() ? [`address add ${addresses.machine6} peer ${addresses.router6} dev ${link} nodad`] : []),
      ],
    );
    await this.refresh();
  }

  routerCommands(): string[] {
    const { machine4, router4, machine6, router6 } = this.addresses;
    const ipv6 = [`address add ${router6} peer ${machine6} dev ${uplinkName} nodad`, `route add ::/0 dev ${uplinkName}`];
    return [
      `link set ${uplinkName} up`,
      `address add ${router4} peer ${machine4} dev ${uplinkName}`,
      `route add default dev ${uplinkName}`,
      ...(hasIpv6() ? ipv6 : []),
    ];
  }

  relayFrom(family: 4 | 6): string {
    return family === 4 ? this.addresses.machine4 : this.addresses.machine6;
  }

  /** Whether the machine can pass IPv6 on, which it only does where that is switched on, or can be for single interfaces. */
  get carriesIpv6(): boolean {
    return hasIpv6() && ipv6Devices().length > 0 && (isOn(ipv6Forwarding("all")) || existsSync(forceForwarding(this.link)));
  }

  /** The machine's way to the internet may have changed, or another server has ended and switched off what it had switched on. */
  async refresh(): Promise<void> {
    const devices = [...new Set([...ipv4Devices(), ...(this.carriesIpv6 ? ipv6Devices() : [])])];
    this.#switchOn(devices);
    this.#devices = devices;
    const rules = machineRules({
      table: this.#table,
      link: this.link,
      addresses: this.addresses,
      privateNetworks: this.#options.privateNetworks,
      switchedOn: this.#guarded(),
    });
    if (rules === this.#rules) return;
    await this.#run("nft", ["-f", "-"], [rules]);
    this.#rules = rules;
  }

  /** Tables of others that drop what is forwarded unless they are told otherwise: what we accept does not count there. */
  async foreignGuards(): Promise<string[]> {
    const { stdout } = await run("nft", ["list", "chains"], { env: { PATH: this.#options.path }, timeout: runMsMax });
    return forwardGuards(stdout);
  }

  async close(): Promise<void> {
    await removeUplink(this.#options.file, this.#options.path);
  }

  /** Only what was off is switched on, for these interfaces, and back at the end. */
  #switchOn(devices: readonly string[]): void {
    const names = [this.link, ...devices];
    const forced = this.carriesIpv6 && !isOn(ipv6Forwarding("all")) ? names.map(forceForwarding) : [];
    const files = [...names.map(ipv4Forwarding), ...forced];
    const off = files.filter((file) => existsSync(file) && !isOn(file));
    if (off.length === 0) return;
    for (const file of off) this.#switches.add(file);
    this.#record();
    for (const file of off) writeFileSync(file, "1");
  }

  /** As soon as somebody else wants the whole machine to forward, that is theirs to guard. */
  #guarded(): string[] {
    if (isOn("/proc/sys/net/ipv4/ip_forward")) return [];
    return this.#devices.filter((name) => this.#switches.has(ipv4Forwarding(name)) || this.#switches.has(forceForwarding(name)));
  }

  async #findMtu(): Promise<number> {
    const devices = [...ipv4Devices(), ...ipv6Devices()];
    if (devices.length === 0) return 1500;
    const { stdout } = await run("ip", ["-o", "link"], { env: { PATH: this.#options.path }, timeout: runMsMax });
    const found = devices.map((name) => Number(new RegExp(`^\\d+: ${name}[@:].* mtu (\\d+)`, "m").exec(stdout)?.[1] ?? 1500));
    return Math.max(1280, Math.min(...found));
  }

  #record(): void {
    const record: UplinkRecord = { table: this.#table, link: this.link, switches: [...this.#switches] };
    writeFileSync(this.#options.file, JSON.stringify(record), { mode: 0o600 });
  }

  async #run(program: string, args: readonly string[], lines: readonly string[]): Promise<void> {
    const done = run(program, args, { env: { PATH: this.#options.path }, timeout: runMsMax });
    done.child.stdin?.on("error", () => {});
    done.child.stdin?.end(`${lines.join("\n")}\n`);
    await done;
  }
}

/** Names of tables with a chain for forwarded packets whose policy is to drop them, in what `nft list chains` says. */
export function forwardGuards(text: string): string[] {
  const tables = text.split(/^(?=table )/m);
  const guards = tables.filter((table) => /hook forward [^\n]*policy drop/.test(table));
  return guards.map((table) => /^table (\S+ \S+)/.exec(table)?.[1] ?? "").filter((name) => !name.includes("polykiln-"));
}

/** Removes what the record in `file` names. Resolves to the names of what could not be removed. */
export async function removeUplink(file: string, path: string): Promise<readonly string[]> {
  const record = readRecord(file);
  if (record === null) return [];
  const options = { env: { PATH: path }, timeout: runMsMax };
  const left: string[] = [];
  await run("ip", ["link", "delete", record.link], options).catch(() => {});
  await run("nft", ["delete", "table", "inet", record.table], options).catch((error: unknown) => {
    if (!String(error).includes("No such file")) left.push(`nft table inet ${record.table}`);
  });
  for (const name of record.switches) if (existsSync(name)) writeFileSync(name, "0");
  return left;
}

function readRecord(file: string): UplinkRecord | null {
  try {
    const record = JSON.parse(readFileSync(file, "utf8")) as UplinkRecord;
    const isOurs = /^polykiln-[0-9a-z]+$/.test(record.table) && /^kiln[0-9a-z]{1,11}$/.test(record.link);
    const areSwitches = record.switches.every((name) =>
      /^\/proc\/sys\/net\/ipv[46]\/conf\/[^/]+\/(force_)?forwarding$/.test(name),
    );
    return isOurs && areSwitches ? record : null;
  } catch {
    return null;
  }
}

function isOn(file: string): boolean {
  return readOr(file).trim() === "1";
}
