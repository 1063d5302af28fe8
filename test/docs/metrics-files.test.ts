/** The alert rules and the dashboard go by metrics and labels that kt has. */

import { expect, test } from "bun:test";
import { file, YAML } from "bun";
import { metricGroups } from "#scripts/docs/metrics-page.ts";

const folder = `${import.meta.dir}/../../docs/metrics`;

/** The names of samples, each with the labels that it has. */
const known = new Map(
  Object.values(metricGroups)
    .flat()
    .flatMap(({ name, type, labels }): [string, readonly string[]][] => {
      if (type === "histogram") return ["_bucket", "_count", "_sum"].map((end) => [`${name}${end}`, [...labels, "le"]]);
      return [[type === "counter" ? `${name}_total` : type === "info" ? `${name}_info` : name, labels]];
    }),
);

/** What an expression says that kt does not have. */
function unknownIn(expression: string): string[] {
  const names = [...expression.matchAll(/\bkt_\w+/g)].map(([name]) => name);
  const wrong = names.filter((name) => !known.has(name));
  const has = new Set(names.flatMap((name) => known.get(name) ?? []));
  const asked = [
    ...[...expression.matchAll(/\b(\w+)\s*=~?\s*"/g)].map(([, label = ""]) => label),
    ...[...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = ""]) => list.split(",").map((label) => label.trim())),
  ];
  return [...wrong, ...asked.filter((label) => !has.has(label))];
}

test("each alert does", async () => {
  const { groups } = YAML.parse(await file(`${folder}/alerts.yml`).text()) as { groups: { rules: { alert: string; expr: string }[] }[] };
  const rules = groups.flatMap(({ rules: all }) => all);
  expect(rules.length).toBeGreaterThan(3);
  expect(rules.flatMap(({ alert, expr }) => unknownIn(expr).map((wrong) => `${alert}: ${wrong}`))).toEqual([]);
});

test("each panel does, and what fills the choices", async () => {
  const dashboard = await file(`${folder}/dashboard.json`).json();
  const expressions: string[] = dashboard.panels.flatMap((panel: { targets: { expr: string }[] }) => panel.targets.map(({ expr }) => expr));
  const choices: string[] = dashboard.templating.list
    .map(({ query }: { query: string }) => query)
    .filter((query: string) => query.includes("kt_"));
  expect([expressions.length > 10, choices.length]).toEqual([true, 2]);
  expect([...expressions, ...choices].flatMap((each) => unknownIn(each).map((wrong) => `${each}: ${wrong}`))).toEqual([]);
});

test("what is not there is noticed", () => {
  expect(unknownIn('rate(kt_route_requests_total{class="5xx", pod="a"}[5m])')).toEqual(["pod"]);
  expect(unknownIn("sum by (route, target) (kt_route_up)")).toEqual(["target"]);
  expect(unknownIn("kt_route_ups")).toEqual(["kt_route_ups"]);
});
