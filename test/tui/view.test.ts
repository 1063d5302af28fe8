/** The pictures of the full-screen view: golden screens, and what holds for every one of them. */

import { describe, expect, test } from "bun:test";
import { stringWidth } from "bun";
import fc from "fast-check";
import type { RouteStatus } from "#control/api.ts";
import { cell, cut, widthOfSpans } from "#tui/view/cells.ts";
import { sortings } from "#tui/model/rows.ts";
import { ended, heard, heardLines, type Model, wantedSource, withPods, withRequests } from "#tui/model/model.ts";
import { view } from "#tui/view/view.ts";
import { after, key, model, profile, requestEntry, route, seen, snapshot, textOf, typed } from "./models.ts";

const shop = snapshot(
  profile([
    route("api.localhost", {
      state: "running",
      pod: "api-1",
      pods: ["api-1"],
      openConnections: 2,
      requests: 14,
      receivedBytes: 12_345,
      perSecond: { requests: 1.5, failures: 0, receivedBytes: 2000, sentBytes: 10 },
    }),
    route("checkout.localhost", {
      state: "failed",
      problem: {
        code: "no-ready-pod",
        message: 'pod "checkout-1" is in CrashLoopBackOff (exit code 1)',
        hints: ["kubectl logs checkout-1 -n shop --previous"],
      },
    }),
    route("5432", { kind: "tcp", url: "localhost:5432", target: "databases/svc/postgresql:5432" }),
  ]),
);

/** Of every kind that a cluster, a client or a profile may make up. */
const hostile = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 60 }),
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.constantFrom(
    "",
    "\u001b[2J\u001b]0;x\u0007",
    "日本語のサービス",
    "👩‍👩‍👧‍👦🇩🇪",
    "a\u0301".repeat(30),
    "\u202eevil",
    "\u05d0\u05d1",
    "x".repeat(500),
    "a\nb\r\tc",
    "\u0000",
  ),
);

const states = ["idle", "starting", "running", "stopping", "failed", "blocked", "conflict", "stopped"] as const;
const count = fc.nat();
const problem = fc.record({ code: fc.constant("no-ready-pod" as const), message: hostile, hints: fc.array(hostile, { maxLength: 2 }) });
const anyRoute: fc.Arbitrary<RouteStatus> = fc.record({
  kind: fc.constant("http" as const),
  name: hostile,
  url: hostile,
  target: hostile,
  state: fc.constantFrom(...states),
  pods: fc.array(hostile, { maxLength: 2 }),
  openConnections: count,
  totalConnections: count,
  failures: count,
  requests: count,
  receivedBytes: count,
  sentBytes: count,
  problem: fc.option(problem, { nil: undefined }),
});
const anyProfile = fc
  .record({ name: hostile, context: hostile, routes: fc.array(anyRoute, { maxLength: 8 }) })
  .map(({ name, context, routes }) => profile(routes, { name, context }));

describe("the list", () => {
  test("shows each route under its profile and namespace, and why one does not work", () => {
    expect(seen(model(shop))).toEqual([
      " kt  3 routes · 1 failed                                                 ● live",
      "  state      address                           open  req/s          ↓          ↑",
      "shop / shop  context dev · 2 routes",
      "▸ ● running  http://api.localhost:8989/           2    1.5   2.0 KB/s     10 B/s",
      '  ✗ failed   http://checkout.localhost:8989/  pod "checkout-1" is in CrashLoopB…',
      "shop / databases  context dev · 1 route",
      "  ○ idle     localhost:5432                       ·      ·          ·          ·",
      ...Array.from({ length: 5 }, () => ""),
      ' checkout.localhost: pod "checkout-1" is in CrashLoopBackOff (exit code 1)',
      " hint: kubectl logs checkout-1 -n shop --previous",
      "",
      " Enter detail  / filter  s sort  l log  r reconnect  x stop  ? help  q quit",
    ]);
  });

  test("says what is wrong with the selected one, and what to do", () => {
    expect(seen(after(model(shop), key("down")).model).slice(-4, -2)).toEqual([
      ' pod "checkout-1" is in CrashLoopBackOff (exit code 1)',
      " hint: kubectl logs checkout-1 -n shop --previous",
    ]);
  });

  test("has room for the targets in a wide window", () => {
    expect(seen(model(shop, { columns: 120, rows: 16 }))[3]).toBe(
      "▸ ● running  http://api.localhost:8989/       shop/svc/api:http                           2    1.5   2.0 KB/s     10 B/s",
    );
  });

  test("says what is wrong with a namespace or a file, also where it has no routes", () => {
    const forbidden = { code: "forbidden" as const, message: "services may not be listed", hints: [] };
    const namespaces = [
      { namespace: "shop", context: "dev", services: 1, notes: ["UDP port 53 of dns is not forwarded"] },
      { namespace: "team", context: "dev", notes: [], problem: forbidden },
    ];
    const forwarded = { namespace: "shop", service: "db" };
    const shown = [
      profile([route("db.shop:1", { kind: "forward", forwarded })], { namespaces }),
      profile([], { name: "new", profile: "/n" }),
    ];
    const rows = seen(model(snapshot(...shown)));
    expect(rows[2]).toBe("shop / shop  context dev · 1 route  UDP port 53 of dns is not forwarded");
    expect(rows[4]).toBe("shop / team  context dev · no routes  services may not be listed");
    expect(rows[5]).toBe("new  context dev · no routes");
    expect(seen(model(snapshot())).join("\n")).toContain("no profile is attached: kt up attaches one");
  });

  test("names the services of a namespace beside their addresses", () => {
    const forwarded = { namespace: "shop", service: "db" };
    const db = route("db.shop:5432", { kind: "forward", url: "127.1.27.3:5432", target: "shop/svc/db:5432", forwarded });
    expect(seen(model(snapshot(profile([db]))))[3]).toStartWith("▸ ○ idle     db.shop:5432 127.1.27.3:5432");
  });

  test("keeps only what the filter finds", () => {
    const rows = seen(after(model(shop), ...typed("/crash"), key("backspace"), ...typed("\u0000")).model);
    expect(rows.at(-1)).toContain("/cras");
    expect(seen(after(model(shop), ...typed("/post"), key("enter")).model).slice(2, 5)).toEqual([
      "shop / databases  context dev · 1 route",
      "▸ ○ idle     localhost:5432                       ·      ·          ·          ·",
      "",
    ]);
  });

  test("keeps the selected route in the window, however many there are", () => {
    const many = snapshot(profile(Array.from({ length: 1000 }, (_, at) => route(`s${String(at).padStart(4, "0")}.localhost`))));
    const last = after(model(many), key("end")).model;
    expect(seen(last).at(-5)).toContain("▸ ○ idle     http://s0999.localhost");
    expect(seen(after(last, key("home")).model)[2]).toStartWith("shop / shop");
    expect(seen(after(model(many), key("page-down")).model).join("\n")).toContain("▸ ○ idle     http://s0010");
  });
});

describe("every picture", () => {
  test("fills the window exactly, whatever strings stand in it", () => {
    fc.assert(
      fc.property(
        fc.array(anyProfile, { maxLength: 3 }),
        fc.nat(300),
        fc.nat(100),
        fc.constantFrom("", "/a", "?", "q", "/日本", "s", "ss", "L", "l", "Lw", "L?"),
        fc.boolean(),
        fc.array(hostile, { maxLength: 30 }),
        fc.constantFrom(...sortings),
        (profiles, columns, rows, keys, isDetail, lines, sorting) => {
          const start = { ...model(snapshot(...profiles), { columns, rows }, "/p/tunnels.toml"), sorting };
          const { model: shown } = after(start, ...(isDetail ? [key("enter")] : []), ...typed(keys));
          const picture = view(withAll(shown, lines));
          expect(picture).toHaveLength(rows);
          for (const text of textOf(picture)) {
            expect(stringWidth(text)).toBe(columns);
            expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test("a window that is too small is said to be", () => {
    expect(seen(model(shop, { columns: 20, rows: 5 })).join("")).toBe("this window is 20x5, and kt needs 40x8");
    expect(seen(model(shop, { columns: 3, rows: 2 })).join("")).toBe("this w");
  });
});

/** With pods, lines, requests and events, all of such strings. */
function withAll(shown: Model, lines: readonly string[]): Model {
  const source = wantedSource(shown);
  if (source === undefined) return shown;
  const [first = ""] = lines;
  const pod = { name: first, state: "stuck" as const, says: first, restarts: 2, containers: [...lines] };
  const requests = [requestEntry({ method: first, path: first })];
  const entries = [{ atMs: 0, level: "warn" as const, route: first, text: first, event: { type: "hub" } }];
  return ended(
    heardLines(heard(withRequests(withPods(shown, { pods: [pod] }), requests), source, entries), source, lines, 3),
    source,
    first,
  );
}

describe("a cell", () => {
  test("is exactly as wide as asked", () => {
    fc.assert(
      fc.property(hostile, fc.nat(40), fc.constantFrom("left" as const, "right" as const), (text, columns, side) => {
        expect(widthOfSpans(cell(text, columns, side))).toBe(columns);
        expect(widthOfSpans(cut(text, columns))).toBeLessThanOrEqual(columns);
      }),
    );
  });

  test("does not break a character", () => {
    expect(textOf([{ spans: cut("日本語", 5) }])).toEqual(["日本…"]);
    expect(textOf([{ spans: cut("日本語", 4) }])).toEqual(["日…"]);
    expect(textOf([{ spans: cut("e\u0301e\u0301e\u0301", 2) }])).toEqual(["e\u0301…"]);
  });
});
