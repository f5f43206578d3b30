/** The last 4 KB of what a call printed, between the lines that Lambda writes around it. */
import type { World } from "../../lib/world.ts";
import type { LogStore } from "../../logs/logs.ts";
import { idToUuid } from "../../model/id.ts";
import type { Activation } from "../../model/model.ts";
import { lambdaLimits } from "./limits.ts";

/** Output may arrive that much later than the answer, in ms: it comes on a way of its own. */
const trailingMs = 120;

/** In base64. */
export async function logTail(
  { logs, world }: { readonly logs: Pick<LogStore, "read">; readonly world: World },
  record: Activation,
  version: string,
  memoryMiB: number,
): Promise<string> {
  await new Promise<void>((resolve) => world.after(trailingMs, resolve));
  const lines = await logs.read(record.namespace, record.id);
  const text = [
    `START RequestId: ${idToUuid(record.id)} Version: ${version}`,
    ...lines.map((line) => line.text),
    ...closing(record, memoryMiB),
  ];
  const bytes = Buffer.from(`${text.join("\n")}\n`);
  return bytes.subarray(Math.max(0, bytes.length - lambdaLimits.logTailBytesMax)).toString("base64");
}

function closing({ id, start, initMs, runMs }: Activation, memoryMiB: number): readonly string[] {
  const began = (start === "cold" || start === "prewarmed") && initMs > 0;
  const init = began ? `\tInit Duration: ${initMs.toFixed(2)} ms` : "";
  const billed = Math.ceil(began ? initMs + runMs : runMs);
  return [
    `END RequestId: ${idToUuid(id)}`,
    `REPORT RequestId: ${idToUuid(id)}\tDuration: ${runMs.toFixed(2)} ms\tBilled Duration: ${billed} ms\tMemory Size: ${memoryMiB} MB${init}`,
  ];
}
