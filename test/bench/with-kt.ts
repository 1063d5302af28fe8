/** A kt of its own for one profile, for as long as something is measured on it. */

import { Home, type KtProcess } from "#test/support/kt.ts";

export async function withKt<T>(kubeconfig: string, profile: string, measure: (kt: KtProcess, home: Home) => Promise<T>): Promise<T> {
  const home = new Home({ KUBECONFIG: kubeconfig });
  const file = home.write("tunnels.toml", profile);
  try {
    return await measure(home.start(["serve", "-f", file]), home);
  } finally {
    await home.close();
  }
}
