/** The HTML page of the demo's web service: which pod answered, what the request looked like on arrival, and what else to try. */

export interface PageFacts {
  readonly pod: string;
  readonly service: string;
  readonly request: Request;
  /** How many requests this pod has answered. */
  readonly answered: number;
}

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (character) => entities[character] ?? "");

const style = `
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
  body { max-width: 46rem; margin: 3rem auto; padding: 0 1.25rem }
  h1 { font-size: 1.5rem; margin: 0 } .pod { color: #1a7f5a; font-family: ui-monospace, monospace }
  table { border-collapse: collapse; width: 100%; font: 13px/1.6 ui-monospace, monospace; margin: 1rem 0 }
  th, td { text-align: left; vertical-align: top; padding: .15rem .75rem .15rem 0; overflow-wrap: anywhere }
  th { font-weight: 500; white-space: nowrap; opacity: .65 } button { font: inherit; padding: .3rem .9rem; cursor: pointer }
`;

/** A whole page. */
export function renderPage({ pod, service, request, answered }: PageFacts): string {
  const { pathname, search } = new URL(request.url);
  const rows = [...request.headers].map(([name, value]) => `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(service)} · kt demo</title><style>${style}</style></head><body>
<h1>Answered by pod <span class="pod">${escapeHtml(pod)}</span></h1>
<p>This page came from service <b>${escapeHtml(service)}</b> of the demo's cluster, through a tunnel that opened because you asked for it.
This pod has answered ${answered} ${answered === 1 ? "request" : "requests"}.</p>
<form method="post" action="/delete-pod"><button>Delete this pod</button> and watch the next request be answered by another.</form>
<table><tr><th>${escapeHtml(request.method)}</th><td>${escapeHtml(pathname + search)}</td></tr>
${rows.join("\n")}</table>
</body></html>
`;
}
