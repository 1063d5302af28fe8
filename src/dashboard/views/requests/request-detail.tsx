/** One request with all that is kept of it, and a form that sends it again. */

import { useRef, useState } from "preact/hooks";
import { formatBytes } from "#base/bytes-text.ts";
import { printable } from "#base/printable.ts";
import { type KtError, toKtError } from "#base/errors.ts";
import type { Replayed } from "#control/api.ts";
import type { App } from "#dashboard/state/app.ts";
import { post } from "#dashboard/hub/api.ts";
import { isSafe, type ListedRequest } from "#dashboard/model/request-list.ts";
import { durationText } from "#dashboard/model/words.ts";
import { useKeys } from "#dashboard/ui/keys.ts";
import { ProblemBox } from "#dashboard/ui/parts.tsx";
import { StatusCode } from "./status-code.tsx";

interface RequestDetailProps {
  readonly app: App;
  readonly request: ListedRequest;
  readonly onClose: () => void;
}

export function RequestDetail({ app, request, onClose }: RequestDetailProps) {
  const { atMs, profile, route, name, method, path, protocol, durationMs, firstByteMs, sentBytes, receivedBytes } = request;
  return (
    <section class="pane detail" aria-label="Request">
      <header class="bar">
        <h2>
          {printable(method)} <span class="path">{printable(path)}</span>
        </h2>
        <StatusCode request={request} />
        <button type="button" class="quiet close" onClick={onClose}>
          Close <kbd aria-hidden="true">Esc</kbd>
        </button>
      </header>
      <div class="content">
        <dl class="facts">
          <dt>Host</dt>
          <dd>{printable(name)}</dd>
          <dt>Route</dt>
          <dd>
            <button type="button" class="link" onClick={() => app.go({ view: "routes", route: { profile, route } })}>
              {printable(route)}
            </button>
          </dd>
          <dt>Ended</dt>
          <dd>{new Date(atMs).toLocaleString()}</dd>
          <dt>Protocol</dt>
          <dd>{protocol}</dd>
          <dt>Took</dt>
          <dd>
            {durationText(durationMs)}
            {firstByteMs !== undefined && <span class="dim"> first byte after {durationText(firstByteMs)}</span>}
          </dd>
          <dt>Bodies</dt>
          <dd>
            ↑ {formatBytes(sentBytes)} ↓ {formatBytes(receivedBytes)}
          </dd>
        </dl>
        {request.grpcStatus === undefined && <Replay app={app} request={request} />}
      </div>
    </section>
  );
}

type Outcome = { readonly answer: Replayed } | { readonly error: KtError };

/** What is sent, as the user has it now. */
interface Draft {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly isConfirmed: boolean;
}

function Replay({ app, request }: Pick<RequestDetailProps, "app" | "request">) {
  const [draft, setDraft] = useState<Draft>({ method: request.method, path: request.path, body: "", isConfirmed: false });
  const [outcome, setOutcome] = useState<Outcome | "sending">();
  const button = useRef<HTMLButtonElement>(null);
  const mayBeSent = isSafe(draft.method) || draft.isConfirmed;
  const send = async (): Promise<void> => {
    if (!mayBeSent) return;
    setOutcome("sending");
    setOutcome(await sent(request, draft));
    setDraft((before) => ({ ...before, isConfirmed: false }));
  };
  useKeys("detail", {
    R: () => (isSafe(draft.method) ? void send() : button.current?.form?.querySelector<HTMLElement>("[type=checkbox]")?.focus()),
  });
  const submit = (event: Event): void => {
    event.preventDefault();
    void send();
  };
  return (
    <section aria-label="Send it again">
      <div class="section">
        <h3>Send it again</h3>
      </div>
      <p class="dim">Of a request kt keeps the method and the path, and neither query, headers nor body: add what it needs.</p>
      <form class="replay" onSubmit={submit}>
        <Fields draft={draft} onChange={(change) => setDraft({ ...draft, ...change })} />
        <button ref={button} type="submit" class="primary" disabled={outcome === "sending" || !mayBeSent}>
          {outcome === "sending" ? "Sending" : "Send"} <kbd aria-hidden="true">R</kbd>
        </button>
      </form>
      {outcome !== undefined && outcome !== "sending" && <Result outcome={outcome} app={app} />}
    </section>
  );
}

async function sent({ profile, route, name }: ListedRequest, { method, path, body, isConfirmed }: Draft): Promise<Outcome> {
  const content = body === "" ? {} : { body, contentType: "application/json" };
  const word = isConfirmed ? { confirmed: true } : {};
  try {
    return { answer: await post<Replayed>("replay", { profile, route, name, method, path, ...content, ...word }) };
  } catch (error) {
    return { error: toKtError(error, "internal", "send it again") };
  }
}

interface FieldsProps {
  readonly draft: Draft;
  readonly onChange: (change: Partial<Draft>) => void;
}

function Fields({ draft: { method, path, body, isConfirmed }, onChange }: FieldsProps) {
  return (
    <>
      <div class="line">
        <label>
          Method
          <input class="mono" value={method} onInput={({ currentTarget }) => onChange({ method: currentTarget.value.toUpperCase() })} />
        </label>
        <label class="wide">
          Path and query
          <input class="mono" value={path} spellcheck={false} onInput={({ currentTarget }) => onChange({ path: currentTarget.value })} />
        </label>
      </div>
      {!isSafe(method) && (
        <>
          <label>
            Body, as JSON
            <textarea
              class="mono"
              rows={4}
              value={body}
              spellcheck={false}
              onInput={({ currentTarget }) => onChange({ body: currentTarget.value })}
            />
          </label>
          <label class="word">
            <input
              type="checkbox"
              checked={isConfirmed}
              onChange={({ currentTarget }) => onChange({ isConfirmed: currentTarget.checked })}
            />
            {printable(method)} may change something: send it all the same
          </label>
        </>
      )}
    </>
  );
}

function Result({ outcome, app }: { readonly outcome: Outcome; readonly app: App }) {
  if ("error" in outcome) {
    const { code, message, hints } = outcome.error;
    return <ProblemBox code={code} message={message} hints={hints} title="It was not answered" onCopied={() => app.notify("copied")} />;
  }
  const { status, headers, body, isCut, durationMs } = outcome.answer;
  return (
    <div class="result" role="status">
      <p>
        <StatusCode request={{ status }} /> in {durationText(durationMs)}
      </p>
      <details>
        <summary>{headers.length} headers</summary>
        <dl class="facts mono">
          {headers.map(({ name, value }, at) => [<dt key={`n${at}`}>{printable(name)}</dt>, <dd key={`v${at}`}>{printable(value)}</dd>])}
        </dl>
      </details>
      {body === "" ? <p class="dim">It has no body.</p> : <pre tabIndex={0}>{body.split("\n").map(printable).join("\n")}</pre>}
      {isCut && <p class="dim">The body goes on: this is its beginning.</p>}
    </div>
  );
}
