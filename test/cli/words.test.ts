/** Where kt's own words end on a command line, and what an option's value is. */

import { describe, expect, test } from "bun:test";
import { commands, globalOptions } from "#cli/commands.ts";
import { mainHelp } from "#cli/help.ts";
import { spansOf, widthOf } from "#base/text.ts";
import { readFlags, walkWords, withoutLevels, wordsForParser } from "#cli/words.ts";

const mark = (line: string): string => wordsForParser(line.split(" "), commands, globalOptions).join(" ");
const walk = (line: string) => walkWords(line.split(" "), commands, globalOptions);

describe("what kt run passes on", () => {
  test.each([
    ["run npm test --watch", "run -- npm test --watch"],
    ["run -f a.toml npm -f b", "run -f a.toml -- npm -f b"],
    ["run --file=a.toml npm --help", "run --file=a.toml -- npm --help"],
    ["run -qf a.toml npm", "run -qf a.toml -- npm"],
    ["-v run npm -v", "-v run -- npm -v"],
    ["run -- npm -- --watch", "run -- npm -- --watch"],
    ["run npm -- --watch", "run -- npm -- --watch"],
    ["run kt run x", "run -- kt run x"],
    ["run -- -x", "run -- -x"],
    ["run --help", "run --help"],
    ["run", "run"],
    ["up -f run npm", "up -f run npm"],
    ["nothing run npm", "nothing run npm"],
  ])("%s", (typed, marked) => expect(mark(typed)).toBe(marked));
});

describe("a dash alone as a value", () => {
  test.each([
    ["edge plan -f - --json", "edge plan|--file=-|--json"],
    ["edge plan -vf -", "edge plan|-v|--file=-"],
    ["edge plan --file - -", "edge plan|--file=-|-"],
    ["run cat -", "run|--|cat|-"],
  ])("%s", (typed, words) => expect(wordsForParser(typed.split(" "), commands, globalOptions).join("|")).toBe(words));
});

describe("a name of two words", () => {
  test.each([
    ["edge manifests --json", "edge manifests|--json"],
    ["edge -v manifests", "edge manifests|-v"],
    ["-v edge manifests -- x", "-v|edge manifests|--|x"],
    ["edge", "edge"],
    ["edge nothing manifests", "edge|nothing|manifests"],
    ["manifests edge", "manifests|edge"],
  ])("%s", (typed, words) => expect(wordsForParser(typed.split(" "), commands, globalOptions).join("|")).toBe(words));
});

describe("a value right behind its short option", () => {
  test.each([
    ["forward -n007 svc/web 80", "forward --namespace=007 svc/web 80"],
    ["-nshop forward svc/web", "--namespace=shop forward svc/web"],
    ["forward -vnself svc/web", "forward -v --namespace=self svc/web"],
    ["forward -n=shop svc/web", "forward --namespace=shop svc/web"],
    ["run -fself.toml npm -fx", "run --file=self.toml -- npm -fx"],
    ["run -qvf a.toml npm", "run -qvf a.toml -- npm"],
    ["up -vx", "up -vx"],
    ["forward --insecure-skip-tls-verify svc/web 80", "forward --insecure-skip-tls-verify=true svc/web 80"],
    ["forward --exit-when-gone svc/web 80", "forward --exit-when-gone=true svc/web 80"],
    ["forward --disable-compression svc/web 80", "forward --disable-compression=true svc/web 80"],
    ["forward --exit-when-gone=false svc/web 80", "forward --exit-when-gone=false svc/web 80"],
    ["run --no-names npm", "run --no-names -- npm"],
    ["forward -- --exit-when-gone 80", "forward -- --exit-when-gone 80"],
    ["rm -- -fx", "rm -- -fx"],
  ])("%s", (typed, marked) => expect(mark(typed)).toBe(marked));

  test("is known to the completion of the line", () => {
    expect(walk("forward -nshop")).toMatchObject({ spec: { name: "forward" }, args: [], awaiting: undefined });
    expect(walk("forward -nself svc/web")).toMatchObject({ args: [2], awaiting: undefined });
    expect(walk("forward -vn")).toMatchObject({ awaiting: { long: "--namespace" } });
  });
});

describe("kubectl's levels of words", () => {
  test.each([
    ["-v 6 svc/web 80", "-v svc/web 80"],
    ["-v=6 svc/web 80", "-v svc/web 80"],
    ["--v=6 svc/web 80", "-v svc/web 80"],
    ["--v 6 svc/web 80", "-v svc/web 80"],
    ["svc/web 80 -v=0", "svc/web 80"],
    ["-v 0 svc/web 80", "svc/web 80"],
    ["svc/web -v 8080", "svc/web -v 8080"],
    ["svc/web 80 -v", "svc/web 80 -v"],
    ["-- -v 6", "-- -v 6"],
    ["--vmodule x=1 -vn shop", "--vmodule x=1 -vn shop"],
  ])("%s", (typed, plain) => expect(withoutLevels(typed.split(" ")).join(" ")).toBe(plain));
});

test("words are read as the parser reads them", () => {
  expect(walk("url -f")).toMatchObject({ spec: { name: "url" }, args: [], awaiting: { long: "--file" } });
  expect(walk("url -f x grafana.localhost")).toMatchObject({ args: [3], awaiting: undefined });
  expect(walk("ps --json")).toMatchObject({ spec: { name: "status" }, args: [] });
  expect(walk("url -- -f")).toMatchObject({ args: [2], isLiteral: true });
  expect(walk("run x")).toMatchObject({ args: [], passedOn: 1 });
});

test("flags", () => {
  expect(readFlags("-f, --file <file>")).toEqual({ words: ["-f", "--file"], names: ["f", "file"], long: "--file", value: "file" });
  expect(readFlags("--log-format <text|json>")).toMatchObject({ names: ["logFormat"], value: "text|json" });
  expect(readFlags("--no-names")).toMatchObject({ names: ["names"], long: "--no-names" });
  expect(readFlags("--all")).toMatchObject({ value: undefined });
});

describe("the help", () => {
  const lines = mainHelp(commands);

  test("fits a screen, with the line of the next prompt", () => {
    expect(lines.length).toBeLessThanOrEqual(23);
    expect(lines.filter(({ text }) => widthOf(text) > 80)).toEqual([]);
  });

  test("names every command", () => {
    const text = lines
      .flatMap((line) => spansOf(line.text))
      .map((span) => span.text)
      .join("\n");
    for (const { name, hidden } of commands) if (hidden !== true) expect(text).toMatch(new RegExp(`\\b${name.split(" ")[0]}\\b`));
  });
});
