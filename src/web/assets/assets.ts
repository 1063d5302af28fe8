/** The files of the dashboard, packed, each under a name that its content makes: browsers keep them for good. */

import { CryptoHasher, gunzipSync, gzipSync } from "bun";
import type { ServerAnswer, ServerRequest } from "#http/server.ts";
import { type Headers, securityHeaders } from "#web/guard/answers.ts";
import { headerValue } from "#wire/http-head.ts";
import { bundle } from "./bundle.ts" with { type: "macro" };

const { script, style } = bundle();

interface Asset {
  readonly contentType: string;
  readonly etag: string;
  readonly packed: Uint8Array<ArrayBuffer>;
  readonly isImmutable: boolean;
}

const scriptPath = `/assets/kt-${hashOf(script)}.js`;
const stylePath = `/assets/kt-${hashOf(style)}.css`;

const icon =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='4' fill='%230b57d0'/%3E%3Cpath d='M4 3v10M10.5 4.5 5 9l5.5 4' fill='none' stroke='%23fff' stroke-width='1.8'/%3E%3C/svg%3E";

/** Nothing of it is secret, and it changes with kt alone: what it shows it reads from the API. */
const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>kt</title>
<link rel="icon" href="${icon}">
<link rel="stylesheet" href="${stylePath}">
<script type="module" src="${scriptPath}"></script>
</head>
<body><div id="app"></div><noscript>The dashboard needs JavaScript; kt status and kt tui show the same.</noscript></body>
</html>
`;

const assets: ReadonlyMap<string, Asset> = new Map([
  ["/", packed(page, "text/html; charset=utf-8", false)],
  [scriptPath, packed(script, "text/javascript; charset=utf-8", true)],
  [stylePath, packed(style, "text/css; charset=utf-8", true)],
]);

/** Undefined where there is no such file. */
export function assetAnswer({ path, head }: ServerRequest): ServerAnswer | undefined {
  const asset = assets.get(path);
  if (!asset) return undefined;
  const headers: Headers = [
    ["Content-Type", asset.contentType],
    ["ETag", asset.etag],
    ["Cache-Control", asset.isImmutable ? "private, max-age=31536000, immutable" : "no-cache"],
    ["Vary", "Accept-Encoding"],
    ...securityHeaders,
  ];
  if (matches(headerValue(head.headers, "if-none-match"), asset.etag)) {
    return { kind: "whole", status: 304, headers, body: new Uint8Array() };
  }
  if (!acceptsGzip(headerValue(head.headers, "accept-encoding")))
    return { kind: "whole", status: 200, headers, body: gunzipSync(asset.packed) };
  return { kind: "whole", status: 200, headers: [...headers, ["Content-Encoding", "gzip"]], body: asset.packed };
}

function packed(text: string, contentType: string, isImmutable: boolean): Asset {
  return { contentType, etag: `"${hashOf(text)}"`, packed: gzipSync(text, { level: 9 }), isImmutable };
}

function hashOf(text: string): string {
  return new CryptoHasher("sha256").update(text).digest("hex").slice(0, 16);
}

/** RFC 9110 §13.1.2: weakly compared. */
function matches(list: string | undefined, etag: string): boolean {
  return (list ?? "").split(",").some((each) => each.trim() === "*" || each.trim().replace(/^W\//, "") === etag);
}

function acceptsGzip(list: string | undefined): boolean {
  return (list ?? "").split(",").some((each) => /^\s*(gzip|\*)\s*(;\s*q=(?!0(\.0*)?\s*$).*)?$/i.test(each));
}
