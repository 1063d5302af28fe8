/** `kt init` on a cluster that has something: which shipped profiles it finds to fit, and what it writes then. */

import { describe, expect, test } from "bun:test";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { findFitting } from "#cli/wizard/fitting-profiles.ts";
import type { Catalogue, CatalogueService } from "#daemon/catalogue.ts";
import { ApiServer } from "#demo/api-server.ts";
import { SourceHome } from "#test/support/source-home.ts";

const fails = (): Promise<never> => Promise.reject(new Error("not asked here"));

/** A cluster by "NAMESPACE/SERVICE:PORT". */
function having(...ports: string[]): Catalogue {
  const services = async (namespace: string): Promise<readonly CatalogueService[]> =>
    ports
      .filter((text) => text.startsWith(`${namespace}/`))
      .map((text) => {
        const [, name = "", port] = /\/(.*):(.*)$/.exec(text) ?? [];
        return { name, ports: [{ name: "", port: Number(port) }] };
      });
  return { context: "dev", namespace: "shop", namespaces: fails, pods: fails, services, workloads: fails };
}

async function fitting(catalogue: Catalogue, environment: Record<string, string> = {}): Promise<string[]> {
  return (await findFitting(catalogue, environment)).map(({ name }) => name);
}

describe("a shipped profile fits", () => {
  test("where what it reaches is there", async () => {
    expect(await fitting(having("argocd/argocd-server:443", "shop/postgresql:5432"))).toEqual(["kt:argocd", "kt:postgresql"]);
  });

  test("where most of it is there, and not where half of it is", async () => {
    const [release, fullname] = ["monitoring/kube-prometheus-stack-grafana:80", "monitoring/kube-prometheus-stack-prometheus:9090"];
    expect(await fitting(having(release, fullname))).toEqual(["kt:kube-prometheus-stack"]);
    expect(await fitting(having(release))).toEqual([]);
    expect(await fitting(having("minio/minio:9000"))).toEqual([]);
  });

  test("not where the port is another one, or the namespace", async () => {
    expect(await fitting(having("argocd/argocd-server:80", "default/postgresql:5432"))).toEqual([]);
  });

  test("where the environment says that it is", async () => {
    expect(await fitting(having("gitops/argocd-server:443"), { KT_ARGOCD_NAMESPACE: "gitops" })).toEqual(["kt:argocd"]);
  });

  test("to nothing that cannot be asked", async () => {
    expect(await fitting({ ...having(), services: fails })).toEqual([]);
  });
});

interface World {
  readonly home: SourceHome;
  readonly api: ApiServer;
  [Symbol.asyncDispose](): Promise<void>;
}

async function withArgo(): Promise<World> {
  const [home, api] = [await SourceHome.make(), new ApiServer()];
  const ports = [{ name: "https", port: 443, targetPort: 8080 }];
  api.cluster.setService({ namespace: "argocd", name: "argocd-server", selector: { app: "argocd" }, ports });
  await mkdir(`${home.path}/home/.kube`);
  await writeFile(`${home.path}/home/.kube/config`, api.kubeconfig({ namespace: "shop" }));
  return {
    home,
    api,
    async [Symbol.asyncDispose]() {
      await home[Symbol.asyncDispose]();
      api.close();
    },
  };
}

const textOf = ({ home }: World): Promise<string> => readFile(`${home.project}/tunnels.toml`, "utf8");

test.concurrent("without a terminal it names in a comment what fits", async () => {
  await using world = await withArgo();
  const { stdout, stderr, exitCode } = await world.home.run(["init"]);
  expect([stdout, exitCode]).toEqual([`wrote ${world.home.project}/tunnels.toml for context "demo"\n`, 0]);
  expect(stderr).toBe("kt: hint: extends in the file names what fits this cluster, commented out: kt:argocd\nkt: hint: kt up\n");
  expect(await textOf(world)).toContain('\n# extends = ["kt:argocd"] # this cluster has what they reach\n');
  expect((await world.home.run(["url", "argocd.localhost"])).exitCode).toBe(2);
});

/** Besides Argo CD, an HTTP service and a database in the namespace of the context. */
function addShop({ api }: World): void {
  const ports = [{ name: "http", port: 80, targetPort: 8080 }];
  api.cluster.setService({ namespace: "shop", name: "web", selector: { app: "web" }, ports });
  api.cluster.setService({
    namespace: "shop",
    name: "db",
    selector: { app: "db" },
    ports: [{ name: "mssql", port: 1433, targetPort: 1433 }],
  });
}

test.concurrent("without a terminal the services stand in comments, which are routes once they are none", async () => {
  await using world = await withArgo();
  addShop(world);
  await world.home.run(["init"]);
  const text = await textOf(world);
  expect(text).toContain('[routes]\n# "web.localhost" = "svc/web:http"\n');
  expect(text).toMatch(/\[tcp\]\n# \d+ = "svc\/db:mssql"\n/);
  await writeFile(`${world.home.project}/tunnels.toml`, text.replaceAll(/^# (?=\S+ = "svc)/gm, ""));
  expect((await world.home.run(["check"])).stdout).toContain("fine, with 1 route, 0 patterns and 1 TCP route");
});

test.concurrent("with --yes it takes every service", async () => {
  await using world = await withArgo();
  addShop(world);
  const { stdout } = await world.home.run(["init", "--yes"]);
  expect(stdout).toMatch(/ {2}with kt:argocd: argocd\.localhost\n {2}\d+: svc\/db:mssql\n {2}web\.localhost: svc\/web:http\n$/);
  expect((await world.home.run(["url", "web.localhost"])).stdout).toBe("http://web.localhost:8989\n");
});

test.concurrent("the first line leads editors to a JSON Schema that is there, and another file of its name stays", async () => {
  await using world = await withArgo();
  await world.home.run(["init"]);
  expect(await textOf(world)).toStartWith("#:schema ./tunnels.schema.json\n");
  const schema = await readFile(`${world.home.project}/tunnels.schema.json`, "utf8");
  expect(JSON.parse(schema)).toEqual(JSON.parse((await world.home.run(["schema"])).stdout));
  await mkdir(`${world.home.project}/other`);
  await writeFile(`${world.home.project}/other/tunnels.schema.json`, "{}");
  await world.home.run(["init", "-f", "other"]);
  expect(await readFile(`${world.home.project}/other/tunnels.schema.json`, "utf8")).toBe("{}");
  expect(await readFile(`${world.home.project}/other/tunnels.toml`, "utf8")).toStartWith("# What this project reaches");
});

test.concurrent("with --yes it takes what fits", async () => {
  await using world = await withArgo();
  const { stdout } = await world.home.run(["init", "--yes"]);
  expect(stdout).toBe(`wrote ${world.home.project}/tunnels.toml for context "demo"\n  with kt:argocd: argocd.localhost\n`);
  expect(await textOf(world)).toContain('\nextends = ["kt:argocd"]\n');
  expect((await world.home.run(["url", "argocd.localhost"])).stdout).toBe("https://argocd.localhost:8989\n");
});

test.concurrent("a cluster that does not say anything is not waited for", async () => {
  await using world = await withArgo();
  world.api.freeze();
  const { stdout, exitCode } = await world.home.run(["init"]);
  expect([stdout, exitCode]).toEqual([`wrote ${world.home.project}/tunnels.toml for context "demo"\n`, 0]);
  expect(await textOf(world)).toContain('# extends = ["kt:argocd", "./team.toml"]');
});

test.concurrent("where no file can be, it says so", async () => {
  const home = await SourceHome.make();
  await using _ = home;
  await mkdir(`${home.project}/tunnels.toml`);
  const { stderr, exitCode } = await home.run(["init"]);
  expect(stderr).toContain(`cannot write "${home.project}/tunnels.toml": EISDIR`);
  expect(exitCode).toBe(2);
});
