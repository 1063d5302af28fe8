/** Two readers of HTTP/1 requests that differ wherever real servers do: one refuses what is odd, one makes the best of it. */

export interface ReadRequest {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly body: string;
  /** What is left for the next request. */
  readonly rest: string;
}

type Fields = readonly (readonly [name: string, value: string])[];

const valuesOf = (fields: Fields, wanted: string): string[] => fields.filter(([name]) => name === wanted).map(([, value]) => value);

/** RFC 9112 to the letter; undefined for what it does not allow. */
export function readStrictly(text: string): ReadRequest | undefined {
  const end = text.indexOf("\r\n\r\n");
  const [line = "", ...lines] = text.slice(0, end).split("\r\n");
  const [, method = "", target = ""] = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (\S+) HTTP\/1\.[01]$/.exec(line) ?? [];
  const fields = lines.map((each) => /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ([\t\x20-\x7e\x80-\xff]*)$/.exec(each));
  if (end < 0 || method === "" || fields.includes(null)) return undefined;
  const known: Fields = fields.map((match) => [match?.[1]?.toLowerCase() ?? "", match?.[2] ?? ""]);
  const [hosts, lengths, codings] = ["host", "content-length", "transfer-encoding"].map((name) => valuesOf(known, name)) as [
    string[],
    string[],
    string[],
  ];
  if (hosts.length !== 1 || lengths.length + codings.length > 1) return undefined;
  const after = text.slice(end + 4);
  const host = hosts[0] ?? "";
  if (codings.length === 1) {
    const taken = codings[0]?.toLowerCase() === "chunked" ? strictChunks(after) : undefined;
    return taken && { method, target, host, ...taken };
  }
  const length = lengths[0] ?? "0";
  if (!/^(0|[1-9][0-9]*)$/.test(length) || after.length < Number(length)) return undefined;
  return { method, target, host, body: after.slice(0, Number(length)), rest: after.slice(Number(length)) };
}

function strictChunks(text: string): { body: string; rest: string } | undefined {
  let body = "";
  for (let at = 0; ; ) {
    const [line, size] = /^([0-9a-fA-F]+)[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n/.exec(text.slice(at)) ?? [];
    if (line === undefined || size === undefined) return undefined;
    const length = Number.parseInt(size, 16);
    at += line.length;
    if (length === 0) {
      const [trailers] = /^(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n/.exec(text.slice(at)) ?? [];
      return trailers === undefined ? undefined : { body, rest: text.slice(at + trailers.length) };
    }
    body += text.slice(at, at + length);
    at += length;
    if (text.slice(at, at + 2) !== "\r\n") return undefined;
    at += 2;
  }
}

/**
 * What several servers do at their worst, together: any line end, any white space, folded lines joined, names with blanks before
 * the colon and with underscores, the last of several fields, numbers as far as they can be read.
 */
export function readLeniently(text: string): ReadRequest {
  const start = /^\s*/.exec(text)?.[0].length ?? 0;
  const end = /\r?\n\r?\n|\r\r/.exec(text.slice(start));
  const headEnd = end === null ? text.length : start + end.index;
  const [line = "", ...lines] = text
    .slice(start, headEnd)
    .replace(/(?:\r\n|\r|\n)[ \t]+/g, " ")
    .split(/\r\n|\r|\n/);
  const [method = "", target = ""] = line.trim().split(/\s+/);
  const fields: Fields = lines.map((each) => {
    const colon = each.indexOf(":");
    return [each.slice(0, colon).trim().toLowerCase().replaceAll("_", "-"), each.slice(colon + 1).trim()];
  });
  const host = valuesOf(fields, "host").at(-1) ?? "";
  const after = end === null ? "" : text.slice(headEnd + end[0].length);
  if (/chunked/i.test(valuesOf(fields, "transfer-encoding").join())) return { method, target, host, ...lenientChunks(after) };
  const length = Number.parseInt(valuesOf(fields, "content-length").at(-1) ?? "0", 10) || 0;
  return { method, target, host, body: after.slice(0, length), rest: after.slice(length) };
}

function lenientChunks(text: string): { body: string; rest: string } {
  let body = "";
  for (let at = 0; ; ) {
    const end = text.indexOf("\n", at);
    if (end < 0) return { body, rest: "" };
    const size = Number.parseInt(text.slice(at, end).replace(/[\s_]/g, ""), 16) || 0;
    at = end + 1;
    if (size === 0) return { body, rest: text.slice(at).replace(/^(?:[^\r\n]+\r?\n)*\r?\n/, "") };
    body += text.slice(at, at + size);
    at += size;
    at += /^\r?\n?/.exec(text.slice(at))?.[0].length ?? 0;
  }
}
