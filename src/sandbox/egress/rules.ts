/**
 * The packet filters, as text for nft: of the router, which decides for sandboxes, and of the machine, which trusts the router no
 * further than it must. Both are constant in size, however many sandboxes there are: who sends is known by the interface.
 */
import { gateway, global6, type LinkAddresses, parseNetwork, refused4, refused6 } from "./addresses.ts";
import { platformPort } from "./egress.ts";

/** Connections that a sandbox may have at a time. Each takes memory of the machine's kernel. */
const connectionsMax = 1024;
const questionsPerSecond = 100;

/** The router's end of the uplink. */
export const uplinkName = "up0";

/**
 * The interfaces of sandboxes with a list are in that list's group, and `allowed` tells where the group may go. Changing an
 * interface's group costs next to nothing, changing a set 2 ms. All others are in group 0 and may go wherever nobody is
 * refused, as those of the groups in `open` may besides what their list says. Who has no route of its own back (`fib`) has made up its address. The machine's own addresses are here only for a quick
 * answer; the machine does not listen to the router in any case.
 */
export function routerRules(privateNetworks: readonly string[]): string {
  return `
table inet kiln {
  counter refused { }
  ${addressSets(privateNetworks)}
  set own4 { type ipv4_addr; }
  set own6 { type ipv6_addr; }
  set allowed4 { type devgroup . ipv4_addr . inet_service; }
  set allowed6 { type devgroup . ipv6_addr . inet_service; }
  set open { type devgroup; }
  set connections4 { type ipv4_addr; size 65535; flags dynamic; }
  set connections6 { type ipv6_addr; size 65535; flags dynamic; }
  set questions { type ifname; size 65535; flags dynamic,timeout; timeout 10s; }

  chain prerouting {
    type filter hook prerouting priority raw; policy accept;
    iifname "k*" meta l4proto != { tcp, udp, icmp, icmpv6 } drop
    iifname "k*" fib saddr . iif oif missing drop
  }
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established accept
    iifname "k*" ip daddr ${gateway} meta l4proto { tcp, udp } th dport 53 goto asking
    iifname "k*" ip daddr ${gateway} tcp dport ${platformPort} goto platform
    iifname "k*" meta l4proto { tcp, udp } goto refuse
  }
  chain asking {
    add @connections4 { ip saddr ct count over ${connectionsMax} } goto refuse
    update @questions { iifname limit rate over ${questionsPerSecond}/second burst ${questionsPerSecond * 2} packets } drop
    accept
  }
  chain platform {
    add @connections4 { ip saddr ct count over ${connectionsMax} } goto refuse
    meta iifgroup . ip daddr . th dport @allowed4 accept
    goto refuse
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established accept
    ct state related meta l4proto { icmp, icmpv6 } accept
    iifname "k*" oifname "${uplinkName}" ct state new meta l4proto { tcp, udp } goto leaving
    iifname "k*" goto refuse
  }
  chain leaving {
    add @connections4 { ip saddr ct count over ${connectionsMax} } goto refuse
    add @connections6 { ip6 saddr ct count over ${connectionsMax} } goto refuse
    ip daddr @own4 goto refuse
    ip6 daddr @own6 goto refuse
    meta iifgroup != 0 goto listed
    goto public
  }
  chain listed {
    ip daddr @refused4 ip daddr != @opened4 goto refuse
    ip6 daddr != ${global6} ip6 daddr != @opened6 goto refuse
    ip6 daddr @refused6 ip6 daddr != @opened6 goto refuse
    meta iifgroup . ip daddr . th dport @allowed4 accept
    meta iifgroup . ip6 daddr . th dport @allowed6 accept
    meta iifgroup @open goto public
    goto refuse
  }
  chain public {
    ip daddr @refused4 goto refuse
    ip6 daddr != ${global6} goto refuse
    ip6 daddr @refused6 goto refuse
    accept
  }
  chain refuse {
    counter name refused
    meta l4proto tcp reject with tcp reset
    reject with icmpx admin-prohibited
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "${uplinkName}" masquerade
  }
}
table inet ready { }
`;
}

/** The table of an instance on the machine. */
export function tableOf(instance: string): string {
  return `polykiln-${instance.toLowerCase()}`;
}

/** The machine's end of its uplink: names of interfaces have 15 characters at most. */
export function linkOf(table: string): string {
  return `kiln${table.slice(-8)}`;
}

/** What the machine's own filter needs to know. */
export interface MachineRules {
  readonly table: string;
  readonly link: string;
  readonly addresses: LinkAddresses;
  readonly privateNetworks: readonly string[];
  /** Interfaces that forwarded nothing before us, and shall go on to forward nothing for others than servers like us. */
  readonly switchedOn: readonly string[];
}

/**
 * Nothing of the machine itself answers the router: neither an address of its own, whichever it has at that moment, nor what the
 * machine's own rules translate an address to (`dnat`: published ports of containers). Loopback, where all calls pass, is told by its
 * number, which is always 1, before any name is compared.
 */
export function machineRules({ table, link, addresses, privateNetworks, switchedOn }: MachineRules): string {
  const guarded =
    switchedOn.length === 0 ? "" : `iifname { ${switchedOn.map((name) => `"${name}"`).join(", ")} } oifname != "kiln*" drop`;
  return `
table inet ${table}
delete table inet ${table}
table inet ${table} {
  ${addressSets(privateNetworks)}
  chain prerouting {
    type filter hook prerouting priority raw; policy accept;
    iif lo accept
    iifname "${link}" ip saddr != ${addresses.router4} drop
    iifname "${link}" ip6 saddr != ${addresses.router6} drop
    iifname "${link}" fib daddr type != unicast drop
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iif lo accept
    iifname "${link}" drop
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    oifname "${link}" ct state established,related accept
    oifname "${link}" drop
    iifname "${link}" ct state established,related accept
    iifname "${link}" ct status dnat drop
    iifname "${link}" ip daddr @refused4 ip daddr != @opened4 drop
    iifname "${link}" ip6 daddr != ${global6} ip6 daddr != @opened6 drop
    iifname "${link}" ip6 daddr @refused6 ip6 daddr != @opened6 drop
    iifname "${link}" accept
    ${guarded}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${addresses.router4} masquerade
    ip6 saddr ${addresses.router6} masquerade
  }
}
`;
}

function addressSets(privateNetworks: readonly string[]): string {
  const opened = (family: 4 | 6) => privateNetworks.filter((network) => parseNetwork(network).family === family);
  return [
    addressSet("refused4", 4, refused4),
    addressSet("refused6", 6, refused6),
    addressSet("opened4", 4, opened(4)),
    addressSet("opened6", 6, opened(6)),
  ].join("\n  ");
}

function addressSet(name: string, family: 4 | 6, networks: readonly string[]): string {
  const type = family === 4 ? "ipv4_addr" : "ipv6_addr";
  const elements = networks.length === 0 ? "" : `elements = { ${networks.join(", ")} }`;
  return `set ${name} { type ${type}; flags interval; auto-merge; ${elements} }`;
}
