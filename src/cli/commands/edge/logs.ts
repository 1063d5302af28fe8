/** `kt edge logs`: what the operator says of an EdgeNode, what its uplinks write, and the journal of the edge on its host. */

import { messageOf } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import { parseSince } from "#cli/asked/since.ts";
import type { CommandContext } from "#cli/command.ts";
import { clusterSource } from "#cli/edge/cluster-source.ts";
import { type EdgeLogLine, inOrder, isAbout, journalLine, podLine } from "#cli/edge/edge-log-lines.ts";
import { hostTrust } from "#cli/edge/edge-login.ts";
import { edgeHostOf } from "#cli/edge/edge-manifest.ts";
import { namedNode, nodeName } from "#cli/edge/named-node.ts";
import { exitCodes } from "#cli/exit.ts";
import { cliLimits } from "#cli/limits.ts";
import { logLine } from "#cli/screen/log-lines.ts";
import type { Output } from "#cli/screen/output.ts";
import { LogLines } from "#daemon/log-lines.ts";
import { edgeNodeDefaults } from "#expose/resources/edge-node.ts";
import { formatName } from "#expose/resources/read-objects.ts";
import { type LogsRequest, operatorLogs, type PodLogs, uplinkLogs } from "#operator/edge-logs.ts";
import { nodeObjects, reportedEdge } from "#operator/listed-edge.ts";
import { readLogin } from "#remote/login.ts";
import { RemoteHost } from "#remote/remote-host.ts";

type Source = Awaited<ReturnType<typeof clusterSource>>;

export async function edgeLogs({ args, options, output }: CommandContext): Promise<number> {
  const wanted = nodeName(args[0], options);
  const since = options.text("since");
  const request = {
    lines: cliLimits.edgeLogLines,
    sinceMs: since === undefined ? undefined : parseSince(since, Date.now()),
    follow: options.flag("follow"),
  };
  const source = await clusterSource(options, silentLog);
  const { nodes } = await output.waitFor("asking the cluster", async () => await reportedEdge(source, wanted.namespace));
  const node = namedNode(nodes, wanted);
  const about = [node, ...node.portBindings].map(formatName);
  const shown = new ShownLogs(output, options.flag("json"), request.follow);
  const ending = new AbortController();
  process.once("SIGINT", () => ending.abort());
  const pods = (sourceOf: (pod: string) => string, keeps: (line: string) => boolean): PodLogs => ({
    onPod: ({ name }) => shown.reader((line) => (keeps(line) ? podLine(sourceOf(name), line) : undefined)),
    onProblem: (what, error) => shown.problem(what, error),
  });
  const { signal } = ending;
  const uplinks = pods(
    (name) => name.slice(name.lastIndexOf("uplink-")),
    () => true,
  );
  const operators = pods(
    () => "operator",
    (line) => isAbout(line, about),
  );
  const all = Promise.all([
    shown.trying("the operator", async () => await operatorLogs(source, request, operators, signal)),
    shown.trying(
      "the uplinks",
      async () => await uplinkLogs(source, node, node.uplinkNamespace ?? edgeNodeDefaults.uplinkNamespace, request, uplinks, signal),
    ),
    shown.trying("the host", async () => await journal(source, node, request, shown, signal)),
  ]);
  if (request.follow) await all;
  else await output.waitFor("reading logs", async () => await all);
  shown.end();
  if (signal.aborted) return exitCodes.interrupted;
  return shown.isWhole ? exitCodes.done : exitCodes.failed;
}

/** Of the units that kt has there. */
async function journal(
  source: Source,
  node: { readonly namespace: string; readonly name: string },
  { lines, sinceMs, follow }: LogsRequest,
  shown: ShownLogs,
  signal: AbortSignal,
): Promise<void> {
  const host = edgeHostOf(await nodeObjects(source, node.namespace, () => node), "cluster");
  const { address, connectMs } = host;
  const remote = await RemoteHost.open({ address, login: await readLogin(host.login), trust: hostTrust(host), connectMs });
  const reader = shown.reader(journalLine);
  const from = sinceMs === undefined ? [] : ["--since", `@${Math.floor(sinceMs / 1000)}`];
  const units = ["kt-edge@*", "kt-wireguard.service", "kt-offloads.service"].flatMap((unit) => ["-u", unit]);
  const command = [
    "journalctl",
    "--no-pager",
    "-aq",
    "-o",
    "short-unix",
    "-n",
    String(lines),
    ...from,
    ...units,
    ...(follow ? ["-f"] : []),
  ];
  try {
    await remote.follow("reading its journal", command, (bytes) => reader.push(bytes), signal);
  } finally {
    remote.close();
    reader.end();
  }
}

/** Lines as they come where they are followed; else all of them in their order at the end. */
class ShownLogs {
  readonly #output: Output;
  readonly #asJson: boolean;
  readonly #follows: boolean;
  readonly #kept: EdgeLogLine[] = [];
  #failures = 0;

  constructor(output: Output, asJson: boolean, follows: boolean) {
    this.#output = output;
    this.#asJson = asJson || output.logFormat === "json";
    this.#follows = follows;
  }

  /** All could be read. */
  get isWhole(): boolean {
    return this.#failures === 0;
  }

  reader(read: (line: string) => EdgeLogLine | undefined): LogLines {
    const take = (lines: readonly string[], leftOut: number): void => {
      if (leftOut > 0) this.#output.warning(`${leftOut} lines were left out: the reader was too slow`);
      for (const line of lines) {
        const entry = read(line);
        if (entry === undefined) continue;
        if (this.#follows) this.#show(entry);
        else this.#kept.push(entry);
      }
    };
    return new LogLines(take, () => this.#output.waitingBytes > cliLimits.followWaitingBytes);
  }

  problem(what: string, error: unknown): void {
    this.#failures++;
    this.#output.warning(`${what}: ${messageOf(error)}`);
  }

  /** One that fails leaves the others to be shown. */
  async trying(what: string, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      this.problem(what, error);
    }
  }

  end(): void {
    for (const entry of inOrder(this.#kept)) this.#show(entry);
  }

  #show({ atMs = Date.now(), level, source, text }: EdgeLogLine): void {
    if (this.#asJson) this.#output.jsonLine({ at: new Date(atMs).toISOString(), level, source, text });
    else this.#output.lines([logLine(atMs, level, "log", { route: source, text })]);
  }
}
