/**
 * The port of `loopback`. The program of `steps.ts` makes it in the sandbox's own network before it becomes the function's program, and hands the socket
 * to the server, which accepts on it: a socket stays in the network that it was made in, so nothing is between the two.
 */
import { loopbackPort } from "../endpoints/arrivals.ts";
import { channelDescriptor } from "../spawner/messages.ts";
import type { Step } from "./steps.ts";

// include/linux/socket.h, include/uapi/linux/{in,un}.h
const [overTcp, byStream, closeOnExec] = [2, 1, 0o2_000_000];
const [socketLevel, rights] = [1, 1];
const withoutWaiting = 0x40;

/** Closed here first, so it is the number that the kernel gives out next. */
const portDescriptor = 3;
/** Until the server accepts; it says itself then how many may wait. */
const backlog = 128;

/** `folder`: by which the server knows the sandbox. */
export function ownPortSteps(folder: string): Step[] {
  const complaint = "Its port for the platform could not be made";
  const address = socketAddress(loopbackPort);
  const sent = handleMessage(folder);
  const descriptors = rightsMessage(portDescriptor);
  const message = [0, 0, [sent, sent.length], 1, descriptors, descriptors.length, 0];
  const acknowledgements = Buffer.alloc(1024);
  return [
    { call: "close", args: [portDescriptor], result: "any", complaint },
    { call: "socket", args: [overTcp, byStream | closeOnExec, 0], result: portDescriptor, complaint },
    { call: "bind", args: [portDescriptor, address, address.length], complaint },
    { call: "listen", args: [portDescriptor, backlog], complaint },
    { call: "sendmsg", args: [channelDescriptor, message, 0], result: sent.length, complaint },
    // The server acknowledges each, and waits for nobody to read it: whoever comes next takes what there is.
    {
      call: "recvfrom",
      args: [channelDescriptor, acknowledgements, acknowledgements.length, withoutWaiting, 0, 0],
      result: "any",
      complaint,
    },
    { call: "close", args: [channelDescriptor], complaint },
  ];
}

/** As a child process of Node sends a server (`lib/internal/child_process.js` of Node): a line of JSON, which the descriptor comes with. */
function handleMessage(msg: string): Buffer {
  return Buffer.from(`${JSON.stringify({ cmd: "NODE_HANDLE", type: "net.Server", msg })}\n`);
}

/** `struct sockaddr_in` of 127.0.0.1. */
function socketAddress(port: number): Buffer {
  const address = Buffer.alloc(16);
  address.writeUInt16LE(overTcp, 0);
  address.writeUInt16BE(port, 2);
  address.set([127, 0, 0, 1], 4);
  return address;
}

/** `struct cmsghdr` with one descriptor: its length without what pads it, and the whole with it. */
function rightsMessage(descriptor: number): Buffer {
  const message = Buffer.alloc(24);
  message.writeBigUInt64LE(20n, 0);
  message.writeInt32LE(socketLevel, 8);
  message.writeInt32LE(rights, 12);
  message.writeInt32LE(descriptor, 16);
  return message;
}
