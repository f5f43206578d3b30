/** What is true of the whole page: the key it uses, whether the server answers, which namespace is looked at. */
import { cell } from "./cell.ts";

const keyName = "polykiln.key";
const namespaceName = "polykiln.namespace";

/** The key that requests carry, "" for none. It lives as long as the tab and is never part of an address. */
export const key = cell(sessionStorage.getItem(keyName) ?? "");

/** Why a key is asked for; null: it is not. */
export const keyWanted = cell<string | null>(null);

/** Why the server cannot be reached; null: it can. */
export const lost = cell<string | null>(null);

/** "" until the server has said which there are. */
export const namespace = cell("");

export function setKey(text: string): void {
  if (text === "") sessionStorage.removeItem(keyName);
  else sessionStorage.setItem(keyName, text);
  keyWanted.set(null);
  key.set(text);
}

export function setNamespace(name: string): void {
  sessionStorage.setItem(namespaceName, name);
  namespace.set(name);
}

/** The one looked at before in this tab where it is still there, else the first. */
export function chooseNamespace(names: readonly string[]): void {
  const before = sessionStorage.getItem(namespaceName) ?? "";
  namespace.set(names.includes(before) ? before : (names[0] ?? ""));
}
