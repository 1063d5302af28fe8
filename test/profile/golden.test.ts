/** Runs every case in test/golden: profile files in, the plan or the problems out, as text that a reviewer can read. */

import { portsOf } from "#profile/values/planned.ts";
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Glob, env, file, write } from "bun";
import { formatListen } from "#profile/values/listen.ts";
import { type LoadedPlan, loadPlan } from "#profile/load.ts";
import type { Plan, PlannedPort } from "#profile/values/plan.ts";
import { ProfileError, formatProblem } from "#profile/values/problems.ts";
import { KtError } from "#base/errors.ts";
import type { Manner } from "#route/lookup.ts";
import type { Termination } from "#route/route-tls.ts";
import type { DynamicReach } from "#route/lookup.ts";
import { type JumpHost, type Target, formatPodSource, formatTarget } from "#route/target.ts";

const directory = join(import.meta.dir, "..", "golden");
const project = "/home/me/shop";
const divider = "\n----\n";

interface GoldenCase {
  readonly files: ReadonlyMap<string, string>;
  readonly environment: Readonly<Record<string, string>>;
}

/** `-- NAME --` opens a file; `-- env --` the environment, one NAME=value per line. */
function parseCase(text: string): GoldenCase {
  const files = new Map<string, string>();
  const [, ...pieces] = text.split(/^-- (.+) --$/m);
  for (let at = 0; at < pieces.length; at += 2) files.set(pieces[at] ?? "", (pieces[at + 1] ?? "").replace(/^\n/, ""));
  const lines = (files.get("env") ?? "").split("\n").filter((line) => line.includes("="));
  const environment = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
  files.delete("env");
  return { files, environment };
}

function targetText(target: Target): string {
  const context = target.cluster.context === undefined ? "" : ` in ${target.cluster.context}`;
  return `${formatTarget(target)}${context}${target.kind === "address" ? jumpText(target.via) : ""}`;
}

function jumpText({ container, method, create }: JumpHost): string {
  const where = `${container === undefined ? "" : ` in container ${container}`}${method === "auto" ? "" : ` by ${method}`}`;
  if (create === undefined) return where;
  const { image, command, timeoutMs, ttlMs } = create;
  return `${where} made from ${image}${command === undefined ? "" : ` running ${JSON.stringify(command)}`} in ${timeoutMs} ms for ${ttlMs} ms`;
}

/** What is the same for most plans is left out. */
function reachText(reach: DynamicReach): string[] {
  if (reach.kind !== "these") return [`dynamic ${reach.kind}`];
  const contexts = [...(reach.current ? ["(current)"] : []), ...reach.contexts];
  return contexts.join() === "(current)" ? [] : [`dynamic ${contexts.join(" ")}`];
}

function showSettings({ plan }: LoadedPlan): string[] {
  const { contexts } = plan;
  return [
    `name ${plan.name}`,
    `kubeconfig ${plan.kubeconfig.join(" ")}`,
    `context ${plan.context ?? "(current)"}, namespace ${plan.namespace ?? "(the context's)"}`,
    ...Object.entries(contexts).map(([name, context]) => `contexts ${name} = ${context}`),
    `idle ${plan.idleTimeoutMs} ms, start ${plan.startTimeoutMs} ms`,
    `http ${plan.http.listen.map(formatListen).join(" ")} suffix ${plan.http.suffix}${plan.http.clusterNames.length > 0 ? ` cluster names in ${plan.http.clusterNames.join(" ")}` : ""}${plan.expose ? " exposed" : ""}`,
    ...plan.http.allowOrigins.map((origin) => `origin ${origin}`),
    ...reachText(plan.http.dynamic),
    ...plan.listeners.filter(({ kind }) => kind === "dns").map(({ listen }) => `dns ${listen.map(formatListen).join(" ")}`),
    ...plan.listeners.filter(({ kind }) => kind === "proxy").map(({ listen }) => `proxy ${listen.map(formatListen).join(" ")}`),
    ...Object.entries(plan.proxy).flatMap(([name, isOn]) => (isOn ? [`proxy ${name}`] : [])),
    ...healthLines(plan),
    ...retryLines(plan),
    ...timeoutLines(plan),
    ...limitLines(plan),
    ...(plan.clusterDomain === "cluster.local" ? [] : [`cluster domain ${plan.clusterDomain}`]),
  ];
}

const healthText = (path: string | undefined): string => (path === undefined ? "" : `, checked at ${path}`);

/** What is as without [health] is left out. */
function healthLines({ health }: Plan): string[] {
  if (!health) return ["not checked"];
  const { intervalMs, timeoutMs, failures } = health;
  const text = `checked each ${intervalMs} ms for ${timeoutMs} ms, failed after ${failures}`;
  return text === "checked each 30000 ms for 2000 ms, failed after 3" ? [] : [text];
}

/** As above. */
function retryLines({ retry: { max, delayMs } }: Plan): string[] {
  return max === 2 && delayMs === 100 ? [] : [`sent again ${max} times, after ${delayMs} ms`];
}

/** As above. */
function timeoutLines({ timeouts: { readMs, headerMs, writeMs, grpcMs } }: Plan): string[] {
  if (readMs + headerMs + writeMs + grpcMs === 0) return [];
  return [`requests in ${readMs} ms, answers begun in ${headerMs} ms and ended in ${writeMs} ms, gRPC calls in ${grpcMs} ms`];
}

/** As above. */
function limitLines({ limits: { inAll, perTarget, waitMs, idle, idlePerTarget } }: Plan): string[] {
  const counts = [inAll, perTarget, idle, idlePerTarget];
  if (counts.every((count) => count === 0) && waitMs === 1000) return [];
  return [`connections ${inAll}, per target ${perTarget} after ${waitMs} ms, idle ${idle}, per target ${idlePerTarget}`];
}

const toldText = ({ forwarded, protocol, tls }: Manner): string => {
  const proves = tls === undefined ? "" : `, ${tls.verifies ? "verified" : "as it is"} as ${tls.serverName ?? "the host"}`;
  return `${protocol === undefined ? "" : ` in ${protocol}`}${forwarded ? "" : ", not told of clients"}${proves}`;
};

function tlsText(tls: Termination | undefined): string {
  if (tls === undefined) return "";
  return `, TLS by kt${tls.redirects ? `, redirected to ${tls.hasDefaultPort ? "443" : "its port"}` : ""}`;
}

function showForwards({ forwards, addresses: { base, reserve } }: Plan): string[] {
  const shown = forwards.map(({ context, namespaces, selector, include, exclude, ports, domain }) => {
    const mapped = [...ports].map(([port, local]) => `${port}=${local}`);
    const rest = { selector, include: include.join(","), exclude: exclude.join(","), ports: mapped.join(","), domain };
    const said = Object.entries(rest).filter(([, value]) => value !== undefined && value !== "");
    const where = `${namespaces?.join(" ") ?? "(the context's)"}${context === undefined ? "" : ` in ${context}`}`;
    return [`forward ${where}`, ...said.map(([key, value]) => `${key} ${value}`)].join(", ");
  });
  const reserved = reserve.map(({ namespace, service, address }) => `reserve ${namespace ?? "(the context's)"}/${service} ${address}`);
  return [...(base === "127.1.27.1" ? [] : [`addresses from ${base}`]), ...shown, ...reserved];
}

function portText({ door, listen, target, sessionTimeoutMs }: PlannedPort): string {
  const timeout = sessionTimeoutMs === undefined ? "" : `, sessions of ${sessionTimeoutMs} ms`;
  return `${door} ${listen.map(formatListen).join(" ")} -> ${targetText(target)}${timeout}`;
}

function showRelay({ relay }: Plan): string[] {
  const { mode, image, namespace, ...rest } = relay;
  return image === undefined && mode === "auto"
    ? []
    : [`relay ${mode} ${image} in ${namespace ?? "(the context's)"} ${JSON.stringify(rest)}`];
}

function showReverses({ reverses }: Plan): string[] {
  return reverses.map(({ context, namespace, service, port, local, replace }) => {
    const where = `${service}:${port} in ${namespace ?? "(the context's)"}${context === undefined ? "" : ` in ${context}`}`;
    return `reverse ${where} -> ${local.map(formatListen).join(" ")}${replace ? ", replacing" : ""}`;
  });
}

function showPlan(loaded: LoadedPlan): string[] {
  const { plan, warnings } = loaded;
  const templates = plan.patterns.map(({ name, target: { kind, context, namespace, name: filled, port }, scheme, manner, tls }) => {
    const target = `${formatPodSource({ kind, namespace, name: filled })}:${port}`;
    return `pattern ${name} -> ${target}${context === undefined ? "" : ` in ${context}`} ${scheme ?? "by port"}${toldText(manner)}${tlsText(tls)}`;
  });
  return [
    ...showSettings(loaded),
    ...plan.routes.map(({ host, target, scheme, manner, health, tls }) => {
      return `route ${host} -> ${targetText(target)} ${scheme}${toldText(manner)}${healthText(health)}${tlsText(tls)}`;
    }),
    ...templates,
    ...portsOf(plan).map(portText),
    ...showForwards(plan),
    ...showRelay(plan),
    ...showReverses(plan),
    ...Object.entries(plan.env).map(([name, value]) => `env ${name}=${value}`),
    `files ${plan.files.join(" ")}`,
    ...warnings.map((warning) => `warning ${formatProblem(warning, project)}`),
  ];
}

function showError(thrown: unknown): string[] {
  if (thrown instanceof ProfileError) {
    return thrown.problems.flatMap((problem) => {
      const line = `${problem.code} ${formatProblem(problem, project)}`;
      return problem.hint === undefined ? [line] : [line, `  hint: ${problem.hint}`];
    });
  }
  if (thrown instanceof KtError) return [`${thrown.code} ${thrown.message}`, ...thrown.hints.map((hint) => `  hint: ${hint}`)];
  throw thrown;
}

async function run({ files, environment }: GoldenCase): Promise<string> {
  const readText = async (path: string): Promise<string | undefined> => files.get(path.replace(`${project}/`, ""));
  const options = { file: `${project}/tunnels.toml`, environment, home: "/home/me", readText };
  const lines = await loadPlan(options).then(showPlan, showError);
  return `${lines.join("\n")}\n`;
}

describe("golden profiles", async () => {
  const names = (await Array.fromAsync(new Glob("*.txt").scan(directory))).sort();
  test("there are cases", () => expect(names.length).toBeGreaterThan(25));
  for (const name of names) {
    test(name, async () => {
      const path = join(directory, name);
      const text = await file(path).text();
      const at = text.indexOf(divider);
      const input = at < 0 ? text.trimEnd() : text.slice(0, at);
      const actual = await run(parseCase(`${input}\n`));
      // To accept what changed: KT_GOLDEN=write, and read the diff.
      if (env["KT_GOLDEN"] === "write") await write(path, `${input}${divider}${actual}`);
      else expect(actual).toBe(text.slice(at + divider.length));
    });
  }
});
