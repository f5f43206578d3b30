import { useState } from "preact/hooks";
import { Notice } from "./notice.tsx";
import { addressOf } from "../api/client.ts";
import { key } from "../state/session.ts";

/** Where there is no function yet: the commands that make one. */
export function FirstDeploy({ ns }: { ns: string }) {
  const at = addressOf(`namespaces/${encodeURIComponent(ns)}/apps/_/functions/hello`);
  const auth = key.get() === "" ? "" : ' -H "Authorization: Bearer $POLYKILN_AUTH"';
  const commands = [
    "echo 'exports.handler = async (event) => ({ hello: event.name })' > hello.js",
    `curl -X PUT${auth} --data-binary @hello.js \\\n  '${at}/code?file=hello.js&kind=nodejs:24'`,
    `curl${auth} -H 'Content-Type: application/json' -d '{"name":"you"}' \\\n  ${at}/invoke`,
  ].join("\n");
  return (
    <Notice kind="empty" title="No functions yet" text="Paste this into a terminal; the function appears here at once.">
      <pre class="commands" tabIndex={0} aria-label="Commands that deploy and call a first function">
        {commands}
      </pre>
      <CopyButton text={commands} />
    </Notice>
  );
}

function CopyButton({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  // Browsers give pages the clipboard on loopback and over TLS only.
  if (navigator.clipboard === undefined) return null;
  const copy = () => void navigator.clipboard.writeText(text).then(() => setCopied(true));
  return (
    <button type="button" onClick={copy}>
      {copied ? "Copied" : "Copy"}
    </button>
  );
}
