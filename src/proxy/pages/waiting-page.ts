/** The page that a browser is shown while its request waits for a pod: what for, and it looks again by itself. Pure. */

import { headerValue, type RequestHead } from "#wire/http-head.ts";
import { escapeHtml, htmlPage, linked } from "./html.ts";
import { type Answer, ownAnswer } from "./refusal.ts";

/** Whether the answer becomes what a person looks at: not an image, a script's request, or a program's. */
export function navigates({ method, headers }: RequestHead): boolean {
  if (method !== "GET" || !/\btext\/html\b/i.test(headerValue(headers, "accept") ?? "")) return false;
  const mode = headerValue(headers, "sec-fetch-mode");
  return mode === undefined || mode.toLowerCase() === "navigate";
}

/** At once: the next request waits for the pod itself, and is answered as soon as that is ready. */
const refreshSeconds = 1;

/** `reason`: why it has to wait, where that is known. */
export function waitingPage(host: string, reason: string | undefined): Answer {
  const body = `<h1><span class="wait"></span>Waiting for a pod</h1>
<p class="host">${escapeHtml(host)}</p>
<p class="reason">${reason === undefined ? "a pod is on its way" : linked(reason)}</p>
<p>This page opens by itself once the pod is ready.</p>
<footer>kt · 503</footer>`;
  return ownAnswer(503, "html", htmlPage({ title: `Waiting · ${host}`, body, refreshSeconds }), [["Retry-After", String(refreshSeconds)]]);
}
