/** `kt up -n`, `kt open TARGET` and `kt url TARGET` where there is no profile, in front of the embedded API. */

import { expect, test } from "bun:test";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { file, write } from "bun";
import { ApiServer } from "#demo/api-server.ts";
import { SourceHome } from "#test/support/source-home.ts";
import { eventually } from "#test/support/wait.ts";

async function makeCluster(context = "dev") {
  const [home, api] = [await SourceHome.make(), new ApiServer()];
  api.cluster.setService({
    namespace: "shop",
    name: "web",
    selector: { app: "web" },
    ports: [{ name: "http", port: 80, targetPort: 8080 }],
  });
  api.cluster.setService({
    namespace: "shop",
    name: "db",
    selector: { app: "db" },
    ports: [{ name: "pg", port: 35_432, targetPort: 5432 }],
  });
  await mkdir(`${home.path}/home/.kube`, { recursive: true });
  await writeFile(`${home.path}/home/.kube/config`, api.kubeconfig({ context, namespace: "shop" }));
  return {
    home,
    api,
    profile: (label: string) => `${home.path}/home/.local/state/kt/namespaces/${label}/shop/tunnels.toml`,
    async [Symbol.asyncDispose]() {
      await home.run(["down", "--all"]);
      await home[Symbol.asyncDispose]();
      api.close();
    },
  };
}

// One after the other: without a profile all of them listen on the usual port.
test("kt up -n serves every service of a namespace without a profile, and kt down NAME ends it", async () => {
  await using cluster = await makeCluster();
  const { home } = cluster;
  const { stdout, stderr, exitCode } = await home.run(["up", "-d", "-n", "shop"]);
  expect([stderr, exitCode]).toEqual(["", 0]);
  expect(stdout).toContain("http://web.shop.localhost:8989");
  expect(stdout).toContain("localhost:35432");
  const written = await readFile(cluster.profile("dev"), "utf8");
  expect(written).toContain('context = "dev"\nnamespace = "shop"\n');
  const services = process.platform === "linux" ? ["db.shop:35432", "web.shop:80"] : [];
  const { profiles } = JSON.parse((await home.run(["status", "--json"])).stdout);
  expect(profiles[0].routes.filter(({ kind }: { kind: string }) => kind === "forward").map(({ name }: { name: string }) => name)).toEqual(
    services,
  );
  expect((await home.run(["up", "-d", "--context", "dev"])).exitCode).toBe(0);
  expect(await readFile(cluster.profile("dev"), "utf8")).toBe(written);
  expect((await home.run(["down", "shop"])).stdout).toBe(`detached ${cluster.profile("dev")}\n`);
});

test.skipIf(process.platform !== "linux")("kt up with several namespaces and globs serves all of them, by address", async () => {
  await using cluster = await makeCluster();
  const { home, api } = cluster;
  api.cluster.setService({ namespace: "team-a", name: "api", selector: { app: "api" }, ports: [{ port: 8080, targetPort: 8080 }] });
  const { stdout, stderr, exitCode } = await home.run(["up", "-d", "-n", "shop", "-n", "team-*"]);
  expect([stderr, exitCode]).toEqual(["", 0]);
  const shown = stdout.replaceAll(/127\.[0-9.]+:/g, "ADDRESS:");
  expect(shown).toContain("  shop  2 services\n  ○ idle      ADDRESS:35432  db.shop\n  ○ idle      ADDRESS:80     web.shop\n");
  expect(shown).toContain("  team-a  1 service\n  ○ idle      ADDRESS:8080   api.team-a\n");
  expect((await home.run(["status", "db.shop"])).stdout).not.toContain("team-a");
  for (const word of ["status", "explain"])
    expect((await home.run(["complete", "fish", word, "db"])).stdout).toMatch(/^db\.shop\t127\.[0-9.]+$/m);
  expect((await home.run(["complete", "fish", "add", "db"])).stdout).not.toContain("db.shop");
  expect((await home.run(["status", "team-a"])).stdout).toContain("api.team-a");
  expect((await home.run(["down", "shop,team-*"])).stdout).toContain("detached");
  expect((await home.run(["up", "-n", "Shop"])).exitCode).toBe(2);
});

test.skipIf(process.platform !== "linux")(
  "kt run -n needs no profile, waits for no route, and says which namespaces are empty",
  async () => {
    await using cluster = await makeCluster();
    const { home } = cluster;
    const ran = await home.run(["run", "-n", "shop", "--", "getent", "hosts", "db"]);
    const isNamed = ran.stderr === "";
    // Root of a container may not have a mount namespace: then the command runs, and it is said what it lacks.
    if (isNamed) expect(ran).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^127\..* db db\.shop /) });
    else expect(ran.stderr).toContain("does not resolve");
    const several = await home.run(["run", "-q", "--no-names", "-n", "shop", "-n", "nowhere", "--", "echo", "ran"]);
    expect(several).toMatchObject({ exitCode: 0, stdout: "ran\n" });
    expect(several.stderr).toContain('namespace "nowhere": the namespace is not there yet');
    expect((await home.run(["run", "-n", "shop", "-f", "x.toml", "--", "true"])).exitCode).toBe(2);
  },
);

test.skipIf(process.platform !== "linux")(
  "kt env and kt run give the address of a forwarded service, with the port that it has here",
  async () => {
    await using cluster = await makeCluster();
    const { home } = cluster;
    const env = '[env]\nDB = "${forward.db.shop:35432.address}"\n';
    await write(`${home.project}/tunnels.toml`, `[http]\nlisten = "127.0.0.1:8989"\n[[forward]]\nports = { 35432 = 45432 }\n${env}`);
    const { stdout, exitCode } = await home.run(["env", "--format", "dotenv"]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^DB="?127\.\d+\.\d+\.\d+:45432"?\n$/);
    const ran = await home.run(["run", "-q", "--no-names", "printenv", "DB"]);
    expect(ran.stdout.trim()).toBe(/127[0-9.:]+/.exec(stdout)?.[0] ?? "");
    await write(`${home.project}/tunnels.toml`, `[http]\nlisten = "127.0.0.1:8989"\n[[forward]]\n${env.replace("db.", "dbb.")}`);
    const wrong = await home.run(["env"]);
    expect(wrong).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('did you mean "db.shop:35432"?') });
  },
);

test("kt up -n of a namespace without services names the one that was meant", async () => {
  await using cluster = await makeCluster();
  expect(await cluster.home.run(["up", "-d", "-n", "shpo"])).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: 'kt: error: namespace "shpo" of context "dev" has no services\nkt: hint: kt up -n shop\n',
  });
});

test("services that may not be listed are said to be so, by kt up -n and kt init", async () => {
  await using cluster = await makeCluster();
  cluster.api.access.forbid("list", "services");
  expect(await cluster.home.run(["up", "-d", "-n", "shop"])).toMatchObject({
    exitCode: 0,
    stderr:
      'kt: warning: services of namespace "shop" may not be listed\n' +
      "kt: hint: each has a name all the same: http://NAME-PORT.svc.shop.ns.dev.cx.k8s.localhost:8989\n",
  });
  const { stderr } = await cluster.home.run(["init"]);
  expect(stderr).toContain('hint: services of namespace "shop" may not be listed: name one with kt add web.localhost svc/web:80\n');
});

test("kt url of a target needs no profile, and says what is missing", async () => {
  await using cluster = await makeCluster();
  const { home } = cluster;
  const web = await home.run(["url", "svc/web:http"]);
  expect(web).toEqual({
    exitCode: 0,
    stdout: "http://web.shop.localhost:8989\n",
    stderr: 'kt: warning: namespace "shop" is not attached\nkt: hint: kt up -d -n shop\n',
  });
  expect((await home.run(["url", "svc/db:pg"])).stdout).toBe("localhost:35432\n");
  expect((await home.run(["url", "svc/other:8080"])).stdout).toBe("http://other-8080.svc.shop.ns.dev.cx.k8s.localhost:8989\n");
  expect((await home.run(["url", "other/svc/my-web:9"])).stdout).toBe("http://9.my-web.svc.other.ns.dev.cx.k8s.localhost:8989\n");
  expect(await home.run(["url", "deploy/web:80"])).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("it needs a route") });
});

test("kt open of a target attaches its namespace, and opens it", async () => {
  await using cluster = await makeCluster("kubernetes-admin@kubernetes");
  const { home } = cluster;
  await write(`${home.path}/browser`, `#!/bin/sh\necho "$@" > ${home.path}/opened\n`);
  await chmod(`${home.path}/browser`, 0o755);
  const ran = await home.run(["open", "svc/web:http"], { BROWSER: `${home.path}/browser` });
  expect(ran).toEqual({
    exitCode: 0,
    stdout: "http://web.shop.localhost:8989\nattached namespace shop until kt down shop\n",
    stderr: "",
  });
  await eventually("the browser", async () => (await file(`${home.path}/opened`).text()) === "http://web.shop.localhost:8989\n");
  expect((await home.run(["status", "shop"])).stdout).toContain("web.shop.localhost");
  expect((await home.run(["url", "svc/other:8080"])).stdout).toContain(".ns.kubernetes-admin-kubernetes.cx.");
});

test("in a profile a target is its route, else its dynamic name", async () => {
  await using cluster = await makeCluster();
  const { home } = cluster;
  await writeFile(`${home.project}/tunnels.toml`, '[routes]\n"shop.test.localhost" = "svc/web:http"\n');
  expect(await home.run(["url", "svc/web:http"])).toEqual({ exitCode: 0, stdout: "http://shop.test.localhost:8989\n", stderr: "" });
  expect((await home.run(["url", "svc/web:80"])).stdout).toBe("http://web-80.svc.shop.ns.dev.cx.k8s.localhost:8989\n");
});

test("kt up with a profile that has no routes says what to do", async () => {
  await using cluster = await makeCluster();
  const { home } = cluster;
  await writeFile(`${home.project}/tunnels.toml`, 'name = "empty"\n');
  const { stdout, stderr, exitCode } = await home.run(["up", "-d"]);
  expect(exitCode).toBe(0);
  expect(stdout).toContain('profile "empty" has no routes yet\n');
  expect(stderr).toContain("kt: hint: kt add\n");
  expect((await home.run(["up", "-n", "shop", "-f", "x.toml"])).exitCode).toBe(2);
});
