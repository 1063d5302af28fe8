/** Measures the house and writes the table of it into docs/architecture.md. */

import { file, write } from "bun";
import { commits } from "./measures/history.ts";
import { measured, measuresTable } from "./measures/measures.ts";
import { parseSources } from "./measures/parse.ts";
import { root } from "./steps.ts";

const page = `${root}docs/architecture.md`;
const [begin, end] = ["<!-- measures: `bun run measures` writes what follows -->", "<!-- end of measures -->"];

const sources = await parseSources(["src", "native"]);
const table = measuresTable(measured(sources, await parseSources(["test"])), await commits());
console.log(table);

const text = await file(page).text();
const [from, to] = [text.indexOf(begin), text.indexOf(end)];
if (from < 0 || to < from) throw new Error(`${page} has no place for the measures`);
await write(page, `${text.slice(0, from + begin.length)}\n\n${table}\n\n${text.slice(to)}`);
