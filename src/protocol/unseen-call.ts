import { PlatformError } from "../model/error.ts";

/** Why a call failed that the code saw nothing of: its program ended before it asked for it. Another one may be given it, and it runs once. */
export class UnseenCall extends PlatformError {
  /** The whole body that the code would have been sent. */
  readonly event: Buffer;

  constructor(event: Buffer) {
    super("function_exited", "The runtime ended before it asked for the call");
    this.event = event;
  }
}
