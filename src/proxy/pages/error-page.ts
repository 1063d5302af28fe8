/** The page of one error: what happened, what to do about it with commands to paste, names to follow, and its place in the docs. Pure. */

import type { KtError } from "#base/errors.ts";
import { commandBlock, escapeHtml, htmlPage, linked, mapMatches } from "./html.ts";
import { indexHost, isIndexName } from "./index-names.ts";

/** Programs whose hints are commands. */
const command = /^(?:kt|kubectl|curl|sudo|aws|az|gcloud|docker|helm|kill|systemctl|chmod|ssh) \S/;
/** Hints that list names of routes. */
const naming = /^(?:did you mean|routes here:|by name:)/;
const hostname = /[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+/gi;

export function namesRoutes(hint: string): boolean {
  return naming.test(hint);
}

export interface ErrorPage {
  readonly title: string;
  readonly status: number;
  /** As the client sent it: its port is that of the other names too. */
  readonly host: string | undefined;
  readonly refreshSeconds?: number | undefined;
}

export function errorPage(error: KtError, { title, status, host, refreshSeconds }: ErrorPage): string {
  const port = portOf(host);
  const hints = error.hints.map((hint) => hintHtml(hint, port)).join("\n");
  const wait = refreshSeconds === undefined ? "" : '<p><span class="wait"></span>This page looks again by itself.</p>';
  const body = `<h1>${escapeHtml(title)}</h1>
<p class="host">${host === undefined ? "" : escapeHtml(host)}</p>
<p class="reason">${linked(error.message)}</p>
${hints === "" ? "" : `<ul>\n${hints}\n</ul>`}
${wait}
<footer>kt · ${status} · ${codeHtml(error.code, host)}</footer>`;
  return htmlPage({ title: host === undefined ? title : `${title} · ${host}`, body, refreshSeconds });
}

function hintHtml(hint: string, port: string): string {
  if (command.test(hint)) return `<li>${commandBlock(hint)}</li>`;
  if (!namesRoutes(hint)) return `<li>${linked(hint)}</li>`;
  return `<li>${mapMatches(hint, hostname, (name) => `<a href="//${escapeHtml(name)}${port}/">${escapeHtml(name)}</a>`)}</li>`;
}

/** A link to what the code means, which the front door says in plain HTTP; a bare port has no pages of its own. */
function codeHtml(code: string, host: string | undefined): string {
  return host === undefined || isIndexName(host) ? code : `<a href="http://${indexHost}${portOf(host)}/errors/${code}">${code}</a>`;
}

function portOf(host: string | undefined): string {
  return /:[0-9]{1,5}$/.exec(host ?? "")?.[0] ?? "";
}
