/** The entry of the dashboard, in the browser. */

import { render } from "preact";
import { App } from "#dashboard/state/app.ts";
import { Dashboard } from "./dashboard.tsx";
import { listenToKeys } from "./ui/keys.ts";

const root = document.getElementById("app");
if (root) {
  const app: App = new App(() => render(<Dashboard app={app} />, root));
  listenToKeys();
  app.start();
}
