/** How a piece of text for people stands out, in a terminal and on a page. */

export type Tone = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";
