/**
 * What sandboxes can reach: rows S4 and A11 of the threat table, in each mode, on a machine whose internet has every address there is;
 * the same for a server that is root and for one that is not.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Egress } from "../../src/model/model.ts";
import { type EgressWay, machine } from "./egress-machine.ts";
import { EgressWorld, type Target } from "./egress-world.ts";

export const service = machine.servicePort;
export const at = (port: number, ...hosts: readonly string[]): Target[] => hosts.map((host) => ({ host, port }));

/** All that nobody may reach, however it is written. The internet answers at each of these addresses, if a packet gets there. */
export const forbidden: readonly Target[] = [
  // This machine: its services, by loopback in all spellings, and by its own addresses.
  ...at(
    service,
    "127.0.0.1",
    "localhost",
    "127.1",
    "127.255.255.254",
    "0.0.0.0",
    "0",
    "2130706433",
    "0x7f000001",
    "017700000001",
    "0x7f.1",
  ),
  ...at(service, "::1", "::", "::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "0:0:0:0:0:ffff:127.0.0.1"),
  ...at(service, machine.ipv4, machine.ipv6, `::ffff:${machine.ipv4}`, "855572482"),
  // The router and the uplink.
  ...at(80, "100.64.0.1", "100.64.1.0", "198.18.0.1"),
  ...at(22, "100.64.0.1"),
  // Metadata services.
  ...at(
    80,
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "0xa9.0xfe.43518",
    "169.254.170.2",
    "169.254.0.23",
  ),
  ...at(
    80,
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::169.254.169.254",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::a9fe:a9fe",
  ),
  ...at(80, "2002:a9fe:a9fe::1", "2001:0:a9fe:a9fe::1", "fd00:ec2::254", "fd20:ce::254", "fe80::a9fe:a9fe%eth0"),
  ...at(80, "100.100.100.200", "168.63.129.16", "192.0.0.192", "metadata.example"),
  // Private, shared, reserved networks, multicast, broadcast.
  ...at(
    5432,
    "10.1.2.3",
    "10.77.1.1",
    "172.16.0.9",
    "172.31.255.255",
    "192.168.7.7",
    "100.64.5.5",
    "100.127.255.254",
    "private.example",
  ),
  ...at(
    80,
    "192.0.2.2",
    "198.51.100.7",
    "203.0.113.9",
    "198.19.255.255",
    "192.88.99.1",
    "240.0.0.1",
    "255.255.255.255",
    "224.0.0.1",
  ),
  ...at(
    80,
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "ff02::1%eth0",
    "ff0e::1",
    "100::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "2001:10::1",
  ),
];

/** A list that asks for all of it, which nobody is given, beside what may be reached. */
const greedy = [
  "listed.example:443",
  ...forbidden
    .map(({ host, port }) => (host.includes(":") ? `[${host.replace(/%.*/, "")}]:${port}` : `${host}:${port}`))
    .filter((entry) => !entry.startsWith("10.77"))
    .slice(0, 60),
];

/** `skip` says why it cannot be tested here, or is false. */
export function testEgress(title: string, skip: string | false, way: EgressWay): void {
  describe(title, { skip, timeout: 600_000 }, () => attempts(way));
}

function attempts(way: EgressWay): void {
  const isUser = way === "pasta" || way === "slirp4netns";
  let world: EgressWorld;
  before(async () => {
    world = new EgressWorld(way);
    await world.ready();
  });
  after(async () => {
    const left = await world.close();
    assert.doesNotMatch(left, /kiln|^1$/m, "interfaces, tables and switches are as before");
  });

  async function check(egress: Egress, targets: readonly Target[], expected: RegExp): Promise<void> {
    for (const [target, said] of Object.entries(await world.reach(egress, targets))) assert.match(said, expected, target);
  }

  test("internet: public addresses are reached, by number and by name, over IPv4 and IPv6", async () => {
    await check(
      "internet",
      at(80, "93.184.216.34", "2606:2800:220:1::1"),
      /^reached [0-9a-f.:]+ from (51\.15\.0\.2|2a01:e0a:1::2)$/,
    );
    await check("internet", at(443, "public.example"), /^reached .*; reached /);
    // Of a hundred addresses, which only fit in an answer over TCP.
    const names = await world.run(
      "internet",
      `import socket\nprint(len({a[4][0] for a in socket.getaddrinfo("many.example", 80)}))`,
    );
    assert.equal(names, "100\n");
  });

  const ways = { internet: "internet", "a list": greedy, "a list with internet": ["internet", ...greedy] } as const;
  for (const [name, egress] of Object.entries(ways)) {
    test(`S4, A11, ${name}: nothing of the machine, of private networks and of metadata services is reached`, async () => {
      const earlier = Number(await world.ask({ do: "refused", above: -1 }));
      await check(egress, forbidden, /^(?!.*(reached|machine|connected))/);
      assert.ok(Number(await world.ask({ do: "refused", above: earlier })) > earlier, "and what is refused is counted");
    });
  }

  test("S4, none: nothing at all is reached", async () => {
    await check(
      "none",
      [...forbidden, ...at(80, "93.184.216.34", "2606:2800:220:1::1", "public.example")],
      /^(?!.*(reached|machine|connected))/,
    );
  });

  for (const egress of ["internet", ["rebind.example:80", "public.example:80"], ["internet", "rebind.example:80"]] as const) {
    test(`A11: a name that moves to a forbidden address and a redirect to one lead nowhere (${String(egress)})`, async () => {
      const printed = await world.run(
        egress,
        `
import urllib.request, socket
def fetch(url):
    try: print(urllib.request.urlopen(url, timeout=4).read().decode())
    except OSError as error: print("error", error)
for _ in range(3): fetch("http://rebind.example/")
for to in ["http://169.254.169.254/", "http://127.0.0.1:${service}/", "http://[::ffff:10.1.2.3]/", "http://${machine.ipv4}:${service}/"]:
    fetch("http://public.example/?to=" + to)`,
      );
      const lines = printed.trim().split("\n");
      assert.equal(lines.length, 7);
      // Its first answer may have been heard in the other mode; nobody ever hears of anything but the public address.
      for (const line of lines) assert.match(line, /^(error|reached 93\.184\.216\.37)/);
      for (const line of lines.slice(3)) assert.match(line, /^error/);
    });
  }

  test("UDP goes where TCP goes, and nowhere else", async () => {
    const send = `
import socket
for family, address in [(socket.AF_INET, "93.184.216.34"), (socket.AF_INET, "10.1.2.3"), (socket.AF_INET, "169.254.169.254"), (socket.AF_INET6, "fd00:ec2::254"), (socket.AF_INET6, "2606:2800:220:1::1")]:
    s = socket.socket(family, socket.SOCK_DGRAM)
    try: s.sendto(b"x", (address, 9999))
    except OSError: pass
import urllib.request
print(urllib.request.urlopen("http://93.184.216.34/datagrams", timeout=4).read().decode())`;
    assert.equal(await world.run("internet", send), "2\n");
  });

  test("a sandbox cannot change its network, make up addresses, or speak below TCP and UDP", async () => {
    const printed = await world.run(
      "internet",
      `
import socket, struct, fcntl
def attempt(name, run):
    try: print(name, "done", run())
    except OSError as error: print(name, "error")
attempt("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
attempt("raw6", lambda: socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58))
attempt("packet", lambda: socket.socket(17, socket.SOCK_RAW, 0))
attempt("ping", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 1))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
attempt("foreign source", lambda: s.bind(("93.184.216.99", 4000)))
def free():
    f = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    f.setsockopt(socket.IPPROTO_IP, 15, 1)
    f.bind(("100.64.1.77", 4000))
    f.sendto(b"spoofed", ("93.184.216.34", 9999))
attempt("free source", free)
attempt("transparent", lambda: s.setsockopt(socket.IPPROTO_IP, 19, 1))
attempt("device", lambda: fcntl.ioctl(s, 0x8914, struct.pack("16sH14s", b"eth0", 0, b"")))
attempt("address", lambda: fcntl.ioctl(s, 0x8916, struct.pack("16sHH4s8s", b"eth0", 2, 0, socket.inet_aton("10.0.0.9"), b"")))
attempt("mark", lambda: s.setsockopt(socket.SOL_SOCKET, 36, 1))
def route():
    n = socket.socket(16, socket.SOCK_RAW, 0)
    body = struct.pack("BBBBBBBBI", 2, 0, 0, 0, 254, 4, 0, 1, 0) + struct.pack("HHI", 8, 4, 2)
    n.sendto(struct.pack("IHHII", 16 + len(body), 24, 0x605, 1, 0) + body, (0, 0))
    code = struct.unpack("i", n.recv(4096)[16:20])[0]
    if code < 0: raise OSError(-code, "refused")
attempt("route", route)
attempt("switch", lambda: open("/proc/sys/net/ipv4/ip_forward", "w"))`,
    );
    assert.doesNotMatch(printed, /done/);
    assert.equal(printed.trim().split("\n").length, 12);
  });

  test("sandboxes do not reach each other", async () => {
    const printed = await world.run(
      "internet",
      `
import socket, threading, time
own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); own.connect(("8.8.8.8", 53)); own = own.getsockname()[0]
server = socket.socket(socket.AF_INET6); server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0); server.bind(("::", 9000)); server.listen(64)
def attempt(address):
    try: socket.create_connection((address, 9000), timeout=2); print("reached", address)
    except OSError: pass
end = time.time() + 3
number = 0
while time.time() < end:
    number = (number + 1) % 64
    if "100.64.1.%d" % number != own: attempt("100.64.1.%d" % number); attempt("fd6b:696c:6e00::%x" % (0x100 + number))
attempt(own)`,
      {},
      3,
    );
    // Each reaches itself, once.
    const lines = printed.trim().split("\n").toSorted();
    const own = [...new Set(lines.filter((line) => line.startsWith("reached 100.")))];
    assert.equal(own.length, 3, printed);
    assert.ok(lines.length <= 6, printed);
  });

  test("a list: its names and addresses with their ports, and nothing else", async () => {
    const list = [
      "listed.example:443",
      "93.184.216.40:80",
      "[2606:2800:220:1::9]:80",
      "10.77.1.1:5432",
      "Other.Example:80",
      "moving.example:80",
    ];
    await check(
      list,
      [...at(443, "listed.example"), ...at(80, "93.184.216.40", "2606:2800:220:1::9", "other.example", "moving.example")],
      /^reached /,
    );
    await check(list, at(5432, "10.77.1.1"), /^reached 10\.77\.1\.1 /);
    await check(
      list,
      [...at(80, "listed.example", "93.184.216.35"), ...at(443, "93.184.216.40", "93.184.216.41")],
      /^(ConnectionRefused[^;]*(; )?)+$/,
    );
    await check(list, at(80, "public.example", "platform", "x.listed.example"), /^name /);
    // A private network that the operator has opened for lists stays closed to the others.
    await check("internet", at(5432, "10.77.1.1"), /^ConnectionRefused/);
  });

  test("a list with `internet`: what is reached without a list, and its entries besides", async () => {
    const list = ["internet", "platform", "10.77.1.1:5432", "listed.example:443"];
    await check(list, at(80, "93.184.216.34", "2606:2800:220:1::1", "public.example", "listed.example"), /^reached /);
    await check(list, [...at(443, "public.example", "listed.example"), ...at(5432, "10.77.1.1")], /^reached /);
    await check(list, at(80, "platform"), /^machine to/);
    await check(list, [...at(80, "10.77.1.1"), ...at(5432, "10.77.1.2", "10.1.2.3")], /^ConnectionRefused/);
    await check(list, [...at(service, "platform", machine.ipv4), ...at(22, "100.64.0.1")], /^(?!.*(reached|machine))/);
    // Names that are not in the list are answered as ever, by many addresses too.
    const names = `import socket\nprint(len({a[4][0] for a in socket.getaddrinfo("many.example", 80)}))`;
    assert.equal(await world.run(list, names), "100\n");
    await check(["internet", "93.184.216.40:80"], at(80, "100.64.0.1", "platform"), /^(ConnectionRefused|name)/);
  });

  if (way !== "docker") {
    test("a sandbox that waited with `internet` has a list from the moment it is given one", async () => {
      const opened = { host: "10.77.1.1", port: 5432 };
      const more = await world.reachLater(["internet", "10.77.1.1:5432"], opened, at(80, "93.184.216.34", "public.example"));
      for (const said of Object.values(more)) assert.match(said, /^reached /);
      const closed = forbidden.filter(({ host }) => host !== opened.host);
      const less = await world.reachLater(["10.77.1.1:5432"], opened, [...closed, ...at(80, "93.184.216.34", "public.example")]);
      for (const [target, said] of Object.entries(less)) assert.match(said, /^(?!.*(reached|machine|connected))/, target);
    });
  }

  test("a list of the greatest length, and many sandboxes with different lists", async () => {
    const list = Array.from({ length: 64 }, (_, index) => `93.184.219.${index}:80`);
    await check(list, at(80, "93.184.219.0", "93.184.219.63"), /^reached /);
    await check([...list.slice(1), "other.example:80"], at(80, "93.184.219.0"), /^ConnectionRefused/);
  });

  test("platform: the platform's own API, not as loopback, and for nobody whose list lacks it", async () => {
    const code = `import os, urllib.request\nprint(urllib.request.urlopen(os.environ["POLYKILN_URL"], timeout=4).read().decode())`;
    const expected = isUser ? /^machine to ::ffff:51\.15\.0\.2$/m : /^machine to ::ffff:198\.1[89]\.\d+\.\d+$/m;
    assert.match(await world.run(["platform"], code), expected);
    await check(["platform"], at(80, "platform"), /^machine to/);
    await check(
      ["platform"],
      [...at(service, "platform", machine.ipv4, "127.0.0.1"), ...at(80, "93.184.216.34")],
      /^(?!.*(reached|machine))/,
    );
    await check(["93.184.216.40:80"], at(80, "100.64.0.1", "platform"), /^(ConnectionRefused|name)/);
  });

  if (isUser) {
    // As root the machine's own filter sees to that, without knowing its addresses.
    test("an address that the machine gets later is refused as well", async () => {
      assert.equal(await world.ask({ do: "address", address: "51.15.0.77" }), "known");
      await check("internet", at(service, "51.15.0.77"), /^ConnectionRefused/);
    });
  }

  // A container takes ten times as long as a sandbox of ours.
  const many = way === "docker" ? 20 : 200;
  test(`${many} sandboxes leave no interface, route, rule or descriptor`, async () => {
    await world.ask({ do: "rounds", count: 10, egress: "internet" });
    const first = await settled();
    await world.ask({ do: "rounds", count: many / 2, egress: "internet" });
    await world.ask({ do: "rounds", count: many / 2, egress: ["public.example:443", "93.184.216.40:80"] });
    await world.ask({ do: "rounds", count: 10, egress: ["internet", "platform"] });
    assert.equal(await settled(first), first);
  });

  if (way !== "docker") {
    test("a server that is killed with its spawner leaves nothing either", async () => {
      const traces = isUser ? "processes; no processes" : "link, table; no link, no table";
      assert.equal(await world.ask({ do: "crash" }), `${traces}; left: `);
    });
  }

  /** Counts that have stayed the same for a while, or are as expected: networks go in the kernel's own time. */
  async function settled(expected = ""): Promise<string> {
    let last = "";
    let same = 0;
    for (let tries = 0; tries < 60; tries++) {
      const now = await world.ask({ do: "inventory" });
      same = now === last && !now.includes("true") ? same + 1 : 0;
      if (now === expected || (same >= 3 && expected === "")) return now;
      last = now;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    return last;
  }
}
