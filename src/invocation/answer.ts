import { headerOf } from "../http/headers.ts";
import type { FunctionResponse } from "../protocol/protocol.ts";
import type { CallResult } from "../store/store.ts";

/** What is kept of the answer of an asynchronous call. */
export const resultBytesMax = 1024 * 1024;

/** Reads an answer to its end and keeps its beginning; a body that breaks off ends the reading too. */
export function keptAnswer(answer: FunctionResponse): Promise<CallResult> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const end = () => {
      const contentType = headerOf(answer.headers, "content-type") ?? null;
      resolve({ status: answer.status, contentType, bytes, body: Buffer.concat(chunks) });
    };
    answer.body.pipe({
      chunk(data) {
        const room = resultBytesMax - bytes;
        if (room > 0) chunks.push(room < data.length ? Buffer.from(data.subarray(0, room)) : data);
        bytes += data.length;
        return true;
      },
      end,
      fail: end,
    });
  });
}
