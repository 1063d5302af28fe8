/** Why a name, a port or a target goes where it goes, step by step, down to the pod. */

import { useEffect, useState } from "preact/hooks";
import { type KtError, toKtError } from "#base/errors.ts";
import { printable } from "#base/printable.ts";
import type { Step } from "#control/api.ts";
import type { App } from "#dashboard/state/app.ts";
import { read } from "#dashboard/hub/api.ts";
import { Copyable, Empty, ProblemBox } from "#dashboard/ui/parts.tsx";

type Outcome = { readonly steps: readonly Step[] } | { readonly error: KtError } | undefined;

export function ExplainView({ app }: { readonly app: App }) {
  const { subject = "" } = app.state.place;
  const [text, setText] = useState(subject);
  const [outcome, setOutcome] = useState<Outcome>();
  useEffect(() => {
    setText(subject);
    setOutcome(undefined);
    if (subject === "") return undefined;
    const left = new AbortController();
    void explained(subject, left.signal).then((found) => void (!left.signal.aborted && setOutcome(found)));
    return () => left.abort();
  }, [subject]);
  const ask = (event: Event): void => {
    event.preventDefault();
    if (text.trim() !== "") app.go({ view: "explain", subject: text.trim() });
  };
  return (
    <section class="pane" aria-label="Explain">
      <div class="content wide" tabIndex={-1}>
        <form class="ask" onSubmit={ask}>
          <label class="wide">
            A name, a port or a target
            <input
              id="search"
              class="mono"
              value={text}
              placeholder="grafana.localhost"
              spellcheck={false}
              autocomplete="off"
              onInput={({ currentTarget }) => setText(currentTarget.value)}
            />
          </label>
          <button type="submit" class="primary">
            Explain
          </button>
        </form>
        {subject === "" ? <Hint /> : <Steps subject={subject} outcome={outcome} app={app} />}
      </div>
    </section>
  );
}

async function explained(subject: string, signal: AbortSignal): Promise<Outcome> {
  try {
    return await read<{ steps: Step[] }>("explain", { subject }, signal);
  } catch (error) {
    return { error: toKtError(error, "internal", "explain it") };
  }
}

function Hint() {
  return (
    <Empty title="Why does a name go where it goes?">
      <p>
        Write any host, such as web-80.svc.shop.ns.dev.cx.k8s.localhost, a local port, such as 5432, or a target, such as shop/svc/web:80.
      </p>
    </Empty>
  );
}

const glyphs: Readonly<Record<Step["outcome"], readonly [glyph: string, word: string, tone: string]>> = {
  match: ["●", "match", "green"],
  miss: ["○", "miss", "dim"],
  stop: ["✗", "stop", "red"],
  info: ["→", "", "dim"],
};

function Steps({ subject, outcome, app }: { readonly subject: string; readonly outcome: Outcome; readonly app: App }) {
  if (!outcome) return <p class="dim">Asking for {printable(subject)}</p>;
  if ("error" in outcome) {
    const { code, message, hints } = outcome.error;
    return <ProblemBox code={code} message={message} hints={hints} title="It cannot be explained" onCopied={() => app.notify("copied")} />;
  }
  const onCopied = (text: string): void => app.notify(`copied ${text}`);
  return (
    <ol class="steps">
      {outcome.steps.map(({ step, verdict, outcome: how, code }, at) => {
        const [glyph, word, tone] = glyphs[how];
        return (
          <li key={at}>
            <span class={`glyph ${tone}`} aria-hidden="true">
              {glyph}
            </span>
            <span class="step">{printable(step)}</span>
            <span class={how === "stop" ? "red" : ""}>
              {step === "hint" ? <Copyable text={verdict} onCopied={onCopied} /> : printable(verdict)}{" "}
              {code !== undefined && <span class="code">{code}</span>}
              <span class="hidden">{word}</span>
            </span>
          </li>
        );
      })}
    </ol>
  );
}
