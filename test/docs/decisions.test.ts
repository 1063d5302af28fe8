/** Each decision is a page that can be read at once, has the same parts, and stands in the list. */

import { describe, expect, test } from "bun:test";
import { pages } from "#test/support/doc-blocks.ts";

const folder = "docs/decisions/";
const list = `${folder}README.md`;
const texts = [...(await pages())].filter(([path]) => path.startsWith(folder));
const decisions = texts.filter(([path]) => path !== list);

test("the list names each of them by its title", () => {
  const [, text = ""] = texts.find(([path]) => path === list) ?? [];
  const named = [...text.matchAll(/^- \[(.+)\]\((\S+)\)$/gm)].map(([, title, file]) => `${file}: ${title}`);
  expect(named.sort()).toEqual(decisions.map(([path, page]) => `${path.slice(folder.length)}: ${/^# (.+)$/m.exec(page)?.[1]}`));
});

describe.each(decisions)("%s", (_, text) => {
  test("says the context, the decision and what follows from it", () => {
    expect([...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)).toEqual(["Context", "Decision", "Consequences"]);
  });

  test("is at most 60 lines long", () => expect(text.trim().split("\n").length).toBeLessThanOrEqual(60));
});
