/** A profile in the terminal, at the widths that people have. */

import { expect, test } from "bun:test";
import { stringWidth } from "bun";
import type { ProfileStatus, RouteStatus } from "#control/api.ts";
import { profileLines } from "#cli/screen/route-lines.ts";
import { wrapped } from "#base/wrap.ts";

const counts = { openConnections: 0, totalConnections: 0, failures: 0, requests: 0, receivedBytes: 0, sentBytes: 0 };
const route = (facts: Partial<RouteStatus> & Pick<RouteStatus, "name" | "url" | "target" | "state">): RouteStatus => ({
  kind: "http",
  pods: [],
  ...counts,
  ...facts,
});

const taken = {
  code: "port-taken",
  message: '127.0.0.1:8989 is taken by profile "other" (/other/tunnels.toml)',
  hints: ["kt down -f /other/tunnels.toml", "choose another port in tunnels.toml: [http] listen"],
} as const;

function shown(columns: number, ...routes: RouteStatus[]): string {
  const profile: ProfileStatus = {
    profile: "/home/me/shop/tunnels.toml",
    name: "shop",
    context: "dev",
    pinned: false,
    clients: 1,
    listeners: [],
    routes,
    warnings: [],
  };
  const rows = profileLines(profile, columns).flatMap((line) => wrapped(line, columns));
  const lines = rows.map((row) =>
    row
      .map(({ text }) => text)
      .join("")
      .trimEnd(),
  );
  for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(columns);
  return `\n${lines.join("\n")}\n`;
}

const routes = [
  route({ name: "web.localhost", url: "http://web.localhost:8989", target: "svc/web:80", state: "running", pod: "web-7d9f8-x2v4q" }),
  route({
    name: "reports.localhost",
    url: "http://reports.localhost:8989",
    target: "business-intelligence/deploy/quarterly-reports-renderer:metrics",
    state: "failed",
    context: "prod",
    problem: {
      code: "no-ready-pod",
      message: 'no pod of deployment "business-intelligence/quarterly-reports-renderer" is ready: pod "q-1" waits for its image',
      hints: ["kubectl describe pod q-1 -n business-intelligence --context prod"],
    },
  }),
  route({ name: "5432", kind: "tcp", url: "localhost:5432", target: "databases/svc/postgresql:5432", state: "idle" }),
];

test("settings that are not left at their defaults stand below the routes, with where they are said", () => {
  const settings = [{ key: "health.interval", value: "10s", from: "KT_HEALTH_INTERVAL" }];
  const heading = { profile: "/p/tunnels.toml", name: "p", pinned: false, clients: 1, listeners: [], warnings: [], settings };
  const rows = profileLines({ ...heading, routes: [] }, 80).flatMap((line) => wrapped(line, 80));
  const lines = rows.map((row) => row.map(({ text }) => text).join(""));
  expect(lines).toEqual(["p  /p/tunnels.toml", '  health.interval = "10s", from KT_HEALTH_INTERVAL']);
});

test("in a pipe everything stands in columns", () => {
  expect(shown(Number.POSITIVE_INFINITY, ...routes)).toBe(`
shop  context dev  /home/me/shop/tunnels.toml
  ● running   http://web.localhost:8989      svc/web:80                                                       web-7d9f8-x2v4q
  ✗ failed    http://reports.localhost:8989  business-intelligence/deploy/quarterly-reports-renderer:metrics  context prod
      no pod of deployment "business-intelligence/quarterly-reports-renderer" is ready: pod "q-1" waits for its image
      kubectl describe pod q-1 -n business-intelligence --context prod
  ○ idle      localhost:5432                 databases/svc/postgresql:5432
`);
});

test("at 80 columns targets are shortened in the middle", () => {
  expect(shown(80, ...routes)).toBe(`
shop  context dev  /home/me/shop/tunnels.toml
  ● running   http://web.localhost:8989      svc/web:80
              web-7d9f8-x2v4q
  ✗ failed    http://reports.localhost:8989  business-intellig…-renderer:metrics
              context prod
      no pod of deployment "business-intelligence/quarterly-reports-renderer" is
      ready: pod "q-1" waits for its image
      kubectl describe pod q-1 -n business-intelligence --context prod
  ○ idle      localhost:5432                 databases/svc/postgresql:5432
`);
});

test("at 60 columns the state and the URL come first", () => {
  expect(shown(60, ...routes)).toBe(`
shop  context dev  /home/me/shop/tunnels.toml
  ● running   http://web.localhost:8989  svc/web:80
              web-7d9f8-x2v4q
  ✗ failed    http://reports.localhost:8989
              business-intelligence/…eports-renderer:metrics
              context prod
      no pod of deployment
      "business-intelligence/quarterly-reports-renderer" is
      ready: pod "q-1" waits for its image
      kubectl describe pod q-1 -n business-intelligence \\
        --context prod
  ○ idle      localhost:5432             databases…esql:5432
`);
});

test("what some routes have in common is said at the first of them", () => {
  const refused: RouteStatus["problem"] = {
    code: "port-refused",
    message: 'pod "web-1" refused the connection to port 7999',
    hints: ["check that it listens"],
  };
  const broken = ["a", "b"].map((name) =>
    route({ name, url: `http://${name}.localhost:8989`, target: `svc/${name}:80`, state: "failed", problem: refused }),
  );
  const web = route({ name: "web.localhost", url: "http://web.localhost:8989", target: "svc/web:80", state: "running", pod: "web-1" });
  expect(shown(80, web, ...broken)).toBe(`
shop  context dev  /home/me/shop/tunnels.toml
  ● running   http://web.localhost:8989  svc/web:80  web-1
  ✗ failed    http://a.localhost:8989    svc/a:80
      pod "web-1" refused the connection to port 7999
      check that it listens
  ✗ failed    http://b.localhost:8989    svc/b:80
      as http://a.localhost:8989
`);
});

test("what all routes in use have in common is said once", () => {
  const blocked = ["a", "b"].map((name) =>
    route({
      name,
      url: `http://${name}.localhost:8989`,
      target: `svc/${name}:80`,
      state: "blocked",
      problem: { ...taken, hints: [...taken.hints] },
    }),
  );
  expect(shown(80, ...blocked)).toBe(`
shop  context dev  /home/me/shop/tunnels.toml
  127.0.0.1:8989 is taken by profile "other" (/other/tunnels.toml)
  kt down -f /other/tunnels.toml
  choose another port in tunnels.toml: [http] listen
  ✗ blocked   http://a.localhost:8989  svc/a:80
  ✗ blocked   http://b.localhost:8989  svc/b:80
`);
});
