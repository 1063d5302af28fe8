/** Addresses to listen on, as sections have them: one, or a list. */

import * as v from "valibot";
import type { KeyPath } from "#profile/toml/positions.ts";
import { formatListen, parseListen } from "#profile/values/listen.ts";
import type { Placed } from "#profile/values/placed.ts";
import type { ListenAddress } from "#profile/values/plan.ts";
import type { SectionReader } from "./reader.ts";

const port = "a port from 1 to 65535";

const address = v.union(
  [
    v.pipe(v.string("an address"), v.examples(["127.0.0.1:8989", "[::1]:8989"])),
    v.pipe(v.number("a port"), v.integer(port), v.minValue(1, port), v.maxValue(65535, port)),
  ],
  'an address such as "127.0.0.1:8989", or a port',
);

export const listenShape = v.union([address, v.array(address)], "an address or a list of addresses");

type Given = v.InferOutput<typeof listenShape>;

/** Each address once. */
export function readListen(reader: SectionReader, path: KeyPath, given: Given | undefined): Placed<readonly ListenAddress[]> | undefined {
  if (given === undefined) return undefined;
  const addresses = reader.each(path, given, parseListen).flat();
  const unique = new Map(addresses.map((each) => [formatListen(each), each]));
  return reader.place(path, [...unique.values()]);
}
