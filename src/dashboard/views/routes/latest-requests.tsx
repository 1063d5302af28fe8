/** The latest requests of one route, in its detail. */

import { formatBytes } from "#base/bytes-text.ts";
import { printable } from "#base/printable.ts";
import { timeOfDay } from "#base/time-of-day.ts";
import type { RequestEntry } from "#control/api.ts";
import type { App } from "#dashboard/state/app.ts";
import { read } from "#dashboard/hub/api.ts";
import type { RouteRef } from "#dashboard/model/place.ts";
import { durationText } from "#dashboard/model/words.ts";
import { usePolled } from "#dashboard/ui/hooks.ts";
import { StatusCode } from "#dashboard/views/requests/status-code.tsx";

const everyMs = 1000;
const limit = 12;

export function LatestRequests({ app, routeRef }: { readonly app: App; readonly routeRef: RouteRef }) {
  const { answer } = usePolled("requests", everyMs, (signal) =>
    read<{ requests: RequestEntry[] }>("requests", { ...routeRef, limit }, signal),
  );
  const requests = answer?.requests.toReversed() ?? [];
  return (
    <section aria-label="Latest requests">
      <div class="section">
        <h3>Latest requests</h3>
        <button type="button" class="quiet" onClick={() => app.go({ view: "requests", route: routeRef })}>
          All of them <kbd aria-hidden="true">h</kbd>
        </button>
      </div>
      {requests.length === 0 ? (
        <p class="dim">There was none yet.</p>
      ) : (
        <table class="latest">
          <thead class="hidden">
            <tr>
              {["time", "method", "status", "duration", "received", "path"].map((title) => (
                <th key={title}>{title}</th>
              ))}
            </tr>
          </thead>
          <tbody>{requests.map(requestRow)}</tbody>
        </table>
      )}
    </section>
  );
}

function requestRow(request: RequestEntry, at: number) {
  const { atMs, method, path, durationMs, receivedBytes } = request;
  return (
    <tr key={at}>
      <td class="dim">{timeOfDay(atMs)}</td>
      <td>{printable(method)}</td>
      <td>
        <StatusCode request={request} />
      </td>
      <td class="number">{durationText(durationMs)}</td>
      <td class="number">{formatBytes(receivedBytes)}</td>
      <td class="path">{printable(path)}</td>
    </tr>
  );
}
