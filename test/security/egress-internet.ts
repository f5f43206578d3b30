/**
 * Everything beyond a test's machine: has every address there is, answers HTTP on the ports that it is given with the address that was
 * connected to, and names on port 53 of 8.8.8.8. Run in a network namespace of its own by `egress-machine.ts`.
 */
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { createServer } from "node:http";
import { createServer as createTcpServer, isIPv4 } from "node:net";
import { readQuestion } from "../../src/sandbox/egress/dns-message.ts";
import { takeMessages, withLength } from "../../src/sandbox/egress/upstream.ts";

const ports = process.argv.slice(2).map(Number);
const asked = new Map<string, number>();
let datagrams = 0;

/** By name and how often it was asked for. */
const zone: Record<string, (times: number) => readonly string[]> = {
  "public.example": () => ["93.184.216.34", "2606:2800:220:1::1"],
  "listed.example": () => ["93.184.216.35", "2606:2800:220:1::2"],
  "other.example": () => ["93.184.216.36"],
  "private.example": () => ["10.1.2.3", "fd00::1"],
  "metadata.example": () => ["169.254.169.254", "::ffff:169.254.169.254"],
  "rebind.example": (times) => [times === 1 ? "93.184.216.37" : "169.254.169.254"],
  "moving.example": (times) => [`93.184.217.${times}`],
  "many.example": () => Array.from({ length: 100 }, (_, index) => `93.184.218.${index + 1}`),
};

for (const args of ["link set lo up", "route add local default dev lo table main", "-6 route add local ::/0 dev lo table main"]) {
  execFileSync("ip", args.split(" "), { timeout: 10_000 });
}
const http = () =>
  createServer((request, response) => {
    const location = new URL(request.url ?? "/", "http://x").searchParams.get("to");
    if (location !== null) response.writeHead(302, { location }).end();
    else if (request.url === "/datagrams") response.end(String(datagrams));
    else
      response.end(
        `reached ${request.socket.localAddress?.replace("::ffff:", "")} from ${request.socket.remoteAddress?.replace("::ffff:", "")}`,
      );
  });
await Promise.all(ports.map((port) => new Promise<void>((resolve) => http().listen(port, "::", resolve))));

const echo = createSocket({ type: "udp6" });
echo.on("message", () => {
  datagrams += 1;
});
await new Promise<void>((resolve) => echo.bind(9999, resolve));

const dns = createSocket("udp4");
dns.on("message", (query, from) => {
  const reply = answer(query, 512);
  if (reply !== null) dns.send(reply, from.port, from.address);
});
await new Promise<void>((resolve) => dns.bind(53, "8.8.8.8", resolve));
await new Promise<void>((resolve) =>
  createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (data) => {
      for (const query of takeMessages(data).messages) socket.write(withLength(answer(query, 65_535) as Buffer));
    });
  }).listen(53, "8.8.8.8", resolve),
);
console.log("ready");
process.stdin.resume().on("end", () => process.exit(0));

function answer(query: Buffer, bytesMax: number): Buffer | null {
  const question = readQuestion(query);
  if (question === null) return null;
  const { name, type, end } = question;
  const times = (asked.get(`${name} ${type}`) ?? 0) + 1;
  if (bytesMax > 512 || name !== "many.example") asked.set(`${name} ${type}`, times);
  const addresses = (zone[name]?.(times) ?? []).filter(
    (address) => isIPv4(address) === (type === 1) && (type === 1 || type === 28),
  );
  const records = addresses.map((address) => {
    const data = isIPv4(address) ? Buffer.from(address.split(".").map(Number)) : ipv6Bytes(address);
    return Buffer.concat([Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 1, 0, data.length]), data]);
  });
  const body = Buffer.concat([query.subarray(12, end), ...records]);
  const fits = body.length + 12 <= bytesMax;
  const head = Buffer.alloc(12);
  query.copy(head, 0, 0, 2);
  head.writeUInt16BE(0x8180 | (fits ? 0 : 0x0200) | (zone[name] === undefined ? 3 : 0), 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(fits ? records.length : 0, 6);
  return Buffer.concat([head, fits ? body : query.subarray(12, end)]);
}

function groups(text: string): string[] {
  return text.split(":").filter(Boolean);
}

function ipv6Bytes(address: string): Buffer {
  const [left = "", right = ""] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split("::");
  const zeros = Array.from({ length: 8 - groups(left).length - groups(right).length }, () => "0");
  const bytes = Buffer.alloc(16);
  [...groups(left), ...zeros, ...groups(right)].forEach((group, index) =>
    bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2),
  );
  return bytes;
}
