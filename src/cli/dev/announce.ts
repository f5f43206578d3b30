import type { Project } from "../project/project.ts";
import type { Session } from "../session.ts";
import type { DevHost } from "./host.ts";

/** Says where everything is, once it is there. */
export function announce(session: Session, { client, namespace }: DevHost, project: Project): void {
  const functions = project.functions.map(({ name }) => ({
    name,
    url: `${client.url}/kiln/v1/namespaces/${namespace}/apps/${project.app}/functions/${name}/invoke`,
  }));
  const routes = project.routes.map(({ source, function: name }) => ({
    function: name,
    url: `${client.url}/t/${project.app}${source}`,
  }));
  if (session.out.format !== "table") {
    session.out.event({ event: "ready", url: client.url, app: project.app, functions, routes }, client.url);
    return;
  }
  session.say(`${session.paint("green", "ready")} ${client.url}, app ${project.app}`);
  for (const { name, url } of functions)
    session.say(`  ${session.paint("bold", name)}  curl -d '{"name":"you"}' -H 'content-type: application/json' ${url}`);
  for (const { function: name, url } of routes) session.say(`  ${session.paint("bold", name)}  ${url}`);
  session.say(session.paint("dim", "Saved files are served at once. Calls follow; Ctrl-C stops."));
}
