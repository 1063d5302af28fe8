/** Reads the text formats of metrics, strictly enough that what it takes is what was meant. */

export interface ReadFamily {
  readonly type: string;
  readonly help: string;
  readonly unit: string | undefined;
}

export interface ReadMetrics {
  readonly families: ReadonlyMap<string, ReadFamily>;
  /** By name and labels, as in `name{a="b"}` with the values unescaped. */
  readonly samples: ReadonlyMap<string, number>;
  readonly ended: boolean;
}

const sampleLine = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)$/;
const labelPair = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"/g;

/** Throws for a line that is not valid, a sample without a family, and one that is there twice. */
export function readMetrics(text: string): ReadMetrics {
  const families = new Map<string, { type: string; help: string; unit: string | undefined }>();
  const samples = new Map<string, number>();
  const lines = text.split("\n");
  if (lines.pop() !== "") throw new Error("the last line has no end");
  const ended = lines.at(-1) === "# EOF";
  for (const line of ended ? lines.slice(0, -1) : lines) {
    const [, word, name = "", value = ""] = /^# (TYPE|HELP|UNIT) (\S+) (.*)$/s.exec(line) ?? [];
    if (word === undefined) readSample(line, samples);
    else {
      const family = families.get(name) ?? { type: "", help: "", unit: undefined };
      if (word === "TYPE" && family.type !== "") throw new Error(`"${name}" is described twice`);
      families.set(name, { ...family, [word.toLowerCase()]: word === "HELP" ? unescaped(value) : value });
    }
  }
  return { families, samples, ended };
}

function readSample(line: string, samples: Map<string, number>): void {
  const [, name = "", labels = "", value = ""] = sampleLine.exec(line) ?? [];
  if (name === "") throw new Error(`not a valid line: ${JSON.stringify(line)}`);
  const number = value === "+Inf" ? Number.POSITIVE_INFINITY : value === "-Inf" ? Number.NEGATIVE_INFINITY : Number(value);
  if (Number.isNaN(number) && value !== "NaN") throw new Error(`not a valid number: ${value}`);
  const pairs = [...labels.matchAll(labelPair)].map(([, key = "", text = ""]): readonly [string, string] => [key, unescaped(text)]);
  const key = sampleKey(name, pairs);
  if (samples.has(key)) throw new Error(`there twice: ${key}`);
  samples.set(key, number);
}

export function sampleKey(name: string, labels: readonly (readonly [string, string])[]): string {
  return `${name}{${labels.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(",")}}`;
}

function unescaped(text: string): string {
  return text.replace(/\\([\\"n])/g, (_, character: string) => (character === "n" ? "\n" : character));
}
