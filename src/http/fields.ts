/** What HTTP's fields, methods and status codes mean to whatever passes messages on. Pure. */

/**
 * Whether a field concerns one connection only (RFC 9110 §7.6.1), Transfer-Encoding and TE aside, which say how a body is read.
 * By the length of its name first: this is asked of every field of every message.
 */
export function isHopField(name: string): boolean {
  switch (name.length) {
    case 7:
      return name.toLowerCase() === "upgrade";
    case 10: {
      const lower = name.toLowerCase();
      return lower === "connection" || lower === "keep-alive";
    }
    case 16:
      return name.toLowerCase() === "proxy-connection";
    default:
      return false;
  }
}

/** Whether a request's field is for the first hop alone: what an upgrade to HTTP/2 offers, and a proxy's password. */
export function isFirstHopField(name: string): boolean {
  if (name.length === 14) return name.toLowerCase() === "http2-settings";
  return name.length === 19 && name.toLowerCase() === "proxy-authorization";
}

/** Whether a field says whom a proxy passes a request on for. */
export function isForwardedField(name: string): boolean {
  switch (name.length) {
    case 15:
      return name.toLowerCase() === "x-forwarded-for";
    case 16:
      return name.toLowerCase() === "x-forwarded-host";
    case 17:
      return name.toLowerCase() === "x-forwarded-proto";
    default:
      return false;
  }
}

/** Whether a request may be sent twice (RFC 9110 §9.2.2). */
export function isIdempotent(method: string): boolean {
  switch (method) {
    case "GET":
    case "HEAD":
    case "OPTIONS":
    case "TRACE":
    case "PUT":
    case "DELETE":
      return true;
    default:
      return false;
  }
}

/** RFC 9110 §15, and those of RFC 6585. */
const reasonPhrases: Readonly<Record<number, string>> = {
  101: "Switching Protocols",
  200: "OK",
  201: "Created",
  204: "No Content",
  303: "See Other",
  304: "Not Modified",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/** What stands behind a status code in the first line of a response. */
export function reasonPhrase(status: number): string {
  return reasonPhrases[status] ?? "";
}
