/** What Fn's client does, in the order of it: requests to the server, and programs that it starts; as text (test/fixtures/fn/images/README.md). */
import type { Started } from "./fn-client.ts";
import { dialogueOf, type Exchanged, exchangesIn } from "./fn-tour.ts";

export type Step =
  | { readonly type: "request"; readonly exchanged: Exchanged }
  | { readonly type: "program"; readonly started: Started }
  /** What somebody typed that is no command of the client. */
  | { readonly type: "typed"; readonly command: string };

export function stepText(step: Step): string {
  switch (step.type) {
    case "request":
      return dialogueOf(step.exchanged);
    case "program":
      return startedText(step.started);
    case "typed":
      return `$ ${step.command}\n`;
  }
}

function startedText({ program, folder, args, dockerfile, code }: Started): string {
  const lines = (dockerfile ?? "").trimEnd().split("\n");
  const shown = dockerfile === null ? [] : lines.map((line) => `| ${line}`);
  return [`[${folder}] ${program} ${args.join(" ")}`, ...shown, ...(code === 0 ? [] : [`! ${code}`]), ""].join("\n");
}

/** The other way round. */
export function stepsIn(text: string): Step[] {
  const steps: Step[] = [];
  let dialogue = "";
  for (const line of text.split("\n")) {
    const mark = line.split(" ")[0] ?? "";
    if (line === "" || mark === "#") continue;
    if (mark === "$") steps.push({ type: "typed", command: line.slice(2) });
    else if (mark === "|" || mark === "!") amendLast(steps, mark, line.slice(2));
    else if (/^\[.*\]$/.test(mark)) steps.push({ type: "program", started: startedOf(line) });
    else {
      dialogue += `${line}\n`;
      if (!/^\d+$/.test(mark)) continue;
      for (const exchanged of exchangesIn(dialogue)) steps.push({ type: "request", exchanged });
      dialogue = "";
    }
  }
  return steps;
}

function startedOf(line: string): Started {
  const [folder = "", program = "", ...args] = line.split(" ");
  return { folder: folder.slice(1, -1), program, args, dockerfile: null, code: 0 };
}

/** Lines that follow a program: of its Dockerfile, or how it ended. */
function amendLast(steps: Step[], mark: string, text: string): void {
  const last = steps.pop();
  if (last?.type !== "program") throw new Error(`No program stands above: ${mark} ${text}`);
  const { started } = last;
  const changed = mark === "!" ? { code: Number(text) } : { dockerfile: `${started.dockerfile ?? ""}${text}\n` };
  steps.push({ type: "program", started: { ...started, ...changed } });
}
