/** The pods behind a route and how they do, each container with its log. */

import { printable } from "#base/printable.ts";
import type { PodStatus } from "#control/api.ts";
import type { App } from "#dashboard/state/app.ts";
import { read } from "#dashboard/hub/api.ts";
import type { RouteRef } from "#dashboard/model/place.ts";
import { countText } from "#dashboard/model/words.ts";
import { usePolled } from "#dashboard/ui/hooks.ts";
import { useKeys } from "#dashboard/ui/keys.ts";
import { likeliest } from "#tui/model/pods.ts";

const everyMs = 2000;

interface PodsProps {
  readonly app: App;
  readonly routeRef: RouteRef;
  /** The pod that had the latest connection. */
  readonly answering: string | undefined;
}

export function Pods({ app, routeRef, answering }: PodsProps) {
  const { answer, error } = usePolled("pods", everyMs, (signal) => read<{ pods: PodStatus[] }>("pods", { ...routeRef }, signal));
  const openLog = (log: { pod: string; container: string } | undefined): void => {
    if (log) app.go({ view: "routes", route: routeRef, log });
    else app.notify("there is no container whose log could be read", true);
  };
  useKeys({ l: () => openLog(likeliest(answer, answering)) });
  return (
    <section aria-label="Pods">
      <div class="section">
        <h3>Pods</h3>
      </div>
      {error && <p class="red">{printable(error.message)}</p>}
      {!answer && !error && <p class="dim">Asking the cluster</p>}
      {answer?.pods.length === 0 && <p class="dim">There is none.</p>}
      <ul class="pods">
        {answer?.pods.map((pod) => (
          <Pod key={pod.name} pod={pod} onLog={(container) => openLog({ pod: pod.name, container })} />
        ))}
      </ul>
    </section>
  );
}

const tones: Readonly<Record<PodStatus["state"], string>> = { ready: "green", coming: "yellow", stuck: "red", gone: "dim" };
const glyphs: Readonly<Record<PodStatus["state"], string>> = { ready: "●", coming: "◐", stuck: "✗", gone: "○" };

function Pod({ pod, onLog }: { readonly pod: PodStatus; readonly onLog: (container: string) => void }) {
  const { name, state, says, restarts, containers } = pod;
  return (
    <li>
      <div>
        <span class={`glyph ${tones[state]}`} aria-hidden="true">
          {glyphs[state]}
        </span>
        <span class="mono">{printable(name)}</span> <span class={tones[state]}>{printable(says)}</span>
        {restarts > 0 && <span class="dim"> · {countText(restarts, "restart")}</span>}
      </div>
      <div class="containers">
        {containers.map((container) => (
          <button key={container} type="button" class="quiet" onClick={() => onLog(container)}>
            Log of {printable(container)}
          </button>
        ))}
      </div>
    </li>
  );
}
