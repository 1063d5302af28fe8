/** Writes the pages of docs/ that are made from the code. */

import { write } from "bun";
import { generatedPages } from "./docs/pages.ts";
import { root } from "./steps.ts";

for (const [path, text] of generatedPages()) await write(`${root}/${path}`, text);
