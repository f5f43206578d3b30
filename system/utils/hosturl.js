const extensions = [".html", ".http", ".json", ".svg", ".text"];

/**
 * Where an action or a trigger is called. `path`: its name, with its package; `web`: by the address of a web action, with `ext` behind it;
 * `trigger`: it is one.
 */
exports.main = function main({ path, web, ext, trigger }) {
  const [host, namespace] = [process.env.__OW_API_HOST, process.env.__OW_NAMESPACE];
  const isWeb = web === true;
  if (isWeb && trigger) return { error: "triggers are not allowed for web actions." };
  if (isWeb && ext && !extensions.includes(ext))
    return { error: `extension for web action must be one of ["${extensions.join('", "')}"].` };
  if (trigger && path?.includes("/")) return { error: "triggers are not allowed in packages." };
  const base = isWeb
    ? `${host}/api/v1/web/${namespace}`
    : `${host}/api/v1/namespaces/${namespace}/${trigger === true ? "triggers" : "actions"}`;
  if (!path) return { url: base };
  if (!isWeb) return { url: `${base}/${path}` };
  return { url: `${base}/${path.includes("/") ? path : `default/${path}`}${ext || ""}` };
};
