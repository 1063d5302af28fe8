/** What a container writes, as it writes it: every line as text, whatever is in it. */

import { useEffect, useRef, useState } from "preact/hooks";
import { printable } from "#base/printable.ts";
import type { ReplyOf } from "#control/api.ts";
import { follow } from "#dashboard/hub/follow.ts";
import { type Chunk, noLines, withLines } from "#dashboard/model/log-lines.ts";
import type { ContainerRef, RouteRef } from "#dashboard/model/place.ts";
import { memo } from "#dashboard/ui/memo.ts";
import { useKeys } from "#dashboard/ui/keys.ts";

interface PodLogProps {
  readonly routeRef: RouteRef;
  readonly log: ContainerRef;
}

const firstLines = 1000;

export function PodLog({ routeRef, log }: PodLogProps) {
  const [lines, setLines] = useState(noLines);
  const [note, setNote] = useState("Reading the log");
  const [isBroken, setIsBroken] = useState(true);
  const [turn, setTurn] = useState(0);
  const again = (): void => setTurn(turn + 1);
  useKeys("detail", { w: () => setIsBroken(!isBroken), r: again });
  useEffect(
    () =>
      follow(
        "logs",
        { ...routeRef, ...log, lines: firstLines },
        {
          onOpen: () => {
            setLines(noLines);
            setNote("");
          },
          onEvent: ({ type, data }) => {
            if (type === "lines") setLines((before) => withLines(before, JSON.parse(data) as ReplyOf<"lines">));
            if (type === "error") setNote((JSON.parse(data) as { error: { message: string } }).error.message);
          },
          onLost: ({ message }) => setNote(message),
          onEnd: () => setNote((before) => (before === "" ? "The container has ended." : before)),
        },
      ),
    [turn],
  );
  return (
    <>
      <div class="bar">
        <span class="mono">
          {printable(log.pod)} / {printable(log.container)}
        </span>
        <label>
          <input type="checkbox" checked={isBroken} onChange={() => setIsBroken(!isBroken)} /> Break long lines{" "}
          <kbd aria-hidden="true">w</kbd>
        </label>
        <button type="button" class="quiet" onClick={again}>
          Read again <kbd aria-hidden="true">r</kbd>
        </button>
      </div>
      <p class="note" role="status">
        {printable(note)}
        {lines.leftOut > 0 && ` ${lines.leftOut} lines were left out: they came faster than this page reads.`}
      </p>
      <Lines chunks={lines.chunks} isBroken={isBroken} />
    </>
  );
}

/** Stays at the end while that is in sight. */
function Lines({ chunks, isBroken }: { readonly chunks: readonly Chunk[]; readonly isBroken: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  useEffect(() => {
    if (isAtEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [chunks, isBroken]);
  const onScroll = (): void => {
    const { scrollTop = 0, scrollHeight = 0, clientHeight = 0 } = box.current ?? {};
    isAtEnd.current = scrollTop + clientHeight >= scrollHeight - 8;
  };
  return (
    <div class={`log${isBroken ? " broken" : ""}`} ref={box} onScroll={onScroll} tabIndex={0} role="log" aria-label="Log" aria-live="off">
      {chunks.map((chunk) => (
        <LogChunk key={chunk.id} chunk={chunk} />
      ))}
    </div>
  );
}

const LogChunk = memo(({ chunk }: { readonly chunk: Chunk }) => <pre>{chunk.lines.map((line) => `${printable(line)}\n`).join("")}</pre>);
