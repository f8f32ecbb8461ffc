import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { Daemon, type HttpOptions, type LogRecord } from "../../mod.ts";
import { tempDir } from "../conformance/temp_dir.ts";
import { test } from "../harness.ts";
import { until } from "../until.ts";

/** A daemon with one server, what it logged, and how to ask it. */
async function served(options: Partial<HttpOptions> & Pick<HttpOptions, "fetch">) {
  const records: LogRecord[] = [];
  const daemon = Daemon.builder().withHttp("web", { address: 0, ...options }).withLogger((record) => void records.push(record))
    .withoutSignals().build();
  await daemon.start();
  const [{ details }] = daemon.subsystems();
  const ask = (path: string, init?: RequestInit) => fetch(`http://${details.address}${path}`, init);
  const stop = async () => {
    daemon.shutdown();
    return await daemon.wait();
  };
  return { daemon, records, ask, stop };
}

test("withHttp: the server is ready when it listens, hands its context on, and stops with the daemon", async () => {
  const { daemon, ask, stop } = await served({ fetch: (request, context) => new Response(`${context.name} ${request.method}`) });
  const [{ kind, state, ready }] = daemon.subsystems();
  assert.deepEqual([kind, state, ready], ["server", "running", true]);
  assert.equal(await (await ask("/", { method: "POST", body: "x" })).text(), "web POST");
  assert.equal((await stop()).exitCode, 0);
  await assert.rejects(ask("/"));
});

test("withHttp: what fetch throws is logged and answered with 500, without its reason", async () => {
  const answers: (() => unknown)[] = [
    () => {
      throw new Error("the password is 123");
    },
    () => Promise.reject(new Error("later")),
    () => "no response",
  ];
  const { ask, records, stop } = await served({
    fetch: () => answers.shift()!() as Response,
  });
  for (const reason of [/the password is 123/, /later/, /must return a Response: current value is no response/]) {
    const response = await ask("/secret");
    assert.deepEqual([response.status, await response.text()], [500, "Internal Server Error\n"]);
    const { message, fields } = records.filter(({ level }) => level === "error").at(-1)!;
    assert.equal(message, "a request failed");
    assert.match(String(fields.err), reason);
  }
  assert.equal((await stop()).exitCode, 0);
});

test("withHttp: a request under way is answered while it stops, with Connection: close (library 35)", async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Response>();
  const { daemon, ask, stop } = await served({
    fetch: () => {
      asked.resolve();
      return answer.promise;
    },
  });
  const response = ask("/slow");
  await asked.promise;
  const ended = stop();
  await until(() => daemon.subsystems()[0].state === "stopping");
  await assert.rejects(ask("/late"));
  answer.resolve(new Response("done"));
  assert.equal(await (await response).text(), "done");
  assert.equal((await response).headers.get("connection"), "close");
  assert.equal((await ended).exitCode, 0);
});

test("withHttp: request_latency_seconds counts by server, method and status", async () => {
  const { daemon, ask, stop } = await served({ fetch: ({ url }) => new Response(null, { status: url.endsWith("/no") ? 404 : 204 }) });
  for (const [path, method] of [["/yes", "GET"], ["/yes", "GET"], ["/no", "DELETE"], ["/no", "PROPFIND"]]) {
    await (await ask(path, { method })).body?.cancel();
  }
  const { histograms } = daemon.metrics.getMetrics();
  assert.deepEqual(Object.entries(histograms).map(([name, { count, buckets }]) => [name, count, buckets.length]), [
    ['request_latency_seconds{server="web",method="GET",status="204"}', 2, 11],
    ['request_latency_seconds{server="web",method="DELETE",status="404"}', 1, 11],
    ['request_latency_seconds{server="web",method="other",status="404"}', 1, 11],
  ]);
  await stop();
});

test("withHttp: a port that somebody has fails the start, and names the server", async () => {
  const first = await served({ fetch: () => new Response("first") });
  const address = String(first.daemon.subsystems()[0].details.address);
  const second = Daemon.builder().withHttp("web", { address, fetch: () => new Response("second") }).withoutSignals().build();
  await assert.rejects(second.start(), (error) => {
    assert.match((error as Error).message, /web/);
    assert.match((error as Error).message, /address|listens|in use/i);
    return true;
  });
  assert.equal(await (await first.ask("/")).text(), "first");
  await first.stop();
});

test("withHttp: a unix socket has the permissions that were asked for, and goes with the server", async () => {
  using folder = tempDir();
  const path = `${folder.path}/run/web.sock`;
  const daemon = Daemon.builder().withHttp("web", { address: `unix:${path}`, mode: 0o660, fetch: () => new Response("ok") })
    .withoutSignals().build();
  await daemon.start();
  assert.equal(statSync(path).mode & 0o777, 0o660);
  daemon.shutdown();
  await daemon.wait();
  assert.throws(() => statSync(path), /ENOENT/);
});

test("withHttp: stops of its own, restarts and groups go as for any subsystem", async () => {
  let answers = 0;
  const daemon = Daemon.builder()
    .withSupervisor(
      "group",
      { strategy: "oneForOne" },
      (group) => group.withHttp("web", { address: 0, fetch: () => new Response(`${++answers}`) }),
    )
    .withTask("after", (context) => context.cancelled(), { after: ["group"] })
    .withoutSignals().build();
  await daemon.start();
  const address = () => String(daemon.subsystems().find(({ name }) => name === "group/web")!.details.address);
  assert.equal(await (await fetch(`http://${address()}/`)).text(), "1");
  await daemon.operations.restart(["group/web"], {});
  assert.equal(await (await fetch(`http://${address()}/`)).text(), "2");
  daemon.shutdown();
  assert.equal((await daemon.wait()).exitCode, 0);
});

test("withHttp refuses wrong options at the call", () => {
  const fetch = () => new Response("");
  const rows: [HttpOptions, RegExp][] = [
    [{ address: "8080", fetch }, /Cannot add server "web" as "address" must be a port, or an address such as .*: current value is "8080"/],
    [{ address: 70_000, fetch }, /"address" must be/],
    [{ address: 1.5, fetch }, /"address" must be/],
    [{ address: 0, fetch: 1 as never }, /"fetch" must be a function: current value is 1/],
    [{ address: 0, fetch, maxConnections: 0 }, /"maxConnections" must be an integer above 0/],
    [{ address: 0, fetch, mode: 0o1000 }, /"mode" must be permissions such as 0o660/],
    [{ address: 0, fetch, port: 1 } as never, /"port" is no option/],
  ];
  for (const [options, message] of rows) assert.throws(() => Daemon.builder().withHttp("web", options), message);
  assert.throws(() => Daemon.builder().withHttp("web", { address: 0, fetch }, { readiness: "manuel" as never }), /readiness/);
  assert.throws(() => Daemon.builder().withHttp("web", { address: 0, fetch }, { after: ["none"] }).build(), /none/);
});
