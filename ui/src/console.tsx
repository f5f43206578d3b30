import { useEffect } from "preact/hooks";
import { listNamespaces, serverVersion } from "./api/resources.ts";
import { sentence } from "./api/client.ts";
import { ActivationPage } from "./pages/activation.tsx";
import { ActivationsPage } from "./pages/activations.tsx";
import { FunctionPage } from "./pages/function.tsx";
import { Overview } from "./pages/overview.tsx";
import { Notice } from "./parts/notice.tsx";
import { KeyForm } from "./parts/key-form.tsx";
import { links, type Route, route } from "./router.ts";
import { useCell } from "./state/cell.ts";
import { usePolled } from "./state/polled.ts";
import { chooseNamespace, key, keyWanted, lost, namespace, setKey, setNamespace } from "./state/session.ts";

/** The frame that every page stands in: where to go, which namespace, whether the server answers. */
export function Console() {
  const at = useCell(route);
  const ns = useCell(namespace);
  const wanted = useCell(keyWanted);
  const names = usePolled(async (signal) => (await listNamespaces(signal)).map(({ name }) => name), 60_000, ["namespaces"]);
  useEffect(() => {
    if (names.data !== undefined && !names.data.includes(namespace.get())) chooseNamespace(names.data);
  }, [names.data]);

  return (
    <>
      <a class="skip" href="#main" onClick={toMain}>
        Skip to the page
      </a>
      <Header at={at} namespaces={names.data ?? []} ns={ns} />
      <Lost />
      <main id="main" tabIndex={-1}>
        {wanted !== null ? (
          <KeyForm reason={wanted} />
        ) : ns !== "" ? (
          <Page key={`${ns} ${JSON.stringify(at)}`} at={at} ns={ns} />
        ) : names.error !== undefined ? (
          <Notice kind="error" title="The console cannot read the namespaces" text={sentence(names.error)} />
        ) : names.data?.length === 0 ? (
          <Notice kind="error" title="There is no namespace" text="The key that is used here belongs to none." />
        ) : null}
      </main>
      <Footer />
    </>
  );
}

function Page({ at, ns }: { at: Route; ns: string }) {
  switch (at.page) {
    case "overview":
      return <Overview ns={ns} />;
    case "function":
      return <FunctionPage ns={ns} app={at.app} name={at.name} />;
    case "activations":
      return <ActivationsPage ns={ns} />;
    case "activation":
      return <ActivationPage ns={ns} id={at.id} />;
    case "missing":
      return (
        <Notice
          kind="error"
          title="There is no such page"
          text="The address leads nowhere."
          link={[links.overview, "All functions"]}
        />
      );
  }
}

function Header({ at, namespaces, ns }: { at: Route; namespaces: readonly string[]; ns: string }) {
  const carried = useCell(key);
  const inActivations = at.page === "activations" || at.page === "activation";
  return (
    <header class="top">
      <a class="brand" href={links.overview}>
        polykiln
      </a>
      <nav aria-label="Pages">
        <a href={links.overview} aria-current={at.page === "overview" || at.page === "function" ? "page" : undefined}>
          Functions
        </a>
        <a href={links.activations} aria-current={inActivations ? "page" : undefined}>
          Activations
        </a>
      </nav>
      <div class="who">
        {namespaces.length > 1 ? (
          <label>
            <span class="unseen">Namespace</span>
            <select value={ns} onChange={(event) => setNamespace(event.currentTarget.value)}>
              {namespaces.map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        ) : (
          <span class="quiet" title="Namespace">
            {ns}
          </span>
        )}
        {carried !== "" && (
          <button type="button" class="plain" onClick={() => setKey("")}>
            Forget key
          </button>
        )}
      </div>
    </header>
  );
}

/** Told where it is heard and seen, and taken away by itself: pages go on asking. */
function Lost() {
  const host = useCell(lost);
  return (
    <div role="alert">
      {host !== null && (
        <p class="lost">
          <strong>{host}</strong> does not answer. What you see is what was known last; the page goes on trying.
        </p>
      )}
    </div>
  );
}

function Footer() {
  const { data } = usePolled(serverVersion, 0, ["version"]);
  return (
    <footer class="bottom quiet">
      <span>polykiln {data}</span>
      <a href="../kiln/v1/openapi.json" target="_blank" rel="noopener noreferrer">
        API
      </a>
    </footer>
  );
}

/** The address names a page, so the anchor is not followed but done by hand. */
function toMain(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
