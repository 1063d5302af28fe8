/** Reads the recorded vectors. */

import { file } from "bun";

export async function loadHex(name: string): Promise<Uint8Array> {
  const text = await file(`${import.meta.dir}/${name}.hex`).text();
  return new Uint8Array(Buffer.from(text.replaceAll("\n", ""), "hex"));
}

export async function loadJson<T>(name: string): Promise<T> {
  return (await file(`${import.meta.dir}/${name}.json`).json()) as T;
}
