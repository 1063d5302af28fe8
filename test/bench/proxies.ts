/** Measures what a new connection by SOCKS5 costs beside one of a TCP route, in turns through one kt. */

import { namespace } from "#test/support/cluster.ts";
import { listening } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { flawless, median } from "./measure.ts";
import type { Figures } from "./rows.ts";
import { benchProfile } from "./tunnels.ts";
import { withKt } from "./with-kt.ts";

/** So few at a time that what else the machine does falls on both. */
const turns = 8;
const connectionsPerTurn = 50;

export async function measureProxy(kubeconfig: string): Promise<Figures> {
  const [http = 0, echo = 0, proxy = 0] = freePorts(3);
  return await withKt(kubeconfig, `${benchProfile(http, echo)}[proxy]\nlisten = "127.0.0.1:${proxy}"\n`, async (kt) => {
    await listening(proxy, kt);
    const once = {
      route: () => flawless("tcpconn", echo, "", connectionsPerTurn),
      socks: () => flawless("socksconn", proxy, `bench.${namespace}`, connectionsPerTurn),
    };
    await once.route();
    await once.socks();
    const ratios: number[] = [];
    for (let turn = 0; turn < turns; turn++) {
      const [route, socks] = [await once.route(), await once.socks()];
      ratios.push((socks.p50Ms ?? Number.NaN) / (route.p50Ms ?? Number.NaN));
    }
    return { "new connection by SOCKS5, beside a TCP route": median(ratios) };
  });
}
