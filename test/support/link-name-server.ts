/** A name server that knows a few names: `link-name-server.ts ADDRESS NAME=IPV4…`. All others are not there. */

import { udpSocket } from "bun";
import { dnsCodes, dnsData, dnsTypes, formatDnsReply, parseDnsQuery } from "#wire/dns-message.ts";

const [hostname = "", ...entries] = process.argv.slice(2);
const known = new Map(entries.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]));
const limitBytes = 512;

await udpSocket({
  hostname,
  port: 53,
  socket: {
    data(socket, message, port, address) {
      const parsed = parseDnsQuery(message);
      if (parsed.kind !== "query") return;
      const { name, type } = parsed.query.question;
      const found = known.get(name);
      const answers = found !== undefined && type === dnsTypes.A ? [{ name, type, ttlSeconds: 5, data: dnsData.a(found) }] : [];
      const code = found === undefined ? dnsCodes.noSuchName : dnsCodes.noError;
      socket.send(formatDnsReply(parsed.query, { code, isAuthoritative: true, answers }, limitBytes), port, address);
    },
  },
});
