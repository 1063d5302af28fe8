/** Stands in for psql where pages run it: connects to `-h` and `-p`, or $PGHOST and $PGPORT, says something, and prints what comes back. */

import { connect } from "bun";
import { eventually } from "./wait.ts";

function option(flag: string, fallback: string): string {
  const at = process.argv.indexOf(flag);
  return process.argv[at < 0 ? process.argv.length : at + 1] ?? fallback;
}

async function ask(): Promise<string> {
  const heard = Promise.withResolvers<string>();
  await connect({
    hostname: option("-h", process.env["PGHOST"] ?? "localhost"),
    port: Number(option("-p", process.env["PGPORT"] ?? "5432")),
    socket: {
      open: (socket) => void socket.write("hello\n"),
      data: (_, bytes) => heard.resolve(bytes.toString()),
      close: () => heard.reject(new Error("closed without an answer")),
    },
  });
  return await heard.promise;
}

// A user does not type the next command as fast as a script: by then kt has read the profile again.
process.stdout.write(await eventually("the port to answer", ask));
process.exit(0);
