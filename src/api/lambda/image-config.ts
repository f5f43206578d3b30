/** `ImageConfig`: what is started of an image, and where. */
import type { Fn, ImageStart, Source } from "../../model/model.ts";
import { invalidParameter, violates } from "./errors.ts";
import { type Json, objectIn, textIn } from "./fields.ts";

const partsMax = 1500;
const folderCharactersMax = 1000;

/** Undefined: it says nothing of it; what is empty is as the image says. Throws `Refusal`. */
export function imageStartIn(body: Json): ImageStart | undefined {
  const config = objectIn(body, "ImageConfig");
  if (config === undefined) return undefined;
  const [entryPoint, command] = [wordsIn(config, "EntryPoint"), wordsIn(config, "Command")];
  const workingFolder = folderIn(config);
  return {
    ...(entryPoint.length === 0 ? {} : { entryPoint }),
    ...(command.length === 0 ? {} : { command }),
    ...(workingFolder === "" ? {} : { workingFolder }),
  };
}

function wordsIn(config: Json, name: string): readonly string[] {
  const words = config[name] ?? [];
  const isList = Array.isArray(words) && words.every((word) => typeof word === "string" && !word.includes("\0"));
  if (!isList) throw invalidParameter(`ImageConfig has a member ${name} that is no list of strings`);
  if (words.length > partsMax)
    throw violates(`${words.length} words`, `imageConfig.${name}`, `Member must have length less than or equal to ${partsMax}`);
  return words as readonly string[];
}

function folderIn(config: Json): string {
  const folder = textIn(config, "WorkingDirectory") ?? "";
  if (folder.length > folderCharactersMax)
    throw violates(
      `${folder.slice(0, 60)}…`,
      "imageConfig.workingDirectory",
      `Member must have length less than or equal to ${folderCharactersMax}`,
    );
  if (folder !== "" && (!folder.startsWith("/") || folder.includes("\0")))
    throw invalidParameter(`The working directory ${folder.slice(0, 200)} is no path that begins with a slash`);
  return folder;
}

/** The image with another start. Throws `Refusal` for what is none. */
export function withStart({ source }: Pick<Fn, "source">, start: ImageStart): Source {
  if (source.type !== "image") throw invalidParameter("ImageConfig is for functions of package type Image alone");
  const { start: _before, ...image } = source;
  return Object.keys(start).length === 0 ? image : { ...image, start };
}

/** As clients read it; nothing for one that starts as its image says. */
export function renderStart({ source }: Pick<Fn, "source">): object {
  if (source.type !== "image" || source.start === undefined) return {};
  const { entryPoint, command, workingFolder } = source.start;
  const ImageConfig = {
    ...(entryPoint === undefined ? {} : { EntryPoint: entryPoint }),
    ...(command === undefined ? {} : { Command: command }),
    ...(workingFolder === undefined ? {} : { WorkingDirectory: workingFolder }),
  };
  return { ImageConfigResponse: { ImageConfig } };
}
