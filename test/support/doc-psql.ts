/** Stands in for psql where pages run it: connects to `-h` and `-p`, or $PGHOST and $PGPORT, says something, and prints what comes back. */

import { connect } from "bun";

function option(flag: string, fallback: string): string {
  const at = process.argv.indexOf(flag);
  return process.argv[at < 0 ? process.argv.length : at + 1] ?? fallback;
}

const heard = Promise.withResolvers<string>();
await connect({
  hostname: option("-h", process.env["PGHOST"] ?? "localhost"),
  port: Number(option("-p", process.env["PGPORT"] ?? "5432")),
  socket: {
    open: (socket) => void socket.write("hello\n"),
    data: (_, bytes) => heard.resolve(bytes.toString()),
    close: () => heard.reject(new Error("closed without an answer")),
    connectError: (_, error) => heard.reject(error),
  },
});
process.stdout.write(await heard.promise);
process.exit(0);
