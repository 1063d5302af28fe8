/** `protocol`: what a backend speaks whatever its clients do. */

import * as v from "valibot";
import { type BackendProtocol, type BackendScheme, backendProtocols } from "#route/target.ts";
import type { KeyPath } from "#profile/toml/positions.ts";
import type { SectionReader } from "./reader.ts";

export const protocol = v.pipe(
  v.picklist(["auto", ...backendProtocols], '"auto", "http1", "h2c" or "grpc"'),
  v.description(
    "What the backend speaks, whatever its clients do: http1, h2c (HTTP/2 without TLS; requests of HTTP/1 are translated), or grpc (the same; over TLS it is what the backend chooses by ALPN, for HTTP/1 clients too). With auto it is what the appProtocol of the service's port says, else what the backend turns out to speak. Default: auto.",
  ),
);

interface Given {
  readonly protocol?: BackendProtocol | "auto" | undefined;
  readonly scheme?: BackendScheme | undefined;
}

/** Undefined for auto. */
export function readProtocol(reader: SectionReader, path: KeyPath, { protocol: given, scheme }: Given): BackendProtocol | undefined {
  if (given === undefined || given === "auto") return undefined;
  if (given === "h2c" && scheme === "https") {
    return reader.problem([...path, "protocol"], '"h2c" is HTTP/2 without TLS, and scheme = "https" stands beside it', {
      hint: 'leave protocol out, and HTTP/2 over TLS is used where the backend has it; or set scheme = "http"',
    });
  }
  return given;
}
