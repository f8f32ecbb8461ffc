import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import process from "node:process";
import { sleep } from "../../src/core/ports/clock.ts";
import type { Host } from "../../src/core/ports/host.ts";
import { test } from "../harness.ts";
import { exerciseEnv } from "./env.ts";
import { exerciseFiles } from "./files.ts";
import { exerciseHttp } from "./http.ts";
import { exerciseIpc } from "./ipc.ts";
import { exerciseModules } from "./modules.ts";
import { exerciseOwnProcess } from "./own_process.ts";
import { exerciseProcesses } from "./processes.ts";
import { exerciseProfiler } from "./profiler.ts";
import { exerciseResources } from "./resources.ts";
import { exerciseSignals } from "./signals.ts";
import { exerciseSockets } from "./sockets.ts";
import { tempDir } from "./temp_dir.ts";
import { exerciseRealWatcher } from "./watcher.ts";
import { until } from "../until.ts";

/** Registers the tests that every real host has to pass; they run programs, open sockets and write into a folder of their own. */
export function exerciseHost(name: string, makeHost: () => Promise<Host>): void {
  exerciseFiles(`${name} files`, async () => {
    const dir = tempDir();
    return { files: (await makeHost()).files, dir: dir.path, [Symbol.dispose]: () => dir[Symbol.dispose]() };
  });
  exerciseProcesses(`${name} processes`, makeHost);
  exerciseHttp(`${name} http`, makeHost);
  exerciseSockets(`${name} sockets`, makeHost);
  exerciseResources(`${name} resources`, makeHost);
  exerciseRealWatcher(`${name} watcher`, makeHost);
  exerciseIpc(`${name} ipc`, async () => {
    const dir = tempDir();
    const { ipc, files } = await makeHost();
    return { ipc, files, dir: dir.path, [Symbol.dispose]: () => dir[Symbol.dispose]() };
  });
  exerciseProfiler(`${name} profiler`, makeHost);
  exerciseSignals(`${name} signals`, makeHost);
  exerciseOwnProcess(`${name} own process`, makeHost);
  exerciseModules(`${name} modules`, makeHost);
  exerciseEnv(`${name} env`, makeHost);

  test(`${name} descriptors: whatever was started, served, locked or opened, none is left`, async () => {
    const host = await makeHost();
    using dir = tempDir();
    const cycle = async () => {
      const child = await host.processes.spawn({ argv: ["sh", "-c", "echo out; exit 3"], cwd: "/", env: { PATH: "/usr/bin:/bin" } });
      await Promise.all([new Response(child.stdout).text(), child.stderr.cancel(), child.exited]);
      await assert.rejects(host.processes.spawn({ argv: ["true", "a\0b"], cwd: "/", env: { PATH: "/usr/bin:/bin" } }));
      const server = await host.http.serve({ unix: `${dir.path}/s` }, () => new Response("ok"));
      assert.equal(await (await host.http.request(server.address, "/")).text(), "ok");
      await server.stop();
      (await host.files.lock(`${dir.path}/lock`))![Symbol.dispose]();
      host.files.openAppend(`${dir.path}/log`)[Symbol.dispose]();
      host.files.writeText(`${dir.path}/state`, "text");
    };
    const count = () => readdirSync("/proc/self/fd").length;
    await cycle();
    await sleep(host.clock, 20);
    const before = count();
    for (let turn = 0; turn < 20; turn++) await cycle();
    // A closed connection may be noticed a moment later.
    await until(count, { isRight: (after) => after <= before, context: () => `${before} before` });
  });

  test(`${name} host: it says what it is`, async () => {
    const host = await makeHost();
    assert.match(host.runtime, /^(deno|bun) \d+\.\d+\.\d+/);
    const chance = host.random();
    assert.ok(chance >= 0 && chance < 1);
    assert.equal(host.processes.self().pid, process.pid);
  });
}
