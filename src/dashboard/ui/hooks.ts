/** What views read again and again while they are shown, and the width of the page. */

import { useEffect, useState } from "preact/hooks";
import { type KtError, toKtError } from "#base/errors.ts";

/** The latest answer, or why there is none; neither until the first has come. */
export interface Polled<Answer> {
  readonly answer?: Answer | undefined;
  readonly error?: KtError | undefined;
}

/** Reads at once and then every so often, while the page is seen. Another `key` is another question. */
export function usePolled<Answer>(key: string, everyMs: number, read: (signal: AbortSignal) => Promise<Answer>): Polled<Answer> {
  const [polled, setPolled] = useState<Polled<Answer> & { readonly key?: string }>({});
  useEffect(() => {
    const left = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async (): Promise<void> => {
      const found = document.hidden ? undefined : await answerOf(read, left.signal);
      if (left.signal.aborted) return;
      if (found) setPolled((before) => ({ ...(before.key === key && before), ...found, key }));
      timer = setTimeout(() => void look(), everyMs);
    };
    void look();
    return () => {
      left.abort();
      clearTimeout(timer);
    };
  }, [key, everyMs]);
  return polled.key === key ? polled : {};
}

async function answerOf<Answer>(read: (signal: AbortSignal) => Promise<Answer>, signal: AbortSignal): Promise<Polled<Answer>> {
  try {
    return { answer: await read(signal), error: undefined };
  } catch (error) {
    return { error: toKtError(error, "internal", "read from kt") };
  }
}

/** As CSS writes it. */
export function useMedia(query: string): boolean {
  const [isIt, setIsIt] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const look = (): void => setIsIt(media.matches);
    media.addEventListener("change", look);
    return () => media.removeEventListener("change", look);
  }, [query]);
  return isIt;
}
