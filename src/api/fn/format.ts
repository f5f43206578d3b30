/** How the platform speaks to an image: what old servers had as the field `format` of a function, and an annotation says here. */
import { declared, declaredText, formatProtocols } from "../../model/declared.ts";
import type { Annotations, ProtocolName } from "../../model/model.ts";
import { invalid } from "./errors.ts";

/** The protocol behind the field, else behind the annotation, else http-stream. Throws `invalid` for a format that Fn never had. */
export function protocolOf(format: string | undefined, annotations: Annotations): ProtocolName {
  const isDeclared = annotations[declared.format] !== undefined;
  const name = format || (isDeclared ? (declaredText(annotations, declared.format) ?? "") : "http-stream");
  const protocol = Object.hasOwn(formatProtocols, name) ? formatProtocols[name] : undefined;
  if (protocol === undefined) throw invalid("Invalid format on Fn");
  return protocol;
}
