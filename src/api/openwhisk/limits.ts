/** What this door accepts when an action is made or called: OpenWhisk's own limits (the model allows more). */
export const actionLimits = {
  timeoutMs: { min: 100, max: 300_000, default: 60_000 },
  memoryMiB: { min: 128, max: 512, default: 256 },
  logsMiB: { min: 0, max: 10, default: 10 },
  concurrency: { min: 1, max: 500, default: 1 },
} as const;

const mebibyte = 1024 * 1024;

export const sizeLimits = {
  nameCharactersMax: 256,
  /** Of an action's code, as it is in the request. */
  codeBytesMax: 48 * mebibyte,
  /** Of a request that makes or changes something. */
  bodyBytesMax: 50 * mebibyte,
  parametersBytesMax: mebibyte,
  annotationsBytesMax: mebibyte,
  /** Of parameters that become environment, together. */
  environmentBytesMax: 64 * 1024,
  /** Of a call's parameters, and of its result. */
  payloadBytesMax: mebibyte,
} as const;

/** How long a blocking call is waited for. */
export const waitMs = { min: 1, max: 60_000 } as const;

export const listLimits = { max: 200, default: 30 } as const;
