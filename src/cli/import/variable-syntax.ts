/** How the Serverless Framework's variables are written. */

export interface Piece {
  /** Of a variable what is between its braces. */
  readonly text: string;
  readonly isVariable: boolean;
}

/** A text as plain pieces and variables, in their order; variables within variables are left in them. */
export function piecesOf(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let plainFrom = 0;
  for (let at = text.indexOf("${"); at >= 0; ) {
    const end = closing(text, at + 2);
    if (end < 0) break;
    const inner = text.slice(at + 2, end);
    if (isVariable(inner)) {
      if (at > plainFrom) pieces.push({ text: text.slice(plainFrom, at), isVariable: false });
      pieces.push({ text: inner, isVariable: true });
      plainFrom = end + 1;
      at = text.indexOf("${", plainFrom);
    } else at = text.indexOf("${", at + 2);
  }
  if (plainFrom < text.length) pieces.push({ text: text.slice(plainFrom), isVariable: false });
  return pieces;
}

/** Anything else is CloudFormation's: `${AWS::Region}`, `${Table}`, `${Table.Arn}`. */
function isVariable(inner: string): boolean {
  return /^\s*(?:[A-Za-z]+(?:\(|:(?!:))|\$\{|['"])/.test(inner);
}

function closing(text: string, from: number): number {
  let depth = 1;
  for (let at = from; at < text.length; at++) {
    if (text[at] === "{") depth++;
    else if (text[at] === "}" && --depth === 0) return at;
  }
  return -1;
}

/** What is between the commas, but for those within quotes, braces and parentheses. */
export function candidatesIn(inner: string): readonly string[] {
  const parts: string[] = [];
  let [depth, quote, from] = [0, "", 0];
  for (let at = 0; at < inner.length; at++) {
    const character = inner[at] as string;
    if (quote !== "") quote = character === quote ? "" : quote;
    else if (character === "'" || character === '"') quote = character;
    else if (character === "{" || character === "(") depth++;
    else if (character === "}" || character === ")") depth--;
    else if (character === "," && depth === 0) {
      parts.push(inner.slice(from, at));
      from = at + 1;
    }
  }
  return [...parts, inner.slice(from)].map((part) => part.trim());
}

/** A text in quotes, a number, a truth value or null; undefined: it is none. */
export function literalOf(candidate: string): { readonly value: unknown } | undefined {
  const quoted = /^(['"])(.*)\1$/s.exec(candidate);
  if (quoted !== null) return { value: quoted[2] };
  if (/^-?\d+(?:\.\d+)?$/.test(candidate)) return { value: Number(candidate) };
  if (candidate === "true" || candidate === "false") return { value: candidate === "true" };
  return candidate === "null" ? { value: null } : undefined;
}

export interface VariableSource {
  readonly type: string;
  /** In parentheses; "" without. */
  readonly argument: string;
  readonly address: string;
}

/** `self:a.b`, `file(x.yml):a.b`, `strToBool(x)`; null: it is none of these. */
export function sourceIn(candidate: string): VariableSource | null {
  const match = /^([A-Za-z]+)(?:\(([^)]*)\))?(?::(.*))?$/s.exec(candidate.trim());
  if (match === null || (match[2] === undefined && match[3] === undefined)) return null;
  return { type: match[1] as string, argument: (match[2] ?? "").trim(), address: (match[3] ?? "").trim() };
}
