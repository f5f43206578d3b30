import { useEffect, useRef } from "preact/hooks";
import { setKey } from "../state/session.ts";

/** Asks for the key that the server wants. */
export function KeyForm({ reason }: { reason: string }) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const use = (event: Event) => {
    event.preventDefault();
    const text = field.current?.value.trim() ?? "";
    if (text !== "") setKey(text);
  };
  return (
    <form class="card key" onSubmit={use}>
      <h1>{reason}</h1>
      <label for="key">Key, as id:secret</label>
      <input id="key" ref={field} type="password" autocomplete="off" spellcheck={false} required />
      <p class="quiet">
        The key of the first namespace is in the file <code>guest.key</code> of the server's data folder. It stays in this tab,
        until the tab is closed.
      </p>
      <button type="submit">Use this key</button>
    </form>
  );
}
