/** `kt forward`: kubectl port-forward's arguments, lines and exit codes, over tunnels that outlive their pods. */

import { KtError, withHints } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import { shellQuoted } from "#base/shell.ts";
import type { CommandContext, Options } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { exposedHosts, readForward, readRequestTimeout } from "#cli/asked/forward-args.ts";
import { kubeconfigFiles } from "#cli/profile/kubeconfig-files.ts";
import { absolutePath, shellEnvironment } from "#cli/profile/profile-file.ts";
import type { ClusterView, ContextOverrides } from "#daemon/plans/clusters.ts";
import { AdHocForward, type ForwardRequest } from "#daemon/ad-hoc-forward.ts";
import { realProviders } from "#daemon/providers.ts";
import { outliveMistakes } from "#daemon/run-hub.ts";
import { formatListen } from "#profile/values/listen.ts";
import { kindOfWord } from "#route/pod-source-text.ts";

export async function forward({ args, options, output }: CommandContext): Promise<number> {
  const namespace = options.text("namespace");
  const context = options.text("context");
  const request = readForward({
    args,
    namespace,
    context,
    addresses: options.texts("address"),
    timeout: options.text("podRunningTimeout"),
    exitsWhenGone: options.flag("exitWhenGone"),
  });
  for (const host of exposedHosts(request))
    output.warning(`listening on ${host}: every machine that reaches this one reaches the cluster through it`);
  const place = [...(namespace === undefined ? [] : ["-n", namespace]), ...(context === undefined ? [] : ["--context", context])];
  const [target = "", ...ports] = args;
  const command = (...words: string[]): string => ["kt", "forward", ...words, ...place].map(shellQuoted).join(" ");
  const log = output.verbose ? output.log.bind(output) : silentLog;
  const running = new AdHocForward({
    request,
    view: await viewOf(options),
    providers: realProviders(),
    log,
    onListening: (address, podPort) => output.note(`Forwarding from ${formatListen(address)} -> ${podPort}`),
    onConnection: (localPort) => output.note(`Handling connection for ${localPort}`),
    onProblem: (problem) => output.error(problem),
    onWaiting: ({ message }) => output.warning(`${message}; waiting up to ${request.readyTimeoutMs / 1000} s`),
    command: (port) => command(target, port),
  });
  const signalled = onceSignalled();
  outliveMistakes(output.log.bind(output));
  // What is waited for may hold nothing open that keeps the process alive.
  const alive = setInterval(() => {}, 60_000);
  try {
    const opened = running.open().catch((error: unknown) => Promise.reject(withHint(error, request, [target, ...ports], command)));
    const ended = await Promise.race([opened, signalled]);
    return ended ?? (await Promise.race([signalled, running.gone()]));
  } finally {
    clearInterval(alive);
    await running.stop();
  }
}

async function viewOf(options: Options): Promise<ClusterView> {
  const requestTimeoutMs = readRequestTimeout(options.text("requestTimeout"));
  const kubeconfig = await kubeconfigFiles(options.text("kubeconfig"));
  const overrides = readOverrides(options);
  return {
    kubeconfig,
    strangers: {},
    environment: shellEnvironment(),
    overrides,
    ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
  };
}

/** kubectl's options of these names. */
function readOverrides(options: Options): ContextOverrides {
  const path = (name: string): string | undefined => {
    const written = options.text(name);
    return written === undefined ? undefined : absolutePath(written);
  };
  return {
    cluster: options.text("cluster"),
    user: options.text("user"),
    server: options.text("server"),
    tlsServerName: options.text("tlsServerName"),
    insecure: options.flag("insecureSkipTlsVerify"),
    certificateAuthority: path("certificateAuthority"),
    token: options.text("token"),
    username: options.text("username"),
    password: options.text("password"),
    clientCertificate: path("clientCertificate"),
    clientKey: path("clientKey"),
    as: options.text("as"),
    asUid: options.text("asUid"),
    asGroups: options.texts("asGroup"),
  };
}

/** Ctrl-C is how it is meant to end, so kubectl calls that success; of other signals it dies. */
const signalCodes = { SIGINT: exitCodes.done, SIGTERM: 128 + 15, SIGHUP: 128 + 1 } as const;

function onceSignalled(): Promise<number> {
  return new Promise((resolve) => {
    for (const [signal, code] of Object.entries(signalCodes)) process.once(signal, () => resolve(code));
  });
}

/** People write `svc web :80`, and the name of a service alone: kubectl's rules make pods of both. */
function withHint(
  error: unknown,
  { kind, name }: ForwardRequest,
  words: readonly string[],
  command: (...words: string[]) => string,
): unknown {
  if (!(error instanceof KtError)) return error;
  const [target = "", ...ports] = words;
  const hinted = (...hints: string[]): KtError => withHints(error, hints);
  if (error.code === "pod-not-found" && !target.includes("/")) {
    const isKind = kindOfWord(name) !== undefined && /^[a-z]/.test(ports[0] ?? "");
    return hinted(isKind ? command(`${name}/${ports[0]}`, ":80") : command(`svc/${name}`, ...ports), ...error.hints);
  }
  if (error.code === "start-timeout" && kind !== "pod" && error.detail === "running-not-ready")
    return hinted(...error.hints, "kt forward pod/NAME … takes a pod that runs without being ready");
  return error;
}
