import assert from "node:assert/strict";
import { readdirSync, renameSync, rmdirSync, symlinkSync } from "node:fs";
import process from "node:process";
import { sleep } from "../../src/core/ports/clock.ts";
import { DaemonError } from "../../src/core/values/errors.ts";
import type { Host } from "../../src/core/ports/host.ts";
import type { SignalName } from "../../src/core/values/signal_name.ts";
import { test } from "../harness.ts";
import { exerciseFiles } from "./files.ts";
import { exerciseHttp } from "./http.ts";
import { exerciseIpc } from "./ipc.ts";
import { exerciseProcesses } from "./processes.ts";
import { exerciseResources } from "./resources.ts";
import { exerciseSockets } from "./sockets.ts";
import { tempDir } from "./temp_dir.ts";
import { Changes, exerciseWatcher, type WatcherUnderTest } from "./watcher.ts";
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
  const watchUnderTest = async (): Promise<WatcherUnderTest> => {
    const [{ watcher, files, process }, temp] = [await makeHost(), tempDir()];
    const dir = `${temp.path}/watched`;
    files.makeDir(dir);
    // A watch does not keep the test alive.
    const hold = process.hold();
    const dispose = () => {
      hold[Symbol.dispose]();
      temp[Symbol.dispose]();
    };
    return { watcher, files, dir, [Symbol.dispose]: dispose };
  };
  exerciseWatcher(`${name} watcher`, watchUnderTest);

  test(`${name} watcher: sees the swap of a symbolic link, by which a mounted config map changes`, async () => {
    using under = await watchUnderTest();
    const { watcher, files, dir } = under;
    for (const version of ["..v1", "..v2"]) {
      files.makeDir(`${dir}/${version}`);
      files.writeText(`${dir}/${version}/daemon.toml`, version);
    }
    symlinkSync("..v1", `${dir}/..data`);
    symlinkSync("..data/daemon.toml", `${dir}/daemon.toml`);
    using changes = new Changes(watcher, dir);
    await changes.after(() => {
      symlinkSync("..v2", `${dir}/..data_tmp`);
      renameSync(`${dir}/..data_tmp`, `${dir}/..data`);
    });
    assert.equal(files.readText(`${dir}/daemon.toml`), "..v2");
  });

  test(`${name} watcher: does not see what happens below a sub-folder`, async () => {
    using under = await watchUnderTest();
    const { watcher, files, dir } = under;
    files.makeDir(`${dir}/sub`);
    using changes = new Changes(watcher, dir);
    files.writeText(`${dir}/sub/a`, "");
    await changes.settled(files);
    assert.equal(changes.calls, 0);
  });

  for (const [how, lose] of [["removed", rmdirSync], ["moved", (path: string) => renameSync(path, `${path}.old`)]] as const) {
    test(`${name} watcher: tells once that its folder was ${how}, and nothing of its successor`, async () => {
      using under = await watchUnderTest();
      const { watcher, files, dir } = under;
      using changes = new Changes(watcher, dir);
      await changes.after(() => lose(dir));
      await changes.settled(files);
      assert.equal(changes.calls, 1);
      files.makeDir(dir);
      files.writeText(`${dir}/a`, "");
      if (how === "moved") files.writeText(`${dir}.old/a`, "");
      await changes.settled(files);
      assert.equal(changes.calls, 1);
    });
  }

  test(`${name} watcher: 200 watches leave no descriptor`, async () => {
    using under = await watchUnderTest();
    const { watcher, files, dir } = under;
    const count = () => readdirSync("/proc/self/fd").length;
    const cycle = async () => {
      using changes = new Changes(watcher, dir);
      await changes.after(() => files.writeText(`${dir}/a`, ""));
    };
    await cycle();
    const before = count();
    for (let round = 0; round < 200; round++) await cycle();
    assert.ok(count() <= before, `${count()} descriptors after ${before}`);
  });

  exerciseIpc(`${name} ipc`, async () => {
    const dir = tempDir();
    const { ipc, files } = await makeHost();
    return { ipc, files, dir: dir.path, [Symbol.dispose]: () => dir[Symbol.dispose]() };
  });

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

  test(`${name} profiler: a recording names the functions that took the time, and gives the same however often it is stopped`, async () => {
    const { profiler, clock } = await makeHost();
    const recording = await profiler.startCpu();
    await assert.rejects(profiler.startCpu(), { code: "PROFILING_FAILED" });
    (function burnsTime() {
      const endMs = clock.nowMs() + 100;
      while (clock.nowMs() < endMs);
    })();
    const [text, again] = await Promise.all([recording.stop(), recording.stop()]);
    assert.equal(again, text);
    const { nodes, samples, timeDeltas } = JSON.parse(text);
    const names = nodes.map(({ callFrame }: { callFrame: { functionName: string } }) => callFrame.functionName);
    assert.ok(names.includes("burnsTime"), names.join(" "));
    assert.equal(samples.length, timeDeltas.length);
    await (await profiler.startCpu()).stop();
  });

  test(`${name} profiler: a picture of the heap comes in pieces, and may be broken off`, async () => {
    const { profiler } = await makeHost();
    assert.deepEqual(Object.keys(JSON.parse(await new Response(profiler.heap()).text())).slice(0, 3), ["snapshot", "nodes", "edges"]);
    const reader = profiler.heap().getReader();
    assert.equal((await reader.read()).done, false);
    await reader.cancel();
  });

  test(`${name} signals: each handler is called in order until it is disposed`, async () => {
    const host = await makeHost();
    // A listener does not keep the process, nor the test, alive.
    using _hold = host.process.hold();
    const seen: string[] = [];
    let arrived = Promise.withResolvers<void>();
    // The same function twice is two registrations.
    const record = () => seen.push("first");
    const first = host.signals.on("SIGUSR2", record);
    const again = host.signals.on("SIGUSR2", record);
    using _last = host.signals.on("SIGUSR2", () => arrived.resolve());
    process.kill(process.pid, "SIGUSR2");
    await arrived.promise;
    assert.deepEqual(seen, ["first", "first"]);

    first[Symbol.dispose]();
    first[Symbol.dispose]();
    arrived = Promise.withResolvers<void>();
    process.kill(process.pid, "SIGUSR2");
    await arrived.promise;
    again[Symbol.dispose]();
    assert.deepEqual(seen, ["first", "first", "first"]);
  });

  test(`${name} signals: what nobody can listen for is refused`, async () => {
    const host = await makeHost();
    for (const signal of ["SIGKILL", "SIGSTOP"] satisfies SignalName[]) {
      assert.throws(() => host.signals.on(signal, () => {}), { code: "SIGNAL_FAILED" });
    }
  });

  test(`${name} process: it has one owner, whichever host object is asked`, async () => {
    const [one, other] = [await makeHost(), await makeHost()];
    const claim = one.process.claim("api");
    const isRefusal = (error: unknown) => error instanceof DaemonError && error.code === "RUNTIME_STATE" && error.message.includes('"api"');
    assert.throws(() => one.process.claim("web"), isRefusal);
    assert.throws(() => other.process.claim("web"), isRefusal);
    claim[Symbol.dispose]();
    const next = other.process.claim("web");
    claim[Symbol.dispose](); // the second time it no longer means anybody
    assert.throws(() => one.process.claim("api"), { code: "RUNTIME_STATE" });
    next[Symbol.dispose]();
  });

  test(`${name} process: a thing of it has one owner, apart from the process itself`, async () => {
    const host = await makeHost();
    using _process = host.process.claim("api");
    using _file = host.process.claim("api", "the file /a");
    using _other = host.process.claim("web", "the file /b");
    assert.throws(() => host.process.claim("web", "the file /a"), { code: "RUNTIME_STATE", message: /own the file \/a as "api"/ });
  });

  test(`${name} process: a label holds for what is run under it, also inside another label`, async () => {
    const host = await makeHost();
    const value = await host.process.runAs("outer", () => host.process.runAs("inner", () => Promise.resolve(7)));
    assert.equal(value, 7);
    assert.equal(host.process.label(), undefined);
    assert.equal(host.process.runAs("outer", () => host.process.label()), "outer");
    assert.equal(host.process.runAs("outer", () => host.process.runAs(undefined, () => host.process.label())), undefined);
    assert.throws(() => host.process.runAs("outer", () => assert.fail("thrown")), /thrown/);
  });

  test(`${name} process: a missing folder can't be changed to`, async () => {
    const host = await makeHost();
    const before = host.process.cwd();
    assert.throws(() => host.process.chdir("/nonexistent"), { code: "IO_NOT_FOUND" });
    assert.equal(host.process.cwd(), before);
  });

  test(`${name} env: get and all agree with the environment, and what all returns is a copy`, async () => {
    const host = await makeHost();
    assert.equal(host.env.get("PATH"), process.env.PATH);
    assert.equal(host.env.get("DAEMONKIT_SURELY_NOT_SET"), undefined);
    const all = host.env.all();
    assert.equal(all.PATH, process.env.PATH);
    all.DAEMONKIT_SURELY_NOT_SET = "changed";
    assert.equal(host.env.get("DAEMONKIT_SURELY_NOT_SET"), undefined);
  });

  test(`${name} host: it says what it is`, async () => {
    const host = await makeHost();
    assert.match(host.runtime, /^(deno|bun) \d+\.\d+\.\d+/);
    const chance = host.random();
    assert.ok(chance >= 0 && chance < 1);
    assert.ok(host.process.residentBytes() > 1_000_000);
    const { residentBytes, cpuSeconds, openFiles, startSeconds } = host.process.usage();
    assert.ok(residentBytes! > 1_000_000 && cpuSeconds! > 0 && openFiles! > 2);
    assert.ok(startSeconds! > 1.7e9 && startSeconds! < Date.now() / 1_000);
    assert.equal(host.process.usage().startSeconds, startSeconds);
    assert.equal(host.processes.self().pid, process.pid);
  });
}
