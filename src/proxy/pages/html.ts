/** The frame of kt's own pages: one look, light and dark, on a phone too, with nothing from elsewhere; and text made safe for it. Pure. */

import { printable } from "#base/printable.ts";

export function escapeHtml(text: string): string {
  return printable(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

const address = /https?:\/\/[^\s"'<>`)\]}]+[^\s"'<>`)\]},.;:]/g;

/** Text whose addresses are links. */
export function linked(text: string): string {
  return mapMatches(printable(text), address, (url) => `<a href="${escapeHtml(url)}" rel="noreferrer noopener">${escapeHtml(url)}</a>`);
}

/** Escapes the text around what `pattern` finds, which `render` makes safe itself. */
export function mapMatches(text: string, pattern: RegExp, render: (match: string) => string): string {
  let html = "";
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    html += escapeHtml(text.slice(at, match.index)) + render(match[0]);
    at = match.index + match[0].length;
  }
  return html + escapeHtml(text.slice(at));
}

/** A command to paste: one click selects all of it. */
export function commandBlock(command: string): string {
  return `<pre tabindex="0"><code>${escapeHtml(command)}</code></pre>`;
}

const style = `
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; --soft: color-mix(in srgb, currentColor 8%, transparent); }
  body { max-width: 46rem; margin: 10vh auto 3rem; padding: 0 1.25rem; overflow-wrap: anywhere; }
  h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; }
  h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
  .host, footer, .target, .quiet { opacity: .7; }
  .host { margin: 0 0 1.5rem; }
  .reason { padding: 1rem; border-radius: .5rem; background: var(--soft); }
  .reason, pre { white-space: pre-wrap; }
  pre { padding: .6rem .8rem; margin: .4rem 0; border-radius: .4rem; background: var(--soft); user-select: all; }
  pre, code { font: .875rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
  ul { padding-left: 1.2rem; } li { margin: .35rem 0; } li:has(> pre) { list-style: none; margin-left: -1.2rem; }
  .routes { list-style: none; padding: 0; }
  .routes li { display: grid; grid-template-columns: 6rem minmax(0, 1fr); padding: .6rem 0; margin: 0; border-top: 1px solid var(--soft); }
  .state, .routes .target { font-size: .875rem; line-height: 1.75; } .routes .target { display: block; } .problem { margin: .2rem 0 0; font-size: .875rem; }
  .good { color: light-dark(#1a7f37, #4ac26b); } .bad { color: light-dark(#b3261e, #ff8a80); }
  footer { margin-top: 2rem; font-size: .875rem; }
  a { color: light-dark(#0b57d0, #a8c7fa); }
  .wait { display: inline-block; width: .7em; height: .7em; margin-right: .5em; border: .15em solid; border-right-color: transparent; border-radius: 50%; animation: turn 1s linear infinite; }
  @keyframes turn { to { rotate: 1turn; } } @media (prefers-reduced-motion: reduce) { .wait { animation: none; } }
`;

export interface Page {
  readonly title: string;
  /** HTML. */
  readonly body: string;
  /** Seconds after which a browser asks again. */
  readonly refreshSeconds?: number | undefined;
}

export function htmlPage({ title, body, refreshSeconds }: Page): string {
  const refresh = refreshSeconds === undefined ? "" : `<meta http-equiv="refresh" content="${refreshSeconds}">\n`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${refresh}<title>${escapeHtml(title)}</title>
<style>${style}</style>
${body}
</html>
`;
}
