/** Run by itself, as in another network namespace: asks a UDP echo by many clients, each again when nothing comes, and prints how often that was. */

import { connectUdp } from "#net/udp.ts";

const [port = 0, clients = 0, rounds = 0, retryMs = 0] = process.argv.slice(2).map(Number);

async function ask(client: number): Promise<number> {
  const flow = await connectUdp({ host: "127.0.0.1", port });
  let retries = 0;
  let heard = (_: string): void => {};
  flow.start({ onDatagram: (payload) => heard(new TextDecoder().decode(payload)), onUnreachable() {}, onClose() {} });
  for (let round = 0; round < rounds; round++) {
    const text = `${client} ${round}`;
    const { promise, resolve } = Promise.withResolvers<void>();
    heard = (answer) => answer === text && resolve();
    const send = (): void => void flow.send(new TextEncoder().encode(text));
    const again = setInterval(() => {
      retries += 1;
      send();
    }, retryMs);
    send();
    await promise;
    clearInterval(again);
  }
  flow.close();
  return retries;
}

const retries = await Promise.all(Array.from({ length: clients }, (_, client) => ask(client)));
process.stdout.write(JSON.stringify({ answered: clients * rounds, retries: retries.reduce((sum, each) => sum + each, 0) }));
