import { limits } from "../model/limits.ts";

/** The listener's slice of the configuration. */
export interface HttpConfig {
  /** Who reads the invoke paths: our own parser, or that of node:http. (Default: own) */
  readonly front: "own" | "node";
  /** Connections beyond this many are closed as they come. (Default: 20000) */
  readonly connectionsMax: number;
  /** First line of a request, in bytes: 431; `front: "node"` counts it with the headers only. (Default: 16384) */
  readonly lineBytesMax: number;
  /** Names and values of a request's headers, with its first line, in bytes: 431. (Default: 65536) */
  readonly headerBytesMax: number;
  /** Headers of a request: 431. (Default: 200) */
  readonly headerCountMax: number;
  /** Body of a request to a fast route, in bytes: 413. (Default: 33554432) */
  readonly bodyBytesMax: number;
  /** Time for a request's headers to arrive, in ms: 408. (Default: 15000) */
  readonly headersTimeoutMs: number;
  /** Time for a whole request to arrive, in ms: 408. (Default: 300000) */
  readonly requestTimeoutMs: number;
  /** How long a connection without a request is kept, in ms. (Default: 65000, above the 60 s of common proxies) */
  readonly keepAliveTimeoutMs: number;
  /** How long a client may refuse to read an answer that waits for it, in ms; then it is cut. (Default: 60000) */
  readonly stallTimeoutMs: number;
  /** How exactly the two request timeouts are kept, in ms. (Default: 1000) */
  readonly checkIntervalMs: number;
  /** Host names under which this server is known, besides IP addresses and localhost; lower case. (Default: none) */
  readonly publicNames: readonly string[];
  /** By the name that routes have in `byHost`, the name one label below which each host is for these; lower case, empty: none. (Default: there are none) */
  readonly hostsBelow: Readonly<Record<string, string>>;
  /** IP addresses whose connections count as those of loopback. (Default: none) */
  readonly trustedPeers: readonly string[];
  /** Origins whose pages may change things without a key; `*`: all but `null`. (Default: only this server's and this machine's) */
  readonly pageOrigins: readonly string[];
}

export const httpDefaults: HttpConfig = {
  front: "own",
  connectionsMax: 20_000,
  lineBytesMax: 16 * 1024,
  headerBytesMax: limits.headerBytesMax,
  headerCountMax: limits.headerCountMax,
  bodyBytesMax: limits.requestBytesMax,
  headersTimeoutMs: 15_000,
  requestTimeoutMs: 300_000,
  keepAliveTimeoutMs: 65_000,
  stallTimeoutMs: 60_000,
  checkIntervalMs: 1000,
  publicNames: [],
  hostsBelow: {},
  trustedPeers: [],
  pageOrigins: [],
};
