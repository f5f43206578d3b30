import { useEffect, useState } from "preact/hooks";

export type Scheme = "light" | "dark";

/** The colours that the system asks for. Style sheets follow by themselves; what is drawn has to be drawn anew. */
export function useScheme(): Scheme {
  const [dark, setDark] = useState(matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const read = () => setDark(list.matches);
    read();
    list.addEventListener("change", read);
    return () => list.removeEventListener("change", read);
  }, []);
  return dark ? "dark" : "light";
}

const query = "(prefers-color-scheme: dark)";
