/** The status of a request, which is a number and, where it is bad, also a colour. */

import type { RequestEntry } from "#control/api.ts";
import { outcomeOf } from "#dashboard/model/request-list.ts";

const tones = { "2xx": "", "3xx": "dim", "4xx": "yellow", "5xx": "red", left: "red" } as const;

export function StatusCode({ request }: { readonly request: Pick<RequestEntry, "status" | "grpcStatus"> }) {
  const { status, grpcStatus } = request;
  const isGrpcError = grpcStatus !== undefined && grpcStatus !== 0;
  return (
    <span class={isGrpcError ? "red" : tones[outcomeOf(request)]}>
      {status ?? "left"}
      {grpcStatus !== undefined && ` grpc ${grpcStatus}`}
    </span>
  );
}
