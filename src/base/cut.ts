/** The beginning of what others wrote, for messages and logs: it may have any length. */

export function cut(text: string, characters: number): string {
  return text.length > characters ? `${text.slice(0, characters)}…` : text;
}
