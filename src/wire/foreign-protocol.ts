/** Names the protocol of a server that does not answer in HTTP/1, by the first bytes it sends. Pure. */

export type ForeignProtocol =
  /** It wants TLS, and says so with an alert. */
  | { readonly kind: "tls" }
  | { readonly kind: "http2" }
  /** It echoes what it receives. */
  | { readonly kind: "echo" }
  /** One whose greeting or complaint is known, and the port that it is mostly served on. */
  | { readonly kind: "known"; readonly name: string; readonly port: number };

/** Greetings, and what such servers say to a request of HTTP. */
const texts: readonly (readonly [start: RegExp, name: string, port: number])[] = [
  [/^SSH-/, "SSH", 2222],
  [/^220[ -].*FTP/i, "FTP", 2121],
  [/^220[ -]/, "SMTP", 2525],
  [/^554[ -]/, "SMTP", 2525],
  [/^\* (?:OK|BYE|PREAUTH)\b/, "IMAP", 1143],
  [/^\+OK\b/, "POP3", 1110],
  [/^-(?:ERR|DENIED|NOAUTH|LOADING|MISCONF|BUSY) /, "Redis", 6379],
  [/^(?:CLIENT_|SERVER_)?ERROR\b/, "memcached", 11211],
  [/^INFO \{/, "NATS", 4222],
  [/^AMQP/, "AMQP", 5672],
  [/^RFB \d{3}\./, "VNC", 5900],
  [/^@RSYNCD:/, "rsync", 8873],
];

/** What servers of TLS answer in plain HTTP to a client that speaks it: Go, nginx, Apache, Tomcat. */
const tlsComplaint =
  /Client sent an HTTP request to an HTTPS server|plain HTTP request was sent to HTTPS port|speaking plain HTTP to an SSL-enabled server port|combination of host and port requires TLS/;
const complaintBytes = 1024;

/** Whether a response of status 400 says that its server wants TLS. */
export function complainsOfPlainHttp(body: Uint8Array): boolean {
  return tlsComplaint.test(latin1.decode(body.subarray(0, complaintBytes)));
}

const textBytes = 120;
const latin1 = new TextDecoder("latin1");

export function foreignProtocol(bytes: Uint8Array, request: string): ForeignProtocol | undefined {
  const text = latin1.decode(bytes.subarray(0, textBytes));
  if (isTlsAlert(bytes)) return { kind: "tls" };
  if (isHttp2Frame(bytes) || text.startsWith("PRI * HTTP/2.0")) return { kind: "http2" };
  if (text.length >= 4 && request.startsWith(text.slice(0, request.length))) return { kind: "echo" };
  if (isMysql(bytes)) return { kind: "known", name: "MySQL", port: 3306 };
  if (isPostgresError(bytes)) return { kind: "known", name: "PostgreSQL", port: 5432 };
  const found = texts.find(([start]) => start.test(text));
  return found && { kind: "known", name: found[1], port: found[2] };
}

/** A record of the type alert, of whatever version (RFC 8446 §5.1). One byte is enough: no text begins with it. */
function isTlsAlert(bytes: Uint8Array): boolean {
  return bytes[0] === 0x15 && (bytes.length < 2 || bytes[1] === 3);
}

/** A server's first frame is SETTINGS (RFC 9113 §3.4); some begin with GOAWAY where the preface is missing. */
function isHttp2Frame(bytes: Uint8Array): boolean {
  const [high, , , type] = bytes;
  const onConnection = bytes.length >= 9 && bytes.subarray(5, 9).every((byte) => byte === 0);
  return high === 0 && (type === 4 || type === 7) && onConnection;
}

/** A packet's length and number, and the protocol's version (10) with text after it, or an error (0xff). */
function isMysql(bytes: Uint8Array): boolean {
  const [low = 0, middle = 0, high, number, first, next = 0] = bytes;
  const isFirst = bytes.length >= 7 && high === 0 && number === 0 && low + middle > 0;
  return isFirst && (first === 0xff || (first === 10 && next >= 0x30 && next <= 0x39));
}

/** An ErrorResponse: the letter, a length, and the severity's field. */
function isPostgresError(bytes: Uint8Array): boolean {
  return bytes[0] === 0x45 && bytes[1] === 0 && bytes[2] === 0 && bytes[5] === 0x53;
}

/** The first bytes of an answer, for people: what does not print as \xNN, and cut where it is long. */
export function quoteBytes(bytes: Uint8Array, mostBytes = 40): string {
  let text = "";
  for (const byte of bytes.subarray(0, mostBytes)) text += quoteByte(byte);
  return `"${text}${bytes.length > mostBytes ? "…" : ""}"`;
}

const named: Readonly<Record<number, string>> = { 9: "\\t", 10: "\\n", 13: "\\r", 34: '\\"', 92: "\\\\" };

function quoteByte(byte: number): string {
  const name = named[byte];
  if (name !== undefined) return name;
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`;
}
