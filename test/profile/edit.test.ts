/** Routes put into the text of a profile and taken out again: every form that TOML has for them, and no other byte changed. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parse } from "smol-toml";
import { KtError } from "#base/errors.ts";
import { addRoute, type NewRoute, removeRoute } from "#profile/edit/edit.ts";

const grafana: NewRoute = { section: "routes", name: "grafana.localhost", target: "monitoring/svc/grafana:http", settings: {} };
const mysql: NewRoute = {
  section: "tcp",
  name: "3306",
  target: "db.internal:3306",
  settings: { via: "default/svc/api", container: "main" },
};

describe("a route is added", () => {
  const cases: [string, before: string, route: NewRoute, after: string][] = [
    ["to an empty file", "", grafana, '[routes]\n"grafana.localhost" = "monitoring/svc/grafana:http"\n'],
    ["in the long form", "", mysql, '[tcp.3306]\ntarget = "db.internal:3306"\nvia = "default/svc/api"\ncontainer = "main"\n'],
    [
      "below the last of its table, with its spaces and its line end",
      '[routes]\r\n\t"a.b"   =   "svc/a:80"   # first\r\n\r\n[env]\r\n',
      grafana,
      '[routes]\r\n\t"a.b"   =   "svc/a:80"   # first\r\n\t"grafana.localhost" = "monitoring/svc/grafana:http"\r\n\r\n[env]\r\n',
    ],
    [
      "to a file without a last line end",
      '[routes]\n"a.b" = "svc/a:80"',
      grafana,
      '[routes]\n"a.b" = "svc/a:80"\n"grafana.localhost" = "monitoring/svc/grafana:http"',
    ],
    ["to an inline table", "routes = {}\n", grafana, 'routes = { "grafana.localhost" = "monitoring/svc/grafana:http" }\n'],
    [
      "to an inline table in the long form",
      'tcp = { 1="svc/a:1" } # x',
      mysql,
      'tcp = { 1="svc/a:1", 3306 = { target = "db.internal:3306", via = "default/svc/api", container = "main" } } # x',
    ],
    [
      "to an inline table over several lines",
      'tcp = {\n  1 = "svc/a:1", # x\n}\n',
      { ...mysql, settings: {} },
      'tcp = {\n  1 = "svc/a:1", # x\n  3306 = "db.internal:3306",\n}\n',
    ],
    [
      "to dotted keys",
      'tcp.1 = "svc/a:1"\n[env]\n',
      { ...mysql, settings: {} },
      'tcp.1 = "svc/a:1"\ntcp.3306 = "db.internal:3306"\n[env]\n',
    ],
    [
      "beside tables of other routes",
      '[tcp.1]\ntarget = "svc/a:1"\n# context = "x"\n\n[env]\n',
      { ...mysql, settings: {} },
      '[tcp.1]\ntarget = "svc/a:1"\n# context = "x"\n\n[tcp.3306]\ntarget = "db.internal:3306"\n\n[env]\n',
    ],
    [
      "above a comment that is the next table's",
      '[tcp]\n1 = "svc/a:1"\n# for tests\n[env]\n',
      { ...mysql, settings: { via: "svc/b" } },
      '[tcp]\n1 = "svc/a:1"\n[tcp.3306]\ntarget = "db.internal:3306"\nvia = "svc/b"\n# for tests\n[env]\n',
    ],
    [
      "with a jump host that is made",
      "",
      { ...mysql, settings: { via: { pod: "kt-jump", create: {} } } },
      '[tcp.3306]\ntarget = "db.internal:3306"\nvia = { pod = "kt-jump", create = {} }\n',
    ],
  ];
  test.each(cases)("%s", (_, before, route, after) => {
    expect(addRoute(before, route)).toBe(after);
    expect([before, `${before}[${route.section}]\n`, `${before.replace("{}", "{ }")}`]).toContain(removeRoute(after, route));
  });
});

describe("a route is taken out", () => {
  const tcp = { section: "tcp", name: "3306" } as const;
  const cases: [string, before: string, after: string][] = [
    ["a line", '[tcp]\n# a\n3306 = "x" # b\n# c\n5432 = "y"', '[tcp]\n# a\n# c\n5432 = "y"'],
    ["the last line", '[tcp]\n5432 = "y"\n3306 = "x"', '[tcp]\n5432 = "y"'],
    ["quoted, with spaces", '[ tcp ]\n  "3306"\t=\t"x"\n', "[ tcp ]\n"],
    ["dotted keys", '[tcp]\n3306.target = "x"\n5432 = "y"\n3306 . via = "z"\n', '[tcp]\n5432 = "y"\n'],
    ["dotted keys at the top", 'tcp.3306.target = "x"\ntcp.5432 = "y"\n', 'tcp.5432 = "y"\n'],
    [
      "a table, its comments, its tables, and the line that sets it apart",
      '[tcp]\n5432 = "y"\n\n# the old one\n[tcp.3306]\n# in it\ntarget = "x"\n\n[tcp.3306.via] # how\npod = "p"\n# create = {}\n\n# next\n[env]\n',
      '[tcp]\n5432 = "y"\n\n# next\n[env]\n',
    ],
    ["a table at the top", '[tcp.3306]\ntarget = "x"\n\n[env]\n', "[env]\n"],
    ["a table in two places", '[tcp.3306]\ntarget = "x"\n[env]\nA = "1"\n[tcp.3306.via]\npod = "p"\n', '[env]\nA = "1"\n'],
    [
      "a comment that others may need stays",
      '[tcp]\n5432 = "y"\n# both\n[tcp.3306]\ntarget = "x"\n# z\n[env]\n',
      '[tcp]\n5432 = "y"\n# both\n# z\n[env]\n',
    ],
    ["what looks like a comment in a text", 'name = """\n# x"""\n[tcp.3306]\ntarget = "x"\n', 'name = """\n# x"""\n'],
    ["a value over several lines", '[tcp]\n3306 = """\nx\n"""\n5432 = "y"\n', '[tcp]\n5432 = "y"\n'],
    ["the only one of an inline table", 'tcp = { 3306 = "x" } # c\n', "tcp = { } # c\n"],
    ["the first of an inline table", 'tcp = {3306="x", 5432="y"}\n', 'tcp = {5432="y"}\n'],
    ["the last of an inline table", 'tcp = { 5432 = "y" , 3306 = "x" }\n', 'tcp = { 5432 = "y" }\n'],
    ["from the middle of an inline table", 'tcp = { 1 = "a", 3306 = "x", 5432 = "y" }\n', 'tcp = { 1 = "a", 5432 = "y" }\n'],
    ["in pieces from an inline table", 'tcp = { 3306.target = "x", 1 = "a", 3306.via = "b" }\n', 'tcp = { 1 = "a" }\n'],
    ["a line of an inline table", 'tcp = {\n  1 = "a", # a\n  # b\n  3306 = "x" # c\n}\n', 'tcp = {\n  1 = "a", # a\n  # b\n}\n'],
  ];
  test.each(cases)("%s", (_, before, after) => expect(removeRoute(before, tcp)).toBe(after));
});

describe("a service of a [[reverse]] is taken out", () => {
  const mine = { section: "reverse", name: "shop/api:80" } as const;
  const table = (service: string, more = ""): string => `[[reverse]]\nservice = "${service}"\nlocal = "127.0.0.1:3000"\n${more}`;
  const cases: [string, before: string, after: string][] = [
    ["the only one", `name = "x"\n\n${table("shop/api:80")}`, 'name = "x"\n'],
    ["the first", `${table("shop/api:80")}\n${table("b:1")}`, table("b:1")],
    [
      "from the middle",
      `${table("a:1")}\n${table("shop/api:80", "replace = true\n")}\n${table("b:1")}`,
      `${table("a:1")}\n${table("b:1")}`,
    ],
    ["the last, with its comment", `${table("a:1")}\n# mine\n${table("shop/api:80")}\n[env]\n`, `${table("a:1")}\n[env]\n`],
    ["written twice", `${table("shop/api:80")}\n${table("a:1")}\n${table("shop/api:80")}`, table("a:1")],
  ];
  test.each(cases)("%s", (_, before, after) => expect(removeRoute(before, mine)).toBe(after));

  test("not from a list on one line, where an editor is asked for", () => {
    const text = 'reverse = [{ service = "shop/api:80", local = "127.0.0.1:1" }]\n';
    expect(() => removeRoute(text, mine)).toThrow('"shop/api:80" cannot be taken out of the file without changing more of it');
  });
});

describe("nothing is edited", () => {
  const refused = (work: () => string): string => {
    try {
      return `no error: ${work()}`;
    } catch (error) {
      return error instanceof KtError ? error.message : String(error);
    }
  };

  test("that is not TOML", () => {
    expect(refused(() => addRoute("[routes\n", grafana))).toContain("cannot be added to the file");
    expect(refused(() => removeRoute("[routes\n", grafana))).toContain("cannot be taken out of the file");
  });

  test("where the section is something else", () => {
    for (const text of ["routes = 1\n", "[[routes]]\na = 1\n"]) expect(refused(() => addRoute(text, grafana))).toContain("cannot be added");
  });

  test("where it is there already", () => {
    expect(refused(() => addRoute('[routes]\n"grafana.localhost" = "svc/a:80"\n', grafana))).toContain("cannot be added");
  });
});

/** A line of a random profile, and the route whose it is. */
interface Line {
  readonly text: string;
  readonly owner?: string;
}

const own = (owner: string, ...texts: string[]): Line[] => texts.map((text) => ({ text, owner }));
const pick = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);

/** What may stand between any two lines. */
const noise: fc.Arbitrary<Line[]> = fc.array(
  pick("", "", "  ", "\t", "# a comment", '# "old.localhost" = "svc/old:80"', "   # [tcp.1]", "#").map((text) => ({ text })),
  { maxLength: 3 },
);
const trailing = pick("", "", " # behind", "\t", "   #");
const equals = pick(" = ", "=", "  =  ", "\t=\t");
const indent = pick("", "", "  ", "\t");
const target = pick('"svc/a:80"', "'ns/svc/b:http'", '"pod/c-0:1"', '"svc/#d:1"', '"""svc/e:1"""');

function nameOf(section: string): fc.Arbitrary<string> {
  return section === "routes" ? pick("a.localhost", "b.localhost", "C.localhost", "x") : pick("1", "5432", "127.0.0.1:81", "localhost:82");
}

/** A key as people quote it. */
const keyText = (name: string, quote: string): string =>
  /^[\w-]+$/.test(name) && quote === "" ? name : `${quote || '"'}${name}${quote || '"'}`;

interface Entry {
  readonly name: string;
  readonly key: string;
  readonly value: string;
  readonly eq: string;
  readonly pad: string;
  readonly tail: string;
  readonly before: readonly Line[];
}

function entriesOf(section: string, minLength: number): fc.Arbitrary<Entry[]> {
  const entry = fc.record({
    name: nameOf(section),
    quote: pick("", '"', "'"),
    value: target,
    eq: equals,
    pad: indent,
    tail: trailing,
    before: noise,
  });
  return fc
    .uniqueArray(entry, { minLength, maxLength: 4, selector: ({ name }) => name })
    .map((list) => list.map(({ quote, ...rest }) => ({ ...rest, key: keyText(rest.name, quote) })));
}

const plainLines = (entries: readonly Entry[], prefix: string): Line[] =>
  entries.flatMap(({ name, key, value, eq, pad, tail, before }) => [...before, ...own(name, `${pad}${prefix}${key}${eq}${value}${tail}`)]);

const dottedLines = (entries: readonly Entry[], prefix: string): Line[] =>
  entries.flatMap(({ name, key, value, eq, pad, before }) => [
    ...own(name, `${pad}${prefix}${key}.target${eq}${value}`),
    ...before,
    ...own(name, `${pad}${prefix}${key} . "context"${eq}"dev"`),
  ]);

/** Each ends with an empty line, so that what comes next is not taken for the table's. */
const tableLines = (entries: readonly Entry[], section: string): Line[] =>
  entries.flatMap(({ name, key, value, eq, pad, tail, before }) => [
    ...own(name, `${pad}[${section}.${key}]${tail}`),
    ...before.map(({ text }) => ({ text, owner: name })),
    ...own(name, `${pad}target${eq}${value}${tail}`),
    { text: "" },
  ]);

function inlineText(entries: readonly Entry[], section: string): Line[] {
  const pairs = entries.map(({ key, value, eq }) => `${key}${eq}${value}`);
  return [{ text: `${section} = {${pairs.length > 0 ? ` ${pairs.join(" , ")} ` : ""}} # inline`, owner: "inline" }];
}

interface Part {
  /** Before the first header. */
  readonly top: readonly Line[];
  readonly block: readonly Line[];
  readonly names: readonly string[];
}

function partOf(section: "routes" | "tcp"): fc.Arbitrary<Part> {
  const part = (entries: readonly Entry[], lines: Partial<Part>): Part => ({
    top: [],
    block: [],
    names: entries.map(({ name }) => name),
    ...lines,
  });
  return fc.oneof(
    fc.constant(part([], {})),
    fc.tuple(entriesOf(section, 0), entriesOf(section, 0), entriesOf(section, 0)).map(([plain, dotted, tables]) => {
      const isNew = (earlier: readonly Entry[]) => (entry: Entry) => !earlier.some(({ name }) => name === entry.name);
      const rest = dotted.filter(isNew(plain));
      const last = tables.filter(isNew([...plain, ...rest]));
      const header = { text: section === "tcp" ? "[tcp] # ports" : '[ "routes" ]' };
      const lines = [header, ...plainLines(plain, ""), ...dottedLines(rest, ""), { text: "" }, ...tableLines(last, section)];
      return part([...plain, ...rest, ...last], { block: lines });
    }),
    entriesOf(section, 1).map((entries) => part(entries, { block: tableLines(entries, section) })),
    entriesOf(section, 1).map((entries) => part(entries, { top: plainLines(entries, `${section}.`) })),
    entriesOf(section, 1).map((entries) => part(entries, { top: dottedLines(entries, `${section} . `) })),
    entriesOf(section, 0).map((entries) => part(entries, { top: inlineText(entries, section) })),
  );
}

interface Profile {
  readonly lines: readonly Line[];
  readonly eol: string;
  readonly isEnded: boolean;
  readonly text: string;
  readonly names: Readonly<Record<"routes" | "tcp", readonly string[]>>;
}

const profile: fc.Arbitrary<Profile> = fc
  .record({
    routes: partOf("routes"),
    tcp: partOf("tcp"),
    gaps: fc.array(noise, { minLength: 5, maxLength: 5 }),
    flip: fc.boolean(),
    eol: pick("\n", "\r\n"),
    isEnded: fc.boolean(),
  })
  .map(({ routes, tcp, gaps, flip, eol, isEnded }) => {
    const env: Line[] = [{ text: "[env]" }, { text: 'A = "1" # [routes]' }];
    const blocks = flip ? [tcp.block, env, routes.block] : [routes.block, tcp.block, env];
    const top: Line[] = [{ text: 'name = "p"' }, ...routes.top, ...(gaps[0] ?? []), ...tcp.top];
    const lines = [...top, ...blocks.flatMap((block, index) => [...(gaps[index + 1] ?? []), { text: "" }, ...block]), ...(gaps[4] ?? [])];
    const text = lines.map((line) => line.text).join(eol) + (isEnded ? eol : "");
    return { lines, eol, isEnded, text, names: { routes: routes.names, tcp: tcp.names } };
  });

const newRoute: fc.Arbitrary<NewRoute> = fc.record({
  section: pick("routes", "tcp"),
  name: pick("new.localhost", "9999"),
  target: pick("svc/new:80", "db.internal:3306"),
  settings: pick({}, {}, { via: "default/svc/api" }, { via: { pod: "p", create: {} }, context: 'a "b"' }),
});

function commonPrefix(one: string, other: string): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at++;
  return at;
}

const runs = { numRuns: 1000 };

test("adding puts one piece of text in and changes nothing else", () => {
  fc.assert(
    fc.property(profile, newRoute, ({ text }, route) => {
      const after = addRoute(text, route);
      const at = commonPrefix(text, after);
      expect(after.slice(at + after.length - text.length)).toBe(text.slice(at));
      expect(parse(after)).toMatchObject(parse(text));
    }),
    runs,
  );
});

test("adding and taking out gives the file back, but for the header that was opened", () => {
  fc.assert(
    fc.property(profile, newRoute, ({ text, eol }, route) => {
      const back = removeRoute(addRoute(text, route), route);
      const opened = text.endsWith("\n") ? `${text}${eol}[${route.section}]${eol}` : `${text}${eol}${eol}[${route.section}]`;
      expect([text, opened, text.replace(`${route.section} = {}`, `${route.section} = { }`)]).toContain(back);
    }),
    runs,
  );
});

test("taking out leaves every line that is not the route's", () => {
  fc.assert(
    fc.property(profile, fc.nat(), ({ lines, text, eol, names }, seed) => {
      const all = [...names.routes.map((name) => ["routes", name] as const), ...names.tcp.map((name) => ["tcp", name] as const)];
      const [section, name] = all[seed % Math.max(all.length, 1)] ?? [];
      if (section === undefined || name === undefined) return;
      const after = removeRoute(text, { section, name });
      const rest = parse(text);
      delete (rest[section] as Record<string, unknown>)[name];
      expect({ [section]: {}, ...parse(after) }).toEqual({ [section]: {}, ...rest });
      // Comments above a table of the route's own may go with it.
      const isKept = ({ text: line, owner }: Line): boolean =>
        owner !== name && owner !== "inline" && line.trim() !== "" && !line.trim().startsWith("#");
      const kept = lines.filter(isKept).map((line) => line.text);
      const found = after.split(eol);
      let at = -1;
      for (const line of kept) {
        at = found.indexOf(line, at + 1);
        expect(at).toBeGreaterThanOrEqual(0);
      }
      for (const line of found) expect(line.includes("= {") || lines.some((each) => each.text === line)).toBe(true);
    }),
    runs,
  );
});

test("taking out a plain line takes that line and no other", () => {
  fc.assert(
    fc.property(entriesOf("tcp", 1), noise, pick("\n", "\r\n"), (entries, gap, eol) => {
      const [first] = entries;
      if (first === undefined) return;
      const lines = [...gap, { text: "[tcp]" }, ...plainLines(entries, ""), ...gap];
      const rest = lines.filter(({ owner }) => owner !== first.name);
      const join = (some: readonly Line[]): string => some.map(({ text }) => text + eol).join("");
      expect(removeRoute(join(lines), { section: "tcp", name: first.name })).toBe(join(rest));
    }),
    runs,
  );
});
