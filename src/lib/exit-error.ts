/**
 * A program whose STDOUT is the connection ended badly: the `error` event of the connection that `sandbox/` gives for the end
 * point `stdio`. Its `end` comes only after the program ended with status 0.
 */
export class StdioExitError extends Error {
  /** Exit status; null when a signal ended the program. */
  readonly exitCode: number | null;
  /** Such as SIGKILL; null when it exited by itself. */
  readonly signal: string | null;

  constructor(exitCode: number | null, signal: string | null) {
    super(signal === null ? `The program exited with status ${exitCode}` : `The program was ended by ${signal}`);
    this.name = "StdioExitError";
    this.exitCode = exitCode;
    this.signal = signal;
  }
}
