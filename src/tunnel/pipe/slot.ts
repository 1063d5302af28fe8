/** A place for one connection on a pod that was chosen. */

import type { Endpoint } from "#kube/objects/types.ts";
import type { Pipe, PipeListener } from "./pipe.ts";

/** It is opened or dropped, once. */
export interface Slot extends Endpoint {
  readonly open: (listener: PipeListener) => Pipe;
  readonly drop: () => void;
}
