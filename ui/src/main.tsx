import { render } from "preact";
import "./style/base.css";
import "./style/parts.css";
import "./style/figures.css";
import "./style/pages.css";
import { Console } from "./console.tsx";
import { followAddress } from "./router.ts";

followAddress();
render(<Console />, document.getElementById("console") as HTMLElement);
