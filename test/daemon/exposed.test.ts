/** What the network reaches is named with the addresses where it does. */

import { expect, test } from "bun:test";
import { exposuresOf, exposureText } from "#daemon/listening/exposed.ts";
import { networkAddresses } from "#native/network-addresses.ts";
import { planOf } from "./plans.ts";

const own = ["10.0.0.5", "192.168.1.7", "2001:db8::5"];

test.each([
  ['[http]\nlisten = "0.0.0.0:8989"\n', ["the network reaches 0.0.0.0:8989 (expose = true), at 10.0.0.5:8989, 192.168.1.7:8989"]],
  [
    '[tcp]\n"[::]:5432" = "svc/db:5432"\n',
    ["the network reaches [::]:5432 (expose = true), at 10.0.0.5:5432, 192.168.1.7:5432, [2001:db8::5]:5432"],
  ],
  ['[tcp]\n"10.0.0.5:5432" = "svc/db:5432"\n', ["the network reaches 10.0.0.5:5432 (expose = true), at 10.0.0.5:5432"]],
  ['[tcp]\n5432 = "svc/db:5432"\n"127.0.0.7:1" = "svc/db:1"\n', []],
])("%s", async (text, said) => {
  const plan = await planOf("/p/tunnels.toml", `expose = true\n${text}`);
  expect(exposuresOf(plan, own).map(exposureText)).toEqual(said);
});

test("of many addresses four are named, and a machine without a network has none", async () => {
  const plan = await planOf("/p/tunnels.toml", 'expose = true\n[http]\nlisten = "0.0.0.0:80"\n');
  const many = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"];
  expect(exposuresOf(plan, many).map(exposureText)[0]).toEndWith("10.0.0.4:80 and 2 more");
  expect(exposuresOf(plan, []).map(exposureText)[0]).toEndWith("though this machine is in no network now");
});

test("this machine's own addresses are not loopback ones", () => {
  expect(networkAddresses().filter((address) => address.startsWith("127.") || address === "::1")).toEqual([]);
});
