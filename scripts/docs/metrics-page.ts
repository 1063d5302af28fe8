/** docs/metrics.md: every metric of kt, by its declaration. */

import { hubMetrics } from "#web/metrics/hub-metrics.ts";
import type { Metric } from "#web/metrics/metric.ts";
import { routeMetrics } from "#web/metrics/route-metrics.ts";
import { targetMetrics } from "#web/metrics/target-metrics.ts";
import { code, fence, madeFrom, page, table } from "./markdown.ts";

/** Every metric, by what it is about. */
export const metricGroups: Readonly<Record<string, readonly Metric[]>> = {
  "The hub": Object.values(hubMetrics),
  Routes: Object.values(routeMetrics),
  Targets: Object.values(targetMetrics),
};

const intro = `kt counts what goes through it, and says so in the text formats of Prometheus and OpenMetrics. \`kt metrics\` prints it; the hub serves the same at
\`http://kt.localhost:8989/metrics\`, the front door's port that \`[http] listen\` names. Nothing has a request's path or query in it, and labels are
bounded: names of routes, targets and contexts.`;

const access = `Everything of kt's own under \`kt.localhost\` is for the user who runs kt. Programs send the hub's token, which each start of the hub makes anew and writes into a
file that only that user can read: \`token\`, beside the hub's socket (\`$XDG_RUNTIME_DIR/kt\`, else \`/tmp/kt-UID\`; on macOS \`$TMPDIR/kt\`). Without it the
answer is 401, which names the file. \`/health\` alone asks for no token: it says \`ok\` (200) or \`failing\` (503) and nothing else; \`/health/status\` and
\`/health/metrics\` have each route as JSON. \`kt metrics\` needs none either, for it
asks over the hub's socket.`;

const scrape = `Prometheus reads the token again for each scrape, so that it goes on when kt was started anew. Where its machine does not lead \`kt.localhost\` to itself, as
with Go programs on a plain Debian, \`proxy_url\` does:`;

const scrapeConfig = `scrape_configs:
  - job_name: kt
    authorization:
      credentials_file: /run/user/1000/kt/token
    proxy_url: http://127.0.0.1:8989
    static_configs:
      - targets: ["kt.localhost:8989"]`;

const ready = `[alerts.yml](metrics/alerts.yml) has alert rules, and [dashboard.json](metrics/dashboard.json) is a dashboard to import into Grafana. A test holds
both against the names below.`;

export function metricsPage(): string {
  const groups = Object.entries(metricGroups).flatMap(([title, metrics]) => [
    `## ${title}`,
    ...table(
      ["metric", "type", "labels", "what it is"],
      metrics.map(({ name, type, labels, help }) => [code(shownName(name, type)), type, labels.map(code).join(", "), help]),
    ),
  ]);
  return page([
    "# Metrics",
    madeFrom("src/web/metrics"),
    intro,
    "## Who may read them",
    access,
    "## Scraping them",
    scrape,
    ...fence("yaml", scrapeConfig.split("\n")),
    ready,
    ...groups,
  ]);
}

function shownName(name: string, type: string): string {
  return type === "counter" ? `${name}_total` : type === "info" ? `${name}_info` : name;
}
