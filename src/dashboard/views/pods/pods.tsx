/** The pods behind a route and how they do, each container with its log. */

import { printable } from "#base/printable.ts";
import type { PodStatus } from "#control/api.ts";
import type { App } from "#dashboard/state/app.ts";
import { read } from "#dashboard/hub/api.ts";
import type { ContainerRef, RouteRef } from "#dashboard/model/place.ts";
import { countText } from "#dashboard/model/words.ts";
import { usePolled } from "#dashboard/ui/hooks.ts";

const everyMs = 2000;

interface PodsProps {
  readonly app: App;
  readonly routeRef: RouteRef;
}

export function Pods({ app, routeRef }: PodsProps) {
  const { answer, error } = usePolled("pods", everyMs, (signal) => read<{ pods: PodStatus[] }>("pods", { ...routeRef }, signal));
  const openLog = (log: ContainerRef): void => app.go({ view: "routes", route: routeRef, log });
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
