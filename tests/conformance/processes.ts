import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import process from "node:process";
import { sleep } from "../../src/core/ports/clock.ts";
import type { ChildProcess, ProgramRun, SpawnOptions } from "../../src/core/ports/processes.ts";
import type { ExitStatus } from "../../src/core/values/exit_status.ts";
import type { Host } from "../../src/core/ports/host.ts";
import { test } from "../harness.ts";
import { ioFailure } from "./files.ts";
import { tempDir } from "./temp_dir.ts";
import { nicerBy } from "../niceness.ts";
import { until } from "../until.ts";

const ENV = { PATH: "/usr/local/bin:/usr/bin:/bin" };

/** The C library's own 32 and 33 are ignored in whatever a Deno process has started, such as Bun's tests. */
const SIGNALS_1_TO_31 = 0x7fff_ffffn;
const HUP_INT_QUIT = 0b111n;

const sh = (script: string, more: Partial<SpawnOptions> = {}): SpawnOptions => ({
  argv: ["sh", "-c", script],
  cwd: "/",
  env: ENV,
  ...more,
});

/** Runs a program to its end, with all that it printed. */
async function run(host: Host, options: SpawnOptions): Promise<ExitStatus & { out: string; err: string }> {
  const child = await host.processes.spawn(options);
  const [out, err, status] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  return { ...status, out, err };
}

/** Kills the group at the end of the block and lets go of its pipes. */
function ended(host: Host, child: ChildProcess, lines?: LineReader): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      host.processes.signalGroup(child.identity.pid, "SIGKILL");
      await child.exited;
      while (await lines?.next() !== undefined);
      for (const stream of [child.stdout, child.stderr]) if (!stream.locked) await stream.cancel();
    },
  };
}

/** A user who is in more groups than his own, where this system has one. */
function memberOfOthers(): string | undefined {
  const lines = readFileSync("/etc/group", "utf8").split("\n").map((line) => line.split(":")[3] ?? "");
  return lines.flatMap((members) => members.split(",")).find((name) => name !== "" && name !== "root");
}

interface LineReader {
  /** Undefined at the end. */
  next(): Promise<string | undefined>;
}

/** Reads a stream line by line. */
function lineReader(stream: ReadableStream<Uint8Array>): LineReader {
  const reader = stream.pipeThrough(new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>).getReader();
  let rest = "";
  return {
    async next() {
      for (;;) {
        const end = rest.indexOf("\n");
        if (end !== -1) {
          const line = rest.slice(0, end);
          rest = rest.slice(end + 1);
          return line;
        }
        const { done, value } = await reader.read();
        if (done) return undefined;
        rest += value;
      }
    },
  };
}

/** Registers the tests of child processes that every real host has to pass. */
export function exerciseProcesses(name: string, makeHost: () => Promise<Host>): void {
  test(`${name}: a program gets exactly its arguments, folder and environment, and an empty stdin`, async () => {
    const host = await makeHost();
    using dir = tempDir();
    const env = { ...ENV, GREETING: "hello world", EMPTY: "" };
    const script = 'printf "%s|" "$@"; pwd; echo "$GREETING|${EMPTY-unset}|${HOME-unset}"; cat';
    const { out } = await run(host, { argv: ["sh", "-c", script, "sh", "a b", "", "$x", "*"], cwd: dir.path, env });
    assert.equal(out, `a b||$x|*|${dir.path}\nhello world||unset\n`);
  });

  test(`${name}: a program leads its own session and group, with no signal ignored or blocked`, async () => {
    const host = await makeHost();
    const { out } = await run(host, { argv: ["cat", "/proc/self/stat", "/proc/self/status"], cwd: "/", env: ENV });
    const [pid, , , , pgid, session] = out.split(" ");
    assert.deepEqual([pgid, session], [pid, pid]);
    const signals = (field: string, status: string) => BigInt(`0x${new RegExp(`${field}:\\s+(\\w+)`).exec(status)![1]}`) & SIGNALS_1_TO_31;
    assert.equal(signals("SigBlk", out), 0n);
    // Signals that nohup, or a shell without job control, has made us ignore are ignored by our programs too, as by those of a shell.
    assert.equal(signals("SigIgn", out) & ~(signals("SigIgn", readFileSync("/proc/self/status", "utf8")) & HUP_INT_QUIT), 0n);
  });

  test(`${name}: a program can open /dev/stdout and /dev/stderr`, async () => {
    const host = await makeHost();
    const { out, err } = await run(host, sh("echo out > /dev/stdout; echo err > /dev/stderr"));
    assert.deepEqual([out, err], ["out\n", "err\n"]);
  });

  test(`${name}: exited tells code and signal`, async () => {
    const host = await makeHost();
    const cases: [string, ExitStatus][] = [
      ["exit 0", { code: 0, signal: null }],
      ["exit 3", { code: 3, signal: null }],
      ["exit 137", { code: 137, signal: null }],
      ["exit 255", { code: 255, signal: null }],
      ["kill -TERM $$", { code: null, signal: "SIGTERM" }],
      ["kill -KILL $$", { code: null, signal: "SIGKILL" }],
      ["kill -SEGV $$", { code: null, signal: "SIGSEGV" }],
      ["kill -USR1 $$", { code: null, signal: "SIGUSR1" }],
    ];
    for (const [script, expected] of cases) {
      const { code, signal } = await run(host, sh(script));
      assert.deepEqual({ code, signal }, expected, script);
    }
  });

  test(`${name}: no output is lost, however early the program ends`, async () => {
    const host = await makeHost();
    const lines = 200_000;
    const { out } = await run(host, sh(`seq 1 ${lines}`));
    assert.equal(out, Array.from({ length: lines }, (_, index) => `${index + 1}\n`).join(""));
    const short = await Promise.all(
      Array.from({ length: 20 }, (_, index) => run(host, sh(`echo out ${index}; echo err ${index} >&2; exit ${index}`))),
    );
    assert.deepEqual(short, short.map((_, index) => ({ code: index, signal: null, out: `out ${index}\n`, err: `err ${index}\n` })));
  });

  test(`${name}: what is printed before the end can be read after it`, async () => {
    const host = await makeHost();
    const child = await host.processes.spawn(sh("echo late; exit 4"));
    assert.deepEqual(await child.exited, { code: 4, signal: null });
    assert.equal(await new Response(child.stdout).text(), "late\n");
    assert.equal(await new Response(child.stderr).text(), "");
  });

  test(`${name}: output ends with the last holder of the pipe, not with the leader`, async () => {
    const host = await makeHost();
    // The helper waits for the leader to be gone before it prints.
    const child = await host.processes.spawn(sh("echo $$; (while kill -0 $$; do sleep 0.02; done 2>/dev/null; echo helper) & exit 5"));
    const lines = lineReader(child.stdout);
    assert.equal(await lines.next(), String(child.identity.pid));
    assert.deepEqual(await child.exited, { code: 5, signal: null });
    assert.equal(await lines.next(), "helper");
    assert.equal(await lines.next(), undefined);
    await child.stderr.cancel();
  });

  test(`${name}: output that nobody reads stays in the pipe and stops the program`, async () => {
    const host = await makeHost();
    const child = await host.processes.spawn({ argv: ["yes"], cwd: "/", env: ENV });
    await using _end = ended(host, child);
    const written = () => Number(/wchar: (\d+)/.exec(readFileSync(`/proc/${child.identity.pid}/io`, "utf8"))![1]);
    // It stops for good once the pipe, and what a runtime reads ahead, is full.
    let before = 0;
    const taken = await until(written, {
      isRight: (now) => now > 0 && now === before,
      go: async () => {
        before = written();
        await sleep(host.clock, 50);
      },
    });
    assert.ok(taken <= 1_000_000, `${taken} bytes were taken`);
  });

  test(`${name}: a program whose output is cancelled gets SIGPIPE, before and while it is read`, async () => {
    const host = await makeHost();
    for (const reads of [0, 1]) {
      const child = await host.processes.spawn({ argv: ["yes"], cwd: "/", env: ENV });
      await using _end = ended(host, child);
      const reader = child.stdout.getReader();
      for (let read = 0; read < reads; read++) await reader.read();
      await reader.cancel();
      assert.deepEqual(await child.exited, { code: null, signal: "SIGPIPE" });
    }
  });

  test(`${name}: what can't be started says why`, async () => {
    const host = await makeHost();
    using dir = tempDir();
    const put = (file: string, text: string, mode: number) => {
      writeFileSync(`${dir.path}/${file}`, text);
      chmodSync(`${dir.path}/${file}`, mode);
      return `${dir.path}/${file}`;
    };
    const start = (argv: string[], more: Partial<SpawnOptions> = {}) => host.processes.spawn({ argv, cwd: dir.path, env: ENV, ...more });
    const cases: [string, string[], Partial<SpawnOptions>?][] = [
      ["SPAWN_NOT_FOUND", ["surely-no-such-program"]],
      ["SPAWN_NOT_FOUND", [`${dir.path}/missing`]],
      ["SPAWN_NOT_FOUND", ["./missing"]],
      ["SPAWN_NOT_FOUND", []],
      ["SPAWN_NOT_FOUND", [""]],
      ["SPAWN_NOT_FOUND", [put("bad-interpreter", "#!/nonexistent/interpreter\n", 0o755)]],
      ["SPAWN_DENIED", [put("not-executable", "#!/bin/sh\n", 0o644)]],
      ["SPAWN_DENIED", [dir.path]],
      ["SPAWN_BAD_CWD", ["true"], { cwd: `${dir.path}/missing` }],
      ["SPAWN_BAD_CWD", ["true"], { cwd: put("file", "", 0o644) }],
      ["SPAWN_BAD_USER", ["true"], { uid: -1 }],
      ["SPAWN_BAD_USER", ["true"], { gid: 2 ** 32 - 1 }],
      ["SPAWN_FAILED", ["true", "x".repeat(200_000)]],
      ["SPAWN_FAILED", ["true", "a\0b"]],
      ["SPAWN_FAILED", ["true"], { env: { ...ENV, "A=B": "c" } }],
    ];
    for (const [code, argv, more] of cases) {
      await assert.rejects(start(argv, more), ioFailure(code));
      // Failures that are known without a start are told alike; only the system knows that arguments are too long.
      const check = () => host.processes.checkSpawn({ argv, cwd: dir.path, env: ENV, ...more });
      if (argv[1]?.length !== 200_000) assert.throws(check, ioFailure(code));
    }
    host.processes.checkSpawn({ argv: ["true"], cwd: dir.path, env: ENV });
    const told = await start(["true"], { env: { ...ENV, TOKEN: "secret\0" } }).catch((error) => error);
    assert.equal(told.message, "Cannot start true as its variable TOKEN must hold no NUL character");
  });

  test(`${name}: a program is found by the child's own PATH and folder`, async () => {
    const host = await makeHost();
    using dir = tempDir();
    for (const folder of ["first", "second"]) mkdirSync(`${dir.path}/${folder}`);
    writeFileSync(`${dir.path}/first/tool`, "not executable");
    writeFileSync(`${dir.path}/second/tool`, "#!/bin/sh\necho second\n", { mode: 0o755 });
    symlinkSync("second/tool", `${dir.path}/link`);
    const start = (argv: string[], PATH: string) => run(host, { argv, cwd: dir.path, env: { PATH } });
    assert.equal((await start(["tool"], `/nonexistent:${dir.path}/first:${dir.path}/second`)).out, "second\n");
    assert.equal((await start(["tool"], "second")).out, "second\n");
    assert.equal((await start(["./link"], "/nonexistent")).out, "second\n");
    await assert.rejects(start(["tool"], `${dir.path}/first`), ioFailure("SPAWN_DENIED"));
    await assert.rejects(start(["true"], dir.path), ioFailure("SPAWN_NOT_FOUND"));
  });

  test(`${name}: a script without a first line for its interpreter is run by the shell`, async () => {
    const host = await makeHost();
    using dir = tempDir();
    writeFileSync(`${dir.path}/script`, 'echo "$1"\n', { mode: 0o755 });
    assert.equal((await run(host, { argv: ["./script", "a b"], cwd: dir.path, env: ENV })).out, "a b\n");
  });

  test(`${name}: umask and niceness are the child's and stay out of ours`, async () => {
    const host = await makeHost();
    const ownMask = process.umask(0o022);
    try {
      const { out } = await run(host, sh("umask; nice", { umask: 0o027, nice: 3 }));
      assert.equal(out, `0027\n${nicerBy(3)}\n`);
      assert.equal(process.umask(), 0o022);
      assert.equal((await run(host, sh("umask; nice"))).out, `0022\n${nicerBy(0)}\n`);
      await assert.rejects(host.processes.spawn(sh("", { umask: 0o077, argv: ["surely-no-such-program"] })), ioFailure("SPAWN_NOT_FOUND"));
      assert.equal(process.umask(), 0o022);
    } finally {
      process.umask(ownMask);
    }
  });

  test(`${name}: limits hold from the first instruction on, and are the child's alone`, async () => {
    const host = await makeHost();
    const before = readFileSync("/proc/self/limits", "utf8");
    const options = {
      rlimits: {
        nofile: { soft: 64, hard: 128 },
        nproc: { soft: 5_000, hard: 5_000 },
        core: { soft: 0, hard: 0 },
        cpu: { soft: 30, hard: 40 },
        fsize: { soft: 1_048_577 },
        data: { hard: 2 ** 30 },
        stack: { soft: 4 * 2 ** 20, hard: 8 * 2 ** 20 },
        as: { soft: 2 ** 31, hard: Infinity },
        memlock: { soft: 0, hard: 65_536 },
      },
      nice: 2,
      oomScoreAdj: 321,
    };
    const { out } = await run(host, { argv: ["cat", "/proc/self/limits", "/proc/self/oom_score_adj"], cwd: "/", env: ENV, ...options });
    const rows = Object.fromEntries([...out.matchAll(/^Max ([a-z ]+?) {2,}(\S+) +(\S+)/gm)].map(([, title, ...both]) => [title, both]));
    assert.deepEqual(rows["open files"], ["64", "128"]);
    assert.deepEqual(rows["processes"], ["5000", "5000"]);
    assert.deepEqual(rows["core file size"], ["0", "0"]);
    assert.deepEqual(rows["cpu time"], ["30", "40"]);
    assert.deepEqual(rows["file size"][0], "1049088");
    assert.deepEqual(rows["data size"], [String(2 ** 30), String(2 ** 30)]);
    assert.deepEqual(rows["stack size"], [String(4 * 2 ** 20), String(8 * 2 ** 20)]);
    assert.deepEqual(rows["address space"], [String(2 ** 31), "unlimited"]);
    assert.deepEqual(rows["locked memory"], ["0", "65536"]);
    assert.match(out, /\n321\n$/);
    assert.equal(readFileSync("/proc/self/limits", "utf8"), before);
    assert.equal(readFileSync("/proc/self/oom_score_adj", "utf8"), (await run(host, sh("cat /proc/self/oom_score_adj"))).out);
  });

  test(`${name}: a program behind a shell that sets its limits is the same process, with its own arguments, code and signals`, async () => {
    const host = await makeHost();
    const rlimits = { core: { soft: 0 } };
    const child = await host.processes.spawn({
      argv: ["sh", "-c", 'echo $$; echo "$1"; exit 7', "sh", "a 'b'  $c"],
      cwd: "/",
      env: ENV,
      rlimits,
    });
    const [out] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    assert.equal(out, `${child.identity.pid}\na 'b'  $c\n`);
    assert.deepEqual(await child.exited, { code: 7, signal: null });
  });

  // They are lost on systems that have only dash.
  if (existsSync("/bin/bash")) {
    test(`${name}: variables whose names no shell knows get through to a program with limits`, async () => {
      const host = await makeHost();
      const strange = { "log.level": "info = 'x'", "a-b": "two\nlines", "-u": "1", "BASH_FUNC_ulimit%%": "() { exit 1; }" };
      const { out, code } = await run(host, {
        argv: ["env", "-0"],
        cwd: "/",
        env: { ...ENV, ...strange },
        nice: 1,
        rlimits: { nofile: { soft: 64 } },
      });
      const variables = Object.fromEntries(out.split("\0").map((entry) => [entry.slice(0, entry.indexOf("=")), entry]));
      assert.equal(code, 0);
      for (const [name, value] of Object.entries({ ...ENV, ...strange })) assert.equal(variables[name], `${name}=${value}`);
    });
  }

  test(`${name}: a limit beyond all that may be given is refused by name and value, and nothing is started`, async () => {
    const host = await makeHost();
    await assert.rejects(host.processes.spawn(sh("", { rlimits: { nofile: { soft: 2 ** 40, hard: 2 ** 40 } } })), (error) => {
      assert.ok(ioFailure("SPAWN_DENIED")(error));
      assert.match(String(error), /rlimits\.nofile must be at most \d+, .*: current value is 1099511627776/);
      return true;
    });
    const [, hard] = /^Max open files +\S+ +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))!;
    const nofile = { soft: Number(hard) + 1 };
    await assert.rejects(
      host.processes.spawn(sh("", { rlimits: { nofile } })),
      ioFailure("SPAWN_DENIED"),
      "not even root's hard limit moves",
    );
  });

  if (process.geteuid?.() === 0) {
    test(`${name}: as root, a program of another user can't get beyond the hard limit, and is refused`, async () => {
      const host = await makeHost();
      const nofile = { soft: 2 ** 30, hard: 2 ** 30 };
      await assert.rejects(host.processes.spawn(sh("", { uid: 12_345, rlimits: { nofile } })), ioFailure("SPAWN_DENIED"));
      const { out } = await run(host, sh("id -u; ulimit -n", { uid: 12_345, rlimits: { nofile: { soft: 99, hard: 99 } } }));
      assert.equal(out, "12345\n99\n");
    });

    const member = memberOfOthers();
    if (member !== undefined) {
      for (const isParent of [false, true]) {
        test(`${name}: as root, a program is in all groups of its user, ${isParent ? "" : "not "}as the child of a parent of orphans`, async () => {
          const host = await makeHost();
          using _care = isParent ? host.processes.adoptOrphans() : undefined;
          const { uid, gid, name: user } = host.processes.user(member);
          const expected = execFileSync("id", ["-G", user], { encoding: "utf8" }).trim().split(" ").sort();
          const before = readFileSync("/proc/self/status", "utf8").match(/^(?:Uid|Gid|Groups|CapEff):.*$/gm);
          const ids = "id -u; id -g; id -G; cat /proc/self/status; ulimit -n; nice; umask";
          const { out } = await run(host, sh(ids, { uid, gid, user, umask: 0o027, nice: 1, rlimits: { nofile: { soft: 77 } } }));
          const [realUid, realGid, groups] = out.split("\n");
          assert.deepEqual([realUid, realGid], [String(uid), String(gid)]);
          assert.deepEqual(groups.split(" ").sort(), expected);
          // Nothing of us is left to it: no saved user to go back to, no rights.
          assert.match(out, new RegExp(`\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\nGid:\t${gid}\t${gid}\t${gid}\t${gid}\n`));
          for (const rights of ["CapPrm", "CapEff", "CapAmb"]) assert.match(out, new RegExp(`\n${rights}:\t0+\n`));
          assert.ok(out.endsWith(`\n77\n${nicerBy(1)}\n0027\n`), out);
          assert.deepEqual(readFileSync("/proc/self/status", "utf8").match(/^(?:Uid|Gid|Groups|CapEff):.*$/gm), before);
          await assert.rejects(host.processes.spawn({ argv: ["/root/x"], cwd: "/", env: ENV, uid, gid, user }));
          assert.deepEqual(readFileSync("/proc/self/status", "utf8").match(/^(?:Uid|Gid|Groups|CapEff):.*$/gm), before);
        });
      }
    }

    test(`${name}: as root, a program can become another user with less niceness and with none of our groups`, async () => {
      const host = await makeHost();
      const { out } = await run(host, sh("id -u; id -g; id -G; nice", { uid: 12_345, gid: 23_456, nice: -2 }));
      assert.equal(out, `12345\n23456\n23456\n${nicerBy(-2)}\n`);
      assert.equal((await run(host, sh("nice"))).out, `${nicerBy(0)}\n`);
    });
  }

  test(`${name}: signalGroup reaches everybody in the group, and members outlive their leader`, async () => {
    const host = await makeHost();
    const child = await host.processes.spawn(sh("sleep 1000 & echo $!; exit 0"));
    const lines = lineReader(child.stdout);
    await using _end = ended(host, child, lines);
    const { pid } = child.identity;
    const helper = Number(await lines.next());
    await child.exited;
    assert.deepEqual(host.processes.groupMembers(pid), [helper]);
    assert.deepEqual([...host.processes.livingGroups([pid, 2 ** 22 + 1])], [pid]);
    assert.equal(host.processes.identify(pid), undefined);
    assert.equal(host.processes.signal(pid, "SIGTERM"), false);
    assert.equal(host.processes.signalGroup(pid, "SIGTERM"), true);
    await until(() => host.processes.groupMembers(pid).length === 0);
    assert.equal(host.processes.signalGroup(pid, "SIGTERM"), false);
  });

  test(`${name}: a zombie is gone, and a group of zombies is empty`, async () => {
    const host = await makeHost();
    // sleep never waits for the children that it inherits from the shell which it replaces.
    // The child must not end before that: the shell would wait for it.
    const untilReplaced = "until read -r name < /proc/$PPID/comm && [ $name = sleep ]; do :; done";
    const child = await host.processes.spawn(sh(`setsid sh -c '${untilReplaced}' & echo $!; exec sleep 1000`));
    const lines = lineReader(child.stdout);
    await using _end = ended(host, child, lines);
    const zombie = Number(await lines.next());
    await until(() => / Z /.test(readFileSync(`/proc/${zombie}/stat`, "utf8")));
    assert.equal(host.processes.identify(zombie), undefined);
    assert.equal(host.processes.signal(zombie, "SIGTERM"), false);
    assert.deepEqual(host.processes.groupMembers(zombie), []);
    assert.deepEqual([...host.processes.livingGroups([zombie])], []);
    assert.equal(host.processes.signalGroup(zombie, "SIGCONT", { isSeen: true }), true);
    assert.equal(host.processes.signalGroup(zombie, "SIGTERM"), false);
    assert.ok(process.kill(-zombie, 0), "the system itself still takes signals for it");
  });

  test(`${name}: a process is who it is by number, start and boot, whatever its name`, async () => {
    const host = await makeHost();
    using dir = tempDir();
    const file = `${dir.path}/a) Z 1 (b`;
    copyFileSync("/bin/sleep", file);
    const child = await host.processes.spawn({ argv: [file, "1000"], cwd: "/", env: ENV });
    await using _end = ended(host, child);
    const { identity } = child;
    assert.ok(identity.startTicks > 0 && identity.bootId !== "");
    assert.deepEqual(host.processes.identify(identity.pid), identity);
    assert.ok(host.processes.isAlive(identity));
    assert.ok(!host.processes.isAlive({ ...identity, startTicks: identity.startTicks - 1 }));
    assert.ok(!host.processes.isAlive({ ...identity, bootId: "another" }));
    assert.ok(host.processes.isAlive(host.processes.self()));
    host.processes.signal(identity.pid, "SIGKILL");
    await child.exited;
    assert.ok(!host.processes.isAlive(identity));
  });

  test(`${name}: a child has an identity, however short its life`, async () => {
    const host = await makeHost();
    for (let turn = 0; turn < 20; turn++) {
      const child = await host.processes.spawn({ argv: ["true"], cwd: "/", env: ENV });
      assert.ok(child.identity.startTicks > 0);
      await Promise.all([child.exited, child.stdout.cancel(), child.stderr.cancel()]);
    }
  });

  test(`${name}: findByEnv finds processes by a variable, grandchildren too`, async () => {
    const host = await makeHost();
    const value = crypto.randomUUID();
    const child = await host.processes.spawn(sh("sleep 1000 & echo $!; wait", { env: { ...ENV, DAEMONKIT_TEST_UNIT: value } }));
    const lines = lineReader(child.stdout);
    await using _end = ended(host, child, lines);
    const helper = Number(await lines.next());
    const found = () =>
      host.processes.findByEnv("DAEMONKIT_TEST_UNIT").filter((each) => each.value === value).map(({ identity }) => identity.pid);
    await until(() => found().length === 2);
    assert.deepEqual(found().sort(), [child.identity.pid, helper].sort());
    assert.deepEqual(host.processes.findByEnv("DAEMONKIT_TEST"), []);
  });

  test(`${name}: lockedFiles finds what is locked, by its name, also when it was removed or replaced, and what it holds`, async () => {
    const host = await makeHost();
    using dir = tempDir();
    const path = `${dir.path}/lock`;
    const mine = () => host.processes.lockedFiles("lock").filter((file) => file.path === path);
    assert.deepEqual(mine(), []);
    const lock = await host.files.lock(path);
    assert.ok(lock);
    lock.write("first");
    const { identity } = mine()[0];
    assert.deepEqual(identity, host.processes.self());
    assert.deepEqual(mine(), process.platform === "linux" ? [{ identity, path, inode: lock.inode, text: "first" }] : []);
    host.files.remove(path);
    const next = await host.files.lock(path);
    assert.ok(next);
    next.write("next");
    assert.deepEqual(mine().map(({ text }) => text).sort(), ["first", "next"]);
    assert.notEqual(next.inode, lock.inode);
    lock[Symbol.dispose]();
    assert.deepEqual(mine().map(({ text }) => text), ["next"]);
    next[Symbol.dispose]();
    assert.deepEqual(mine(), []);
    assert.deepEqual(host.processes.lockedFiles("no-such-lock"), []);
  });

  test(`${name}: census shows every process with its parent, its group and the variables asked for, zombies too`, async () => {
    const host = await makeHost();
    const value = crypto.randomUUID();
    using dir = tempDir();
    // A shell may bury a child at any time; tail never does.
    const script = "sleep 1000 & echo $!; sleep 1000 <&- & echo $!; echo up >up; exec tail -f up";
    const child = await host.processes.spawn(sh(script, { cwd: dir.path, env: { ...ENV, DAEMONKIT_TEST_UNIT: value, OTHER: "x" } }));
    const lines = lineReader(child.stdout);
    await using _end = ended(host, child, lines);
    const leader = child.identity.pid;
    const [helper, zombie] = [Number(await lines.next()), Number(await lines.next())];
    assert.equal(await lines.next(), "up");
    host.processes.signal(zombie, "SIGKILL");
    const look = () => host.processes.census(["DAEMONKIT_TEST_UNIT", "NO_SUCH"]).filter(({ group }) => group === leader);
    await until(() => look().some(({ isZombie }) => isZombie) && look().filter(({ env }) => "DAEMONKIT_TEST_UNIT" in env).length === 2);
    const env = { DAEMONKIT_TEST_UNIT: value };
    assert.deepEqual(look().map(({ identity, parent, isZombie, env }) => ({ pid: identity.pid, parent, isZombie, env })), [
      { pid: leader, parent: process.pid, isZombie: false, env },
      { pid: helper, parent: leader, isZombie: false, env },
      { pid: zombie, parent: leader, isZombie: true, env: {} },
    ]);
    assert.deepEqual(look()[0].identity, child.identity);
    assert.ok(host.processes.census([]).some(({ identity }) => identity.pid === process.pid));
  });

  // Each goes away from the shell that starts it in another way, and says its number.
  const away: Readonly<Record<string, string>> = {
    "a group of its own": "timeout 1000 sleep 1000 & echo $!",
    "a job": "set -m; sleep 1000 & echo $!",
    "a session of its own": "setsid sleep 1000 & echo $!",
    "an orphan": "(setsid sh -c 'echo $$; exec sleep 1000' &)",
    "an orphan without a mark": "(setsid env -i sh -c 'echo $$; exec sleep 1000' &)",
  };
  const MARKS = ["DAEMONKIT_TEST_UNIT", "DAEMONKIT_TEST_SOCKET"];
  const marked = (script: string): SpawnOptions => {
    const env = { ...ENV, DAEMONKIT_TEST_UNIT: crypto.randomUUID(), DAEMONKIT_TEST_SOCKET: "/s" };
    return sh(script, { env, marks: MARKS });
  };
  const runOf = (child: ChildProcess, { env }: SpawnOptions): ProgramRun => ({
    leader: child.identity,
    marks: Object.fromEntries(MARKS.map((mark) => [mark, env[mark]])),
  });
  const pidsOf = (host: Host, run: ProgramRun, isQuick = false) =>
    host.processes.belonging([run], { isQuick }).get(run)!.map(({ identity }) => identity.pid).sort((a, b) => a - b);
  // Again and again: who is killed may start somebody in that moment.
  const endAll = (host: Host, run: ProgramRun) =>
    until(() => {
      const pids = pidsOf(host, run);
      for (const pid of pids) host.processes.signal(pid, "SIGKILL");
      return pids.length === 0;
    });

  for (const [how, script] of Object.entries(away)) {
    for (const isParent of [false, true]) {
      if (!isParent && how === "an orphan without a mark") continue;
      test(`${name}: belonging finds ${how}${isParent ? ", of a parent of orphans" : ""}, while its leader lives and after it`, async () => {
        const host = await makeHost();
        using _care = isParent ? host.processes.adoptOrphans() : undefined;
        const options = marked(`${script}; exec sleep 1000`);
        const other = marked("exec sleep 1000");
        const [child, bystander] = [await host.processes.spawn(options), await host.processes.spawn(other)];
        await using _other = ended(host, bystander);
        const lines = lineReader(child.stdout);
        await using _end = ended(host, child, lines);
        const run = runOf(child, options);
        try {
          const pid = Number(await lines.next());
          await until(() => host.processes.identify(pid) !== undefined && pidsOf(host, run).includes(pid));
          assert.ok(pidsOf(host, run).includes(child.identity.pid));
          assert.deepEqual(pidsOf(host, runOf(bystander, other)), [bystander.identity.pid]);
          host.processes.signal(child.identity.pid, "SIGKILL");
          await child.exited;
          for (const isQuick of [true, false]) assert.ok(pidsOf(host, run, isQuick).includes(pid));
          assert.deepEqual(pidsOf(host, runOf(bystander, other), true), [bystander.identity.pid]);
        } finally {
          await endAll(host, run);
        }
      });
    }
  }

  test(`${name}: belonging leaves out what was started beside a run with its environment: a probe, a stop command`, async () => {
    const host = await makeHost();
    using _care = host.processes.adoptOrphans();
    const options = marked("exec sleep 1000");
    const child = await host.processes.spawn(options);
    await using _end = ended(host, child);
    const helper = await host.processes.spawn({ ...sh("sleep 1000 & echo up; wait"), env: options.env });
    const lines = lineReader(helper.stdout);
    await using _helper = ended(host, helper, lines);
    assert.equal(await lines.next(), "up");
    assert.deepEqual(pidsOf(host, runOf(child, options)), [child.identity.pid]);
  });

  if (process.geteuid?.() === 0) {
    test(`${name}: as root, the marks of a run that another user has put on are not believed`, async () => {
      const host = await makeHost();
      const options = marked("exec sleep 1000");
      const child = await host.processes.spawn(options);
      await using _end = ended(host, child);
      // Not by the host, whose own child it would be, and through a shell that goes, so that it is nobody's.
      const started = await run(host, {
        ...sh(`(setsid sh -c 'echo $$; exec sleep 1000' >&2 &) 2>&1 | head -n 1`),
        env: options.env,
        uid: 12_345,
        gid: 12_345,
      });
      const stranger = Number(started.out);
      try {
        await until(() => host.processes.identify(stranger) !== undefined);
        assert.deepEqual(pidsOf(host, runOf(child, options)), [child.identity.pid]);
        assert.deepEqual(host.processes.findByEnv(MARKS[0]).filter(({ identity: { pid } }) => pid === stranger), []);
        // Of a service of that user they would be.
        assert.deepEqual(
          pidsOf(await makeHost(), { ...runOf(child, options), uid: 12_345 }),
          [child.identity.pid, stranger].sort((a, b) => a - b),
        );
      } finally {
        host.processes.signal(stranger, "SIGKILL");
      }
    });
  }

  test(`${name}: a parent of orphans waits for every one of them, and for nothing that was started by the host`, async () => {
    const host = await makeHost();
    using care = host.processes.adoptOrphans();
    assert.equal(care.lack, undefined);
    const orphans = 1_000;
    const script = `i=0; while [ $i -lt ${orphans} ]; do (sh -c 'exit 3' &); i=$((i+1)); done; echo done`;
    const children = Promise.all(Array.from({ length: 50 }, (_, code) => run(host, sh(`sleep 0.0${code}; exit ${code}`))));
    const started = await run(host, sh(script));
    assert.deepEqual([started.out, started.code], ["done\n", 0]);
    assert.deepEqual((await children).map(({ code }) => code), Array.from({ length: 50 }, (_, code) => code));
    const zombies = () => host.processes.census([]).filter(({ isZombie, parent }) => isZombie && parent === process.pid).length;
    await until(() => zombies() === 0);
  });

  test(`${name}: spawnDetached starts a leader of its own session without input and output, whose end is seen`, async () => {
    const host = await makeHost();
    using dir = tempDir();
    // The program does not keep us alive until its end.
    using _hold = host.ownProcess.hold();
    const script = `read line && exit 1; echo lost; echo lost >&2; ps -o sid= -p $$ >out; exit 3`;
    const { identity, exited } = await host.processes.spawnDetached({ argv: ["sh", "-c", script], cwd: dir.path, env: ENV });
    assert.deepEqual(await exited, { code: 3, signal: null });
    assert.equal(Number(readFileSync(`${dir.path}/out`, "utf8")), identity.pid);
    await assert.rejects(host.processes.spawnDetached({ argv: ["no-such-program"], cwd: "/", env: ENV }), ioFailure("SPAWN_NOT_FOUND"));
  });

  test(`${name}: numbers that mean more than one process or group are refused`, async () => {
    const { processes } = await makeHost();
    for (const bad of [0, -1, 1.5, NaN]) {
      assert.throws(() => processes.signal(bad, "SIGWINCH"), RangeError);
      assert.throws(() => processes.signalGroup(bad, "SIGWINCH"), RangeError);
      assert.throws(() => processes.groupMembers(bad), RangeError);
      assert.throws(() => processes.livingGroups([bad]), RangeError);
    }
    assert.throws(() => processes.signalGroup(1, "SIGWINCH"), RangeError);
  });

  test(`${name}: users and groups are found by name and number, and a name is never a number`, async () => {
    const { processes } = await makeHost();
    assert.equal(processes.user("root").uid, 0);
    assert.deepEqual(processes.user(0), processes.user("root"));
    assert.ok(processes.user("root").home.startsWith("/"));
    assert.equal(processes.group(processes.user("root").gid), 0);
    assert.equal(processes.uid, process.geteuid!());
    for (const bad of ["surely-nobody", "0", "", "ro:ot", 987_654_321]) {
      assert.throws(() => processes.user(bad), ioFailure("SPAWN_BAD_USER"));
      assert.throws(() => processes.group(bad), ioFailure("SPAWN_BAD_USER"));
    }
  });
}
