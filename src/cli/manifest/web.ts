import type { Path } from "../project/yaml-file.ts";
import type { Values } from "./manifest.ts";
import type { Reading } from "./reading.ts";

/** The annotations of `web`; `isOfApi`: an API leads to it, so that it is a web action when nothing is said. Throws a `Failure`. */
export function webAnnotations(
  reading: Reading,
  path: Path,
  given: string | number | boolean | undefined,
  isOfApi = false,
): Values {
  const word = reading.text(path, given).toLowerCase();
  switch (word) {
    case "":
      return isOfApi ? annotations(true, false) : {};
    case "true":
    case "yes":
      return annotations(true, false);
    case "raw":
      return annotations(true, true);
    case "false":
    case "no":
      return annotations(false, false);
    default:
      throw reading.failure(path, "value", `web is ${JSON.stringify(word)}`, "It must be true, yes, false, no or raw");
  }
}

function annotations(isWeb: boolean, isRaw: boolean): Values {
  return { "web-export": isWeb, "raw-http": isRaw, final: isWeb };
}
