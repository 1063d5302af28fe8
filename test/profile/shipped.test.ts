/** The shipped profiles and the template of `kt init`: each is a profile that can be used as it is. */

import { namedRoutes, portsOf } from "#profile/values/planned.ts";
import { describe, expect, test } from "bun:test";
import { Glob } from "bun";
import fc from "fast-check";
import { loadPlan } from "#profile/load.ts";
import type { Plan } from "#profile/values/plan.ts";
import { shippedProfiles } from "#profile/read/shipped.ts";
import { profileTemplate } from "#profile/edit/template.ts";
import { formatTarget } from "#route/target.ts";

async function planOf(text: string, environment: Record<string, string> = {}): Promise<Plan> {
  const readText = async (path: string): Promise<string | undefined> => (path === "/p/tunnels.toml" ? text : undefined);
  const { plan, warnings } = await loadPlan({ file: "/p/tunnels.toml", environment, home: "/h", readText });
  expect(warnings).toEqual([]);
  return plan;
}

describe("shipped profiles", () => {
  test("every file in profiles/ is embedded under its name", async () => {
    const files = await Array.fromAsync(new Glob("*.toml").scan(`${import.meta.dir}/../../profiles`));
    expect([...shippedProfiles.keys()].sort()).toEqual(files.map((name) => name.replace(".toml", "")).sort());
  });

  for (const [name, text] of shippedProfiles) {
    test(`${name} gives routes and says how to extend it`, async () => {
      const plan = await planOf(`extends = ["kt:${name}"]`);
      expect(namedRoutes(plan).length).toBeGreaterThan(0);
      expect(text).toContain(`extends = ["kt:${name}"]`);
      expect(await planOf(text)).toMatchObject({ routes: plan.routes, listeners: plan.listeners });
    });
  }

  test("all of them together claim nothing twice", async () => {
    const names = [...shippedProfiles.keys()].map((name) => `"kt:${name}"`);
    const together = await planOf(`extends = [${names.join(", ")}]`);
    const apart = await Promise.all(names.map((name) => planOf(`extends = [${name}]`)));
    expect(together.routes.length).toBe(apart.reduce((sum, plan) => sum + plan.routes.length, 0));
    expect(portsOf(together).length).toBe(apart.reduce((sum, plan) => sum + portsOf(plan).length, 0));
  });

  test("their variables say where things are", async () => {
    const plan = await planOf('extends = ["kt:argocd"]', { KT_ARGOCD_NAMESPACE: "gitops" });
    expect(plan.routes.map(({ target }) => formatTarget(target))).toEqual(["gitops/svc/argocd-server:443"]);
  });
});

describe("the template of kt init", () => {
  test("with nothing known is a valid profile with everything commented out", async () => {
    const plan = await planOf(profileTemplate({}));
    expect(plan).toMatchObject({ name: "p", context: undefined, namespace: undefined });
    expect(namedRoutes(plan)).toEqual([]);
  });

  test("writes out what was found", async () => {
    const facts = { name: "shop", context: "dev", namespace: "shop" };
    const routes = [{ host: "web.localhost", target: "shop/svc/web:http" }];
    const plan = await planOf(profileTemplate({ ...facts, routes, tcp: [{ port: 5432, target: "svc/db:5432" }] }));
    expect(plan).toMatchObject(facts);
    expect(plan.routes.map(({ host, target }) => [host, formatTarget(target)])).toEqual([["web.localhost", "shop/svc/web:http"]]);
    expect(portsOf(plan).map(({ name, target }) => [name, formatTarget(target)])).toEqual([["5432", "shop/svc/db:5432"]]);
  });

  test("the lines that are commented out are valid too", async () => {
    const text = profileTemplate({}).replaceAll(/^# (?=(name|context|namespace|"web|5432|\[\[forward))/gm, "");
    expect(await planOf(text)).toMatchObject({ name: "shop", context: "dev", namespace: "shop", routes: [{ host: "web.localhost" }] });
  });

  test("any name and context survive", async () => {
    const text = fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ unit: fc.constantFrom("$", "{", "}", "A") }));
    await fc.assert(
      fc.asyncProperty(text, text, async (name, context) => {
        const plan = await planOf(profileTemplate({ name, context }));
        expect([plan.name, plan.context]).toEqual([name, context]);
      }),
    );
  });
});
