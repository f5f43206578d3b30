import { isIPv6 } from "node:net";

/** True for 127.0.0.0/8 and ::1, also written as an IPv4 address mapped into IPv6. */
export function isLoopbackAddress(address: string): boolean {
  const plain = address.startsWith("::ffff:") ? address.slice(7) : address;
  return /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(plain) || (isIPv6(plain) && isOne(plain));
}

/** True for an address of loopback and for the name `localhost`: what a listener may be told to bind to without keys. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  return bare.toLowerCase() === "localhost" || isLoopbackAddress(bare);
}

function isOne(address: string): boolean {
  return address === "::1" || /^(0+:){7}0*1$/.test(address);
}
