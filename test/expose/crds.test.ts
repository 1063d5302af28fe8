/** The CRDs are as they were reviewed, and keep what objects of achetronic/tunnel rely on. */

import { expect, test } from "bun:test";
import { file } from "bun";
import { manifestText } from "#cli/manifests/printed-manifests.ts";
import { edgeCrds } from "#expose/resources/crds.ts";

/** Written by `kt edge manifests`. */
const golden = new URL("crds.txt", import.meta.url).pathname;

test("the CRDs are those of crds.txt", async () => {
  expect(`${manifestText(edgeCrds())}\n`).toBe(await file(golden).text());
});

test("names are those that objects and tools already use", () => {
  expect(edgeCrds()).toMatchObject([
    { metadata: { name: "edgenodes.tunnel.achetronic.com" }, spec: { names: { kind: "EdgeNode", shortNames: ["en"] } } },
    { metadata: { name: "portbindings.tunnel.achetronic.com" }, spec: { names: { kind: "PortBinding", shortNames: ["pb"] } } },
  ]);
});
