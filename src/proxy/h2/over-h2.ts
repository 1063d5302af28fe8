/** Reaches backends of HTTP/2 for requests of HTTP/1; the code for it is loaded with the first of them. */

import type { OverH2 } from "#proxy/http1/backends.ts";

export const overH2: OverH2 = async (conn, clock, scheme) => {
  const { Http1OverH2 } = await import("./http1-over-h2.ts");
  return new Http1OverH2(conn, clock, scheme);
};
