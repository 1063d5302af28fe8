/** Opens hosts over SSH, each of which is brought to what is wanted with the binary that runs here. */

import { RemoteHost } from "#remote/remote-host.ts";
import type { KtBinary } from "#operator/host/wanted/kt-binary.ts";
import { reconcileHost } from "#operator/host/reconcile-host.ts";
import { removeHost } from "#operator/host/remove-host.ts";
import { restartEdge } from "#operator/host/restart-edge.ts";
import { wantedHost } from "#operator/host/wanted/wanted-host.ts";
import type { EdgeHost, OpenHost } from "#operator/node/edge-host.ts";

export function openHost(binary: KtBinary): OpenHost {
  return async (ssh) => hostOf(await RemoteHost.open(ssh), binary);
}

function hostOf(remote: RemoteHost, binary: KtBinary): EdgeHost {
  let stamp = "";
  return {
    async reconcile(request) {
      const wanted = wantedHost({ ...request, binary });
      const { binaryStamp, ...outcome } = await reconcileHost(remote, wanted, stamp);
      stamp = binaryStamp;
      return { ...outcome, hash: wanted.hash };
    },
    restart: async (request) => await restartEdge(remote, wantedHost({ ...request, binary }), stamp),
    remove: async () => await removeHost(remote),
    close: () => remote.close(),
  };
}
