"use strict";
/**
 * How a handler gives its answer, read off its text once. The question is what it means when a function returns nothing:
 * that it is done, or that it will call back.
 *
 * - `callable`: its second parameter may be called: it gets a context that is the callback as well.
 * - `waits`: returning nothing does not end the call; the callback does, or an event loop with nothing left to do.
 * - `certain`: it surely calls back, so a number or boolean that it returns (`cb => queue.push(cb)`) is no answer.
 *
 * The rule: a function calls back when it has three parameters, or when its text calls its second one, or passes it on under any
 * name but `context` or `ctx`. One that only reads its properties (`context.callId`) or ignores it does not. Where the
 * text does not show it (`...args`, `arguments`, bound functions), it may.
 */
function signatureOf(handler) {
  const text = Function.prototype.toString.call(handler);
  const second = secondParameter(text);
  const { used, called } = usesOf(second, text, handler);
  const certain = handler.length >= 3 || called;
  return { callable: used, waits: certain || (used && !/^_*(?:context|ctx)$/i.test(second ?? "")), certain };
}

function usesOf(second, text, handler) {
  if (text.endsWith("{ [native code] }")) return { used: true, called: false };
  if (second === undefined) return { used: !isArrow(text) && /\barguments\b/.test(text), called: false };
  if (second.startsWith("...")) return { used: true, called: false };
  const name = /^[\p{ID_Start}$_][\p{ID_Continue}$]*/u.exec(second)?.[0];
  if (name === undefined) return { used: false, called: false };
  const body = text.slice(text.indexOf(second) + second.length);
  const word = `(?<![\\p{ID_Continue}$.])${name.replaceAll("$", "\\$")}(?![\\p{ID_Continue}$])`;
  const called = new RegExp(`${word}\\s*(?:\\(|\\?\\.\\s*\\(|\\.\\s*(?:call|apply)\\s*\\()`, "u").test(body);
  const passed = new RegExp(`${word}(?!\\s*(?:\\[|\\?\\.\\s*[\\p{ID_Start}$_]|\\.(?!\\s*(?:call|apply|bind)\\b)))`, "u").test(
    body,
  );
  const viaArguments = handler.length < 3 && !isArrow(text) && /\barguments\b/.test(body);
  return { used: called || passed || viaArguments, called };
}

function isArrow(text) {
  return /^(?:async\s*)?(?:\([^{]*?\)|[\p{ID_Start}$_][\p{ID_Continue}$]*)\s*=>/u.test(text);
}

/** The source of the second parameter; a rest parameter counts as the second also when it is the first. */
function secondParameter(text) {
  if (/^(?:async\s+)?[\p{ID_Start}$_][\p{ID_Continue}$]*\s*=>/u.test(text)) return undefined;
  const parameters = parametersOf(text);
  return parameters[0]?.startsWith("...") ? parameters[0] : parameters[1];
}

/** A comment, a string or one character. */
const tokens = /\/\*[^]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|[^]/g;

/** The pieces between the parentheses of the parameter list, comments left out, commas inside brackets and strings minded. */
function parametersOf(text) {
  const parameters = [];
  let depth = 0;
  let current = "";
  for (const [token] of text.slice(text.indexOf("(")).matchAll(tokens)) {
    if (token.startsWith("/*") || token.startsWith("//")) continue;
    if (token === "(" || token === "[" || token === "{") depth++;
    if (token === ")" || token === "]" || token === "}") depth--;
    if (depth === 0 || (depth === 1 && token === ",")) {
      if (current.trim() !== "") parameters.push(current.trim());
      current = "";
      if (depth === 0) return parameters;
    } else if (depth > 1 || token !== "(") current += token;
  }
  return parameters;
}

module.exports = { signatureOf };
