/** The contexts of a profile's routes are held against the kubeconfig, without asking any cluster or running a plugin. */

import { rename, rm, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { filePollMs } from "#native/file-watch.ts";
import { contextCheck, contextProblems, ContextWatch } from "#daemon/plans/contexts.ts";
import type { Plan } from "#profile/values/plan.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { eventually } from "#test/support/wait.ts";
import { planOf } from "./plans.ts";

let folder: Awaited<ReturnType<typeof tempDir>>;
const text = `current-context: dev
contexts:
- { name: dev, context: { cluster: dev, user: dev } }
- { name: no-cluster, context: { cluster: gone } }
- { name: no-user, context: { cluster: dev, user: gone } }
clusters: [{ name: dev, cluster: { server: "https://127.0.0.1:1" } }]
users: [{ name: dev, user: { exec: { apiVersion: client.authentication.k8s.io/v1, command: /nowhere/plugin } } }]
`;
beforeAll(async () => {
  folder = await tempDir();
  await writeFile(`${folder.path}/config`, text);
});
afterAll(() => folder[Symbol.asyncDispose]());

async function plan(rest: string, kubeconfig = `${folder.path}/config`): Promise<Plan> {
  return await planOf("/p/tunnels.toml", `kubeconfig = "${kubeconfig}"\n${rest}`);
}

const routeIn = (context: string): string => `[routes]\n"a.localhost" = { target = "svc/a:80", context = "${context}" }\n`;

test.each([
  ["the current context, whatever its plugin", '[routes]\n"a.localhost" = "svc/a:80"\n', []],
  ["a context that is there", routeIn("dev"), []],
  ["an unknown context", routeIn("dve"), ["context-unknown"]],
  ["a context without its cluster", routeIn("no-cluster"), ["kubeconfig-unreadable"]],
  ["a context without its user", routeIn("no-user"), ["kubeconfig-unreadable"]],
  ["an unknown context of a TCP route", '[tcp.5432]\ntarget = "svc/db:5432"\ncontext = "dve"\n', ["context-unknown"]],
  ["an unknown context of the profile", 'context = "dve"\n[tcp]\n1024 = "svc/a:1"\n1025 = "svc/b:1"\n', ["context-unknown"]],
  ["a short name that leads nowhere", `[contexts]\nprod = "dve"\n${routeIn("prod")}`, ["context-unknown"]],
  ["a short name that no route uses", '[contexts]\nprod = "dve"\n[routes]\n"a.localhost" = "svc/a:80"\n', []],
])("%s", async (_what, rest, codes) => {
  const problems = contextProblems(await plan(rest), {}, await contextCheck());
  expect(problems.map(({ code }) => code)).toEqual(codes as typeof problems extends readonly { code: infer Code }[] ? Code[] : never);
});

test("a kubeconfig that is not there", async () => {
  const missing = await plan('[routes]\n"a.localhost" = "svc/a:80"\n', `${folder.path}/none`);
  expect(contextProblems(missing, {}, await contextCheck()).map(({ message }) => message)).toEqual([
    `there is no kubeconfig: "${folder.path}/none" does not exist`,
  ]);
});

test("a file that comes, and goes again, is reported once each time", async () => {
  const path = `${folder.path}/later`;
  const clock = new ManualClock();
  const told: string[] = [];
  const watch = new ContextWatch({ check: await contextCheck(), clock, onProblem: (_, { code }) => told.push(code) });
  const wanted = await plan('[tcp]\n1024 = "svc/a:1"\n1025 = "svc/b:1"\n', path);
  watch.apply([{ plan: wanted, environment: {} }]);
  const current = { profile: wanted.profile, context: undefined };
  const becomes = (isThere: boolean): Promise<unknown> =>
    eventually("the look", async () => {
      await clock.advance(filePollMs);
      return (watch.of(current) === undefined) === isThere;
    });
  expect(watch.of(current)?.code).toBe("kubeconfig-unreadable");
  // One without a plugin: what it would run needs consent.
  await writeFile(`${path}.new`, text.replace(", user: dev", "").replace(/^users.*$/m, ""));
  await rename(`${path}.new`, path);
  await becomes(true);
  await rm(path);
  await becomes(false);
  expect(told).toEqual(["kubeconfig-unreadable", "kubeconfig-unreadable"]);
  watch.close();
  expect(watch.of(current)).toBeUndefined();
});
