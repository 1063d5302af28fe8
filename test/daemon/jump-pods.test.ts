/** What jump pods know of their hub: an id that stays, and the routes over a pod, however they name it. */

import { describe, expect, test } from "bun:test";
import { readFile, stat, writeFile } from "node:fs/promises";
import { KtError } from "#base/errors.ts";
import { jumpPodHolder, jumpPodUsers } from "#daemon/jump-pods.ts";
import type { Cluster } from "#kube/objects/types.ts";
import { loadPlan } from "#profile/load.ts";
import type { Plan } from "#profile/values/plan.ts";
import type { ClusterRef } from "#route/target.ts";
import { FakeCluster } from "#test/support/fake-cluster.ts";
import { tempDir } from "#test/support/temp-dir.ts";

describe("the holder", () => {
  test("keeps its id, is the user's own, and gets another when the file is spoilt", async () => {
    await using directory = await tempDir();
    const first = await jumpPodHolder(directory.path);
    expect(first).toEqual({ id: expect.stringMatching(/^[0-9a-f]{12}$/), user: expect.stringMatching(/^.+@.+$/) });
    expect(await jumpPodHolder(directory.path)).toEqual(first);
    expect((await stat(`${directory.path}/holder`)).mode & 0o777).toBe(0o600);
    await writeFile(`${directory.path}/holder`, "../../etc");
    const other = await jumpPodHolder(directory.path);
    expect(other.id).toMatch(/^[0-9a-f]{12}$/);
    expect(await readFile(`${directory.path}/holder`, "utf8")).toBe(other.id);
  });

  test("says where it cannot be kept", async () => {
    await expect(jumpPodHolder("/nowhere")).rejects.toMatchObject({
      code: "hub-failed",
      message: expect.stringContaining("/nowhere/holder"),
    });
  });
});

const place = { server: "memory", namespace: "shop", name: "kt-jump" };

async function plan(rest: string): Promise<Plan> {
  const text = `name = "team"\n${rest}`;
  const readText = async (path: string): Promise<string | undefined> => (path.endsWith("/tunnels.toml") ? text : undefined);
  return (await loadPlan({ file: "/p/tunnels.toml", environment: {}, home: "/home/me", readText })).plan;
}

const over = (via: string, port = 5433): string => `[tcp.${port}]\ntarget = "db:5432"\nvia = ${via}\n`;

describe("the routes over a pod", () => {
  test("are those that lead there, with the namespace or without, from every table", async () => {
    const made = '{ pod = "kt-jump", create = {} }';
    const rest = `${over(made)}${over('"shop/pod/kt-jump"', 5434)}${over('"other/pod/kt-jump"', 5435)}${over('"svc/kt-jump"', 5436)}`;
    const route = '[routes."db.localhost"]\ntarget = "db:80"\nvia = "pod/kt-jump"\n';
    const plans = [await plan(`namespace = "shop"\n${rest}${route}`)];
    const users = jumpPodUsers(plans, place, () => new FakeCluster());
    expect(users.map((user) => user.route)).toEqual(["db.localhost", "5433", "5434"]);
    expect(users.every(({ profile, create }) => profile === "team" && create !== undefined)).toBe(true);
  });

  test("know the context's namespace, and another cluster", async () => {
    const plans = [await plan(over('{ pod = "kt-jump", create = {} }'))];
    const cluster =
      (change: Partial<Cluster>): ((ref: ClusterRef) => Cluster) =>
      () =>
        Object.assign(new FakeCluster(), change);
    expect(jumpPodUsers(plans, { ...place, namespace: "default" }, cluster({})).length).toBe(1);
    expect(jumpPodUsers(plans, place, cluster({})).length).toBe(0);
    expect(jumpPodUsers(plans, { ...place, namespace: "default" }, cluster({ server: "elsewhere" })).length).toBe(0);
  });

  test("count where the cluster cannot be told", async () => {
    const plans = [await plan(over('{ pod = "kt-jump", create = {} }'))];
    const unknown = (): Cluster => {
      throw new KtError("kubeconfig-unreadable", "gone");
    };
    expect(jumpPodUsers(plans, place, unknown).length).toBe(1);
  });
});
