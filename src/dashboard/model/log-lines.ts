/** Lines of a log in chunks that do not change once they are full: the page draws only the last one anew. Pure. */

export interface Chunk {
  readonly id: number;
  readonly lines: readonly string[];
}

export interface LogLines {
  readonly chunks: readonly Chunk[];
  /** Lines that were not sent. */
  readonly leftOut: number;
}

export const noLines: LogLines = { chunks: [], leftOut: 0 };

export const chunkLines = 100;
/** Older lines go: a browser keeps ten thousand lines with ease. */
const keptChunks = 100;

export function withLines({ chunks, leftOut }: LogLines, added: { readonly lines: readonly string[]; readonly leftOut: number }): LogLines {
  const all = [...chunks];
  for (let at = 0; at < added.lines.length; ) {
    const last = all.at(-1);
    const room = last ? chunkLines - last.lines.length : 0;
    const next = added.lines.slice(at, at + (room > 0 ? room : chunkLines));
    if (last && room > 0) all[all.length - 1] = { id: last.id, lines: [...last.lines, ...next] };
    else all.push({ id: (last?.id ?? -1) + 1, lines: next });
    at += next.length;
  }
  return { chunks: all.slice(-keptChunks), leftOut: leftOut + added.leftOut };
}
