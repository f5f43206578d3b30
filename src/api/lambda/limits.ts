/** Limits of Lambda's API where they are narrower than those of the model. */
export const lambdaLimits = {
  /** Of a request: a zip of 50 MB in base64, and what else a body says. */
  bodyBytesMax: 70 * 1024 * 1024,
  zipBytesMax: 50 * 1024 * 1024,
  /** Of calls and their answers. */
  payloadBytesMax: 6_291_456,
  asyncPayloadBytesMax: 1_048_576,
  responseBytesMax: 6_291_556,
  clientContextBytesMax: 3583,
  logTailBytesMax: 4096,
  memoryMiB: { min: 128, max: 10_240, default: 128 },
  /** Of `/tmp`, as everybody's is said to be: the smallest there is. */
  storageMiB: 512,
  timeoutS: { min: 1, max: 900, default: 3 },
  environmentBytesMax: 4096,
  descriptionCharactersMax: 256,
  tags: { countMax: 50, keyCharactersMax: 128, valueCharactersMax: 256 },
  /** Of a function's code and its layers together, as of each alone. */
  unpackedBytesMax: 262_144_000,
  layers: { countMax: 5, extensionsMax: 10, runtimesMax: 15, architecturesMax: 2, licenseCharactersMax: 512, pageMax: 50 },
  page: { default: 50, max: 10_000 },
  retriesMax: 2,
  eventAgeS: { min: 60, max: 21_600 },
} as const;
