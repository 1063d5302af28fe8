/** Binaries that do not follow the variables of Bun: what is taken out of the runtime, and what stays. */

import { expect, test } from "bun:test";
import { file, Glob } from "bun";
import { deafTo, sealed } from "#scripts/seal.ts";

const name = (end: string): string => ["BUN", end].join("_");
const whole = deafTo.map((end) => `${name(end)}\0`).join("");

test("every name is taken out wherever the runtime holds it, and nothing else is touched", () => {
  const built = Buffer.from(`x\0${whole}${name("INSPECT")}${name("INSPECT_CONNECT_TO")} ${name("JSC_useFTLJIT")} y`);
  const bytes = Buffer.from(sealed(built));
  expect(bytes.length).toBe(built.length);
  const text = bytes.toString();
  for (const end of deafTo) expect(text).not.toContain(name(end));
  expect(text).toContain(` ${name("JSC_useFTLJIT")} y`);
  expect(text.replaceAll("\0", "")).toBe(built.toString().replaceAll(new RegExp(`B(?=UN_(${deafTo.join("|")}))|\0`, "g"), ""));
});

test("a property in the runtime's own JavaScript stays a name", () => {
  const script = `process.env.${name("INSPECT")}`;
  expect(Buffer.from(sealed(Buffer.from(whole + script))).toString()).toEndWith(script);
});

test("a runtime without one of the names is not a runtime that this knows", () => {
  expect(() => sealed(Buffer.from(whole.replace(name("BE_BUN"), "other")))).toThrow(`does not hold the name ${name("BE_BUN")}`);
});

test("kt's own code does not hold the names, which would be taken out of it too", async () => {
  const held = new RegExp(deafTo.map(name).join("|"));
  const root = `${import.meta.dir}/../..`;
  const paths = [...new Glob("{src,native,profiles}/**/*").scanSync({ cwd: root })];
  const texts = await Promise.all(paths.map(async (path) => ({ path, text: await file(`${root}/${path}`).text() })));
  expect(paths.length).toBeGreaterThan(100);
  expect(texts.filter(({ text }) => held.test(text)).map(({ path }) => path)).toEqual([]);
});
