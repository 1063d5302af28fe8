/** Reads the certificates and keys that routes name; loaded where one says anything of TLS, since looking at them takes node:crypto. */

import { messageOf } from "#base/errors.ts";
import { sharedLimits } from "#base/limits.ts";
import { readRegularFile } from "#base/regular-file.ts";
import { command } from "#base/shell.ts";
import { systemCode } from "#base/system-error.ts";
import type { Layer } from "#profile/read/layer.ts";
import type { LayerRoute } from "#profile/sections/routes.ts";
import type { NamedFile } from "#profile/sections/tls-settings.ts";
import type { Placed } from "#profile/values/placed.ts";
import type { Termination } from "#route/route-tls.ts";
import { isCertificate, pairProblem } from "#tls/key-pair.ts";
import { type ReadTls, type RouteTls, terminationOf } from "./tls.ts";

/** Reads the files, and reports what cannot be used to the places that name them. Only of a layer without other problems. */
export function readTls(layer: Layer, nowMs: number): ReadTls {
  const reader = new FileReader(nowMs);
  const routes = new Map<string, RouteTls>();
  for (const [host, route] of layer.routes) {
    const read = { ...reader.termination(layer, route), ...reader.backend(route) };
    if (Object.keys(read).length > 0) routes.set(host, read);
  }
  return { routes, files: [...reader.files] };
}

class FileReader {
  readonly files = new Set<string>();
  readonly #nowMs: number;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  termination(layer: Layer, route: Placed<LayerRoute>): RouteTls {
    const { tls: said } = route.value;
    const tls = terminationOf(layer, said);
    if (tls === undefined) return {};
    const pair = this.#pair(route);
    const clientCa = this.#certificates(route, "client_ca", said.clientCa);
    return { tls: { ...tls, ...(pair && { pair }), ...(clientCa !== undefined && { clientCa }) } };
  }

  backend(route: Placed<LayerRoute>): RouteTls {
    const { ca: file, insecure, serverName } = route.value.tls;
    const ca = this.#certificates(route, "ca", file);
    const verifies = insecure === false || file !== undefined;
    if (insecure === undefined && !verifies && serverName === undefined) return {};
    return { backend: { verifies, ...(ca !== undefined && { ca }), ...(serverName !== undefined && { serverName }) } };
  }

  #pair(route: Placed<LayerRoute>): Termination["pair"] {
    const { cert: certFile, key: keyFile } = route.value.tls;
    const cert = certFile && this.#read(route, "cert", certFile);
    const key = keyFile && this.#read(route, "key", keyFile, true);
    if (certFile === undefined || keyFile === undefined || cert === undefined || key === undefined) return undefined;
    const problem = pairProblem({ cert, key, host: route.value.host }, this.#nowMs);
    if (problem === undefined) return { cert, key };
    const { written } = problem.of === "cert" ? certFile : keyFile;
    report(
      route,
      problem.of,
      `"${written}" ${problem.message}`,
      "make a new pair, or leave out cert and key for a certificate of kt's own CA",
    );
    return undefined;
  }

  #certificates(route: Placed<LayerRoute>, key: string, file: NamedFile | undefined): string | undefined {
    const text = file && this.#read(route, key, file);
    if (file === undefined || text === undefined || isCertificate(text)) return text;
    report(route, key, `"${file.written}" holds no PEM certificate`, "PEM is text, with a line BEGIN CERTIFICATE");
    return undefined;
  }

  /** Nothing of what it holds is ever quoted. */
  #read(route: Placed<LayerRoute>, key: string, { path, written }: NamedFile, isSecret = false): string | undefined {
    this.files.add(path);
    try {
      const { bytes, mode } = readRegularFile(path, { mostBytes: sharedLimits.kubeconfigBytes, code: "profile-unreadable" });
      if (!isSecret || (mode & othersBits) === 0) return new TextDecoder().decode(bytes);
      report(route, key, `"${written}" holds a private key, and other users may read it`, command`chmod 600 ${path}`);
    } catch (error) {
      report(route, key, `cannot read "${written}": ${whyUnreadable(error)}`, command`ls -l ${path}`);
    }
    return undefined;
  }
}

function whyUnreadable(error: unknown): string {
  return systemCode(error) === "ENOENT" ? "there is no such file" : messageOf(error);
}

/** What others may do with a file, and its group beside reading: a pod's secret belongs to a group of its own. */
const othersBits = 0o027;

function report({ source, path }: Placed<LayerRoute>, key: string, message: string, hint: string): void {
  source.problem([...path, key], message, { hint });
}
