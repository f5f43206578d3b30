/** For the platform's tests: how a handler gives its answer. */
export declare function signatureOf(handler: (...args: never[]) => unknown): {
  readonly callable: boolean;
  readonly waits: boolean;
  readonly certain: boolean;
};
