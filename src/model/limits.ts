/**
 * Every limit of the model in one place. It is the union of what the doors allow: each door checks its own, narrower ones
 * before it gets here (Fn: facts in `api/fn/limits.ts`). Operators may lower the ones that `config/` lists.
 */
export const limits = {
  nameBytesMax: 255,
  memoryMiB: { min: 1, max: 10_240, default: 128 },
  timeoutMs: { min: 1, max: 900_000, default: 30_000 },
  idleTimeoutMs: { min: 1, max: 3_600_000, default: 30_000 },
  concurrency: { min: 1, max: 10_000, default: 1 },
  sandboxesMax: { min: 1, max: 10_000, default: 100 },
  sandboxAgeMsMax: { min: 1_000, max: 604_800_000, default: 86_400_000 },
  provisioned: { min: 0, max: 1_000, default: 0 },
  /** Entries of an egress list. */
  egressEntriesMax: 64,
  /** Revisions that share a function's calls, and how much one may weigh. */
  traffic: { sharesMax: 10, weightMax: 1_000_000 },
  /** Revisions of a function that can be gone back to. */
  revisionsKept: { min: 1, max: 1_000, default: 10 },
  /** Of asynchronous calls. */
  delivery: {
    attemptsMax: { min: 1, max: 100, default: 3 },
    backoffMs: { min: 0, max: 3_600_000, default: 1_000 },
    ageMsMax: { min: 1_000, max: 1_209_600_000, default: 21_600_000 },
  },
  annotations: { countMax: 100, keyBytesMax: 128, valueBytesMax: 512 },
  config: { bytesMax: 64 * 1024 },
  parameters: { bytesMax: 1024 * 1024 },
  /** Bodies of calls, both ways. */
  requestBytesMax: 32 * 1024 * 1024,
  responseBytesMax: 32 * 1024 * 1024,
  /** Headers of a request or an answer, names and values together. */
  headerBytesMax: 64 * 1024,
  headerCountMax: 200,
  /** Uploaded code as it arrives, and what it unpacks to. */
  code: { bytesMax: 128 * 1024 * 1024, unpackedBytesMax: 512 * 1024 * 1024, filesMax: 50_000 },
  /** What is kept of one call's output; the rest is cut with a mark. */
  logBytesMax: 1024 * 1024,
  /** What a function may want to be kept, of which the server's own limit is the most. */
  functionLogBytesMax: { min: 0, max: 64 * 1024 * 1024, default: 1024 * 1024 },
  /** Calls that one makes which consists of others: a sequence or a conductor, and everything below it. */
  flow: { stepsMax: 50, depthMax: 100, runsMax: 10_000 },
  listPage: { default: 30, max: 100 },
  /** Lines of a page of logs. */
  logPage: { default: 100, max: 1000 },
} as const;
