/** Files that make a folder a project; the first that is there counts. */
export const kilnFiles = ["kiln.yaml", "kiln.yml"];
export const fnFiles = ["func.yaml", "func.yml", "func.json"];
export const appFiles = ["app.yaml", "app.yml", "app.json"];
