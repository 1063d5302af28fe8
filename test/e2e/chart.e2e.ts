/** The chart by a real helm: it makes what `kt manifests` prints, refuses values that it does not know, and installs. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { YAML } from "bun";
import { adminKubeconfig, apply, kubectl, namespace, ownCluster, ownNamespace, type Ran, run } from "#test/support/cluster.ts";
import { Home } from "#test/support/kt.ts";
import { importRelayImage } from "#test/support/relay-image.ts";
import { eventually } from "#test/support/wait.ts";

const root = new URL("../..", import.meta.url).pathname;
const binary = `${root}dist/helm`;
const why = existsSync(binary) ? "" : " (not run: helm could not be built)";
const cases = describe.skipIf(!ownCluster || why !== "");

let space: Awaited<ReturnType<typeof ownNamespace>>;
let image: Awaited<ReturnType<typeof importRelayImage>>;
let home: Home;

const profile = (): string => `namespace = "${namespace}"
[http]
listen = "0.0.0.0:8989"
expose = true
[routes]
"web.apps.example.com" = "svc/web:80"
`;

beforeAll(async () => {
  if (!ownCluster || why !== "") return;
  image = await importRelayImage();
  space = await ownNamespace("chart");
  await kubectl("label", "namespace", space.name, "pod-security.kubernetes.io/enforce=restricted");
  home = new Home();
  home.write("tunnels.toml", profile());
}, 120_000);
afterAll(async () => {
  await home?.close();
  await space?.remove();
  await image?.remove();
}, 120_000);

/** In a home of its own: helm keeps caches. */
async function helm(...args: readonly string[]): Promise<Ran> {
  const env = { ...process.env, HOME: home.path, KUBECONFIG: adminKubeconfig } as Record<string, string>;
  return await run([binary, ...args], { env });
}

async function ok(...args: readonly string[]): Promise<string> {
  const ran = await helm(...args);
  if (ran.exitCode !== 0) throw new Error(`helm ${args.join(" ")}: ${ran.stdout}${ran.stderr}`);
  return ran.stdout;
}

function values(): readonly string[] {
  const [repository = "", tag = ""] = image.name.split(/:(?=[^:]*$)/);
  const given = { image: { repository, tag }, profile: profile(), rights: { namespaces: [namespace] } };
  const file = home.write("values.json", JSON.stringify(given), "values");
  return ["-n", space.name, "-f", file];
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** By kind and name; who manages an object differs on purpose. */
function byName(objects: readonly Manifest[]): Record<string, unknown> {
  const plain = JSON.stringify(objects).replaceAll(/"app.kubernetes.io\/managed-by":"(kt|Helm)"/g, '"by":""');
  const sorted = (JSON.parse(plain) as Manifest[]).map((each) => [`${each.kind} ${each.metadata.namespace} ${each.metadata.name}`, each]);
  return Object.fromEntries(sorted);
}

/**
 * The kind as the operator of Prometheus defines it, as far as a chart may write it (its API reference, monitoring.coreos.com/v1), for API
 * servers without it. Whatever is not here is refused by a strict server.
 */
function monitorKind(): object {
  const [text, names] = [{ type: "string" }, { plural: "servicemonitors", singular: "servicemonitor", kind: "ServiceMonitor" }];
  const duration = { type: "string", pattern: "^(0|(\\d+y)?(\\d+w)?(\\d+d)?(\\d+h)?(\\d+m)?(\\d+s)?(\\d+ms)?)$" };
  const endpoint = {
    port: text,
    path: text,
    scheme: { type: "string", enum: ["http", "https"] },
    interval: duration,
    scrapeTimeout: duration,
  };
  const labels = { type: "object", additionalProperties: text };
  const spec = {
    type: "object",
    required: ["endpoints", "selector"],
    properties: {
      endpoints: { type: "array", items: { type: "object", properties: endpoint } },
      selector: { type: "object", properties: { matchLabels: labels } },
      namespaceSelector: { type: "object", properties: { any: { type: "boolean" }, matchNames: { type: "array", items: text } } },
    },
  };
  const schema = { openAPIV3Schema: { type: "object", required: ["spec"], properties: { spec } } };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "servicemonitors.monitoring.coreos.com" },
    spec: { group: "monitoring.coreos.com", scope: "Namespaced", names, versions: [{ name: "v1", served: true, storage: true, schema }] },
  };
}

/** What a strict API server says of the objects, without keeping them. */
async function dryRun(objects: readonly Manifest[]): Promise<Ran> {
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
  const file = home.write("objects.json", list, "values");
  const how = ["--dry-run=server", "--validate=strict", "-n", space.name, "-f", file];
  return await run(["kubectl", "--kubeconfig", adminKubeconfig, "apply", ...how]);
}

cases(`the chart${why}`, () => {
  test("is well-formed, and makes what kt manifests prints for the profile", async () => {
    await ok("lint", "--strict", `${root}charts/kt`, ...values());
    const text = await ok("template", "kt", `${root}charts/kt`, ...values());
    const rendered = text.split(/^---$/m).map((each) => YAML.parse(each) as Manifest | null);
    const printed = JSON.parse(await home.ok("manifests", "--json", "-n", space.name, "--image", image.name)) as { items: Manifest[] };
    expect(byName(rendered.filter((each) => each !== null))).toEqual(byName(printed.items));
  }, 60_000);

  test("has metrics where they are asked for, as kt manifests, and a ServiceMonitor", async () => {
    const wanted = [
      "--set",
      "metrics.enabled=true",
      "--set",
      "metrics.serviceMonitor.enabled=true,metrics.serviceMonitor.labels.release=prometheus",
    ];
    await ok("lint", "--strict", `${root}charts/kt`, ...values(), ...wanted);
    const text = await ok("template", "kt", `${root}charts/kt`, ...values(), ...wanted);
    const rendered = text.split(/^---$/m).map((each) => YAML.parse(each) as Manifest | null);
    const objects = rendered.filter((each) => each !== null);
    const printed = await home.ok("manifests", "--json", "-n", space.name, "--image", image.name, "--metrics", "9464");
    const isMonitor = ({ kind }: Manifest): boolean => kind === "ServiceMonitor";
    expect(byName(objects.filter((each) => !isMonitor(each)))).toEqual(byName((JSON.parse(printed) as { items: Manifest[] }).items));
    const service = objects.find(({ kind }) => kind === "Service");
    expect(objects.find(isMonitor)).toMatchObject({
      metadata: { labels: { release: "prometheus" } },
      spec: { selector: { matchLabels: { "app.kubernetes.io/name": "kt" } }, endpoints: [{ port: "metrics", interval: "30s" }] },
    });
    expect(service).toMatchObject({ spec: { ports: expect.arrayContaining([expect.objectContaining({ name: "metrics", port: 9464 })]) } });
  }, 60_000);

  test("has a NetworkPolicy and a ServiceMonitor that a strict API server accepts", async () => {
    const monitor = "metrics.enabled=true,metrics.serviceMonitor.enabled=true";
    const text = await ok("template", "kt", `${root}charts/kt`, ...values(), "--set", `${monitor},networkPolicy.enabled=true`);
    const rendered = text.split(/^---$/m).map((each) => YAML.parse(each) as Manifest | null);
    const objects = rendered.filter((each) => each !== null && ["NetworkPolicy", "ServiceMonitor"].includes(each.kind)) as Manifest[];
    expect(objects.map(({ kind }) => kind).sort()).toEqual(["NetworkPolicy", "ServiceMonitor"]);
    await apply(monitorKind());
    try {
      await kubectl("wait", "--for=condition=Established", "crd/servicemonitors.monitoring.coreos.com", "--timeout=30s");
      // kubectl learns of a new kind a moment later.
      await eventually("the objects to be accepted", async () => {
        const { exitCode, stderr } = await dryRun(objects);
        if (exitCode !== 0 && !/no matches for kind|could not find/.test(stderr)) throw new Error(stderr);
        return exitCode === 0;
      });
      const misspelt = JSON.parse(JSON.stringify(objects).replace('"endpoints"', '"endpoint"')) as Manifest[];
      expect((await dryRun(misspelt)).stderr).toContain('unknown field "endpoint"');
    } finally {
      await kubectl("delete", "crd", "servicemonitors.monitoring.coreos.com");
    }
  }, 90_000);

  test.skip("lets others in to its ports alone, once it runs (not run: the network of the test cluster enforces no NetworkPolicy)", () => {});

  test("refuses values that it does not know, and an image that is not named", async () => {
    const unknown = await helm("template", "kt", `${root}charts/kt`, ...values(), "--set", "replica=3");
    expect(unknown.exitCode).not.toBe(0);
    expect(unknown.stderr).toContain("additional properties 'replica' not allowed");
    const unnamed = await helm("template", "kt", `${root}charts/kt`);
    expect(unnamed.exitCode).not.toBe(0);
    expect(unnamed.stderr).toContain("/image/repository");
  }, 30_000);

  test("serves the profile once it is installed, and leaves nothing once it is uninstalled", async () => {
    await ok("install", "kt", `${root}charts/kt`, ...values(), "--set", "metrics.enabled=true", "--wait", "--timeout", "120s");
    const address = (await kubectl("-n", space.name, "get", "service", "kt", "-o", "jsonpath={.spec.clusterIP}")).trim();
    await eventually(
      "the service to answer",
      async () => {
        const response = await fetch(`http://${address}:8989/`, {
          headers: { Host: "web.apps.example.com" },
          signal: AbortSignal.timeout(2000),
        });
        return (await response.text()).includes("pod=web-");
      },
      60_000,
      250,
    );
    const scraped = await fetch(`http://${address}:9464/metrics`, { signal: AbortSignal.timeout(5000) });
    expect([scraped.status, await scraped.text()]).toEqual([200, expect.stringContaining("kt_route_up{")]);
    expect((await fetch(`http://${address}:9464/api/v1/snapshot`)).status).toBe(404);
    await ok("uninstall", "kt", "-n", space.name, "--wait", "--timeout", "120s");
    const left = ["-l", "app.kubernetes.io/instance=kt", "-o", "name"];
    expect((await kubectl("-n", space.name, "get", "deployments,services,configmaps,roles,networkpolicies", ...left)).trim()).toBe("");
    expect((await kubectl("-n", namespace, "get", "roles,rolebindings", ...left)).trim()).toBe("");
  }, 300_000);
});
