/** Whether a `Content-Type` is that of JSON, whatever more it says: `application/json`, and whatever is JSON underneath. */
export function isJsonType(contentType: string | null | undefined): boolean {
  if (contentType === "application/json") return true;
  return /[/+]json$/i.test((contentType ?? "").split(";", 1)[0]?.trim() ?? "");
}
