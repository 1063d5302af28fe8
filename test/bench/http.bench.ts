/** Times the HTTP/1 head codec on a typical keep-alive request and its response. */

import { bench, run } from "mitata";
import { decodeRequestHead, decodeResponseHead, encodeHead } from "#wire/http-head.ts";

const request = Buffer.from(
  [
    "GET /api/v1/items?page=2&size=50 HTTP/1.1",
    "Host: grafana.localhost:8989",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-GB,en;q=0.9",
    "Cache-Control: no-cache",
    "Connection: keep-alive",
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark",
    "Referer: http://grafana.localhost:8989/",
    "Sec-Fetch-Mode: navigate",
    "\r\n",
  ].join("\r\n"),
);
const response = Buffer.from(
  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1234\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nCache-Control: no-store\r\nServer: web\r\n\r\n",
);

bench("request head, 10 fields: decode", () => decodeRequestHead(request));
bench("response head, 5 fields: decode", () => decodeResponseHead(response));
const decoded = decodeRequestHead(request);
if (decoded !== "short") bench("request head, 10 fields: encode", () => encodeHead("GET / HTTP/1.1", decoded.head.headers));

await run();
