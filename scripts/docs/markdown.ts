/** The pieces of Markdown that the generated pages are made of. */

/** First line of a generated page, for those who open it to edit. */
export function madeFrom(source: string): string {
  return `<!-- Made from ${source} by \`bun run fix\`: change it there. -->`;
}

/** A table; none where there are no rows. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [[line(head), `|${head.map(() => "---").join("|")}|`, ...rows.map(line)].join("\n")];
}

/** A fenced block. `info` is its language and what test/support/doc-blocks.ts reads about it. */
export function fence(info: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [[`\`\`\`${info}`, ...lines, "```"].join("\n")];
}

/** Paragraphs with an empty line between them. */
export function page(paragraphs: readonly string[]): string {
  return `${paragraphs.join("\n\n")}\n`;
}

/** Text as code, with the fence that its own backticks need. */
export function code(text: string): string {
  return text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``;
}
