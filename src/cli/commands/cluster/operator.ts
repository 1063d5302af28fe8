/** `kt operator`: the role that kt runs in the cluster for its public edges, with the flags of the manager that it takes the place of. */

import { KtError } from "#base/errors.ts";
import type { CommandContext, Options } from "#cli/command.ts";
import { clusterSource } from "#cli/edge/cluster-source.ts";
import { exitCodes } from "#cli/exit.ts";
import { leaseName } from "#operator/cluster/names.ts";
import { healthServer } from "#operator/health-server.ts";
import { type RunOptions, runOperator } from "#operator/run-operator.ts";
import { isImage } from "#profile/values/image.ts";

export async function operator({ options, output, build }: CommandContext): Promise<number> {
  if (options.text("envoyVersion") !== undefined)
    output.log("warn", "flag-unused", { text: "--envoy-version changes nothing: there is no Envoy" });
  const image = imageOf(options, build.version);
  const ending = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => ending.abort());
  const probes = probesAddress(options.text("healthProbeBindAddress") ?? ":8081");
  const health = probes && healthServer({ ...probes, isReady: () => true });
  // One that waits for its turn has nothing open that would keep the process.
  const alive = setInterval(() => {}, 60_000);
  try {
    const how = await runOperator({
      source: await clusterSource(options, output.log.bind(output)),
      image,
      binary: options.text("binary") ?? process.execPath,
      namespace: options.text("watchNamespace"),
      lease: options.isOff("leaderElect") ? undefined : { namespace: options.text("leaderElectNamespace") ?? "default", name: leaseName },
      identity: `${process.env["HOSTNAME"] ?? "kt"}_${crypto.randomUUID()}`,
      signal: ending.signal,
    });
    // A new process begins anew: nothing that was under way can go on.
    return how === "ended" ? exitCodes.done : exitCodes.failed;
  } finally {
    clearInterval(alive);
    health?.close();
  }
}

function imageOf(options: Options, version: string): RunOptions["image"] {
  const repo = options.text("imageRepo");
  const name = options.text("image") ?? (repo === undefined ? undefined : `${repo}:${options.text("imageTag") ?? version}`);
  const hints = [`--image registry.example.com/kt:${version}`];
  if (name === undefined) throw new KtError("usage", "which image of kt the uplinks run is not said", { hints });
  if (!isImage(name)) throw new KtError("usage", `"${name}" is not a name of an image`, { hints });
  return { name, pullPolicy: options.text("imagePullPolicy"), pullSecrets: options.texts("imagePullSecret") };
}

/** Undefined: nowhere. */
function probesAddress(text: string): { readonly host: string; readonly port: number } | undefined {
  if (text === "0") return undefined;
  const [, host = "", port = ""] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
  if (port === "" || Number(port) > 65_535)
    throw new KtError("usage", `--health-probe-bind-address "${text}" is not an address`, { hints: ["--health-probe-bind-address :8081"] });
  return { host: host.replace(/^\[|\]$/g, "") || "::", port: Number(port) };
}
