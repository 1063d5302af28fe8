/** Reads server-sent events (WHATWG HTML §9.2.6) from pieces of text, however they were cut. Pure. */

export interface ServerEvent {
  /** "message" where none is named. */
  readonly type: string;
  readonly data: string;
}

export class EventDecoder {
  /** The line that has not ended yet: long ones come in many pieces. */
  #pieces: string[] = [];
  #type = "";
  #data: string[] = [];
  /** Of the latest event that had one: what a client says that it has had. */
  lastId = "";

  /** The events that are complete now. */
  push(text: string): ServerEvent[] {
    const [first = "", ...others] = text.split("\n");
    this.#pieces.push(first);
    if (others.length === 0) return [];
    const lines = [this.#pieces.join(""), ...others.slice(0, -1)];
    this.#pieces = [others.at(-1) ?? ""];
    return lines.flatMap((line) => this.#line(line.endsWith("\r") ? line.slice(0, -1) : line));
  }

  #line(line: string): ServerEvent[] {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    // A comment: a sign of life.
    if (colon === 0) return [];
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#type = value;
    else if (field === "data") this.#data.push(value);
    else if (field === "id" && !value.includes("\0")) this.lastId = value;
    return [];
  }

  #dispatch(): ServerEvent[] {
    const event = { type: this.#type === "" ? "message" : this.#type, data: this.#data.join("\n") };
    const isEmpty = this.#data.length === 0;
    this.#type = "";
    this.#data = [];
    return isEmpty ? [] : [event];
  }
}
