/** A client that says exactly what it is told, whatever HTTP thinks of it. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";

export class RawClient {
  readonly socket: Socket;
  /** Everything that came back, in latin1. */
  text = "";
  /** The server has ended its side, or all. */
  readonly closed: Promise<unknown>;

  constructor(port: number, host = "127.0.0.1") {
    this.socket = connect({ port, host, allowHalfOpen: true });
    this.socket.setEncoding("latin1");
    this.socket.on("data", (data: string) => {
      this.text += data;
    });
    this.socket.on("error", () => {});
    this.closed = new Promise((resolve) => {
      this.socket.once("end", resolve).once("close", resolve);
    });
  }

  write(text: string): this {
    this.socket.write(text, "latin1");
    return this;
  }

  /** Waits for an answer that matches. */
  async until(pattern: RegExp, waitMs = 20_000): Promise<string> {
    const giveUpAt = Date.now() + waitMs;
    while (!pattern.test(this.text)) {
      if (Date.now() > giveUpAt) assert.fail(`${pattern} did not come; got ${JSON.stringify(this.text.slice(0, 2000))}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return this.text;
  }
}
