/** The examples of the pages that need a real cluster: the ways through a pod, with no more than the roles that the pages show. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { apply, deploy, kubectl, ownNamespace, pod, service, writeKubeconfig } from "#test/support/cluster.ts";
import { allBlocks, type DocBlock } from "#test/support/doc-blocks.ts";
import { DocRunner, Words, writtenPorts } from "#test/support/doc-runner.ts";
import { binary, Home, Kt } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { eventually } from "#test/support/wait.ts";

const page = (await allBlocks()).filter((block) => block.page === "docs/recipes.md");
const isForRoles = ({ text, fileName }: DocBlock): boolean => fileName?.endsWith(".yaml") === true || text.startsWith("kubectl apply");
const roles = page.filter(isForRoles);
const examples = page.filter((block) => !isForRoles(block) && (block.words.includes("e2e") || block.fileName !== undefined));

let namespace: Awaited<ReturnType<typeof ownNamespace>>;

beforeAll(async () => {
  namespace = await ownNamespace("docs");
  const ns = namespace.name;
  await deploy(ns, "web");
  await apply(pod(ns, "single"), jumpHost(ns), service(ns, "backend-api"));
  await kubectl("-n", ns, "wait", "--for=condition=Ready", "pod/single", "pod/backend-api", "--timeout=90s");
  expect(await runAll(roles, {})).toBe("");
}, 180_000);
afterAll(async () => await namespace?.remove());

/** The kubeconfig of a user who may do what these roles allow, and nothing else. */
async function userWith(...allowed: readonly string[]): Promise<string> {
  const ns = namespace.name;
  const user = `user-of-${allowed.join("-and-")}`;
  await kubectl("-n", ns, "create", "serviceaccount", user);
  for (const role of allowed) {
    await kubectl("-n", ns, "create", "rolebinding", `${user}-${role}`, `--role=${role}`, `--serviceaccount=${ns}:${user}`);
  }
  const token = (await kubectl("-n", ns, "create", "token", user, "--duration=1h")).trim();
  return await writeKubeconfig({ kt: { namespace: ns, user: { token } } });
}

/** A pod that has socat, behind the service of its name. */
function jumpHost(ns: string): object {
  const containers = [{ name: "main", image: "kt.test/jump:1", command: ["sleep", "infinity"] }];
  const metadata = { namespace: ns, name: "backend-api", labels: { app: "backend-api" } };
  return { apiVersion: "v1", kind: "Pod", metadata, spec: { terminationGracePeriodSeconds: 0, containers } };
}

/** Runs the blocks in a home of their own. Resolves to what went otherwise than the page says. */
async function runAll(sequence: readonly DocBlock[], env: Readonly<Record<string, string>>): Promise<string> {
  const home = new Home(env);
  const words = Words.withPorts(writtenPorts, {
    "team-a": namespace.name,
    // What stands for the database is a pod that echoes; what makes the connection is an image that is here.
    "mydb.abc123.eu-west-1.rds.amazonaws.com:5432": `${await addressOf("single")}:7000`,
    "default/svc/backend-api": `${namespace.name}/svc/backend-api`,
    "monitoring/svc/grafana:http": `${namespace.name}/svc/web:http`,
    'ttl = "30m"': 'ttl = "30m", image = "kt.test/jump:1"',
  });
  const runner = await DocRunner.make({ project: `${home.path}/shop`, env: home.env }, words, [binary]);
  let report = "";
  for (const block of sequence) {
    // The image that is here stands for kt's own, which needs no consent.
    await home.run(["allow", `${home.path}/shop`]);
    const wrong = await runner.run(block);
    if (wrong !== "") report += `${block.page}:${block.line}\n${wrong}\n`;
  }
  await home.close();
  return report;
}

async function addressOf(name: string): Promise<string> {
  return (await kubectl("-n", namespace.name, "get", "pod", name, "-o", "jsonpath={.status.podIP}")).trim();
}

test("every example that needs a cluster runs as it is written, and leaves no pod behind", async () => {
  expect(examples.filter(({ words }) => words.includes("e2e")).length).toBeGreaterThan(1);
  expect(await runAll(examples, { KUBECONFIG: await userWith("kt", "kt-jump") })).toBe("");
  const madeByKt = ["-n", namespace.name, "get", "pods", "-l", "app.kubernetes.io/managed-by=kt", "-o", "name"];
  await eventually("the jump pod to be gone", async () => (await kubectl(...madeByKt)) === "", 30_000);
});

test("the role for services and pods is enough for them", async () => {
  const [port = 0] = freePorts(1);
  const profile = `[http]\nlisten = ["127.0.0.1:${port}"]\n[routes]\n"web.localhost" = "svc/web:http"\n"single.localhost" = "pod/single:http"\n`;
  await using kt = await Kt.serve(port, profile, { KUBECONFIG: await userWith("kt") });
  expect((await kt.fetch("web.localhost", "/")).status).toBe(200);
  expect((await kt.fetch("single.localhost", "/")).headers.get("x-pod")).toBe("single");
});
