/** Where the code of a function of a template is. */
import { assetAt, contentAt } from "./content.ts";
import type { Property } from "./property.ts";
import type { TemplateReading } from "./template.ts";
import type { WantedCode } from "./wanted.ts";

type PropertyOf = (key: string) => Property;

/** Null: it cannot be had, which is remarked. */
export function codeOf(reading: TemplateReading, id: string, property: PropertyOf, isSam: boolean): WantedCode | null {
  const isImage = property("PackageType").text() === "Image";
  if (isImage) return imageOf(isSam ? property("ImageUri") : property("Code").at("ImageUri"), reading, id);
  const inline = isSam ? property("InlineCode") : property("Code").at("ZipFile");
  if (inline.isThere) return inlineOf(inline, property("Runtime").text());
  const where = property(isSam ? "CodeUri" : "Code");
  const unbuilt = buildOf(reading, id);
  if (unbuilt !== null) {
    where.missing(
      `the code is built with ${unbuilt}, which this does not do`,
      "run sam build, and import .aws-sam/build/template.yaml",
    );
    return null;
  }
  const asset = assetAt(reading, reading.resources.metadataOf(id), where);
  return asset === undefined ? contentAt(reading, where) : asset;
}

/** `Metadata.BuildMethod` says how `sam build` makes the code; null: it is made already, or may be taken as it is. */
function buildOf({ resources }: TemplateReading, id: string): string | null {
  const { BuildMethod: method, SamResourceId: built } = resources.metadataOf(id);
  return built === undefined && typeof method === "string" && !/^(?:nodejs|python)/.test(method) ? method : null;
}

function inlineOf(inline: Property, runtime = ""): WantedCode | null {
  const text = inline.text();
  if (text === undefined) return null;
  if (runtime.startsWith("nodejs")) return { type: "inline", file: "index.js", text };
  if (runtime.startsWith("python")) return { type: "inline", file: "index.py", text };
  inline.missing(
    `code in the file is for nodejs and python, not for ${runtime || "no runtime"}`,
    "put it into a folder, and name that as CodeUri",
  );
  return null;
}

function imageOf(uri: Property, { resources }: TemplateReading, id: string): WantedCode | null {
  const text = uri.text();
  if (text !== undefined) return { type: "image", uri: text };
  const file = resources.metadataOf(id)["Dockerfile"];
  if (!uri.isThere)
    uri.missing(
      typeof file === "string" ? `the image is built from ${file}, which this does not do` : "ImageUri is missing",
      "build the image, push it, and name it as ImageUri",
    );
  return null;
}
