/** What is proposed in place of a word that is not known. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { nearest } from "#base/nearest.ts";

const hosts = ["grafana.localhost", "secure.localhost", "users.localhost", "web.localhost"];

describe("nearest proposes", () => {
  test.each([
    // Slips of the hand.
    ["nmae", ["name", "context", "namespace"], "name"],
    ["scv", ["svc", "pod"], "svc"],
    ["grafna.localhost", hosts, "grafana.localhost"],
    ["WEB.localhost", hosts, "web.localhost"],
    ["idletimeout", ["idle_timeout", "start_timeout"], "idle_timeout"],
    ["--jsno", ["--json", "--file"], "--json"],
    ["5423", ["5432", "3306"], "5432"],
    // A part of the name, or more than it.
    ["web", hosts, "web.localhost"],
    ["api", ["web", "api-v2"], "api-v2"],
    ["api-v2", ["web", "api"], "api"],
    ["postgres", ["shop-postgres", "redis"], "shop-postgres"],
    ["checkout-api.localhost", ["checkout-api-v2.localhost"], "checkout-api-v2.localhost"],
    // Both at once.
    ["wbe", hosts, "web.localhost"],
    ["grafna", hosts, "grafana.localhost"],
    // Exactly a word of it is better than three letters with one wrong.
    ["web", ["wed", "web.localhost"], "web.localhost"],
    ["user", ["user-db", "users"], "users"],
  ])('for "%s" of %p "%s"', (word, known, proposed) => {
    expect(nearest(word, known)).toBe(proposed);
  });
});

describe("nearest proposes nothing", () => {
  test.each([
    // What they have in common is not theirs.
    ["nowhere.localhost", hosts],
    ["search.localhost", hosts],
    ["x.localhost", hosts],
    ["foo.localhost", ["localhost"]],
    ["arn:aws:eks:eu-west-1:123456789012:cluster/prod", ["arn:aws:eks:eu-west-1:123456789012:cluster/test"]],
    ["prod-eu", ["prod-us", "dev-eu"]],
    ["web-1.localhost", ["web-2.localhost"]],
    ["start_timeout", ["idle_timeout"]],
    ["x", ["y"]],
    ["", ["a", "web"]],
    ["api", ["web", "db"]],
  ])('for "%s" of %p', (word, known) => {
    expect(nearest(word, known)).toBeUndefined();
  });
});

const letters = fc.string({ unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz"), minLength: 4, maxLength: 20 });

test("one slip in a word of four letters or more is found, wherever the word stands", () => {
  const place = fc.constantFrom(["", ""], ["", ".localhost"], ["shop/svc/", ":80"], ["--", ""]);
  fc.assert(
    fc.property(letters, fc.nat(), fc.constantFrom("drop", "double", "swap", "change"), place, (word, at, slip, [before, after]) => {
      const typed = `${before}${slipped(word, at % (word.length - 1), slip)}${after}`;
      expect(nearest(typed, ["#", `${before}${word}${after}`])).toBe(`${before}${word}${after}`);
    }),
  );
});

function slipped(word: string, at: number, slip: "drop" | "double" | "swap" | "change"): string {
  const [before, one = "", two = "", after] = [word.slice(0, at), word[at], word[at + 1], word.slice(at + 2)];
  const changed = { drop: two, double: `${one}${one}${two}`, swap: `${two}${one}`, change: `#${two}` };
  return `${before}${changed[slip]}${after}`;
}

test("words without a letter in common are never proposed for each other", () => {
  const some = fc.string({ unit: fc.constantFrom(..."abcdefgh"), minLength: 1, maxLength: 12 });
  const others = fc.string({ unit: fc.constantFrom(..."stuvwxyz"), minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(some, others, (left, right) => {
      expect(nearest(`${left}.localhost`, [`${right}.localhost`])).toBeUndefined();
    }),
  );
});

test("a known word is its own proposal", () => {
  fc.assert(fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 1 }), (words) => nearest(words[0] ?? "", words) !== undefined));
});
