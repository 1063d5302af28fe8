/**
 * /etc/hosts: without some names, and with entries at its end (hosts(5)). A text here has one character for each byte of the file, so
 * that every byte outside what is changed stays what it was.
 */

/** Names of one address; the first is the canonical one. */
export interface HostsEntry {
  readonly address: string;
  readonly names: readonly string[];
}

/** musl reads lines of at most 511 bytes. */
const lineBytes = 500;

/** Without these names, whatever address they have; a line that had no others is gone. Names are in lower case. */
export function withoutNames(text: string, names: ReadonlySet<string>): string {
  return text.replace(/[^\n]+\n?/g, (line) => lineWithout(line, names));
}

function lineWithout(line: string, names: ReadonlySet<string>): string {
  const [, entry = "", rest = ""] = /^([^#\r\n]*)(.*)$/s.exec(line) ?? [];
  const [address, ...written] = entry.split(/[ \t\f\v]+/).filter((word) => word !== "");
  const kept = written.filter((name) => !names.has(name.toLowerCase()));
  if (address === undefined || kept.length === written.length) return line;
  return kept.length === 0 ? "" : `${[address, ...kept].join(" ")}${rest.startsWith("#") ? " " : ""}${rest}`;
}

/** With the entries after everything else, on lines of their own. */
export function withEntries(text: string, entries: readonly HostsEntry[]): string {
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const gap = text === "" || text.endsWith("\n") ? "" : newline;
  return `${text}${gap}${formatEntries(entries, newline)}`;
}

/** Lines short enough for every reader, with this behind each. */
export function formatEntries(entries: readonly HostsEntry[], newline: string): string {
  return entries
    .flatMap(linesOf)
    .map((line) => `${line}${newline}`)
    .join("");
}

function linesOf({ address, names }: HostsEntry): string[] {
  const lines: string[] = [];
  for (const name of names) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + name.length > lineBytes) lines.push(`${address} ${name}`);
    else lines[lines.length - 1] = `${line} ${name}`;
  }
  return lines;
}
