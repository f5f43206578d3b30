import type { Property } from "./property.ts";
import type { UrlSettings } from "./wanted.ts";

/** `FunctionUrlConfig` of SAM, or the properties of `AWS::Lambda::Url`; null: there is none. */
export function urlOf(config: Property): UrlSettings | null {
  if (!config.isThere) return null;
  return {
    AuthType: config.at("AuthType").text() ?? "NONE",
    InvokeMode: config.at("InvokeMode").text() ?? "BUFFERED",
    Cors: config.at("Cors").plain() ?? null,
    place: config.placed(),
  };
}
