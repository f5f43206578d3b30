/** Tours with OpenWhisk's own clients (test/fixtures/openwhisk/cli/README.md). */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Tour } from "./client-tour.ts";
import { Normal } from "./fn-tour.ts";
import { type Platform, startPlatform } from "./platform.ts";

/** Ids as OpenWhisk writes them, and times and durations in all of its ways. */
class WskNormal extends Normal {
  override of(text: string): string {
    const uncoded = text
      .replaceAll(/"code":"[0-9A-Za-z]{32}"/g, '"code":"@"')
      .replaceAll(/\(code [0-9A-Za-z]{32}\)/g, "(code @)")
      // What the server tells of itself grows with the kinds that it has.
      .replaceAll(/\{"goto":.*\}$/gm, '{"goto":"@"}')
      .replaceAll(/Valid values are: .*?'\./g, "Valid values are: @.");
    const named = uncoded.replaceAll(/\b[0-9a-f]{32}\b/g, (id) => {
      if (!this.ids.includes(id)) this.ids.push(id);
      return `#${this.ids.indexOf(id) + 1}`;
    });
    return super
      .of(named)
      .replaceAll(/"(start|end|duration|updated|startDate|dateChanged)": ?\d+/g, '"$1":@')
      .replaceAll(/("key": ?"(?:waitTime|initTime)",\s*"value": ?)\d+/g, "$1@")
      .replaceAll(/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b/g, "@")
      .replaceAll(/\b\d+(?:\.\d+)?m?s\b/g, "@");
  }
}

interface WskTour {
  /** "": none. */
  readonly client: string;
  readonly folder: string;
  readonly isShuffled?: boolean;
  /** Puts what the commands name into the home. */
  lay(home: string): void;
  /** What its properties say besides, as lines. (Default: nothing) */
  readonly properties?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const credentials = ({ auth }: Platform) => `Basic ${btoa(auth)}`;

/** A tour with a client that is told of the server by `.wskprops`. */
export function wskTour({ client, folder, isShuffled = false, lay, properties = "", env = {} }: WskTour): Tour {
  return {
    client,
    folder,
    isShuffled,
    isRecorded: client !== "" && process.env["WSK_CLI_RECORD"] === "1",
    start: startPlatform,
    env,
    furnish(home, { auth }, url) {
      lay(home);
      writeFileSync(join(home, ".wskprops"), `APIHOST=${url}\nAUTH=${auth}\nNAMESPACE=_\n${properties}`);
    },
    normal: (platform, { url, home }) =>
      new WskNormal({
        "<url>": url,
        "<auth>": platform.auth,
        // Of the key, what is no secret.
        "<uuid>": platform.auth.split(":", 1)[0] as string,
        "<basic>": credentials(platform),
        ...(home !== "" && { "<home>": home }),
      }),
    headers: (platform) => ["authorization", credentials(platform)],
  };
}
