import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Listeners } from "../../src/control/mod.ts";
import { LISTENER_GROUPS, type ListenerSpec } from "../../src/control/spec.ts";
import { CancelToken } from "../../src/core/supervise/cancel.ts";
import type { Address } from "../../src/core/ports/http.ts";
import type { Host } from "../../src/core/ports/host.ts";
import type { LogRecord } from "../../src/core/ports/log.ts";
import type { Context } from "../../src/core/supervise/subsystem.ts";
import { createLogger } from "../../src/log/mod.ts";
import { getHost } from "../../src/platform/mod.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";
import { FakeOperations, fakeUnit } from "./fake_operations.ts";
import { until } from "../until.ts";

const ADMIN_SPEC: ListenerSpec = {
  name: "admin",
  address: undefined,
  allow: LISTENER_GROUPS,
  tokenFile: undefined,
  maxBodyBytes: 65_536,
  maxClients: 1_000,
};

/** Control over TCP asks for a token, which a fake machine has. */
const AUTHORIZED = { headers: { authorization: "Bearer secret" } };

function fakeHost(): FakeHost {
  const host = new FakeHost();
  host.files.put("/etc/token", "secret\n", 0o600);
  return host;
}

function spec(name: string, address: Address, changes: Partial<ListenerSpec> = {}): ListenerSpec {
  const tokenFile = "port" in address && (changes.allow ?? LISTENER_GROUPS).includes("control") ? "/etc/token" : undefined;
  return { ...ADMIN_SPEC, name, address, tokenFile, ...changes };
}

const port = (number: number, hostname = "127.0.0.1"): Address => ({ hostname, port: number });

/** Runs listeners on a machine while `body` asks them things; stopping them belongs to the body or comes last. */
interface Rig {
  listeners: Listeners;
  operations: FakeOperations;
  records: LogRecord[];
  stop: () => Promise<void>;
  /** The answer to a request at an address: its status, or the code of the failure. */
  ask: (address: Address, path: string, init?: RequestInit) => Promise<number | string>;
}

async function withListeners(
  host: Pick<Host, "http" | "clock" | "files" | "processes">,
  socket: string,
  specs: readonly ListenerSpec[],
  body: (rig: Rig) => Promise<void>,
): Promise<void> {
  const token = new CancelToken();
  const ready = Promise.withResolvers<void>();
  const context = {
    ready: () => ready.resolve(),
    cancelled: () => token.cancelled(),
    onForce: (fn: () => void) => token.onForce(fn),
  } as unknown as Context;
  const operations = new FakeOperations([fakeUnit("db")]);
  const records: LogRecord[] = [];
  const listeners = new Listeners({
    host,
    socket,
    specs,
    control: { operations, version: "0.1.0", protocol: 1 },
    log: createLogger({ level: "info", name: "control", clock: host.clock, sinks: [(record) => void records.push(record)] }),
  });
  const run = listeners.run(context);
  run.catch(ready.reject);
  const stop = async () => {
    token.cancel("test is over");
    await run;
  };
  const ask = async (address: Address, path: string, init?: RequestInit) => {
    try {
      const response = await host.http.request(address, path, init);
      await response.body?.cancel();
      return response.status;
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  await ready.promise;
  await body({ listeners, operations, records, stop, ask });
  await stop();
}

async function withSocket(body: (made: { host: Host; socket: string } & Rig) => Promise<void>): Promise<void> {
  const host = await getHost();
  const folder = mkdtempSync(join(tmpdir(), "dk-"));
  try {
    const socket = join(folder, "admin.sock");
    await withListeners(host, socket, [ADMIN_SPEC], async (rig) => {
      await body({ host, socket, ...rig });
      await rig.stop();
      assert.equal(host.files.info(socket), undefined);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("Listeners answers on a socket that only its user may use, and removes it at the end", async () => {
  await withSocket(async ({ host, socket }) => {
    assert.equal(statSync(socket).mode & 0o777, 0o600);
    const response = await host.http.request({ unix: socket }, "/v1/status");
    assert.equal((await response.json()).name, "demo");
  });
});

test("Listeners makes the folder of a socket, for its user alone", async () => {
  const host = await getHost();
  const folder = mkdtempSync(join(tmpdir(), "dk-"));
  const socket = join(folder, "deep", "run", "x.sock");
  try {
    await withListeners(host, join(folder, "s"), [spec("x", { unix: socket })], async ({ ask }) => {
      assert.equal(await ask({ unix: socket }, "/livez"), 200);
      assert.equal(statSync(join(folder, "deep", "run")).mode & 0o777, 0o700);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("Listeners ends open streams before it stops, so that followers do not hold it", async () => {
  await withSocket(async ({ host, socket, operations, stop }) => {
    const events = await host.http.request({ unix: socket }, "/v1/events");
    const logs = await host.http.request({ unix: socket }, "/v1/logs?follow=1");
    operations.print("db", "last words");
    const texts = Promise.all([events.text(), logs.text()]);
    await stop();
    const [, log] = await texts;
    assert.equal(JSON.parse(log.trim()).text, "last words");
    assert.equal(operations.lineReaders.size + operations.eventReaders.size, 0);
  });
});

test("Listeners forgets a follower that went away", async () => {
  await withSocket(async ({ host, socket, operations }) => {
    const controller = new AbortController();
    const response = await host.http.request({ unix: socket }, "/v1/logs?follow=1", { signal: controller.signal });
    assert.equal(operations.lineReaders.size, 1);
    controller.abort("gone");
    await assert.rejects(response.text());
    await until(() => {
      operations.print("db", "is anybody there?");
      return operations.lineReaders.size === 0;
    });
  });
});

test("Listeners.apply opens, closes and changes as a whole, and leaves open streams alone where the address stays", async () => {
  const host = fakeHost();
  const first = spec("a", port(1));
  await withListeners(host, "/run/admin.sock", [ADMIN_SPEC, first, spec("b", port(2))], async ({ listeners, ask, operations, records }) => {
    const stream = await host.http.request(port(1), "/v1/events", AUTHORIZED);
    const ending = await host.http.request(port(2), "/v1/events", AUTHORIZED);
    // Another name and other limits are no reason to close anything.
    await listeners.apply([ADMIN_SPEC, spec("renamed", port(1), { maxBodyBytes: 10 }), spec("c", port(3), { allow: ["health"] })]);
    assert.deepEqual([await ask(port(1), "/v1/status", AUTHORIZED), await ask(port(2), "/livez"), await ask(port(3), "/livez")], [
      200,
      "IO_REFUSED",
      200,
    ]);
    assert.equal(await ask(port(3), "/v1/status"), 404);
    assert.equal(await ask(port(1), "/v1/units/stop", { ...AUTHORIZED, method: "POST", body: '{"names":["db"]}' }), 413);
    await ending.text();
    assert.equal(operations.eventReaders.size, 1);
    assert.deepEqual(Object.keys(listeners.details()), ["admin", "renamed", "c"]);
    await stream.body!.cancel();
    assert.deepEqual(records.map(({ message, fields: { listener } }) => `${message} ${listener}`), [
      "listening a",
      "listening b",
      "listening c",
      "no longer listening b",
    ]);
  });
});

test("Listeners.apply ends the streams of a listener that no longer allows control, or asks for another token", async () => {
  const host = fakeHost();
  await withListeners(host, "/run/admin.sock", [spec("a", port(1))], async ({ listeners, ask, operations }) => {
    const first = await host.http.request(port(1), "/v1/events", AUTHORIZED);
    host.files.put("/etc/first.token", "first\n", 0o600);
    await listeners.apply([spec("a", port(1), { tokenFile: "/etc/first.token" })]);
    await first.text();
    await listeners.apply([spec("a", port(1))]);
    assert.equal(await ask(port(1), "/v1/status"), 401);
    const headers = { authorization: "Bearer secret" };
    const second = await host.http.request(port(1), "/v1/events", { headers });
    host.files.put("/etc/token", "other\n", 0o600);
    assert.equal(await ask(port(1), "/v1/status", { headers }), 200);
    await listeners.apply([spec("a", port(1), { tokenFile: "/etc/token" })]);
    await second.text();
    assert.equal(await ask(port(1), "/v1/status", { headers }), 401);
    assert.equal(operations.eventReaders.size, 0);
  });
});

test("Listeners.apply changes nothing when one can't be opened, and names it and its address", async () => {
  const host = fakeHost();
  using _other = host.http.answer(port(9), () => new Response("somebody else"));
  await withListeners(host, "/run/admin.sock", [spec("a", port(1))], async ({ listeners, ask, records }) => {
    const stream = await host.http.request(port(1), "/v1/events", AUTHORIZED);
    const bad: [ListenerSpec[], RegExp][] = [
      [[spec("b", port(2)), spec("taken", port(9))], /the listener taken: .*127\.0\.0\.1:9 .*in use.*another address/],
      [[spec("b", port(2)), spec("c", port(3), { tokenFile: "/nowhere" })], /the listener c .*\/nowhere.*urandom/],
      [
        [spec("a", port(1)), ADMIN_SPEC, spec("b", { unix: "/run/admin.sock" })],
        /the listener b: another listener has unix:\/run\/admin\.sock/,
      ],
    ];
    for (const [specs, message] of bad) {
      await assert.rejects(listeners.apply(specs), message);
      assert.deepEqual([await ask(port(1), "/livez"), await ask(port(2), "/livez")], [200, "IO_REFUSED"]);
    }
    assert.deepEqual(Object.keys(listeners.details()), ["a"]);
    assert.equal(records.filter(({ level }) => level === "error").length, 0);
    await stream.body!.cancel();
  });
});

test("Listeners.apply makes room where an address can't be opened beside the one that leaves, and puts it back when that was in vain", async () => {
  const host = fakeHost();
  // As the system does: whoever has a port on one address keeps it from whoever wants it on all.
  const { http } = host;
  const serve = http.serve.bind(http);
  let isBlocked = false;
  http.serve = async (address, handler) => {
    if ("hostname" in address && address.hostname === "0.0.0.0" && (isBlocked || http.isServed(port(1)))) {
      return await serve(port(9), handler);
    }
    return await serve(address, handler);
  };
  using _other = host.http.answer(port(9), () => new Response("somebody else"));
  const everywhere = spec("a", port(1, "0.0.0.0"), { allow: ["health"] });
  await withListeners(host, "/run/admin.sock", [spec("a", port(1))], async ({ listeners, ask }) => {
    isBlocked = true;
    await assert.rejects(listeners.apply([everywhere]), { code: "IO_ADDRESS_IN_USE" });
    assert.equal(await ask(port(1), "/v1/status", AUTHORIZED), 200);
    isBlocked = false;
    await listeners.apply([everywhere]);
    assert.deepEqual([await ask(port(1), "/livez"), await ask(port(1, "0.0.0.0"), "/livez")], ["IO_REFUSED", 200]);
  });
});

test("Listeners.apply on the real machine: from one interface to all and back, on one port", async () => {
  const host = await getHost();
  const folder = mkdtempSync(join(tmpdir(), "dk-"));
  const tokenFile = join(folder, "token");
  host.files.writeText(tokenFile, "secret", { mode: 0o600 });
  try {
    await withListeners(host, join(folder, "s"), [spec("a", port(0), { tokenFile })], async ({ listeners, ask, records }) => {
      const { address } = listeners.details().a as { address: string };
      const number = Number(address.split(":")[1]);
      // The first one is another address than port 0, and yet the same.
      for (const each of [spec("a", port(number, "0.0.0.0"), { allow: ["health"] }), spec("a", port(number), { tokenFile })]) {
        await listeners.apply([each]);
        const expected = each.allow.includes("control") ? 200 : 404;
        assert.deepEqual([await ask(port(number), "/livez"), await ask(port(number), "/v1/status", AUTHORIZED)], [200, expected]);
      }
      await listeners.apply([ADMIN_SPEC]);
      assert.deepEqual([await ask({ unix: join(folder, "s") }, "/livez"), records.some(({ level }) => level === "error")], [200, false]);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("Listeners warns about a token that others can read, and refuses a file without a token or with several", async () => {
  const host = new FakeHost();
  host.files.put("/etc/token", "secret", 0o644);
  const withToken = [spec("a", port(1), { tokenFile: "/etc/token" })];
  await withListeners(host, "/run/admin.sock", withToken, async ({ listeners, records }) => {
    assert.equal(records[0].level, "warn");
    assert.match(JSON.stringify(records[0]), /chmod 600 \/etc\/token/);
    for (const text of ["", " \n", "two words"]) {
      host.files.put("/etc/token", text, 0o600);
      await assert.rejects(listeners.apply(withToken), { code: "CONFIG_INVALID", message: /must hold one token/ });
    }
  });
});

test("Listeners.apply is refused before they are open and after they are closed", async () => {
  const host = new FakeHost();
  let kept: Listeners | undefined;
  await withListeners(host, "/run/admin.sock", [ADMIN_SPEC], async ({ listeners, stop }) => {
    kept = listeners;
    await stop();
  });
  await assert.rejects(kept!.apply([ADMIN_SPEC]), { code: "RUNTIME_STATE" });
});

test("Listeners that can't be opened at the start leave none open", async () => {
  const host = fakeHost();
  using _other = host.http.answer(port(9), () => new Response("somebody else"));
  await assert.rejects(
    withListeners(host, "/run/admin.sock", [ADMIN_SPEC, spec("a", port(1)), spec("b", port(9))], async () => {}),
    { code: "IO_ADDRESS_IN_USE" },
  );
  assert.deepEqual([host.http.isServed({ unix: "/run/admin.sock" }), host.http.isServed(port(1))], [false, false]);
});
