/** Which domains kt's CA has to sign for, by what a profile serves over TLS. */

import { expect, test } from "bun:test";
import { loadPlan } from "#profile/load.ts";
import { terminatedDomains } from "#profile/terminated-domains.ts";

async function domainsOf(text: string): Promise<readonly string[]> {
  const readText = async (path: string): Promise<string | undefined> => (path === "/p/tunnels.toml" ? text : undefined);
  return terminatedDomains((await loadPlan({ file: "/p/tunnels.toml", environment: {}, home: "/", readText })).plan);
}

test.each([
  ["nothing without TLS", '[http]\ncluster_names = ["shop"]\nsuffix = "k8s.test"\n', []],
  ["the suffix of dynamic names", '[http]\ntls = "terminate"\nsuffix = "k8s.test"\n', ["k8s.test"]],
  [
    "of the cluster's names those that are not names of the web",
    '[http]\ntls = "terminate"\ncluster_names = ["shop"]\n[dns]\ncluster_domain = "k8s.internal"\n',
    ["svc", "svc.k8s.internal"],
  ],
])("%s", async (_, text, domains) => {
  expect(await domainsOf(text)).toEqual(domains);
});
